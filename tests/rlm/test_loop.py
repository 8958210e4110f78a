"""The root loop where the budget or the turns run short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders import corpus, source

from rlm_gate.providers import ModelReply, ModelRequest, TokenUsage, ToolCall
from rlm_gate.providers.scripted import ScriptedProvider, code
from rlm_gate.rlm import wire
from rlm_gate.rlm.choices import RLMConfig
from rlm_gate.rlm.loop import LAST_TOKENS, RUN_PYTHON, Step, cell_event, feedback
from rlm_gate.rlm.repl import Cell, CellError
from rlm_gate.rlm.session import RLMSession
from rlm_gate.rlm.trajectory import RLMResult

FINDING = "finding('x/y', 'a.py', 1, 'os.system(command)', 'bad')"


def run(
    root: Callable[[ModelRequest], ModelReply], **config: Any
) -> tuple[RLMResult, list[ModelRequest]]:
    provider = ScriptedProvider(root=root)
    files = corpus(source("a.py", "os.system(command)\n"))
    return RLMSession(files, provider, RLMConfig(**config)).run("?"), provider.requests


def spending(last: str) -> Callable[[ModelRequest], ModelReply]:
    """Return a root that prints much until it is asked for a short cell, then runs ``last``."""

    def root(request: ModelRequest) -> ModelReply:
        short = request.max_tokens == LAST_TOKENS
        return code(last if short else "print('x' * 9000)", request)

    return root


def test_a_root_whose_money_ends_reports_in_a_last_short_cell() -> None:
    result, requests = run(spending(FINDING), max_usd=0.2, max_iterations=50)
    assert result.error == "budget (usd)"
    assert [one.rule_id for one in result.findings] == ["x/y"]
    assert [one.max_tokens == LAST_TOKENS for one in requests] == [False] * (len(requests) - 1) + [
        True
    ]
    assert "one short cell more" in requests[-1].messages[-1].text
    assert (result.iterations, result.sub_calls) == (len(requests), 0)
    assert result.cost_usd is not None
    assert result.cost_usd <= 0.2


def test_a_last_cell_that_calls_done_ends_well() -> None:
    result, _ = run(spending("done('enough')"), max_usd=0.2, max_iterations=50)
    assert (result.success, result.answer) == (True, "enough")


def test_without_money_for_a_first_turn_no_last_cell_is_asked_for() -> None:
    result, requests = run(spending(FINDING), max_usd=0.0001)
    assert (result.error, requests) == ("budget (usd)", [])


def test_a_root_hears_how_little_is_left_and_not_before() -> None:
    _, requests = run(spending(FINDING), max_usd=0.4, max_iterations=50)
    hints = ["[Left: $" in one.messages[-1].text for one in requests]
    assert hints[:2] == [False, False]
    assert hints[-2:] == [True, True]


def test_a_root_hears_of_its_last_turns() -> None:
    def root(request: ModelRequest) -> ModelReply:
        return code("print(1)", request)

    _, requests = run(root, max_usd=None, max_iterations=5)
    said = [one.messages[-1].text for one in requests]
    assert [text.partition(".")[0] for text in said[2:]] == [
        "[Left: 3 more turns",
        "[Left: 2 more turns",
        "[Left: 1 more turn",
    ]
    assert "Left" not in said[0] + said[1]


def test_what_was_counted_before_is_reserved_at_its_count() -> None:
    def counts(request: ModelRequest) -> ModelReply:
        usage = TokenUsage(wire.input_bytes(request) // 4, 30)
        return replace(code("print('x' * 9000)", request), usage=usage)

    result, _ = run(counts, max_usd=0.6, max_iterations=50)
    assert result.cost_usd is not None
    assert 0.5 < result.cost_usd <= 0.6  # bounded by bytes alone the loop ends at 0.34


def test_money_for_a_short_cell_alone_is_no_beginning() -> None:
    result, requests = run(spending(FINDING), max_usd=0.06)
    assert (result.error, requests) == ("budget (usd)", [])
    result, requests = run(spending("done(1)"), max_usd=0.14, max_iterations=50)
    assert [one.max_tokens == LAST_TOKENS for one in requests][:1] == [False]


def test_a_root_whose_tokens_end_reports_in_a_last_short_cell_too() -> None:
    result, requests = run(spending(FINDING), max_usd=None, max_tokens=60_000, max_iterations=50)
    assert result.error == "budget (tokens)"
    assert [one.rule_id for one in result.findings] == ["x/y"]
    assert requests[-1].max_tokens == LAST_TOKENS


def test_a_last_cell_that_fails_after_done_ends_nothing_well() -> None:
    result, _ = run(spending("done('enough')\n1 / 0"), max_usd=0.2, max_iterations=50)
    assert (result.success, result.error) == (False, "budget (usd)")


def printing(*cells: str | ModelReply) -> tuple[RLMResult, list[ModelRequest]]:
    """Run a root that sends these cells, or replies, one after the other."""

    def root(request: ModelRequest) -> ModelReply:
        said = cells[sum(one.role == "assistant" for one in request.messages)]
        return said if isinstance(said, ModelReply) else code(said, request)

    return run(root, max_usd=None, max_iterations=len(cells))


def shown(requests: list[ModelRequest]) -> list[str]:
    """Return what the root saw after each of its turns but the last."""
    last = (one.messages[-1] for one in requests[1:])
    return ["\n".join([*(one.text for one in message.tool_results)]) for message in last]


def test_a_root_that_has_looked_once_may_end_after_words_too() -> None:
    result, _ = printing("print(1)", ModelReply("I have seen enough."), "done(1)")
    assert (result.success, result.answer, result.iterations) == (True, 1, 3)


def test_a_first_cell_that_ends_sees_its_output_and_why_it_is_held() -> None:
    result, requests = printing("print('look'); done(1)", "done(2)")
    assert (result.success, result.answer) == (True, 2)
    assert shown(requests)[0].startswith("look\n")
    assert "done() in the first cell is held back" in shown(requests)[0]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("run_shell", {"code": "done(1)"}),
        (RUN_PYTHON.name, {"source": "done(1)"}),
        (RUN_PYTHON.name, {"code": ["done(1)"]}),
    ],
)
def test_only_the_one_tool_with_a_text_runs_and_what_else_is_asked_fails(
    name: str, given: dict[str, Any]
) -> None:
    other = ModelReply("", (ToolCall("c1", name, given),), "tool_use")
    result, requests = printing("print(1)", other, "done(2)")
    assert (result.answer, result.iterations) == (2, 3)
    [told] = requests[2].messages[-1].tool_results
    assert (told.id, told.is_error) == ("c1", True)
    assert "Not run: the one tool is run_python" in told.text


def test_of_several_cells_at_once_the_first_runs_and_the_others_say_why_not() -> None:
    calls = [ToolCall(f"c{n}", RUN_PYTHON.name, {"code": f"print({n})"}) for n in (1, 2, 3)]
    _, requests = printing(ModelReply("", tuple(calls), "tool_use"), "done(1)", "done(1)")
    told = requests[1].messages[-1].tool_results
    assert [(one.id, one.is_error) for one in told] == [("c1", False), ("c2", True), ("c3", True)]
    assert told[0].text == "1"
    assert all("one cell at a time" in one.text for one in told[1:])


def test_a_cell_that_prints_nothing_says_so() -> None:
    _, requests = printing("x = 1", "done(1)")
    assert shown(requests) == ["(no output)"]


@pytest.mark.parametrize(("refused", "last"), [(20, "19"), (21, "[1 more refusals]")])
def test_of_many_different_refusals_twenty_are_shown_and_the_rest_counted(
    refused: int, last: str
) -> None:
    said = tuple(f"line {number}" for number in range(refused))
    cell = Cell("", "", 0, None, restarted=False, refusals=(*said, *said))
    assert feedback(cell).splitlines()[:20] == [*said[:20]]
    assert feedback(cell).splitlines()[-1].endswith(last)


def test_a_turn_is_kept_with_its_cell_or_with_none() -> None:
    error = CellError("KeyError", "'k'", 2, "x = {}['k']")
    cell = Cell("x", "1\n", 0, error, restarted=False, refusals=())
    usage = TokenUsage(3, 4)
    event = cell_event(Step(2, "so", cell, usage))
    assert (event["turn"], event["code"], event["output"]) == (2, "x", "1\n")
    assert event["error"] == {
        "type": "KeyError",
        "message": "'k'",
        "line": 2,
        "source": "x = {}['k']",
    }
    bare = cell_event(Step(1, "so", None, usage))
    assert (bare["code"], bare["output"], bare["error"]) == (None, "", None)
    assert bare["usage"] == event["usage"]


def test_what_is_left_is_told_below_what_the_root_saw_and_nothing_it_said() -> None:
    def root(request: ModelRequest) -> ModelReply:
        return replace(code("print(1)", request), text="Let me see.")

    _, requests = run(root, max_usd=None, max_iterations=3)
    hint = "[Left: 2 more turns. Report what you are sure of first.]"
    assert requests[1].messages[-1].text == hint
