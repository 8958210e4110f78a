"""Rule packs as JSON and back: the form in which validated packs are cached.

Trusts what it reads: ``cachedir`` has verified that we wrote it, by the code that runs now. What an
entry hands to its engine is most of a pack, and a change needs the entries of its languages alone:
each is read when it is first asked for more than its language.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlm_gate.core import Ask, Confidence, Detect, Help, Rewrite, Rule, RulePack, Severity

_LANGUAGE = "language"
_SHARED = ("languages", "tags", "include", "exclude", "prefilter")  # rules have many in common


def dumps(packs: Sequence[RulePack]) -> bytes:
    """Return the length of a head in JSON, the head, and the options it points into."""
    options, shared = bytearray(), dict[tuple[str, ...], int]()
    head = [
        [pack.name, pack.version, [_plain(rule, options, shared) for rule in pack.rules]]
        for pack in packs
    ]
    content = json.dumps([[*shared], head]).encode()
    return b"%d\n" % len(content) + content + options


def loads(stored: bytes) -> tuple[RulePack, ...]:
    """Return the packs that ``dumps`` was given."""
    length, _, rest = stored.partition(b"\n")
    lists, packs = json.loads(rest[: int(length)])
    shared = [tuple(one) for one in lists]
    options = rest[int(length) :]
    return tuple(
        RulePack(name, version, tuple(_rule(rule, options, shared) for rule in rules))
        for name, version, rules in packs
    )


class _Options(Mapping[str, Any]):
    """The options of one entry, read from their place in the stored bytes at the first question.

    Its language is asked of every entry, of most nothing else: that is known without reading.
    """

    __slots__ = ("_language", "_place", "_read", "_stored")

    def __init__(self, stored: bytes, place: tuple[int, int], language: Any) -> None:
        self._stored = stored
        self._place = place
        self._language = language
        self._read: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        if key == _LANGUAGE and self._language is not None:
            return self._language
        return self._known()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def __contains__(self, key: object) -> bool:
        return (key == _LANGUAGE and self._language is not None) or key in self._known()

    def _known(self) -> dict[str, Any]:
        if self._read is None:
            start, end = self._place
            self._read = json.loads(self._stored[start:end])
        return self._read


def _plain(rule: Rule, options: bytearray, shared: dict[tuple[str, ...], int]) -> dict[str, Any]:
    """Return what JSON can hold of a rule; lists and options are named by their places."""
    plain = dataclasses.asdict(dataclasses.replace(rule, detect=(), fix=()))
    plain |= {name: shared.setdefault(getattr(rule, name), len(shared)) for name in _SHARED}
    plain["detect"] = [
        (one.engine, *_put(one.options, options), one.options.get(_LANGUAGE)) for one in rule.detect
    ]
    plain["fix"] = [
        (one.engine, *_put(one.options, options), one.text, one.safe, one.what) for one in rule.fix
    ]
    return plain


def _put(value: Mapping[str, Any], options: bytearray) -> tuple[int, int]:
    start = len(options)
    options += json.dumps(dict(value)).encode()
    return start, len(options)


def _rule(stored: dict[str, Any], options: bytes, shared: Sequence[tuple[str, ...]]) -> Rule:
    ask, explained, supporting = stored["ask"], stored["help"], stored["supporting"]
    return Rule(
        id=stored["id"],
        title=stored["title"],
        severity=Severity(stored["severity"]),
        precision=Confidence(stored["precision"]),
        languages=shared[stored["languages"]],
        message=stored["message"],
        help=Help(explained["why"], explained["fix"], tuple(explained["links"])),
        tags=shared[stored["tags"]],
        aliases=tuple(stored["aliases"]),
        yields_to=tuple(stored["yields_to"]),
        include=shared[stored["include"]],
        exclude=shared[stored["exclude"]],
        detect=tuple(
            Detect(engine, _Options(options, (start, end), language))
            for engine, start, end, language in stored["detect"]
        ),
        prefilter=shared[stored["prefilter"]],
        ask=Ask(ask["over"], ask["question"]) if ask else None,
        verify=stored["verify"],
        enabled=stored["enabled"],
        fix=tuple(
            Rewrite(engine, _Options(options, (start, end), None), text, safe, what)
            for engine, start, end, text, safe, what in stored["fix"]
        ),
        supporting=None if supporting is None else Severity(supporting),
    )
