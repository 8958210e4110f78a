"""What every task reads and returns: sources, evidence, what was not examined, the result."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from rlm_gate.core import Corpus, Scope, SourceFile, Span, Usage, split_lines
from rlm_gate.decoding import decode
from rlm_gate.errors import UsageError
from rlm_gate.languages import language_of

VERSION = 1  # of the JSON reports
MOST_BYTES = 256 << 20
"""Largest input file: more is no log or export that anybody wrote."""
_LISTED = 50
Answer = TypeVar("Answer")


class Outcome(enum.StrEnum):
    """Whether the answer stands. INCONCLUSIVE is never read as a good result: exit code 3."""

    OK = "ok"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """Lines that the host found: where they stand, 1-based, and what they say."""

    path: str
    line: int
    quote: str


@dataclass(frozen=True, slots=True, order=True)
class Malformed:
    """A line of an input that its format's parser could not read. ``line`` 0: the whole file."""

    path: str
    line: int
    why: str


@dataclass(frozen=True, slots=True, order=True)
class Unexamined:
    """Lines that nobody looked at, and why: budget, deadline, error, size."""

    path: str
    start: int
    end: int
    why: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text that models may read and quotes are looked up in.

    ``origin[n]`` is the line of the file that row ``n + 1`` of the text was made of; empty where
    text and file have the same lines.
    """

    path: str
    text: str
    origin: tuple[int, ...] = ()

    def line(self, row: int) -> int:
        """Return the file's line for a row of the text."""
        return self.origin[row - 1] if 1 <= row <= len(self.origin) else row


@dataclass(slots=True)
class Sources:
    """The texts of a job by path, and what could not be read of them."""

    texts: dict[str, Text] = field(default_factory=dict)
    faults: list[Malformed] = field(default_factory=list)

    def add(self, text: Text) -> None:
        """Keep a text; a second one of the same path is a mistake of the caller."""
        if text.path in self.texts:
            raise UsageError(f"{text.path}: given twice")
        self.texts[text.path] = text

    def malformed(self, path: str, line: int, why: str) -> None:
        """Note a line that is not what its format promises."""
        self.faults.append(Malformed(path, line, why))

    def corpus(self, label: str) -> Corpus:
        """Return the texts as a corpus, every line of which is in scope."""
        files = tuple(_source_file(self.texts[path]) for path in sorted(self.texts))
        tree = {path: self.texts[path].text for path in sorted(self.texts)}
        return Corpus(Scope("paths", label), files, (), tree)


@dataclass(frozen=True, slots=True)
class Result(Generic[Answer]):
    """What a task came to.

    ``method`` says who answered: "heuristics (...)" or the models. ``dropped`` are the model's
    claims without evidence, with the reason; none of them is in the answer. ``usage`` is the
    logical cost, ``notes`` are for people.
    """

    task: str
    outcome: Outcome
    offline: bool
    method: str
    answer: Answer
    reasons: tuple[str, ...] = ()
    malformed: tuple[Malformed, ...] = ()
    dropped: tuple[str, ...] = ()
    unexamined: tuple[Unexamined, ...] = ()
    usage: Usage = field(default_factory=Usage)
    notes: tuple[str, ...] = ()

    @property
    def conclusive(self) -> bool:
        """Say whether the answer stands."""
        return self.outcome is Outcome.OK


def read_text(path: Path, label: str) -> str:
    """Return a file's text, whatever its encoding. Raises UsageError where it can't be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{label}: larger than {MOST_BYTES >> 20} MiB; split it")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{label}: {error.strerror or error}") from error
    decoded = decode(content)
    return content.decode("utf-8", "replace") if decoded is None else decoded.text


def parsed(text: str) -> Any:
    """Return what the JSON text says, None if it is none (``null`` is of no use either)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def rendered_json(result: Result[Any], extra: Mapping[str, Any] | None = None) -> bytes:
    """Return the report that every task has: the envelope, and the answer in it."""
    document = {
        "task": result.task,
        "version": VERSION,
        "status": result.outcome.value,
        "reasons": list(result.reasons),
        "offline": result.offline,
        "method": result.method,
        "answer": plain(result.answer),
        **(extra or {}),
        "malformed": plain(result.malformed),
        "dropped_claims": list(result.dropped),
        "unexamined": plain(result.unexamined),
        "usage": plain(result.usage),
        "notes": list(result.notes),
    }
    text = json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False)
    return f"{text}\n".encode()


def plain(value: Any) -> Any:
    """Return the value as JSON: dataclasses by their fields, enums by their values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(item) for item in items]
    return value.value if isinstance(value, enum.Enum) else value


def status_lines(result: Result[Any]) -> list[str]:
    """Return the Markdown lines that open every report: who answered, and what is missing."""
    head = [f"**Status: {result.outcome.value}.** {cell(result.method)}"]
    head += [f"- {cell(reason)}" for reason in result.reasons]
    if not result.offline:
        usage = result.usage
        usd = "price unknown" if usage.usd is None else f"${usage.usd:.4f}"
        head.append(f"- Models: {usage.calls} calls, {usage.turns} root turns, {usd}.")
    head += _counted("line could not be parsed", result.malformed, _fault)
    head += _counted("claim of the model had no evidence and was dropped", result.dropped, cell)
    head += _counted("range of lines was not examined", result.unexamined, _unexamined)
    return [*head, *(f"- {cell(note)}" for note in result.notes)]


def cell(text: str, limit: int = 240) -> str:
    """Return text that was written by others as one harmless piece of a Markdown line."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in line)
    for char in "\\`*_[]<>|#":
        line = line.replace(char, f"\\{char}")
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def quoted(text: str, limit: int = 200) -> str:
    """Return a quote as inline code."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "�" for char in line).replace("`", "'")
    line = line.replace("|", "/")
    return f"`{line if len(line) <= limit else line[: limit - 1] + '…'}`"


def _counted(what: str, items: Sequence[Any], show: Callable[[Any], str]) -> Iterable[str]:
    if not items:
        return
    yield f"- {len(items)} time{'s' * (len(items) > 1)}: {what}"
    yield from (f"  - {show(one)}" for one in items[:_LISTED])
    if len(items) > _LISTED:
        yield f"  - and {len(items) - _LISTED} more"


def _fault(fault: Malformed) -> str:
    return f"{cell(fault.path)}:{fault.line}: {cell(fault.why)}"


def _unexamined(gap: Unexamined) -> str:
    return f"{cell(gap.path)}:{gap.start}-{gap.end}: {cell(gap.why)}"


def _source_file(text: Text) -> SourceFile:
    import hashlib

    lines = len(split_lines(text.text))
    return SourceFile(
        path=text.path,
        status="whole",
        language=language_of(text.path),
        changed=(Span(text.path, 1, lines),) if lines else (),
        removed=(),
        line_count=lines,
        sha256=hashlib.sha256(text.text.encode("utf-8", "surrogatepass")).hexdigest(),
        read=lambda: text.text,
    )
