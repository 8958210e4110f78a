"""Values as people may see them: secrets in names of files and in words are only hinted at.

What a report quotes is masked when it is stamped; here go the names, and whatever repeats them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar, cast

from rlm_gate.core import Verdict
from rlm_gate.detectors import secrets

Value = TypeVar("Value")


def of_verdict(verdict: Verdict) -> Verdict:
    """Return the verdict without a secret in any name or text; rules are the packs', and stay."""
    bare = replace(verdict, rules=(), coverage=replace(verdict.coverage, rules=()))
    hints = _hints(bare)
    if not hints:
        return verdict
    masked = cast("Verdict", _changed(bare, lambda one: _masked(one, hints)))
    real = {_masked(path, hints): path for path in _strings(bare)}
    return replace(
        masked,
        rules=verdict.rules,
        coverage=replace(masked.coverage, rules=verdict.coverage.rules),
        text=lambda path: verdict.text(real.get(path, path)),
    )


def shown(value: Value) -> Value:
    """Return the same value, every secret in its strings replaced by its hint.

    Values are dataclasses, tuples, lists, sets, mappings and strings; others are left alone.
    """
    hints = _hints(value)
    return cast("Value", _changed(value, lambda one: _masked(one, hints))) if hints else value


def _hints(value: object) -> dict[str, str]:
    """Return secret -> hint for all strings within; longest first, so that none is cut by one."""
    texts = sorted(set(_strings(value)))
    if not secrets.find("\n".join(texts)):  # nearly always, and much cheaper than one by one
        return {}
    found = {one.value: secrets.hint(one) for text in texts for one in secrets.find(text)}
    return dict(sorted(found.items(), key=lambda pair: (-len(pair[0]), pair[0])))


def _masked(text: str, hints: Mapping[str, str]) -> str:
    for value, hint in hints.items():
        text = text.replace(value, hint)
    return text


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    else:
        for part in _parts(value):
            yield from _strings(part)


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, enum.Enum):
        return
    kind: type = type(value)
    if names := _names(kind):
        yield from (getattr(value, name) for name in names)
    elif isinstance(value, Mapping):
        yield from value
        yield from value.values()
    elif isinstance(value, (tuple, list, set, frozenset)):
        yield from value


@lru_cache(maxsize=256)
def _names(kind: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, none for any other type."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """Rebuild a value with its strings changed; what holds none that changes is kept as it is."""
    if isinstance(value, str):
        return value if isinstance(value, enum.Enum) else change(value)
    if isinstance(value, enum.Enum) or not any(True for _ in _parts(value)):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        named = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
        return replace(value, **{name: _changed(one, change) for name, one in named.items()})
    if isinstance(value, Mapping):
        return {_changed(key, change): _changed(one, change) for key, one in value.items()}
    made = [_changed(one, change) for one in value]
    return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
