"""Read and write ``.rlm-gate/baseline.json``: one finding a line, sorted, no line numbers.

Every line of an entry ends with a comma and a last, empty entry follows, so that no branch ever
touches the line of another's entry. Knows no findings but by their fingerprints and paths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from rlm_gate.config import BASELINE_FILE
from rlm_gate.core import Acceptance, Finding, Origin, Span, Suppression
from rlm_gate.errors import ConfigError, Problem

_HEAD = '{"version": 1, "findings": ['
_TAIL = "{}]}"
_ENTRY = re.compile(r"\s*(\{.*\})\s*,?\s*\Z")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_MARKERS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_MEND = "run 'rlm-gate baseline update', which keeps every entry it can read"
_REMEDY = "What a baseline holds is told in docs/policy.md."


def parse(content: bytes) -> tuple[Suppression, ...]:
    """Return the entries in the order of the file. Raises ConfigError with every broken line."""
    entries, problems = _read(content)
    if not problems and not _is_whole(content):
        problems.append(Problem(BASELINE_FILE, 1, 1, f"not a baseline of version 1; {_MEND}"))
    if problems:
        raise ConfigError(tuple(problems), remedy=_REMEDY)
    return entries


def salvage(content: bytes) -> tuple[Suppression, ...]:
    """Return the entries of a file that a merge has broken; what is no entry is passed over."""
    return _read(content)[0]


def render(entries: Iterable[Suppression]) -> bytes:
    """Return the file: by path, rule and fingerprint, each entry once."""
    lines = sorted({(one.path, one.rules, one.fingerprint, _line(one)) for one in entries})
    return "\n".join([_HEAD, *(line for *_, line in lines), _TAIL, ""]).encode()


def entries_of(findings: Iterable[Finding]) -> Iterator[Suppression]:
    """Yield an entry for every place of the findings."""
    for finding in findings:
        own = [(finding.span.path, finding.fingerprint)]
        for path, fingerprint in (
            *own,
            *((one.span.path, one.fingerprint) for one in finding.also),
        ):
            yield Suppression(
                Acceptance.BASELINE,
                Span(BASELINE_FILE, 0, 0),
                (finding.rule_id,),
                path=path,
                fingerprint=fingerprint,
                origin=finding.origin,
            )


def _line(entry: Suppression) -> str:
    said = {
        "fingerprint": entry.fingerprint,
        "path": entry.path,
        "rule": "".join(entry.rules),
        "origin": entry.origin.value if entry.origin else Origin.DETECTOR.value,
    }
    return f"{json.dumps(said)},"


def _read(content: bytes) -> tuple[tuple[Suppression, ...], list[Problem]]:
    entries, problems = [], []
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), start=1):
        found = _entry(line, number)
        if isinstance(found, Suppression):
            entries.append(found)
        elif found:
            problems.append(Problem(BASELINE_FILE, number, 1, f"{found}; {_MEND}"))
    return tuple(entries), problems


def _entry(line: str, number: int) -> Suppression | str:
    """Return the entry on that line, "" for none, or what is wrong with it."""
    if line.startswith(_MARKERS):
        return "a merge left its marks here"
    text = _ENTRY.match(line)
    if not text or line.strip() in {_HEAD, _TAIL}:
        return "" if line.strip() in {"", _HEAD, _TAIL} else "not a line of a baseline"
    try:
        said = json.loads(text[1])
    except (ValueError, RecursionError):
        return "not JSON"
    wrong = _mistake(said)
    if wrong:
        return wrong
    return Suppression(
        Acceptance.BASELINE,
        Span(BASELINE_FILE, number, number),
        (said["rule"],) if said.get("rule") else (),
        path=said["path"],
        fingerprint=said["fingerprint"],
        origin=Origin(said.get("origin", Origin.DETECTOR.value)),
    )


def _mistake(said: dict[str, Any]) -> str:
    if said.keys() - {"fingerprint", "path", "rule", "origin"}:
        return "unknown keys; an entry has fingerprint, path, rule and origin"
    if not _FINGERPRINT.fullmatch(str(said.get("fingerprint", ""))):
        return "a fingerprint of 64 hexadecimal digits is wanted"
    if not isinstance(said.get("path"), str) or not isinstance(said.get("rule", ""), str):
        return "path and rule are texts"
    known = [one.value for one in Origin]
    return "" if said.get("origin", "detector") in known else f"origin is one of {sorted(known)}"


def _is_whole(content: bytes) -> bool:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("version") == 1
