"""Compare what was asked for, bullets of a Markdown text, with what was added."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rlm_gate.core import Severity, split_lines
from rlm_gate.tasks.workers.added import Block
from rlm_gate.tasks.workers.faults import COMPLETENESS, Fault, Place, place

MET, WEAK, UNMET = "met", "mentioned", "unmet"
_BULLET: Final = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(\S.*)")
_HEADING: Final = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_CODE: Final = re.compile(r"`([^`]+)`")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][\w.-]{2,}")
_TESTED: Final = re.compile(r"\b(?:unit |integration )?test(?:s|ed)?\b", re.IGNORECASE)
_IN_TESTS: Final = re.compile(r"(?:^|/)(?:tests?|__tests__|spec)/|(?:^|/)test_|[._](?:test|spec)\.")
_STUB: Final = re.compile(
    r"^\s*(?:pass|\.\.\.|raise NotImplementedError.*|throw new Error\(['\"]not impl.*|todo!\(.*)$",
    re.IGNORECASE,
)
_SAME: Final = 0.6


@dataclass(frozen=True, slots=True)
class Criterion:
    """A bullet: its line in the criteria, and the worker it is for ("" for all together)."""

    line: int
    text: str
    worker: str


@dataclass(frozen=True, slots=True)
class Check:
    """What a criterion came to in a worker's lines: met, mentioned or unmet, and where it shows."""

    criterion: Criterion
    state: str
    why: str
    places: tuple[Place, ...] = ()


def parse(text: str, workers: Iterable[str]) -> list[Criterion]:
    """Return the bullets. Below a heading that holds a worker's id they are for that worker."""
    known = sorted(workers, key=len, reverse=True)
    found, worker = [], ""
    for number, line in enumerate(split_lines(text), 1):
        if match := _HEADING.match(line):
            words = match[1].lower()
            worker = next((one for one in known if _holds(words, one.lower())), "")
        elif match := _BULLET.match(line):
            found.append(Criterion(number, match[1].strip(), worker))
    return found


def _holds(words: str, name: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words))


def check(criterion: Criterion, blocks: Sequence[Block]) -> Check:
    """Look a criterion up in added lines.

    Its names in backticks must be defined there, not as a stub, and used in a test where it asks
    for one. Without names, six of ten of its words must occur: that counts as mentioned.
    """
    names = [name for code in _CODE.findall(criterion.text) for name in _IDENTIFIER.findall(code)]
    if not names:
        return _by_words(criterion, blocks)
    for name in names:
        places = list(_defined(name, blocks))
        if not places:
            mentioned = list(_used(name, blocks))
            if not mentioned:
                return Check(criterion, UNMET, f"{name} is nowhere in the added lines")
            return Check(criterion, WEAK, f"{name} is used but not defined", tuple(mentioned[:1]))
        if stubs := [one for one, is_stub in places if is_stub]:
            return Check(criterion, UNMET, f"{name} is a stub", tuple(stubs[:1]))
        if _TESTED.search(criterion.text) and not _tested(name, blocks):
            why = f"{name} is in no added test"
            return Check(criterion, UNMET, why, (places[0][0],))
    return Check(criterion, MET, "defined", (places[0][0],))


def faults(checks: Iterable[Check], worker: str, path: str) -> Iterator[Fault]:
    """Yield a fault for each unmet criterion: its evidence are the criterion and what is there."""
    for one in checks:
        if one.state == UNMET:
            where = (Place(worker, path, one.criterion.line), *one.places)
            why = f"A criterion is not met: {one.why}."
            yield Fault("assess/unmet-criterion", COMPLETENESS, Severity.MEDIUM, why, where)


def _defined(name: str, blocks: Sequence[Block]) -> Iterator[tuple[Place, bool]]:
    word = re.escape(name.rpartition(".")[2])
    shape = re.compile(
        rf"(?:\b(?:def|class|function|func|fn|interface|type|enum|struct|const|let|var|table)\s+"
        rf"(?:\([^)]*\)\s*)?[\"'`]?{word}\b|^\s*{word}\s*(?::[^=]*)?=[^=]|^\s*[\"']?{word}[\"']?\s*:)"
    )
    for block in blocks:
        if _IN_TESTS.search(block.file):
            continue
        for index, line in enumerate(block.added):
            if shape.search(line.text):
                rest = (one.text for one in block.added[index + 1 : index + 8])
                yield place(block, line), _is_stub(line.text, rest)


def _is_stub(head: str, rest: Iterable[str]) -> bool:
    """Say whether the first row of a body, after a docstring of one line, does nothing."""
    indent = len(head) - len(head.lstrip())
    for row in rest:
        if not row.strip() or row.strip().startswith(('"""', "'''", "//", "#", ")")):
            continue
        return len(row) - len(row.lstrip()) > indent and bool(_STUB.match(row))
    return False


def _used(name: str, blocks: Sequence[Block]) -> Iterator[Place]:
    shape = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for block in blocks:
        yield from (place(block, line) for line in block.added if shape.search(line.text))


def _tested(name: str, blocks: Sequence[Block]) -> bool:
    return any(True for _ in _used(name, [one for one in blocks if _IN_TESTS.search(one.file)]))


def _by_words(criterion: Criterion, blocks: Sequence[Block]) -> Check:
    wanted = {word.lower() for word in re.findall(r"[A-Za-z]{4,}", criterion.text)}
    there: dict[str, Place] = {}
    for block in blocks:
        for line in block.added:
            for word in re.findall(r"[A-Z]?[a-z]{3,}", line.text):
                if word.lower() in wanted:
                    there.setdefault(word.lower(), place(block, line))
    if wanted and len(there) >= _SAME * len(wanted):
        return Check(criterion, WEAK, "its words occur", (next(iter(there.values())),))
    return Check(criterion, UNMET, "its words do not occur in the added lines")
