"""Learn a deterministic rule from examples: a model proposes once, the host proves, nothing stays.

What is kept is a rule file like any other. A model's words can fill it, never reach beyond it:
see ``proposal`` for what it may say and ``proof`` for what must hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rlm_gate.config import Settings
from rlm_gate.core import Usage
from rlm_gate.errors import UsageError
from rlm_gate.learning import given, proof, proposal
from rlm_gate.learning.given import Shown
from rlm_gate.learning.proof import Ground, Proof
from rlm_gate.learning.proposal import Wanted
from rlm_gate.providers import Message, ModelRequest, Provider
from rlm_gate.rlm import prices, wire
from rlm_gate.rlm.blocks import fence
from rlm_gate.rlm.prompting import prompt

if TYPE_CHECKING:
    from rlm_gate.rlm.callers import Line

MAX_USD: Final = 0.50
MAX_ROUNDS: Final = 6
_MAX_TOKENS: Final = 4_096
_TOLD_CHARS: Final = 6_000
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What learning would send first and cost at most; ``usd`` None: no price is known."""

    model: str
    system: str
    request: str
    usd: float | None


@dataclass(frozen=True, slots=True)
class Lesson:
    """What came of it. ``text`` is the rule file, "" where no proposal held.

    ``problems`` are the last proposal's; ``cannot`` is why the model says there is no such pattern.
    """

    text: str
    proof: Proof
    rounds: int
    usage: Usage
    problems: tuple[str, ...] = ()
    cannot: str = ""


def plan(wanted: Wanted, settings: Settings, rounds: int) -> Plan:
    """Say what will be sent and the most that it can cost, whoever pays."""
    known = prices.load(settings.models.prices)
    model = known.resolve(settings.models.root)
    first = _request(model, wanted, ())
    size = wire.input_bytes(first)
    costs = [
        known.worst_case(model, size + number * (_MAX_TOKENS + 4 * _TOLD_CHARS), _MAX_TOKENS)
        for number in range(rounds)
    ]
    sure = [cost for cost in costs if cost is not None]
    usd = prices.usd(sum(sure)) if len(sure) == len(costs) else None
    limit = settings.budget.usd
    if usd is not None and limit is not None:
        usd = min(usd, limit)
    return Plan(model, first.system, first.messages[0].text, usd)


def learn(  # the seams that a caller decides, each named
    wanted: Wanted,
    settings: Settings,
    ground: Ground,
    rounds: int,
    *,
    provider: Provider | None = None,
    tell: Callable[[str], None] = lambda _remark: None,
    progress: Progress = lambda _phase, _done, _total: None,
) -> Lesson:
    """Ask until a proposal holds, at most ``rounds`` times.

    Raises UsageError where no model may be asked, ProviderError and BudgetExceeded.
    """
    from rlm_gate.rlm.callers import open_line

    _check_models(settings)
    settings = replace(settings, invocation={"task": "learn"})
    with open_line(settings, _digest(wanted), tell, provider) as line:
        lesson = Lesson("", Proof(), 0, Usage())
        messages: tuple[Message, ...] = ()
        for number in range(1, rounds + 1):
            progress(f"asking {line.root}", number - 1, rounds)
            reply = line.caller.call(_request(line.root, wanted, messages))
            lesson = _judged(reply.text, wanted, ground, line, number)
            if lesson.text or lesson.cannot:
                break
            again = Message("user", prompt("learn_again", problems=_told(lesson.problems)))
            messages = (*messages, reply.message(), again)
        return lesson


def _check_models(settings: Settings) -> None:
    models = settings.models
    if models.mode == "no-key":
        keys = " or ".join(models.missing)
        raise UsageError(
            f"a model must propose the rule, and there is no API key: set {keys}",
            remedy="Without one: see by --dry-run what would be sent, or write the rule by hand,"
            " beginning with 'rlm-gate rules new'.",
        )
    if models.mode != "on":
        raise UsageError(
            "a model must propose the rule, and models are off",
            remedy="Take 'models: off' out of .rlm-gate.yaml, or write the rule by hand, beginning"
            " with 'rlm-gate rules new'.",
        )


def _judged(answer: str, wanted: Wanted, ground: Ground, line: Line, number: int) -> Lesson:
    found = proposal.take(answer, wanted, line.root)
    usage = line.usage()
    if found.cannot or found.problems or found.file is None or found.file.rule is None:
        return Lesson("", Proof(), number, usage, found.problems, found.cannot)
    proven = proof.prove(found.file.rule, found.file, wanted.shown, ground)
    line.record("learn", {"round": number, "problems": list(proven.problems)})
    text = "" if proven.problems else found.text
    return Lesson(text, proven, number, usage, proven.problems)


def _request(model: str, wanted: Wanted, further: tuple[Message, ...]) -> ModelRequest:
    text = prompt(
        "learn_request",
        description=fence(" ".join(wanted.description.split())),
        languages=", ".join(wanted.languages),
        examples="\n\n".join(_rendered(wanted.shown)),
    )
    return ModelRequest(
        model=model,
        system=prompt("learn"),
        messages=(Message("user", text), *further),
        max_tokens=_MAX_TOKENS,
        schema=proposal.SCHEMA,
        about=f"learn {wanted.id}",
    )


def _rendered(shown: Sequence[Shown]) -> list[str]:
    blocks = []
    for name, one in zip(proof.names(shown), shown, strict=True):
        where = f", what is wrong is in {_rows(one)}" if one.bad and one.rows else ""
        rows = one.excerpt.removesuffix("\n").split("\n")
        text = "\n".join(f"{number:>4}| {row}" for number, row in enumerate(rows, 1))
        blocks.append(f"## {name} ({one.language}{where})\n{fence(text)}")
    return blocks


def _rows(one: Shown) -> str:
    first, last = one.rows or (1, 1)
    return f"row {first}" if first == last else f"rows {first}-{last}"


def _told(problems: Sequence[str]) -> str:
    """Render the problems: they quote code, so they stand behind a fence as all code does."""
    text = "\n".join(f"- {problem}" for problem in problems)
    return fence(text if len(text) <= _TOLD_CHARS else f"{text[:_TOLD_CHARS]}\n... and more")


def _digest(wanted: Wanted) -> str:
    told = repr((wanted.id, wanted.description, wanted.severity, given.digest(wanted.shown)))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
