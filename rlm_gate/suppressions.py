"""Find what comments suppress: ``rlm-gate: ignore[pack/rule] until=DATE -- reason``.

Read from comment tokens of the language's grammar, never from strings or prose. Where there is no
grammar, from a line that is nothing but a comment, if no string can be open there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from rlm_gate import kept, mistakes
from rlm_gate.cachedir import CacheDir, entry_key
from rlm_gate.comments import Comment
from rlm_gate.config import SUPPRESSIONS_FILE
from rlm_gate.core import Acceptance, Corpus, Notice, SourceFile, Span, Suppression, split_lines
from rlm_gate.core.records import dataclass
from rlm_gate.languages import comment_prefixes
from rlm_gate.syntax import grammar, parse

MARK = "rlm-gate:"

_CACHE_KIND = "suppressions"

_START = kept.expression(r"rlm-gate:\s*([a-z-]+)\b")
_FORM = kept.expression(
    r"rlm-gate:\s*ignore\s*\[([^\[\]]*)\]((?:\s+[a-z]+=\S+)*)\s*(?:(?:--|[–—])\s*(\S.*))?\Z",  # noqa: RUF001  # XML has no "--" in a comment, so dashes serve
    re.DOTALL,
)
_VERBS = kept.expression(r"(?:ignor|disabl|suppress|allow|skip|accept|off|noqa|nosec)")
_RULE = kept.expression(r"[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*")
_OPEN = kept.expression(
    r"(?:<!--|/\*+!?|//+!?|--\[=*\[|--|\{-|#+!?|;+|%+|REM\s|::|\.\.)\s*", re.IGNORECASE
)
_CLOSE = kept.expression(r"\s*(?:--+>|\*+/|\]=*\]|-\})\s*\Z")
_EXAMPLE = "write: rlm-gate: ignore[pack/rule] until=2027-01-31 -- the reason"
# Languages without a grammar: what can keep a string open over lines (an odd number of it above a
# comment), or makes a look-alike possible at all (any of it, marked by a leading "!").
_STRINGS: Mapping[str, tuple[str, ...]] = {
    "dockerfile": ("!<<",),
    "erlang": ('"',),
    "clojure": ('"',),
    "graphql": ('"""',),
    "groovy": ('"""', "'''", "$/"),
    "julia": ('"""', '"'),
    "make": ("!define ",),
    "markdown": ("```", "~~~"),
    "perl": ("!<<", "!\n=", "!q{", "!qq{"),
    "powershell": ("!@'", '!@"'),
    "r": ('"', "'"),
    "sql": ("'", '"', "$$", "`"),
    "svelte": ("`",),
    "toml": ('"""', "'''"),
    "vue": ("`",),
    "xml": ("!<![CDATA[",),
}
_ENDS = {"<!--": "-->", "/*": "*/"}
_AT_MARGIN = frozenset({"restructuredtext", "ini", "make"})  # indented, it may be a text's line
_NO_COMMENTS = frozenset({"text", "batch"})


@dataclass(frozen=True, slots=True)
class Written:
    """What the judged files say: suppressions, and what is wrong with some of them."""

    suppressions: tuple[Suppression, ...]
    notices: tuple[Notice, ...]


def from_file(content: bytes, cache: CacheDir) -> tuple[Suppression, ...]:
    """Return what ``.rlm-gate/suppressions.yaml`` says. Raises ConfigError with every mistake."""
    key = entry_key(_CACHE_KIND, content)
    stored = cache.read(_CACHE_KIND, key)
    if stored is None:
        from rlm_gate import suppressionfile

        stored = json.dumps(suppressionfile.understand(content)).encode()
        cache.write(_CACHE_KIND, key, stored)
    return tuple(
        Suppression(
            Acceptance.FILE,
            Span(SUPPRESSIONS_FILE, entry["line"], entry["line"]),
            (entry["rule"],),
            reason=entry.get("reason", ""),
            owner=entry.get("owner", ""),
            until=entry.get("until", ""),
            patterns=tuple(entry["patterns"]),
            fingerprint=entry.get("fingerprint", ""),
        )
        for entry in json.loads(stored)
    )


def written(corpus: Corpus) -> Written:
    """Read the comments of every judged file that has the mark; no other file is parsed."""
    suppressions: list[Suppression] = []
    notices: list[Notice] = []
    for file in corpus.files:
        if file.status != "deleted" and MARK in file.text:
            for one in in_file(file):
                if isinstance(one, Suppression):
                    suppressions.append(one)
                else:
                    notices.append(one)
    return Written(tuple(suppressions), tuple(notices))


def in_file(file: SourceFile) -> Iterator[Suppression | Notice]:
    """Yield the suppressions of one file, and a notice for each that can't be understood."""
    lines = split_lines(file.text)
    for comment in _comments(file, lines):
        body = _CLOSE.sub("", _OPEN.sub("", comment.text.strip(), count=1))
        if not body.startswith(MARK) or not (start := _START.match(body)):
            continue
        place = Span(file.path, comment.start, comment.end)
        if comment.doubtful:
            yield Notice(place, "malformed-suppression", comment.doubtful)
        elif start[1] == "ignore":
            yield _understood(body, place, _target(comment, lines, file.path))
        elif _VERBS.match(start[1]):
            text = f"{start[1]!r} is nothing that rlm-gate does; {_EXAMPLE}"
            yield Notice(place, "malformed-suppression", text)


def _understood(body: str, place: Span, target: Span | None) -> Suppression | Notice:
    form = _FORM.match(body)
    wrong = "" if form else f"no rule, or the reason does not follow ' -- '; {_EXAMPLE}"
    rules = tuple(name.strip() for name in form[1].split(",")) if form else ()
    options = dict(part.split("=", 1) for part in form[2].split()) if form else {}
    wrong = wrong or _mistake(rules, options)
    if not wrong and target is None:
        wrong = "it speaks of no line; put it directly above the line, or at its end"
    if wrong or form is None:
        return Notice(place, "malformed-suppression", wrong)
    return Suppression(
        Acceptance.COMMENT,
        place,
        rules,
        reason=" ".join((form[3] or "").split()),
        owner=options.get("owner", ""),
        until=options.get("until", ""),
        target=target,
        path=place.path,
    )


def _mistake(rules: Sequence[str], options: Mapping[str, str]) -> str:
    for name in rules:
        if not _RULE.fullmatch(name):
            return f"{name!r} is no rule; name each as pack/rule: a whole pack is not suppressed"
    for key in options:
        if key not in {"until", "owner"}:
            return f"unknown option {key!r}; there are until= and owner="
    return mistakes.expiry(options["until"]) if "until" in options else ""


def _target(comment: Comment, lines: Sequence[str], path: str) -> Span | None:
    """Return the comment's own lines, or what stands directly below one that stands alone."""
    if not comment.alone:
        return Span(path, comment.start, comment.end)
    first, last = comment.below or (comment.end + 1, comment.end + 1)
    if first > len(lines) or not lines[first - 1].strip():
        return None
    return Span(path, first, last)


def _comments(file: SourceFile, lines: Sequence[str]) -> Iterator[Comment]:
    if grammar(file.language):
        yield from parse(file.text, file.language).comments(file.language, MARK)
    elif file.language not in _NO_COMMENTS:
        yield from _whole_lines(file.language, lines)


def _whole_lines(language: str, lines: Sequence[str]) -> Iterator[Comment]:
    """Yield the lines that are a marked comment from their first to their last character."""
    marked = [
        number
        for number, line in enumerate(lines, start=1)
        if MARK in line and _is_comment(line.strip(), comment_prefixes(language))
    ]
    for number in marked:
        below = number + 1
        while below in marked:
            below += 1
        doubtful = _doubt(language, lines, number)
        line = lines[number - 1].strip()
        yield Comment(line, number, number, alone=True, below=(below, below), doubtful=doubtful)


def _is_comment(line: str, prefixes: Sequence[str]) -> bool:
    prefix = next((one for one in prefixes if line.startswith(one)), None)
    return prefix is not None and line.endswith(_ENDS.get(prefix, ""))


def _doubt(language: str, lines: Sequence[str], number: int) -> str:
    """Say why a comment of a language without a grammar is not believed, "" if it is."""
    above = "\n".join(lines[: number - 1])
    line = lines[number - 1]
    for mark in _STRINGS.get(language, ()):
        open_ = mark[1:] in above if mark[0] == "!" else above.count(mark) % 2 == 1
        if open_:
            shown = mark.removeprefix("!").strip()
            return (
                f"this may be a text and no comment, for {shown} stands above;"
                " use .rlm-gate/suppressions.yaml here"
            )
    if language in _AT_MARGIN and line[:1].isspace():
        return "an indented line may be a text here; begin at the margin"
    return ""
