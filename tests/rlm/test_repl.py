"""The REPL as its callers see it: cells in, what they came to out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cells import TEXTS, printed

from rlm_gate.errors import BudgetExceeded, SandboxDied
from rlm_gate.rlm.repl import CodeError, Limits, Repl


@pytest.fixture(scope="module")
def shared() -> Iterator[Repl]:
    """One REPL for the tests that leave no state behind."""
    functions: dict[str, Callable[..., Any]] = {
        "llm_query": lambda prompt, spans=(), schema=None: [prompt, spans, schema],
        "llm_query_parallel": lambda prompts, schema=None: [*prompts, schema],
        "outline": lambda path: [
            {"name": "run", "kind": "function", "path": path, "start": 3, "end": 4}
        ],
        "finding": taken_at_line_one,
        "echo": lambda *arguments, **named: [list(arguments), named],
    }
    with Repl(
        texts=TEXTS, variables={"changed": [["src/a.py", 1, 4]]}, functions=functions
    ) as repl:
        yield repl


def taken_at_line_one(
    rule: str, path: str, line: int, *_others: Any, **_named: Any
) -> dict[str, str]:
    return {"id": "F1"} if line == 1 else {"refused": f"finding refused: {rule} {path} {line}"}


def test_state_survives_cells_and_exceptions() -> None:
    with Repl(context="") as repl:
        failed = repl.run("kept = [1]\nkept.append(2)\n1 / 0\nlost = 1")
        assert failed.error is not None
        assert (failed.error.type, failed.error.line) == ("ZeroDivisionError", 3)
        assert failed.error.source == "1 / 0"
        assert printed(repl, "print(kept)") == "[1, 2]\n"
        again = repl.run("print(lost)").error
        assert again is not None
        assert again.type == "NameError"


def test_error_in_a_function_of_an_older_cell_names_both_places() -> None:
    with Repl(context="") as repl:
        repl.run("def f(x):\n    return 1 / x")
        error = repl.run("y = 1\nf(0)").error
    assert error is not None
    assert (error.line, error.source) == (2, "f(0)")
    assert "(in cell 1, line 2: return 1 / x)" in error.message


def test_output_before_an_error_is_shown(shared: Repl) -> None:
    cell = shared.run("print('before')\nprint(undefined)")
    assert cell.output == "before\n"
    assert cell.error is not None


def test_refused_code_names_the_line_and_the_remedy(shared: Repl) -> None:
    cell = shared.run("x = 1\nclass A(metaclass=type):\n    pass\nprint(x)")
    assert cell.error is not None
    assert (cell.error.type, cell.error.line) == ("NotAllowed", 2)
    assert "leave them out" in cell.error.message
    assert cell.output == ""


def test_code_written_for_other_engines_runs_as_it_is(shared: Repl) -> None:
    cell = shared.run(
        "import asyncio, csv, io\n"
        "class Reader:\n"
        "    async def ask(self, name):\n"
        "        await asyncio.sleep(1)\n"
        "        return name.upper()\n"
        "async def both(*names):\n"
        "    tasks = [asyncio.create_task(Reader().ask(name)) for name in names]\n"
        "    return [one async for one in asyncio.as_completed(tasks)]\n"
        "print(await both('a', 'b'), await asyncio.gather(*map(Reader().ask, 'cd')))\n"
        "table = 'id,text\\n1,\"a, b\"\\n2,' + 'x' * 200000\n"
        "rows = list(csv.DictReader(io.StringIO(table)))\n"
        "print(rows[0], len(rows[1]['text']))\n"
        "with io.StringIO() as out:\n"
        "    csv.writer(out).writerow([1, 'a,b'])\n"
        "    print(out.getvalue().strip())\n"
    )
    assert cell.error is None
    first = "['A', 'B'] ['C', 'D']\n{'id': '1', 'text': 'a, b'} 200000\n"
    assert cell.output == first + '1,"a,b"\n'


def test_missing_module_names_what_there_is(shared: Repl) -> None:
    error = shared.run("import os").error
    assert error is not None
    assert "'os' is not available here; paths are plain str" in error.message


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("x = = 1", 1),
        ("x = 1\nreturn x", 2),
        ("def f():\n    nonlocal y", 2),
        ("if True:\nx = 1", 2),
        ("def f(a, a):\n    pass", 1),
        ("x = (1,\n", 1),
        ("x = 'a", 1),
        ("break", 1),
        ("def f(a):\n    global a", 2),
        ("f(a=1, a=2)", 1),
        ("x = 1 +\ny", 1),
        ("\tx = 1\n        y = 2", 1),
    ],
)
def test_a_slip_of_syntax_is_told_and_nothing_more(shared: Repl, code: str, line: int) -> None:
    error = shared.run(code).error
    assert error is not None
    assert (error.type, error.line) == ("SyntaxError", line)
    assert printed(shared, "print(1)") == "1\n"


# What a cell is given


def test_context_is_the_very_type_that_was_given() -> None:
    nested = {"a": [1, 2.5, None, True], "b": {"c": "é"}}
    for context in ("text 😀", ["one", "two"], {"k": "v"}, [1, "x"], nested, "", [], {}):
        with Repl(context=context) as repl:
            shown = printed(repl, "print(type(context).__name__, context)")
            assert shown == f"{type(context).__name__} {context}\n"


def test_lone_surrogates_and_odd_paths_arrive() -> None:
    texts = {"a\udcffb": "x\ud800y", "with space\n": "z"}
    with Repl(texts=texts) as repl:
        code = "print([ascii(path) for path in files], ascii(files['a\\udcffb']))"
        assert printed(repl, code) == "[\"'a\\\\udcffb'\", \"'with space\\\\n'\"] 'x\\ud800y'\n"


def test_variables_are_there_and_results_is_a_dict(shared: Repl) -> None:
    assert printed(shared, "print(changed, type(results) is dict)") == "[['src/a.py', 1, 4]] True\n"


def test_without_files_their_functions_say_so() -> None:
    with Repl(context="x") as repl:
        error = repl.run("grep('x')").error
        assert error is not None
        assert "there are no files in this run: the material is in context" in error.message


def test_without_a_model_the_call_says_so() -> None:
    with Repl(context="x") as repl:
        for call in ("llm_query('x')", "llm_query_parallel(['x'])", "llm_query_batched(['x'])"):
            error = repl.run(call).error
            assert error is not None
            assert "there is no model in this run" in error.message


def test_two_runs_print_the_same() -> None:
    code = (
        "class A:\n    def m(self): pass\n"
        "def f(): pass\n"
        "print({'b', 'a', 'c', 'd'}, {A(), A()}, f, [f], A, A(), A().m, iter([]), str(f), grep)\n"
        "print('%s %r' % (f, f), f'{f!r} {f} {[f]}', '{} {!r}'.format(f, f), repr(f), hash('x'))"
    )
    shown = set()
    for _ in range(3):
        with Repl(context="") as repl:
            shown.add(printed(repl, code))
    assert len(shown) == 1
    assert "0x" not in shown.pop()


def test_functions_are_shown_by_their_names(shared: Repl) -> None:
    shown = printed(shared, "print(print, grep, llm_query, finding, echo, type)")
    names = ("print", "grep", "llm_query", "finding", "echo", "type_of")
    assert shown == " ".join(f"<function {name}>" for name in names) + "\n"


def test_data_that_looks_like_an_address_is_left_alone(shared: Repl) -> None:
    assert printed(shared, "print(['<F at 0x7f12>', 1])") == "['<F at 0x7f12>', 1]\n"


# Host functions


def test_spans_are_sent_as_lists(shared: Repl) -> None:
    code = (
        "hit = grep('system')[0]\n"
        "print(llm_query('p', hit, span('src/a.py', 1, 2), schema={'type': 'object'}))\n"
        "print(llm_query_parallel(['p', ('q', hit)]))\n"
        "print(llm_query('o', outline('src/a.py')[0], next(iter(chunks()))))"
    )
    assert printed(shared, code) == (
        "['p', [['src/a.py', 4, 4], ['src/a.py', 1, 2]], {'type': 'object'}]\n"
        "[['p', []], ['q', [['src/a.py', 4, 4]]], None]\n"
        "['o', [['src/a.py', 3, 4], ['src/a.py', 1, 4]], None]\n"
    )


def test_findings_are_truthy_ids_and_falsy_refusals(shared: Repl) -> None:
    cell = shared.run(
        "taken = finding('r', 'src/a.py', 1, 'import os', 'why')\n"
        "refused = finding('r', 'src/a.py', 2, 'nope', 'why')\n"
        "print(taken, bool(taken), bool(refused), refused)"
    )
    assert cell.output == "F1 True False finding refused: r src/a.py 2\n"
    assert cell.refusals == ("finding refused: r src/a.py 2",)
    assert shared.run("1").refusals == ()


def test_arguments_become_json_and_back(shared: Repl) -> None:
    code = "print(echo(1, 'a', (2, [3.5, None]), k={'x': True, 4: grep('system')}))"
    hit = {"path": "src/a.py", "line": 4, "text": "    os.system(cmd)"}
    expected = [[1, "a", [2, [3.5, None]]], {"k": {"x": True, "4": [hit]}}]
    assert printed(shared, code) == f"{expected}\n"


def test_failed_call_is_raised_alone_and_falsy_in_a_list() -> None:
    failed = {"$error": {"kind": "timeout", "message": "60 s"}}
    functions = {
        "llm_query": lambda _prompt, _spans=(), schema=None: failed,  # noqa: ARG005 - the shape cells call
        "llm_query_parallel": lambda _prompts, schema=None: ["fine", failed],  # noqa: ARG005 - as above
    }
    with Repl(context="", functions=functions) as repl:
        error = repl.run("llm_query('x')").error
        assert error is not None
        assert (error.type, error.message) == ("LLMError", "timeout: 60 s")
        repl.run("answers = llm_query_parallel(['a', 'b'])")
        shown = printed(repl, "print([bool(a) for a in answers], answers[1].kind, answers[1])")
        assert shown == "[True, False] timeout timeout: 60 s\n"
        for use in ("a + 'x'", "'x' + a", "f'{a}'", "a.strip()", "a[0]", "list(a)", "len(a)"):
            error = repl.run(f"a = answers[1]\n{use}").error
            assert error is not None, use
            assert error.type == "LLMError", use
        caught = "try:\n    llm_query('x')\nexcept LLMError as e:\n    print(e.kind, e.message)"
        assert printed(repl, caught) == "timeout 60 s\n"


def test_mistake_of_a_call_is_shown_at_its_line() -> None:
    def refuse() -> None:
        raise CodeError("not now: do this instead")

    with Repl(context="", functions={"refuse": refuse}) as repl:
        error = repl.run("x = 1\nrefuse()").error
        assert error is not None
        assert (error.message, error.line) == ("not now: do this instead", 2)
        error = repl.run("refuse(1)").error
        assert error is not None
        assert "refuse(): too many positional arguments" in error.message


def test_gate_error_ends_the_cell_and_is_raised() -> None:
    def spend() -> None:
        raise BudgetExceeded("usd", 2, 1)

    code = "try:\n    spend()\nexcept:\n    print('caught')\nprint('went on')"
    with Repl(context="", functions={"spend": spend}) as repl:
        with pytest.raises(BudgetExceeded):
            repl.run(code)
        assert printed(repl, "print(1)") == "1\n"


def test_gate_error_is_raised_even_if_the_cell_goes_on_for_ever() -> None:
    def spend() -> None:
        raise BudgetExceeded("usd", 2, 1)

    code = "while True:\n    try:\n        spend()\n    finally:\n        continue"
    limits = Limits(grace=0.2)
    with Repl(context="", functions={"spend": spend}, limits=limits) as repl:
        with pytest.raises(BudgetExceeded):
            repl.run(code, timeout=0.3)
        assert printed(repl, "print(1)") == "1\n"


def test_start_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "child.py"
    broken.write_text("raise LookupError('no such luck')\n")
    monkeypatch.setattr("rlm_gate.rlm.repl._CHILD", broken)
    with pytest.raises(SandboxDied, match="LookupError: no such luck"), Repl(context=""):
        pass
    monkeypatch.setattr("sys.executable", str(tmp_path / "nothing"))
    with pytest.raises(SandboxDied, match="could not be started"), Repl(context=""):
        pass


def test_bug_of_a_host_function_is_not_hidden() -> None:
    def broken() -> None:
        raise LookupError("ours")

    with Repl(context="", functions={"broken": broken}) as repl:
        with pytest.raises(LookupError):
            repl.run("broken()")
        with pytest.raises(SandboxDied):
            repl.run("1")


def test_answers_that_are_no_json_are_told_to_the_cell() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with Repl(context="", functions={"nan": lambda: float("nan"), "deep": lambda: deep}) as repl:
        for name in ("nan", "deep"):
            error = repl.run(f"{name}()").error
            assert error is not None
            assert f"{name}() got an answer that is no JSON" in error.message


def test_done_and_final_deliver_json() -> None:
    answers: list[Any] = []

    def done(answer: Any = None) -> dict[str, str]:
        answers.append(answer)
        return {"held": "look first"} if len(answers) == 1 else {}

    with Repl(context="", functions={"done": done}) as repl:
        assert repl.run("done({'n': 1})").refusals == ("look first",)
        assert repl.run("x = [1]\nFINAL(x)").refusals == ()
        repl.run("FINAL_VAR('x')")
        missing = repl.run("FINAL_VAR('nope')").error
        assert missing is not None
        assert missing.type == "NameError"
        repl.run("answer['content'] = 'by habit'\nanswer['ready'] = True")
        repl.run("print('no second time')")
    assert answers == [{"n": 1}, [1], [1], "by habit"]


def test_show_vars_lists_the_cells_own_variables() -> None:
    with Repl(context="x") as repl:
        assert printed(repl, "n = 1\nprint(show_vars())") == "{'n': 'int'}\n"


# Output


def test_output_carries_no_controls(shared: Repl) -> None:
    code = (
        r"print('\x1b[31mred\x1b[0m \x1b]0;title\x07 bell\x07 \ud800 \x9b1m \ufffe nul\x00 a\rb')"
    )
    assert printed(shared, code) == "red  bell    nul a\nb\n"


# Limits
