"""What to do next of a backlog: a graph score, and a model's reasons over it where one is asked.

Knows Beads and GitHub by ``backlog/issues.py``. The offline ranking is always there; a model's
advice stands beside it, item by item, with quotes that were found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rlm_gate.core import Usage
from rlm_gate.errors import UsageError
from rlm_gate.rlm.prompting import prompt
from rlm_gate.tasks import _desk, _report
from rlm_gate.tasks._answers import PLACE
from rlm_gate.tasks._desk import Grounds, Mode, Options
from rlm_gate.tasks._report import Outcome, Result, Sources, Text, Unexamined
from rlm_gate.tasks.backlog import issues
from rlm_gate.tasks.backlog.issues import Backlog
from rlm_gate.tasks.backlog.ranking import Advised, Answer, Ranked, rank

HELP = "Rank a backlog of Beads or GitHub: what to do next, why, and what waits for it."
MAX_USD = 0.25
FORMATS = ("markdown", "json")
_IN_A_FOLDER = ("issues.jsonl", "dependencies.jsonl", "labels.jsonl")
_SHOWN = 60  # issues that the model gets with their score, beside the whole files
_TEXT = 500


@dataclass(frozen=True, slots=True)
class Request:
    """Files or folders of issues, how many to rank, and "now" (ISO 8601; None: the newest time)."""

    paths: Sequence[str]
    top: int = 10
    now: str | None = None


def run(request: Request, options: Options | None = None) -> Result[Answer]:
    """Rank. Raises UsageError for files that are not there, MissingExtra without networkx."""
    options = options or Options()
    if request.top < 1:
        raise UsageError("top is 1 or more")
    sources = _read(request.paths)
    backlog = issues.read(sources)
    ranking = rank(backlog, top=request.top, now=_moment(request.now))
    mode = _desk.mode(options, MAX_USD)
    grounds = Grounds(sources)
    error, usage = "", Usage()
    unexamined: tuple[Unexamined, ...] = ()
    advised: tuple[Advised, ...] = ()
    inputs = f"{request.top} {ranking.now}"
    with _desk.opened("prioritize", mode, sources, options, inputs) as desk:
        if desk:
            wide = rank(backlog, top=_SHOWN, now=ranking.now)
            variables = {"ranked": [_row(one) for one in wide.top]}
            count = len(wide.top)
            query = prompt("prioritize", top=str(min(request.top, count)), count=str(count))
            found = desk.session(query, _SCHEMA, variables, max_turns=8)
            error = "" if found.success else f"the model gave no answer: {found.error}"
            advised = _grounded(found.answer, backlog, grounds) if found.success else ()
            usage, unexamined = desk.usage(), tuple(desk.unexamined)
    reasons = _reasons(mode, error, asked=desk is not None, kept=len(advised), total=ranking.total)
    return Result(
        task="prioritize",
        outcome=Outcome.INCONCLUSIVE if reasons else Outcome.OK,
        offline=desk is None,
        method=desk.method if desk else mode.method,
        answer=Answer(ranking, advised),
        reasons=reasons,
        malformed=tuple(sorted(sources.faults)),
        dropped=tuple(grounds.dropped),
        unexamined=unexamined,
        usage=usage,
    )


def render(result: Result[Answer], to: str) -> bytes:
    """Return the report in one of FORMATS."""
    if to == "json":
        return _report.rendered_json(result)
    from rlm_gate.tasks.backlog.page import page

    return page(result).encode()


_EVIDENCE = {"type": "array", "minItems": 1, "items": PLACE}
_WORDS = {"type": "string", "maxLength": 600}
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["items"],
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "impact", "reason", "risk", "effort", "evidence"],
                "properties": {
                    "id": {"type": "string"},
                    "impact": _WORDS,
                    "reason": _WORDS,
                    "risk": _WORDS,
                    "effort": _WORDS,
                    "evidence": _EVIDENCE,
                },
            },
        }
    },
}


def _reasons(mode: Mode, error: str, *, asked: bool, kept: int, total: int) -> tuple[str, ...]:
    """Say why the answer does not stand, if it does not."""
    found = [mode.failed, error]
    if asked and not error and not kept:
        found.append("no advice of the model had evidence")
    if not total:
        found.append("no issue was found in these files")
    return tuple(reason for reason in found if reason)


def _read(paths: Sequence[str]) -> Sources:
    if not paths:
        raise UsageError("name a file of issues, such as .beads/issues.jsonl")
    sources = Sources()
    for given in paths:
        for path in _files(Path(given)):
            label = str(path)
            if label not in sources.texts:
                sources.add(Text(label, _report.read_text(path, label)))
    return sources


def _files(path: Path) -> list[Path]:
    """Return the file, or those of a folder that hold issues, their links and labels."""
    if not path.is_dir():
        return [path]
    folders = (path, path / ".beads")
    found = [folder / name for folder in folders for name in _IN_A_FOLDER]
    there = [one for one in found if one.is_file()]
    if not there:
        raise UsageError(f"{path}: no issues.jsonl in this folder, nor in .beads below it")
    return there


def _moment(given: str | None) -> float | None:
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise UsageError(f"{given!r} is no time of ISO 8601, such as 2026-01-31T12:00Z") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _row(one: Ranked) -> dict[str, Any]:
    """Return what the model sees of an issue: plain data, with the place to quote from."""
    return {
        "id": one.issue.id,
        "title": one.issue.title,
        "text": one.issue.text[:_TEXT],
        "priority": one.issue.priority,
        "status": one.issue.status,
        "type": one.issue.kind,
        "labels": list(one.issue.labels),
        "score": one.score.total,
        "parts": dict(one.score.parts),
        "blocked_by": list(one.waits_for),
        "chains": [list(chain) for chain in one.chains],
        "impact": one.impact,
        "risks": list(one.risks),
        "path": one.place.path,
        "line": one.place.line,
    }


def _grounded(answer: Any, backlog: Backlog, grounds: Grounds) -> tuple[Advised, ...]:
    """Keep the items that are open issues and whose every quote was found."""
    kept: dict[str, Advised] = {}
    for item in answer["items"]:
        issue = backlog.issues.get(item["id"])
        if issue is None or not issue.is_open or item["id"] in kept:
            grounds.drop(item["id"], "no open issue of this id, or named twice")
            continue
        found = [
            grounds.evidence(one["path"], one["line"], one["quote"], item["reason"])
            for one in item["evidence"]
        ]
        said = tuple(one for one in found if one is not None)
        if len(said) == len(found):
            words = {name: item[name] for name in ("impact", "reason", "risk", "effort")}
            kept[issue.id] = Advised(issue.id, **words, evidence=said)
    return tuple(kept.values())
