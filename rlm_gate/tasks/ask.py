"""Any question about any amount of text or code: an answer of a model with quotes that were found.

There is no answer without a model, and none without evidence: then the result is inconclusive and
the answer None.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlm_gate import corpus
from rlm_gate.config import ScopeRequest
from rlm_gate.core import Usage
from rlm_gate.errors import UsageError
from rlm_gate.rlm import prices
from rlm_gate.rlm.answers import Schema
from rlm_gate.rlm.prompting import prompt
from rlm_gate.tasks import _desk, _report
from rlm_gate.tasks._answers import PLACE
from rlm_gate.tasks._desk import MAP_TOKENS, PIECE_CHARS, Grounds, Mode, Options
from rlm_gate.tasks._report import Evidence, Outcome, Result, Sources, Text, cell, quoted

HELP = "Answer a question about files of any size, with the lines that show it. Needs a model."
MAX_USD = 1.00
FORMATS = ("markdown", "json")


@dataclass(frozen=True, slots=True)
class Request:
    """A question, files and directories, texts by a name, and a JSON Schema for the answer."""

    question: str
    paths: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer, a str or what the schema says; None if there is none that has evidence."""

    value: Any
    evidence: tuple[Evidence, ...] = ()


def run(request: Request, options: Options | None = None) -> Result[Answer]:
    """Ask. Raises UsageError for an empty question, a path that is not there, a bad schema."""
    options = options or Options()
    if not request.question.strip():
        raise UsageError("the question is empty")
    Schema.of(request.schema)
    sources = _read(request)
    mode = _desk.mode(options, MAX_USD)
    grounds = Grounds(sources)
    error, usage, answer = "", Usage(), Answer(None)
    inputs = json.dumps([request.question, request.schema], sort_keys=True)
    with _desk.opened("ask", mode, sources, options, inputs) as desk:
        if desk:
            query = prompt("ask", question=request.question.strip())
            found = desk.session(query, _schema(request.schema), {}, max_turns=20)
            usage = desk.usage()
            error = "" if found.success else f"the model gave no answer: {found.error}"
            if found.success:
                error, answer = _grounded(found.answer, grounds)
    return Result(
        task="ask",
        outcome=Outcome.INCONCLUSIVE if error or not desk else Outcome.OK,
        offline=desk is None,
        method=desk.method if desk else "No language model was called, so there is no answer.",
        answer=answer,
        reasons=(error,) if error else () if desk else _without_a_model(mode, sources),
        dropped=tuple(grounds.dropped),
        unexamined=tuple(desk.unexamined) if desk else (),
        usage=usage,
    )


def render(result: Result[Answer], to: str) -> bytes:
    """Return the answer in one of FORMATS."""
    if to == "json":
        return _report.rendered_json(result)
    return "\n".join([*_lines(result), ""]).encode()


def _lines(result: Result[Answer]) -> Iterator[str]:
    yield from ("# Answer", "", *_report.status_lines(result), "")
    value = result.answer.value
    if isinstance(value, str):
        yield cell(value, 20_000)
    elif value is not None:
        yield from ("```json", json.dumps(value, indent=1, ensure_ascii=True), "```")
    if result.answer.evidence:
        yield from ("", "## Evidence", "")
    for one in result.answer.evidence:
        yield f"- {cell(one.path)}:{one.line} {quoted(one.quote)}"


def _read(request: Request) -> Sources:
    sources = Sources()
    for name, text in request.texts.items():
        sources.add(Text(name, text))
    for given in request.paths:
        for label, text in _texts(given):
            if label not in sources.texts:
                sources.add(Text(label, text))
    if not sources.texts:
        raise UsageError("there is no text to ask about: name files, directories or - for stdin")
    return sources


def _texts(given: str) -> Iterator[tuple[str, str]]:
    path = Path(given)
    if not path.is_dir():
        yield given, _report.read_text(path, given)
        return
    found = corpus.build(ScopeRequest(paths=(".",), repo=given))
    for file in found.files:
        yield file.path if given == "." else f"{given.rstrip('/')}/{file.path}", file.text


def _schema(wanted: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the schema of an answer with evidence around the caller's own."""
    properties = {
        "answer": dict(wanted) if wanted is not None else {"type": "string", "minLength": 1},
        "evidence": {"type": "array", "minItems": 1, "items": PLACE},
    }
    return {"type": "object", "required": ["answer", "evidence"], "properties": properties}


def _grounded(given: Any, grounds: Grounds) -> tuple[str, Answer]:
    """Return why the answer does not stand, "" if it does, and the answer with what was found."""
    looked_up = [
        grounds.evidence(one["path"], one["line"], one["quote"]) for one in given["evidence"]
    ]
    found = tuple(dict.fromkeys(one for one in looked_up if one is not None))
    if not found:
        return "no quote of the answer stands in these files, so it is withheld", Answer(None)
    return "", Answer(given["answer"], found)


def _without_a_model(mode: Mode, sources: Sources) -> tuple[str, ...]:
    """Say what is missing, and what asking would cost."""
    missing = mode.settings.models.missing
    steps = (
        ["leave out --offline (or models: off)"] if mode.settings.models.mode == "offline" else []
    )
    steps += [f"set {' or '.join(missing)}"] if missing else []
    way = " and ".join(steps)
    size = sum(len(one.text.encode("utf-8", "replace")) for one in sources.texts.values())
    known = prices.load()
    pieces = -(-size // PIECE_CHARS)
    sub = known.resolve(mode.settings.models.sub)
    once = known.worst_case(sub, PIECE_CHARS, MAP_TOKENS)
    cost = "unknown" if once is None else f"${prices.usd(once * pieces):.2f}"
    limit = mode.settings.budget.usd
    most = "no limit" if limit is None else f"${limit:.2f}"
    bound = f"reading all {size:,} bytes once by {sub} costs {cost} at most"
    return (
        f"a question needs a model: {way}",
        f"{bound}; the run's limit is {most} (--max-usd)",
    )
