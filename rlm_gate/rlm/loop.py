"""The root loop: a model works in the sandboxed REPL through one tool until it calls ``done()``.

Text outside a cell ends nothing, running out of turns is no success, and nobody asks for a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from rlm_gate.errors import BudgetExceeded, ProviderError, SandboxDied
from rlm_gate.providers import (
    Json,
    Message,
    ModelReply,
    ModelRequest,
    TokenUsage,
    Tool,
    ToolResult,
)
from rlm_gate.rlm import wire
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.prices import usd
from rlm_gate.rlm.repl import Cell, CellError, Repl

RUN_PYTHON = Tool(
    name="run_python",
    description=(
        "Run one cell of Python in the REPL and see what it prints. State survives from cell to "
        "cell. Print only what you need: long output is cut in the middle."
    ),
    input_schema={
        "type": "object",
        "properties": {"code": {"type": "string", "description": "The cell's Python code."}},
        "required": ["code"],
        "additionalProperties": False,
    },
)
_USE_THE_TOOL = (
    "That was text; only cells run by run_python count. Go on with a cell, or end with "
    'a cell that calls done("...").'
)
_ONE_CELL = "Not run: one cell at a time. Look at the first cell's output, then send the next."
_LAST_CELL = (
    "The budget allows one short cell more and nothing after it. Report what you are sure of and "
    "have not reported yet, and call done() in that cell. What it does not report is lost."
)
LAST_TOKENS = 2048
"""Room for that cell: a handful of findings."""
_SPENT = frozenset({"usd", "tokens"})
_FEW = 3
"""Turns from which on a root hears how many are left."""
_SHOWN_REFUSALS = 20
_NO_CELL = "Not run: the one tool is run_python, and its one argument is code, a string."
_HELD = (
    "done() in the first cell is held back: look at the output above, then confirm by calling "
    "done() in a cell of its own, or go on working."
)


@dataclass(frozen=True, slots=True)
class Step:
    """One turn: what the model said, the cell it ran and what that came to, and what it used.

    ``key`` is the request's, under which the journal has it.
    """

    turn: int
    text: str
    cell: Cell | None
    usage: TokenUsage
    key: str = ""


@dataclass(frozen=True, slots=True)
class LoopEnd:
    """How the loop ended. ``error`` is "" exactly when ``done()`` ended it."""

    answer: Any
    error: str
    steps: tuple[Step, ...]


@dataclass(slots=True)
class Delivery:
    """What ``done()`` does on the host: hold the first cell's, refuse what is incomplete.

    ``objection`` returns what is still missing from an answer, "" if nothing is. ``met`` hears
    which files the sandbox says were loaded. ``blind`` holds while the model has seen no output at
    all; the whole cell is held then, however often it asks.
    """

    objection: Callable[[Any], str] = lambda _answer: ""
    met: Callable[[Any], None] = lambda _ranges: None
    blind: bool = True
    answer: Any = None
    delivered: bool = False
    missing: str = ""

    def __call__(self, answer: Any = None, met: Any = ()) -> dict[str, str]:
        """Take the answer of a cell, or say why not."""
        if self.blind:
            return {"held": _HELD}
        self.met(met)
        self.missing = self.objection(answer)
        if self.missing:
            return {"held": f"done() is refused: {self.missing}"}
        self.answer, self.delivered = answer, True
        return {}


def run_loop(
    caller: Caller,
    repl: Repl,
    delivery: Delivery,
    opening: ModelRequest,
    *,
    max_turns: int,
    cell_timeout: float,
    progress: Callable[[Step], None],
    left: Callable[[], Mapping[str, Any]] = dict,
) -> LoopEnd:
    """Talk to the root until ``done()``, a limit or an error. What was found is never lost.

    ``left`` is what is left of the budget, in the same figures when the run is replayed. Where it
    allows no whole turn more, a last short cell is asked for.
    """
    messages = list(opening.messages)
    steps: list[Step] = []
    counted: wire.Counted | None = None
    for turn in range(1, max_turns + 1):
        request = _with(opening, messages)
        try:
            asked = _ask(caller, request, counted, late=bool(steps))
        except BudgetExceeded as error:
            return LoopEnd(None, f"budget ({error.kind})", tuple(steps))
        except ProviderError as error:
            return LoopEnd(None, f"error ({error.kind})", tuple(steps))
        reply = asked.reply
        cell, died = _run_cell(repl, reply, cell_timeout)
        step = Step(turn, reply.text, cell, reply.usage, asked.key)
        steps.append(step)
        progress(step)
        if died:
            return LoopEnd(None, died, tuple(steps))
        if delivery.delivered and cell and not cell.error:
            return LoopEnd(delivery.answer, "", tuple(steps))
        if asked.spent:
            return LoopEnd(None, asked.spent, tuple(steps))
        delivery.delivered = False
        delivery.blind = delivery.blind and cell is None
        messages.extend(_exchange(reply, cell))
        counted = wire.Counted.of(request, reply.usage)
        need = caller.need(_with(opening, messages), turn=True, counted=counted)
        if hint := _scarce(max_turns - turn, left().get("usd"), need.cost):
            messages[-1] = replace(messages[-1], text=f"{messages[-1].text}\n{hint}".strip())
    refused = f": {delivery.missing}" if delivery.missing else ""
    return LoopEnd(None, f"no done() in {max_turns} turns{refused}", tuple(steps))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A reply, its request's key, and why it is the last one; "" if it is not."""

    reply: ModelReply
    key: str
    spent: str = ""


def _ask(
    caller: Caller, request: ModelRequest, counted: wire.Counted | None, *, late: bool
) -> _Asked:
    """Ask for the next cell; ``late`` in the loop for a short one, if no other can be paid."""
    key = caller.key(request)
    try:
        return _Asked(caller.call(request, turn=True, counted=counted, key=key), key)
    except BudgetExceeded as error:
        if not late or error.kind not in _SPENT:
            raise
        end = request.messages[-1]
        end = replace(end, text=f"{end.text}\n{_LAST_CELL}".strip())
        request = replace(request, messages=(*request.messages[:-1], end), max_tokens=LAST_TOKENS)
        key = caller.key(request)
        reply = caller.call(request, turn=True, counted=counted, key=key)
        return _Asked(reply, key, f"budget ({error.kind})")


def _scarce(turns: int, dollars: float | None, cost: int | None) -> str:
    """Return what to tell a root that can't go on for long, "" while it can."""
    told = [f"{turns} more turn{'s'[: turns > 1]}"] if 0 < turns <= _FEW else []
    if dollars is not None and cost and dollars < _FEW * usd(cost):
        told.append(f"${dollars:.2f}, of which the next turn may take ${usd(cost):.2f}")
    return f"[Left: {'; '.join(told)}. Report what you are sure of first.]" if told else ""


def cell_event(step: Step) -> dict[str, Json]:
    """Return the turn's cell as the journal keeps it, under the kind "cell"."""
    cell = step.cell
    return {
        "turn": step.turn,
        "code": cell.code if cell else None,
        "output": cell.output if cell else "",
        "error": asdict(cell.error) if cell and cell.error else None,
        "usage": asdict(step.usage),
    }


def _run_cell(repl: Repl, reply: ModelReply, timeout: float) -> tuple[Cell | None, str]:
    """Return what the cell came to, and why the sandbox is no more, "" if it lives on."""
    code = _code(reply)
    if code is None:
        return None, ""
    try:
        return repl.run(code, timeout), ""
    except SandboxDied as error:
        fatal = CellError("SandboxDied", str(error), None, "")
        return Cell(code, "", 0, fatal, restarted=False, refusals=()), f"sandbox: {error}"


def _code(reply: ModelReply) -> str | None:
    """Return the cell that the reply asks for. Only the one tool with its one argument counts."""
    if not reply.tool_calls or reply.tool_calls[0].name != RUN_PYTHON.name:
        return None
    code = reply.tool_calls[0].input.get("code")
    return code if isinstance(code, str) else None


def _with(opening: ModelRequest, messages: list[Message]) -> ModelRequest:
    return ModelRequest(
        model=opening.model,
        system=opening.system,
        messages=tuple(messages),
        max_tokens=opening.max_tokens,
        tools=(RUN_PYTHON,),
        about="root",
    )


def _exchange(reply: ModelReply, cell: Cell | None) -> tuple[Message, Message]:
    said = Message("assistant", reply.text, tool_calls=reply.tool_calls, raw=reply.raw)
    if not reply.tool_calls:
        return said, Message("user", _USE_THE_TOOL)
    first, *others = reply.tool_calls
    shown = ToolResult(first.id, _NO_CELL, is_error=True)
    if cell:
        shown = ToolResult(first.id, feedback(cell), is_error=cell.error is not None)
    unseen = (ToolResult(call.id, _ONE_CELL, is_error=True) for call in others)
    return said, Message("user", tool_results=(shown, *unseen))


def feedback(cell: Cell) -> str:
    """Render what a cell came to: its output, refused findings, and the error with its line."""
    parts = [cell.output.rstrip("\n")] if cell.output else []
    parts.extend(_refusals(cell))
    error = cell.error
    if error:
        where = f" (line {error.line}: {error.source.strip()})" if error.line else ""
        parts.append(f"{error.type}: {error.message}{where}")
    return "\n".join(parts) or "(no output)"


def _refusals(cell: Cell) -> Iterator[str]:
    """Yield each refusal once, and not too many: a loop can gather hundreds of them."""
    different = list(dict.fromkeys(cell.refusals))
    yield from different[:_SHOWN_REFUSALS]
    if len(different) > _SHOWN_REFUSALS:
        yield f"[{len(different) - _SHOWN_REFUSALS} more refusals]"
