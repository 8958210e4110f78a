"""Read YAML 1.2 and remember where each value stands; write plain data. Home of PyYAML.

Knows nothing of rules or config. What YAML offers beyond plain data (anchors, aliases, tags,
several documents) is refused, and every mistake becomes a ``Problem``: a bad file never raises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rlm_gate.errors import Problem

if TYPE_CHECKING:
    from yaml.events import Event

Loc = tuple[str | int, ...]
Mark = tuple[int, int]

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
MAX_BYTES = 1 << 20
MAX_DEPTH = 30

_START: Mark = (1, 1)
_DOUBLED = -1  # no list has this index: keeps the places in a doubled key's value apart
_LONGEST_NUMBER = 100
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"
    r"|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
)
_UNPRINTABLE = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
_INDENT = "; indent with spaces"
_REMEDIES = {  # of what people run into; the rest of the parser's messages speak for themselves
    "mapping values are not allowed in this context": "; put text that has ': ' in quotes",
    "did not find expected key": "; look at the indentation, and at quotes within quotes",
    "found character that cannot start any token": "; put text that starts with it in quotes",
    "found a tab character that violates indentation": _INDENT,
    "found unknown escape character": "; use single quotes: backslashes mean themselves there",
}
_OTHER_ENDS = frozenset("\x85\u2028\u2029")  # of lines, to YAML 1.1 alone
_BASES = {"0o": 8, "0x": 16}


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file as plain data, the place of every value and key in it, and its mistakes.

    ``whole`` is false when the text could not be read to its end: ``data`` is then None, and
    ``problems`` says why. ``sources`` has the text of every unquoted scalar as it was written.
    """

    path: str
    data: Any
    problems: tuple[Problem, ...]
    values: Mapping[Loc, Mark] = field(repr=False)
    keys: Mapping[Loc, Mark] = field(repr=False)
    sources: Mapping[Loc, str] = field(repr=False)
    whole: bool = True

    def mark(self, loc: Loc, *, key: bool = False) -> Mark:
        """Return line and column of the value (or ``key``) at ``loc``, or of what encloses it."""
        if key and loc in self.keys:
            return self.keys[loc]
        while loc and loc not in self.values:
            loc = loc[:-1]
        return self.values.get(loc, _START)

    def problem(self, loc: Loc, text: str, *, key: bool = False) -> Problem:
        """Make the problem of the value (or ``key``) at ``loc``."""
        return Problem(self.path, *self.mark(loc, key=key), text)


def parse(text: str, path: str) -> Document:
    """Parse one document; ``path`` is the name its problems carry."""
    return _read(text, path)


def parse_bytes(content: bytes, path: str) -> Document:
    """As ``parse``, of a file's bytes, which may turn out not to be UTF-8 text at all."""
    if len(content) > MAX_BYTES:
        return _refused(path, _START, f"larger than {MAX_BYTES >> 10} KiB; split the file")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line, column = _position(content[: error.start].decode("utf-8", "replace"))
        return _refused(path, (line, column), "not UTF-8 text; save the file as UTF-8")
    return _read(text, path)


def written(data: Any) -> str:
    """Return plain data as YAML that ``parse`` reads back as the very same data.

    Raises ValueError for what YAML can't say: half a surrogate pair, say.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Texts of several lines as blocks; quotes wherever YAML 1.2 would see no text."""

    def text(dumper: yaml.SafeDumper, value: str) -> Any:
        style = "|" if "\n" in value else None
        if _OTHER_ENDS & {*value} or not (style or _is_text(value)):
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)

    Dumper.add_representer(str, text)
    Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]  # PyYAML's own hook
    made = yaml.dump(
        data,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )
    if _read(made, "").data != data:
        raise ValueError("this can't be written as YAML")
    return made


def _is_text(value: str) -> bool:
    """Say whether YAML 1.2 reads these characters, without quotes, as text."""
    try:
        return resolve(value) == value
    except ValueError:  # a number out of bounds
        return False


def resolve(text: str) -> str | int | float | bool | None:
    """Return what a plain scalar means in the YAML 1.2 core schema. Raises ValueError if nothing.

    So ``on``, ``yes``, ``12:30`` and dates stay text; a number must be finite.
    """
    if text in NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INT.match(text):
        return int(text, _BASES.get(text[:2], 10))
    if _FLOAT.match(text):
        return _finite(text)
    return text


class _StopReading(Exception):
    """The document can't be understood beyond this point; the problem is already noted."""


@dataclass(slots=True)
class _Collection:
    """A list or mapping whose end was not read yet. ``key`` waits for its value."""

    content: list[Any] | dict[str, Any]
    loc: Loc
    key: str | None = None
    doubled: bool = False


class _Builder:
    """Turns parser events into data without recursion, so that no depth can exhaust the stack."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.data: Any = None
        self.problems: list[Problem] = []
        self.values: dict[Loc, Mark] = {}
        self.keys: dict[Loc, Mark] = {}
        self.sources: dict[Loc, str] = {}
        self._open: list[_Collection] = []
        self._documents = 0

    def take(self, event: Event) -> None:
        """Handle one event of the parser."""
        match type(event).__name__:
            case "ScalarEvent":
                self._scalar(event)
            case "MappingStartEvent":
                self._enter({}, event)
            case "SequenceStartEvent":
                self._enter([], event)
            case "MappingEndEvent" | "SequenceEndEvent":
                self._open.pop()
            case "AliasEvent":
                self._alias(event)
            case "DocumentStartEvent":
                self._document(event)

    def refuse(self, mark: Mark, text: str) -> None:
        """Note a mistake and go on."""
        self.problems.append(Problem(self.path, *mark, text))

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self.refuse(_mark(event), "a second document starts here; give it a file of its own")
            raise _StopReading

    def _alias(self, event: Any) -> None:
        self.refuse(_mark(event), f"alias *{event.anchor}: write the value out instead")
        if not self._takes_key(f"*{event.anchor}", event):
            self._place(None, event)

    def _scalar(self, event: Any) -> None:
        self._check_node(event)
        if self._takes_key(event.value, event):
            return
        plain = event.implicit[0]
        loc = self._place(self._resolved(event) if plain else event.value, event)
        if plain:
            self.sources[loc] = event.value

    def _resolved(self, event: Any) -> Any:
        try:
            return resolve(event.value)
        except ValueError as error:
            self.refuse(_mark(event), f"{error}; write it in quotes if it is text")
            return event.value

    def _enter(self, content: list[Any] | dict[str, Any], event: Any) -> None:
        self._check_node(event)
        if self._expects_key():
            self.refuse(_mark(event), "a key must be plain text, not a list or a mapping")
            raise _StopReading
        if len(self._open) >= MAX_DEPTH:
            self.refuse(_mark(event), f"nested deeper than {MAX_DEPTH} levels; flatten it")
            raise _StopReading
        loc = self._place(content, event)
        self._open.append(_Collection(content, loc))

    def _check_node(self, event: Any) -> None:
        if event.anchor is not None:
            self.refuse(_mark(event), f"anchor &{event.anchor}: leave it out")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.refuse(_mark(event), f"tag {tag}: leave it out; the value tells its type")

    def _expects_key(self) -> bool:
        return bool(
            self._open and isinstance(self._open[-1].content, dict) and self._open[-1].key is None
        )

    def _takes_key(self, key: str, event: Any) -> bool:
        """Take ``key`` as the next key of the innermost mapping, if one is expected."""
        if not self._expects_key():
            return False
        inner = self._open[-1]
        inner.key = key
        loc = (*inner.loc, key)
        inner.doubled = loc in self.keys
        if inner.doubled:
            line = self.keys[loc][0]
            self.refuse(_mark(event), f"key {key!r} is already set in line {line}; keep one")
        else:
            self.keys[loc] = _mark(event)
        return True

    def _place(self, value: Any, event: Any) -> Loc:
        """Put a value where it belongs; the second value of a doubled key is left out."""
        loc: Loc = ()
        if self._open:
            loc = self._attach(self._open[-1], value)
        else:
            self.data = value
        self.values.setdefault(loc, _mark(event))
        return loc

    @staticmethod
    def _attach(inner: _Collection, value: Any) -> Loc:
        if isinstance(inner.content, list):
            inner.content.append(value)
            return (*inner.loc, len(inner.content) - 1)
        key = inner.key or ""
        inner.key = None
        if inner.doubled:
            return (*inner.loc, key, _DOUBLED)
        inner.content[key] = value
        return (*inner.loc, key)


def _read(text: str, path: str) -> Document:
    text = text.removeprefix("\ufeff")
    if bad := _UNPRINTABLE.search(text):
        why = f"character U+{ord(bad[0]):04X}; a YAML file is printable text, escape it"
        return _refused(path, _position(text[: bad.start()]), why)
    builder = _Builder(path)
    whole = _feed(builder, text)
    return Document(
        path=path,
        data=builder.data if whole else None,
        problems=tuple(builder.problems),
        values=builder.values,
        keys=builder.keys,
        sources=builder.sources,
        whole=whole,
    )


def _feed(builder: _Builder, text: str) -> bool:
    """Parse into ``builder``; say whether the end was reached."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except _StopReading:
        return False
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = (mark.line + 1, mark.column + 1) if mark else _START
        what = getattr(error, "problem", None) or str(error)
        builder.refuse(where, f"not YAML: {what}{_remedy(what, _at(text, where))}")
        return False
    return True


def _at(text: str, mark: Mark) -> str:
    line = text.split("\n")[mark[0] - 1 : mark[0]]
    return line[0][mark[1] - 1 : mark[1]] if line else ""


def _remedy(what: str, character: str) -> str:
    return _INDENT if character == "\t" and what in _REMEDIES else _REMEDIES.get(what, "")


def _finite(text: str) -> float:
    number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _position(before: str) -> Mark:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _refused(path: str, mark: Mark, text: str) -> Document:
    return Document(path, None, (Problem(path, *mark, text),), {}, {}, {}, whole=False)
