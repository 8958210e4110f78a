from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from builders import corpus, source
from pydantic import BaseModel

from rlm_gate.errors import ProviderError, UsageError
from rlm_gate.providers import ModelReply, ModelRequest, ToolCall
from rlm_gate.providers.scripted import Answer, Script, ScriptedProvider, code
from rlm_gate.rlm.choices import RLMConfig
from rlm_gate.rlm.session import RLMSession
from rlm_gate.rlm.trajectory import RLMResult

TEXT = "alpha\nbeta\nTODO gamma\n" * 50


def cells(*sources: str) -> list[Answer]:
    return [{"code": source} for source in sources]


def session(
    root: Script, replies: Script = (), context: Any = TEXT, **config: Any
) -> tuple[RLMSession, ScriptedProvider]:
    provider = ScriptedProvider(replies, root=root)
    return RLMSession(context, provider, RLMConfig(**config)), provider


def run(root: Script, replies: Script = (), context: Any = TEXT, **config: Any) -> RLMResult:
    return session(root, replies, context, **config)[0].run("How many TODOs?")


def outputs(result: RLMResult) -> list[str]:
    return [turn.step.cell.output for turn in result.trajectory if turn.step.cell]


def test_the_root_works_in_the_repl_until_done() -> None:
    result = run(cells("n = context.count('TODO')\nprint(n)", "done(n)"))
    assert result.success
    assert result.answer == 50
    assert result.iterations == 2
    assert outputs(result)[0] == "50\n"


def test_the_context_is_a_variable_and_never_prompt_text() -> None:
    opened, provider = session(cells("done(1)", "done(1)"), context="needle in a haystack " * 9)
    opened.run("What?")
    assert all("needle" not in str(request) for request in provider.requests)


def test_done_in_the_first_cell_is_held_until_it_is_confirmed() -> None:
    result = run(cells("print('look')\ndone('made up')", "done('seen')"))
    assert result.answer == "seen"
    assert result.iterations == 2


def test_text_outside_a_cell_ends_nothing() -> None:
    ending = "done(context.count('TODO'))"
    result = run(["The answer is 42.", *cells(ending, ending)])
    assert result.answer == 50
    assert result.iterations == 3


def test_a_cell_that_fails_after_done_ends_nothing() -> None:
    result = run(cells("1", "done(1)\nx = 1 / 0", "done(2)"))
    assert result.answer == 2


def test_running_out_of_turns_is_no_success() -> None:
    result = run(lambda request: code("print('busy')", request), max_iterations=3)
    assert not result.success
    assert result.answer is None
    assert result.error == "no done() in 3 turns"
    assert result.iterations == 3


def test_state_survives_an_exception_and_the_error_names_its_line() -> None:
    opened, provider = session(cells("paid = 7\nx = {}['k']", "done(paid)"))
    assert opened.run("?").answer == 7
    feedback = provider.requests[1].messages[-1].tool_results[0]
    assert feedback.is_error
    assert "KeyError" in feedback.text
    assert "line 2: x = {}['k']" in feedback.text


def test_final_var_of_a_missing_name_is_an_error_to_the_model() -> None:
    result = run(cells("1", "FINAL_VAR('nothing')", "n = 3\nFINAL_VAR('n')"))
    assert result.answer == 3
    errors = [turn.step.cell.error for turn in result.trajectory if turn.step.cell]
    assert errors[1] is not None
    assert errors[1].type == "NameError"


def test_sub_calls_answer_in_order_and_are_counted() -> None:
    asked = "a = llm_query_parallel([f'say {n}' for n in range(5)])\nprint(a)"
    result = run(
        cells(asked, "done(a)"), lambda request: request.messages[0].text.replace("say ", "")
    )
    assert result.answer == ["0", "1", "2", "3", "4"]
    assert result.sub_calls == 5
    assert [call.answer for call in result.trajectory[0].sub_calls] == ["0", "1", "2", "3", "4"]


def test_a_failed_sub_call_is_a_value_in_its_place() -> None:
    def reply(request: ModelRequest) -> Answer:
        if "bad" in request.messages[0].text:
            return ProviderError("refusal", "no")
        return "fine"

    asked = "a = llm_query_parallel(['good', 'bad', 'good 2'])\nr = [x if x else x.kind for x in a]"
    result = run(cells(asked, "done(r)"), reply)
    assert result.answer == ["fine", "refusal", "fine"]


def test_more_sub_calls_than_allowed_raise_before_any_is_sent() -> None:
    opened, provider = session(
        cells("llm_query_parallel(['a'] + [str(n) for n in range(9)])", "done(budget()['calls'])"),
        ["never"] * 20,
        max_sub_calls=5,
    )
    result = opened.run("?")
    assert result.answer == 5
    assert [bool(request.tools) for request in provider.requests] == [True, True]


def test_a_prompt_too_large_for_a_call_is_refused() -> None:
    result = run(cells("llm_query(context * 3000)", "done('ok')"), ["never"])
    cell = result.trajectory[0].step.cell
    assert cell
    assert cell.error
    assert "cut it with" in cell.error.message
    assert result.sub_calls == 0


def test_a_sub_call_with_a_schema_is_repaired_once() -> None:
    asked = "a = llm_query('n?', schema={'type': 'object', 'required': ['n']})"
    result = run(cells(asked, "done(a)"), ["no json", '{"n": 3}'])
    assert result.answer == {"n": 3}
    result = run(cells(asked, "done('gave up')"), ["no json", "{}"])
    cell = result.trajectory[0].step.cell
    assert cell
    assert cell.error
    assert cell.error.type == "LLMError"


def test_spans_are_rendered_by_the_host_beside_the_prompt() -> None:
    files = corpus(source("a.py", "one\ntwo\nthree\n"))
    opened, provider = session(
        cells("a = llm_query('what?', span('a.py', 2, 3))", "done(a)"), ["two things"], files
    )
    assert opened.run("?").answer == "two things"
    sent = next(r for r in provider.requests if not r.tools).messages[0].text
    assert re.search(r"1 \| two\n +2 \| three\n", sent)
    assert "one" not in sent


def test_an_invented_finding_is_refused_and_a_true_one_is_kept() -> None:
    files = corpus(source("a.py", "import os\nos.system(command)\n"))
    told = (
        "finding('x/y', 'a.py', 1, 'eval(payload_of_user)', 'bad')\n"
        "finding('x/y', 'a.py', 2, 'os.system(command)', 'bad')"
    )
    opened, provider = session(cells(told, "done(len(findings()))"), context=files)
    result = opened.run("?")
    assert result.answer == 1
    assert [one.quote for one in result.findings] == ["os.system(command)"]
    feedback = provider.requests[1].messages[-1].tool_results[0].text
    assert "finding refused: the quote is not in the file" in feedback


def test_coverage_all_refuses_an_answer_while_a_line_is_unseen() -> None:
    files = corpus(source("a.py", "1\n2\n3\n"), source("b.py", "1\n2\n"))
    result = run(
        cells(
            "llm_query('look', span('a.py', 1, 3))",
            "done('early')",
            "print(coverage())\nllm_query('look', span('b.py', 1, 2))\ndone('all')",
        ),
        ["ok", "ok"],
        files,
        coverage="all",
    )
    assert result.answer == "all"
    assert result.coverage == 1.0
    refusals = [turn.step.cell.refusals for turn in result.trajectory if turn.step.cell]
    assert "2 lines were passed to no sub-call yet, first b.py:1-2" in refusals[1][0]


def test_an_answer_must_fit_the_json_schema() -> None:
    opened, provider = session(cells("1", "done('x')", "done({'n': 1})"))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    result = opened.run("?", schema=schema)
    assert result.answer == {"n": 1}
    assert result.iterations == 3
    told = provider.requests[0].messages[0].text.partition("must fit this JSON Schema: ")[2]
    assert json.loads(told) == schema


class Count(BaseModel):
    n: int


def test_a_pydantic_model_types_the_answer() -> None:
    opened, _ = session(cells("1", "done({'m': 1})", "done({'n': 1})"))
    assert opened.run("?", schema=Count).answer == Count(n=1)


def test_a_schema_that_is_none_is_a_usage_error() -> None:
    opened, _ = session(())
    with pytest.raises(UsageError):
        opened.run("?", schema={"type": "nonsense"})


def test_rlm_query_opens_a_session_of_its_own_and_stops_at_the_depth() -> None:
    def root(request: ModelRequest) -> Answer:
        query = request.messages[0].text
        turn = sum(message.role == "assistant" for message in request.messages)
        if query.startswith("inner"):
            return cells("print(len(context))", "done(len(context))")[turn]
        return cells("a = rlm_query('inner: how long?')", "done(a)")[turn]

    assert run(root).answer == len(TEXT)
    too_deep = run(cells("rlm_query('deeper')", "done('no')"), max_depth=0)
    cell = too_deep.trajectory[0].step.cell
    assert cell
    assert cell.error
    assert "use llm_query" in cell.error.message


def test_a_provider_that_fails_is_no_success_and_keeps_what_was_found() -> None:
    files = corpus(source("a.py", "os.system(command)\n"))
    result = run(
        [
            *cells("finding('x/y', 'a.py', 1, 'os.system(command)', 'bad')"),
            ProviderError("auth", "key"),
        ],
        context=files,
    )
    assert not result.success
    assert result.error == "error (auth)"
    assert len(result.findings) == 1


def test_two_tool_calls_in_one_reply_run_only_the_first() -> None:
    def root(request: ModelRequest) -> Answer:
        if len(request.messages) == 1:
            calls = tuple(
                ToolCall(f"c{n}", "run_python", {"code": f"x{n} = {n}\nprint({n})"}) for n in (1, 2)
            )
            return ModelReply("", calls, "tool_use")
        return code("done('x2' in show_vars())", request)

    assert run(root).answer is False


def test_unknown_models_are_fine_without_a_dollar_limit() -> None:
    free = run(cells("1", "done(1)"), root_model="my-model", sub_model="my-model")
    assert free.success
    assert free.cost_usd is None
    with pytest.raises(UsageError):
        run(cells("1", "done(1)"), root_model="my-model", max_usd=1.0)


def test_a_dollar_limit_holds() -> None:
    result = run(lambda request: code("print(1)", request), max_usd=0.10, max_iterations=50)
    assert not result.success
    assert result.error == "budget (usd)"
    assert result.cost_usd is not None
    assert result.cost_usd <= 0.10


def test_arun_serves_asyncio() -> None:
    opened, _ = session(cells("1", "done(1)"))
    assert asyncio.run(opened.arun("?")).answer == 1


def test_a_line_start_pattern_hits_the_line_itself_and_not_the_blank_one_before() -> None:
    files = corpus(source("a.py", "x = 1\n\n\n    assert x\nassert x\n"))
    asked = "hits = [(h.line, h.text) for h in grep(r'^\\s*assert ')]"
    assert run(cells(asked, "done(hits)"), context=files).answer == [
        [4, "    assert x"],
        [5, "assert x"],
    ]


@pytest.mark.parametrize(
    ("given", "config", "opened"),
    [
        pytest.param(None, {}, ["anthropic"], id="defaults"),
        pytest.param(None, {"sub_model": "gemini-flash"}, ["anthropic", "gemini"], id="a mix"),
        pytest.param(
            None, {"root_model": "openai:x", "sub_model": "openai:y"}, ["openai"], id="named"
        ),
        pytest.param(
            "gemini", {"root_model": "x", "sub_model": "y"}, ["gemini"], id="one for both"
        ),
        pytest.param("openai", {"sub_provider": "gemini"}, ["openai", "gemini"], id="two"),
        pytest.param("gemini", {"sub_provider": "gemini"}, ["gemini"], id="the same twice"),
    ],
)
def test_models_are_asked_where_their_names_say(
    given: str | None, config: dict[str, Any], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, ScriptedProvider] = {}

    def named(name: str) -> ScriptedProvider:
        assert name not in made, "opened twice"
        made[name] = ScriptedProvider(["yes"], root=cells("print(llm_query('is it?'))", "done(1)"))
        return made[name]

    monkeypatch.setattr("rlm_gate.rlm.session.named", named)
    assert RLMSession(TEXT, given, RLMConfig(**config)).run("?").success
    assert list(made) == opened
    turns, calls = made[opened[0]].requests, made[opened[-1]].requests
    assert [bool(one.tools) for one in turns if one.tools] == [True, True]
    assert [one.messages[0].text for one in calls if not one.tools] == ["is it?"]


def test_a_finding_can_be_mended_and_withdrawn() -> None:
    files = corpus(source("a.py", "os.system(command)\nos.popen(command)\n"))
    told = (
        "a = finding('x/y', 'a.py', 1, 'os.system(command)', 'wrong')\n"
        "b = finding('x/y', 'a.py', 1, 'os.system(command)', 'right')\n"
        "c = finding('x/y', 'a.py', 2, 'os.popen(command)', 'no')\n"
        "print(a, b, c, retract(c), retract('F9'))"
    )
    result = run(cells(told, "done(1)"), context=files)
    assert outputs(result)[0] == "F1 F1 F2 True False\n"
    assert [one.explanation for one in result.findings] == ["right"]


@pytest.mark.parametrize("context", [5, b"bytes", None])
def test_a_context_of_another_type_is_a_usage_error(context: Any) -> None:
    with pytest.raises(UsageError, match="the context is a str"):
        RLMSession(context, ScriptedProvider())
