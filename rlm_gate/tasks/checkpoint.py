"""Should a human look at an agent's work now? From its session logs, transcripts or events.

Without a model documented heuristics decide (``logs/indicators.py``, docs/tasks.md). With one, a
sub-model reads every row, the root decides, and only claims whose quotes stand in the log count.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlm_gate.core import split_lines
from rlm_gate.errors import UsageError
from rlm_gate.tasks import _cache
from rlm_gate.tasks._answers import NUMBER, TEXT, closed, listed
from rlm_gate.tasks._desk import Desk, Grounds, Mode, Options, mode, opened
from rlm_gate.tasks._report import (
    VERSION,
    Evidence,
    Outcome,
    Result,
    Sources,
    cell,
    quoted,
    read_text,
    rendered_json,
    status_lines,
)
from rlm_gate.tasks.logs import indicators
from rlm_gate.tasks.logs.formats import Log, read

if TYPE_CHECKING:
    from rlm_gate.rlm.trajectory import RLMResult

HELP = "Say whether a human should look at a coding agent's work, from its logs."
MAX_USD = 0.08
FORMATS = ("markdown", "json")
THRESHOLD = 0.5
"""Combined strength of the signs from which on the heuristics ask for a checkpoint."""
SUREST = 0.7
_TURNS = 6
_ROOT_TOKENS = 1024
_NAMES = sorted(indicators.INDICATORS)
_HEURISTIC, _MODEL = "heuristic", "model"
_MOST_FAULTS = 0.5
_Known = tuple[Log, list[indicators.Sign]]

_CLAIM = {"indicator": {"type": "string", "enum": _NAMES}, "quote": TEXT}
_MAP_SCHEMA = closed(claims=listed(**_CLAIM, row=NUMBER, why=TEXT))
SCHEMA = closed(
    checkpoint={"type": "boolean"},
    reason=TEXT,
    confidence={"type": "number", "minimum": 0, "maximum": 1},
    findings=listed(**_CLAIM, path=TEXT, line=NUMBER, explanation=TEXT),
)


@dataclass(frozen=True, slots=True)
class Request:
    """The logs (files, or folders with ``*.log`` and ``*.jsonl``) and what the agent was to do.

    ``issue`` is the issue's text. ``cache_file`` keeps conclusive results by content, as JSON.
    """

    logs: Sequence[str | Path]
    issue: str = ""
    cache_file: str | Path | None = None


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """An indicator that shows, and the lines of the log that show it. ``by``: heuristic, model."""

    indicator: str
    explanation: str
    by: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """``confidence`` (0 to 1) is in the decision, whichever it is.

    ``coverage`` counts the logs' lines: all, those no parser could read, those a model read.
    """

    checkpoint: bool
    reason: str
    confidence: float
    findings: tuple[Finding, ...]
    coverage: Mapping[str, int]


def run(request: Request, options: Options | None = None) -> Result[Decision]:
    """Decide. Raises UsageError for logs that do not exist, GateError for what models can't do."""
    options = options or Options()
    asked = mode(options, MAX_USD)
    texts = _texts(request.logs)
    key = _key(texts, request.issue, asked)
    if request.cache_file is not None:
        known = _cache.get(Path(request.cache_file), key, options.tell)
        if known is not None and (result := _from_json(known)) is not None:
            return result
    result = _decide(texts, request.issue, asked, options)
    if request.cache_file is not None and result.conclusive:
        _cache.put(Path(request.cache_file), key, json.loads(rendered_json(result)))
    return result


def render(result: Result[Decision], to: str) -> bytes:
    """Return the decision as JSON or Markdown."""
    if to == "json":
        return rendered_json(result)
    answer = result.answer
    decision = "CHECKPOINT" if answer.checkpoint else "go on"
    lines = ["# Checkpoint", "", *status_lines(result), ""]
    lines += [
        f"**{decision}** (confidence {answer.confidence:.2f}): {cell(answer.reason, 600)}",
        "",
    ]
    for one in answer.findings:
        lines.append(f"- **{one.indicator}** ({one.by}): {cell(one.explanation, 600)}")
        lines += [f"  - {cell(e.path)}:{e.line}: {quoted(e.quote)}" for e in one.evidence]
    seen = ", ".join(f"{name} {count}" for name, count in answer.coverage.items())
    return ("\n".join([*lines, "", f"Lines: {seen}."]) + "\n").encode()


def _texts(given: Sequence[str | Path]) -> dict[str, str]:
    paths = [path for one in given for path in _files(Path(one))]
    if not paths:
        raise UsageError("no logs: name session-*.log or *.jsonl files, or folders that hold some")
    return {path.as_posix(): read_text(path, str(path)) for path in dict.fromkeys(paths)}


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.iterdir() if one.suffix in {".log", ".jsonl"})


def _decide(
    texts: Mapping[str, str], issue: str, asked: Mode, options: Options
) -> Result[Decision]:
    sources = Sources()
    log = read(texts, sources)
    grounds = Grounds(sources)
    signs = indicators.signs(log, issue)
    total = sum(len(split_lines(text)) for text in texts.values())
    faulty = len({(fault.path, fault.line) for fault in sources.faults})
    coverage = {"total": total, "malformed": faulty}
    reasons = [asked.failed] if asked.failed else []
    if not "".join(texts.values()).strip():
        reasons.append(
            "the log is empty, so it shows nothing: was it written, and is it the right one?"
        )
    elif faulty > total * _MOST_FAULTS:
        reasons.append(f"{faulty} of {total} lines could not be parsed: too little to decide by")
    result = Result(
        task="checkpoint",
        outcome=Outcome.INCONCLUSIVE if reasons else Outcome.OK,
        offline=not asked.asks,
        method=asked.method,
        answer=_by_heuristics(signs, grounds, coverage),
        reasons=tuple(reasons),
        malformed=tuple(sources.faults),
    )
    with opened("checkpoint", asked, sources, options, issue) as desk:
        if desk is None:
            return result
        return _by_models(result, desk, (log, signs), issue, grounds)


def _shown(sign: indicators.Sign, grounds: Grounds) -> Finding:
    """Turn rows into evidence as the sources have it: a secret in a log stays masked."""
    rows = tuple(grounds.row(row.path, row.row) for row in sign.rows)
    return Finding(sign.indicator, grounds.masked(sign.what), _HEURISTIC, rows)


def _by_heuristics(
    signs: Sequence[indicators.Sign], grounds: Grounds, coverage: Mapping[str, int]
) -> Decision:
    """Join the signs as if they were independent: 1 minus the product of what each leaves open.

    What patterns do not see may be there all the same, so "go on" is never surer than SUREST, and
    what was not read as a log makes nobody surer.
    """
    total, faulty = coverage["total"], coverage["malformed"]
    surest = SUREST * (total - faulty) / total if total else 0.0
    strength = 1 - math.prod(1 - sign.strength for sign in signs)
    wanted = strength >= THRESHOLD
    names = sorted({sign.indicator for sign in signs})
    reason = f"Heuristics see {', '.join(names) if names else 'no sign that a human should look'}."
    if names and not wanted:
        reason += " That alone is too weak for a checkpoint."
    findings = tuple(sorted(_shown(sign, grounds) for sign in signs))
    confidence = round(min(strength, 0.95) if wanted else min(1 - strength, surest), 2)
    return Decision(wanted, reason, confidence, findings, coverage)


def _by_models(
    result: Result[Decision], desk: Desk, known: _Known, issue: str, grounds: Grounds
) -> Result[Decision]:
    from rlm_gate.rlm.prompting import prompt

    log, signs = known
    claims = list(_claims(desk, prompt("checkpoint_map"), grounds))
    candidates = [one for sign in signs for one in _candidates(sign, grounds)]
    query = prompt("checkpoint", issue=issue or "(no issue was given)", turns=_TURNS - 1)
    variables = {"candidates": [*candidates, *claims], "exits": log.exits}
    end = desk.session(query, SCHEMA, variables, max_turns=_TURNS, root_max_tokens=_ROOT_TOKENS)
    missing = sum(gap.end - gap.start + 1 for gap in desk.unexamined)
    total = result.answer.coverage["total"]
    coverage = {**result.answer.coverage, "read_by_model": max(0, total - missing)}
    decision, reasons = _judged(result.answer, end, grounds)
    if desk.unexamined:
        reasons.append(f"{missing} lines were read by no model")
    return replace(
        result,
        outcome=Outcome.INCONCLUSIVE if reasons or result.reasons else Outcome.OK,
        method=desk.method,
        answer=replace(decision, coverage=coverage),
        reasons=(*result.reasons, *reasons),
        dropped=tuple(grounds.dropped),
        unexamined=tuple(desk.unexamined),
        usage=desk.usage(),
        notes=desk.line.notes,
    )


def _claims(desk: Desk, system: str, grounds: Grounds) -> Iterator[dict[str, Any]]:
    """Yield the sub-model's claims that stand in the log."""
    for read_ in desk.map(system, _MAP_SCHEMA):
        for claim in read_.answer["claims"] if read_.answer else ():
            place = (read_.span.path, claim["row"], claim["quote"])
            if found := grounds.evidence(*place, claim=f"{claim['indicator']}: {claim['why']}"):
                told = {"path": found.path, "line": claim["row"], "quote": found.quote}
                yield {
                    "indicator": claim["indicator"],
                    **told,
                    "why": claim["why"][:300],
                    "by": "reader",
                }


def _candidates(sign: indicators.Sign, grounds: Grounds) -> Iterator[dict[str, Any]]:
    for row in sign.rows:
        quote = grounds.row(row.path, row.row).quote
        told = {"path": row.path, "line": row.row, "quote": quote}
        yield {"indicator": sign.indicator, **told, "why": sign.what, "by": "heuristic"}


def _judged(heuristic: Decision, end: RLMResult, grounds: Grounds) -> tuple[Decision, list[str]]:
    """Return the root's decision as far as its evidence stands, else the heuristics' and why."""
    if not end.success:
        return heuristic, [f"the models came to no answer: {end.error}"]
    answer = end.answer
    found = [one for claim in answer["findings"] for one in _finding(claim, grounds)]
    if answer["checkpoint"] and not found:
        why = "the model asked for a checkpoint with no evidence that stands in the logs"
        return heuristic, [why]
    decision = replace(
        heuristic,
        checkpoint=answer["checkpoint"],
        reason=str(answer["reason"])[:1000],
        confidence=round(float(answer["confidence"]), 2),
        findings=tuple(sorted([*found, *heuristic.findings])),
    )
    return decision, []


def _finding(claim: Mapping[str, Any], grounds: Grounds) -> Iterator[Finding]:
    words = f"{claim['indicator']}: {claim['explanation']}"
    found = grounds.evidence(claim["path"], claim["line"], claim["quote"], claim=words)
    if found:
        yield Finding(claim["indicator"], claim["explanation"][:600], _MODEL, (found,))


def _key(texts: Mapping[str, str], issue: str, asked: Mode) -> str:
    """Hash everything the answer depends on."""
    models = asked.settings.models
    who = [models.root, models.sub] if asked.asks else [asked.method, asked.failed]
    parts = [VERSION, indicators.VERSION, who, issue, sorted(texts.items())]
    if asked.asks:
        from rlm_gate.rlm.prompting import prompt

        parts += [prompt("checkpoint_map"), repr(asked.settings.budget)]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _from_json(known: Mapping[str, Any]) -> Result[Decision] | None:
    """Return a result as it was kept; None for one of another shape."""
    from rlm_gate.core import Usage

    try:
        answer = known["answer"]
        findings = tuple(
            Finding(**{**one, "evidence": tuple(Evidence(**e) for e in one["evidence"])})
            for one in answer["findings"]
        )
        return Result(
            task="checkpoint",
            outcome=Outcome(known["status"]),
            offline=known["offline"],
            method=known["method"],
            answer=Decision(**{**answer, "findings": findings}),
            reasons=tuple(known["reasons"]),
            malformed=_cache.faults(known["malformed"]),
            dropped=tuple(known["dropped_claims"]),
            usage=Usage(**known["usage"]),
            notes=tuple(known["notes"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
