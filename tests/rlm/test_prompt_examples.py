"""Every example in the prompts runs in the sandbox, as the reader would run it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Origin
from rlm_gate.rlm.prompting import names, prompt
from rlm_gate.rlm.repl import Repl
from rlm_gate.rlm.tools import Reporter, outline_of

FILES = corpus(
    source(
        "app/shell.py",
        "import logging\nimport subprocess\n\nlog = logging.getLogger(__name__)\n\n\n"
        "def run(command):\n    print(command)\n    subprocess.run(command, shell=True)\n",
    ),
    source("app/other.py", "import os\n\n\ndef main():\n    os.system('ls')\n"),
)
LOOP = rule("patterns/inconsistent-convention", ask="corpus")
SHARP = rule("security/shell-injection", ask="chunk")
_FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def examples(name: str) -> list[str]:
    blanks = {"session": {"name": "context", "names": ""}}.get(name, {})
    try:
        return _FENCE.findall(prompt(name, **blanks))
    except KeyError:  # a request: it has values to fill in, and no examples
        return []


def reporter() -> Reporter:
    return Reporter(
        FILES, {LOOP.id: LOOP, SHARP.id: SHARP}, lambda _rule, _file: "", Origin.MODEL, "root"
    )


def functions(reports: Reporter) -> dict[str, Callable[..., Any]]:
    return {
        **reports.functions(),
        "llm_query": lambda _prompt, _spans=(), schema=None: _answer(schema),
        "llm_query_parallel": lambda prompts, schema=None: [_answer(schema) for _ in prompts],
        "rlm_query": lambda _prompt, _spans=(): "yes",
        "budget": lambda: {"usd": 1.0, "calls": None, "tokens": None, "turns": 9},
        "coverage": lambda: {"files": 2, "lines": 14, "missing": {}},
        "outline": outline_of(FILES.tree),
        "done": lambda _answer=None: {},
    }


def _answer(schema: Any) -> Any:
    return ["question"] if schema else "Yes: a caller chooses it."


VARIABLES: dict[str, Any] = {
    "changed": [["app/shell.py", 1, 9]],
    "removed": [],
    "diff": "",
    "commits": [],
    "entries": [["app/other.py", 4, "def main():"]],
    "outside": [["app/shell.py", 7, "command, by the caller, to subprocess.run()"]],
    "candidates": [{"rule": "x/y", "path": "app/shell.py", "line": 9, "quote": "q"}],
    "rules": [{"id": LOOP.id, "title": "t", "question": "q"}],
    "sharp": [{"id": SHARP.id, "title": "t", "question": "Who chooses the command?"}],
}


@pytest.mark.parametrize("name", [name for name in names() if examples(name)])
def test_examples_run_one_after_the_other(name: str) -> None:
    reports = reporter()
    context = "Paris is large.\nIs Rome?\n" * 40
    given: dict[str, Any] = {"context": context} if name == "session" else {"texts": FILES.tree}
    with Repl(**given, variables=VARIABLES, functions=functions(reports)) as repl:
        for example in examples(name):
            cell = repl.run(example)
            assert cell.error is None, (example, cell.error)
            assert cell.output, example
    if name == "audit":
        printed, chosen = reports.found
        assert printed.span.start == 8
        assert (chosen.rule_id, [step.start for step in chosen.flow]) == (SHARP.id, [7, 9])


def test_the_prompts_with_cells_have_examples() -> None:
    assert len(examples("audit")) >= 4
    assert len(examples("session")) >= 3


def test_every_name_of_the_repl_that_a_prompt_mentions_exists() -> None:
    reports = reporter()
    told = set(re.findall(r"`(\w+)\(", prompt("audit")))
    with Repl(texts=FILES.tree, variables=VARIABLES, functions=functions(reports)) as repl:
        cell = repl.run(f"print([callable(name) for name in [{', '.join(sorted(told))}]])")
    assert cell.error is None
    assert "False" not in cell.output


def test_the_answer_format_of_the_map_is_json() -> None:
    shown = prompt("map").rpartition("nothing else:\n")[2].replace("...", "x")
    assert set(json.loads(shown)) == {"outside", "findings", "addressed_to_reviewer"}
