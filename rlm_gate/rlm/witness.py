"""Remember what the models did, for reports: each call in order, and each cell of the root loop.

Texts are cut, and masked though only masked ones were sent: a model may put a secret together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rlm_gate.core import ModelCall, RootTurn, Trajectory
from rlm_gate.errors import BudgetExceeded, ProviderError
from rlm_gate.providers import ModelReply, ModelRequest
from rlm_gate.rlm.loop import Step
from rlm_gate.rlm.masking import mask
from rlm_gate.rlm.prices import usd

_PURPOSES = frozenset({"map", "root", "sub", "verify"})
_ABOUT, _ANSWER, _CODE, _OUTPUT = 200, 1000, 20_000, 4000


@dataclass(slots=True)
class Witness:
    """Hears of calls and cells. ``times``: remember how long each call took."""

    times: bool = False
    _calls: list[ModelCall] = field(default_factory=list)
    _turns: list[RootTurn] = field(default_factory=list)
    _asked: list[ModelCall] = field(default_factory=list)
    _open: ModelCall | None = None

    def called(
        self,
        request: ModelRequest,
        outcome: ModelReply | ProviderError | BudgetExceeded,
        cost: int | None,
        seconds: float | None,
    ) -> None:
        """Remember one call; a sub-call belongs to the turn whose cell is running."""
        call = _call(request, outcome, cost, seconds if self.times else None)
        if call.purpose == "root":
            self._close()
            self._open = call
        elif call.purpose == "sub":
            self._asked.append(call)
        else:
            self._calls.append(call)

    def cell(self, step: Step) -> None:
        """Remember what the turn's cell came to."""
        cell = step.cell
        if cell is None:
            self._close()
            return
        error = f"{cell.error.type}: {cell.error.message}" if cell.error else ""
        self._close(_cut(cell.code, _CODE), _cut(cell.output, _OUTPUT), _cut(error, _ANSWER))

    def trajectory(self) -> Trajectory:
        """Return all of it so far."""
        self._close()
        return Trajectory(tuple(self._turns), tuple(self._calls))

    def _close(self, code: str = "", output: str = "", error: str = "") -> None:
        """End the turn that is open, if one is."""
        if self._open is not None:
            asked = tuple(self._asked)
            number = len(self._turns) + 1
            self._turns.append(RootTurn(number, self._open, code, output, error, asked))
        self._asked.clear()
        self._open = None


def _call(
    request: ModelRequest,
    outcome: ModelReply | ProviderError | BudgetExceeded,
    cost: int | None,
    seconds: float | None,
) -> ModelCall:
    purpose, _, about = request.about.partition(" ")
    if purpose not in _PURPOSES:
        purpose, about = "call", request.about or request.messages[-1].text
    told = ModelCall(purpose, request.model, _cut(about, _ABOUT))
    if not isinstance(outcome, ModelReply):
        kind = outcome.kind if isinstance(outcome, ProviderError) else f"budget ({outcome.kind})"
        return ModelCall(purpose, request.model, told.about, error=kind, seconds=seconds)
    usage = outcome.usage
    return ModelCall(
        purpose,
        request.model,
        told.about,
        answer=_cut(outcome.text, _ANSWER),
        input_tokens=usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        usd=None if cost is None else usd(cost),
        seconds=seconds,
    )


def _cut(text: str, limit: int) -> str:
    masked = mask(text)
    return masked if len(masked) <= limit else masked[: limit - 1] + "…"
