"""What reading one file shares: its specs, its functions, what was found, and how long it may go.

A frame is one function as it is read; an environment maps variable names (and dotted targets such
as ``self.path``) to values.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import NamedTuple

from rlm_gate import kept
from rlm_gate.core.records import dataclass
from rlm_gate.detectors._taint.spec import REMOTE, UNKNOWN, Entry, Sink, Specs, Vocabulary
from rlm_gate.detectors._taint.values import (
    MADE,
    STILL,
    TEXTUAL,
    Lines,
    Taint,
    Value,
    ident_of,
    join,
)
from rlm_gate.syntax import Node

Env = dict[str, Value]
PROVED = "?"  # before the text of a member of which a condition proved something
RECEIVER = "receiver"  # the place of the object whose method is called
MAX_STEPS = 6_000  # statements that are read for one function, those of its helpers included
MAX_DEPTH = 2  # of helpers


_MEMBERS = (
    "member_expression",
    "selector_expression",
    "variable_name",
    "subscript_expression",
)  # the same text means the same value


# A link makes a browser send an address or a form, but no headers, cookies or names of files.
# where the request itself was sent to is a place of this site
_ASKED_FOR = kept.expression(
    r"(?:^|\.)request\.(?:path|path_info|path_url|raw_path|base_url|url_root|host_url)\Z"
)
# What a page of an application for the desktop sends to its main part: often its own page alone.
_OF_A_WINDOW = "ipc_message"
# what a client's own answer was the answer to
_ANSWERED = kept.expression(
    r"(?i)(?:resp|response|\bres|(?:Do|Get|Head|Post|PostForm)\(\))\.Request\."
)
_OF_THIS_SITE = frozenset({"redirect"})
# Go and PHP keep the last part of an upload's name (mime/multipart, since 1.17; main/rfc1867.c).
_SENT_FILE = kept.expression(r"\.(?:FormFile|getClient(?:OriginalName|Filename))\(\)\Z")
_LAST_PART = frozenset({"path"})
_BESIDE = kept.expression(
    r"(?i)header|cookie|remote_?user|auth_user|\.host(?:name|_url)?\b|\.url_root\b|\bHTTP_(?!GET_VARS|POST_VARS|RAW)"
    r"|_FILES\b|original_?(?:file)?name|getSubmittedFileName|\b(?:request|req)\.files?\b"
)
# What these hold is text, in which no operator of a query can be.
_FORM = kept.expression(
    r"request\.(?:args|form|values|cookies|headers|view_args|GET|POST|query_params)\b"
)
_NO_LINK: frozenset[str] = frozenset({"xss", "markup"})
# Nobody decoded these, and browsers encode in them what would be markup.
_ENCODED = kept.expression(r"(?i)query_?string(?!_?param)|getRequestUR[IL]")
_AS_SENT: frozenset[str] = frozenset(f"{STILL}{kind}" for kind in _NO_LINK)


class Hit(NamedTuple):
    """A sink that a dangerous value reaches. ``taint`` is None for a value of unknown origin."""

    entry: Entry
    node: Node
    taint: Taint | None
    text: str = ""  # of the value


class Argument(NamedTuple):
    """An argument of a call: its position or keyword, None where unpacking hides it."""

    place: int | str | None
    value: Value


@dataclass(slots=True)
class Frame:
    """One function as it is read. ``answers``: what the value it returns is to a framework."""

    depth: int = 0
    answers: tuple[str, ...] = ()  # html: sent as a page; view: the name of one
    static_path: bool = False
    text: str = ""
    returns: list[Value] = field(default_factory=list)


@dataclass(slots=True)
class Function:
    """A function of the file, with what was known where it is defined."""

    node: Node
    env: Env
    owner: str = ""  # the bases of its class, as written
    decorators: Sequence[Node] = ()
    modifiers: str = ""  # of its class, as written

    @property
    def place(self) -> tuple[int, int]:
        """Which definition it is, and which state of what it sees."""
        return self.node.range().start.index, id(self.env)


@dataclass(slots=True)
class Reading:
    """The state of reading one file."""

    specs: Specs
    words: Vocabulary
    functions: dict[str, Function] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    frame: Frame = field(default_factory=Frame)
    steps: int = 0
    frameworks: set[str] = field(default_factory=set)
    seen: bool = False  # whether anything came from outside so far
    proved: bool = False  # whether a condition proved something of a member, an element or a getter
    asked: bool = False  # whether a condition proved something of what a call returns
    cut: list[Node] = field(default_factory=list)  # functions that were too long to be read whole
    # Of calls, by what they were given. What a function saw is kept: its number is part of the key,
    # and would else be another's as soon as it is gone.
    returned: dict[Hashable, tuple[Value, Env]] = field(default_factory=dict)

    def check(self, entry: Entry, node: Node, value: Value) -> None:
        """Note the sink if the value can do harm there."""
        if entry.returns and value.row and node.kind() == "return_statement":
            value = value.row[0]  # (body, status) and (body, headers)
        if entry.kind == "xss" and value.shape in {"dict", "list"}:
            return  # frameworks answer it as JSON
        if not entry.fits(self.frame.text):
            return
        taint = value.taint(entry.sources)
        unknown = taint is None and UNKNOWN in entry.sources and _is_unknown(value)
        ways = [one for one in taint.ways if one.harms(entry.kind)] if taint else []
        if not (unknown or ways) or _is_spared(entry, value):
            return
        told = [one.at(lines_of(node)) for one in ways]
        self.hits += [Hit(entry, node, one, value.text) for one in told or (None,)]

    def check_call(self, node: Node, name: str, arguments: Sequence[Argument]) -> None:
        """Note the sinks among what a call of that name is given."""
        for sink in self.specs.calls.find(name):
            if _is_sink(sink, arguments) and _fits(sink, node):
                for value in _dangerous(sink, arguments):
                    self.check(sink.entry, node, value)

    def check_store(self, node: Node, name: str, values: Iterable[Value]) -> None:
        """Note the sinks that something is stored in."""
        for entry in self.specs.stores.find(name):
            for value in values:
                self.check(entry, node, value)

    def forget(self, text: str, env: Env) -> None:
        """Drop what conditions proved of a member that now gets another value."""
        if self.proved:
            env.pop(PROVED + text, None)

    def is_static(self, name: str) -> bool:
        """Say whether it is the path of a request that is served under one path alone."""
        return self.frame.static_path and name.endswith((".request.path", ".request.path_info"))

    def source(self, name: str, node: Node) -> tuple[Taint, ...]:
        """Return the taints of what goes by that name."""
        found = self.words.sources.find(name) or ["remote"] * self._is_field(name)
        if not found or name.startswith("urllib.request."):
            return ()
        if self.is_static(name) or _ANSWERED.search(name):
            return ()
        self.seen = True
        span = node.range()
        lines = (span.start.line + 1, span.end.line + 1)
        ident = ident_of(name) if node.kind() in _MEMBERS else span.start.index
        clean = TEXTUAL if self.words.texts.find(name) else frozenset()
        clean |= _OF_THIS_SITE if _ASKED_FOR.search(name) else frozenset()
        clean |= _LAST_PART if _SENT_FILE.search(name) else frozenset()
        doubts = _NO_LINK if _BESIDE.search(name) else frozenset()
        doubts |= TEXTUAL if _FORM.search(name) or self._is_field(name) else frozenset()
        doubts |= _AS_SENT if _ENCODED.search(name) else frozenset()
        doubted = name.startswith(_OF_A_WINDOW)
        doubts |= MADE if doubted else frozenset()
        made = (
            Taint(one, ident, (lines,), clean, guessed=doubted, doubts=doubts)
            for one in dict.fromkeys(found)
        )
        return tuple(made)

    def _is_field(self, name: str) -> bool:
        """Say whether it is what was typed into a field of a form that the project declared."""
        fields = self.words.data.get("fields")
        return name.endswith(".data") and bool(fields and re.search(fields, name))


def lines_of(node: Node) -> Lines:
    """Return the first and last line of a node, 1-based."""
    span = node.range()
    return span.start.line + 1, span.end.line + 1


def argument_key(arguments: Sequence[Argument]) -> Hashable:
    """Return what tells these arguments from others; None where they can't be told apart."""
    key = tuple((place, type(value.const), value) for place, value in arguments)
    try:
        hash(key)
    except TypeError:  # elements, or a constant that is a list
        return None
    return key


def merge(environments: Iterable[Env | None]) -> Env | None:
    """Join what is known where branches meet; None: none of them gets there."""
    alive = [one for one in environments if one is not None]
    if len(alive) <= 1:
        return alive[0] if alive else None
    merged = dict(alive[0])
    for other in alive[1:]:
        for name in merged.keys() - other.keys():
            if name.startswith(PROVED):
                del merged[name]
        unlike = [(name, one) for name, one in other.items() if merged.get(name) is not one]
        for name, value in unlike:
            if name in merged:
                merged[name] = join(merged[name], value)
            elif not name.startswith(PROVED):
                merged[name] = value
    return merged


def guarded(env: Env, cleaned: Mapping[int, frozenset[str]]) -> Env:
    """Return the environment after checks: (place of a source -> kinds it can't harm now)."""
    if not cleaned:
        return env
    return {name: _guarded(value, cleaned) for name, value in env.items()}


def _guarded(value: Value, cleaned: Mapping[int, frozenset[str]]) -> Value:
    if not value.tainted:
        return value
    taints = tuple(one.proved(cleaned) for one in value.taints)
    items = value.items and {key: _guarded(item, cleaned) for key, item in value.items.items()}
    return replace(value, taints=taints, items=items)


def _is_unknown(value: Value) -> bool:
    return not value.harmless and all(one.origin != REMOTE for one in value.everything)


def _is_spared(entry: Entry, value: Value) -> bool:
    """Say whether the text the value is, or that it is no text, keeps it from doing harm."""
    safe, wanted = entry.safe_prefix, entry.text_has
    if safe is not None and safe.match(value.prefix):
        return True
    return wanted is not None and not wanted.search(value.text)


def _is_sink(sink: Sink, arguments: Sequence[Argument]) -> bool:
    given = {argument.place: argument.value for argument in arguments}
    wanted = all(
        key in given and given[key].const == constant for key, constant in sink.when.items()
    )
    return wanted and not any(key in given for key in sink.unless)


def _fits(sink: Sink, node: Node) -> bool:
    if sink.has is None and sink.lacks is None:
        return True
    text = node.text()
    return (sink.has is None or sink.has.search(text) is not None) and (
        sink.lacks is None or sink.lacks.search(text) is None
    )


def _dangerous(sink: Sink, arguments: Sequence[Argument]) -> Iterable[Value]:
    picked = _picked(sink, arguments)
    return _said(picked, sink.roles) if sink.roles else picked


def _said(lists: Iterable[Value], roles: Sequence[str]) -> Iterable[Value]:
    """Yield what a model is told in these roles, of lists of messages."""
    for messages in lists:
        for one in (messages.items or {}).values():
            told = one.shape == "dict" and one.items is not None and "role" in one.items
            if told and one.element("role").const in roles:
                yield one.element("content")


def _picked(sink: Sink, arguments: Sequence[Argument]) -> Iterable[Value]:
    if sink.program:
        yield from _of_program(_command(arguments, sink.first))
        return
    fields = [one for one in sink.args if isinstance(one, str) and one[:1].isdigit()]
    yield from _fields(arguments, fields)
    before = 0  # arguments whose place is known: what is unpacked behind stands in none of them
    for place, value in arguments:
        before += isinstance(place, int)
        if sink.text and value.shape in {"dict", "list", "function"}:
            continue
        if place is None:
            hidden = any(_may_be(one, before) for one in sink.args)
        else:
            hidden = place in sink.args
        if hidden or (not sink.args and place != RECEIVER):
            yield from _of_program(value) if sink.argv else (value,)


def _may_be(wanted: int | str, before: int) -> bool:
    """Say whether what is unpacked behind so many arguments may be this one, or hold the field."""
    place = str(wanted).partition(".")[0]
    return int(place) >= before if place.isdigit() else True


def _fields(arguments: Sequence[Argument], wanted: Sequence[str]) -> Iterable[Value]:
    """Yield fields of arguments that are objects: ``0.url``."""
    given = {str(place): value for place, value in arguments}
    for one in wanted:
        place, _, field = one.partition(".")
        if place in given and given[place].shape == "dict" and field in (given[place].items or ()):
            yield given[place].element(field)


def _command(arguments: Sequence[Argument], start: int) -> Value:
    """Return a program with what it is given, as one list."""
    words: list[Value] = []
    for place, value in arguments:
        if isinstance(place, int) and place >= start and value.shape not in {"dict", "function"}:
            words.extend(value.row if value.row is not None else (value,))
    return Value(items=dict(enumerate(words)), shape="list")


SHELLS = ("sh", "bash", "zsh", "dash", "ksh", "cmd", "cmd.exe", "powershell", "powershell.exe")
COMMANDS = ("-c", "/c", "-Command", "-lc", "/C")


def _of_program(value: Value) -> Iterable[Value]:
    """Yield what decides which program runs: the first element, or a shell's own text."""
    if value.items is None:
        return
    first = value.element(0)
    yield first
    names = [one.const for one in value.items.values()]
    program = str(first.const).rpartition("/")[2] if first.known else ""
    shell = program in SHELLS or (not first.known and first.fixed) or bool({*names} & {*SHELLS})
    known = any(one.fixed and not one.known for one in [*value.items.values()][1:])
    if shell and (known or any(name in COMMANDS for name in names)):
        yield from value.items.values()
