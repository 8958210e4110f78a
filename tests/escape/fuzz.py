"""Fuzz the policy, the frame parser and the running sandbox: ``python tests/escape/fuzz.py``.

Programs are made from the attacks and the benign programs beside this file by swapping names,
attributes, operators and whole statements. ``--minutes`` says how long, ``--seed`` repeats a run.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlm_gate.errors import SandboxDied
from rlm_gate.rlm.frames import Violation, parse
from rlm_gate.rlm.repl import Limits, Repl
from rlm_gate.rlm.sandbox import names
from rlm_gate.rlm.sandbox.policy import Policy, RefusedCode, compile_cell

HERE = Path(__file__).parent
SOURCES = (HERE / "cases.md", HERE.parent / "rlm" / "sandbox" / "programs.md")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMES = (
    *(
        "__class__",
        "__globals__",
        "__builtins__",
        "__import__",
        "__subclasses__",
        "__dict__",
        "__code__",
        "__init__",
        "__name__",
        "__getattr__",
    ),
    *(
        "__enter__",
        "_getattr_",
        "_write_",
        "_x",
        "gi_frame",
        "tb_frame",
        "f_back",
        "mro",
        "format",
        "format_map",
    ),
    *("func", "obj", "open", "eval", "exec", "type", "super", "print", "json", "re"),
    *(
        "math",
        "context",
        "results",
        "llm_query",
        "object",
        "Exception",
        "str",
        "list",
        "dict",
        "getattr",
    ),
    *("setattr", "vars", "A", "f", "x", "n", "e", "self", "done", "grep"),
    *("files"),
)
FRAMES = (
    {"t": "done", "id": 1, "output": "", "chars": 0, "error": None, "notes": [], "full": False},
    {"t": "call", "id": 1, "name": "f", "args": [1, "a"], "kwargs": {"k": [None, 1.5]}},
    {"t": "ready", "layers": [["a", "b"]]},
)
_GUARDS = frozenset(
    value for key, value in vars(names).items() if key.isupper() and isinstance(value, str)
)


def chance(seed: int) -> random.Random:
    """Return the dice of a run."""
    return random.Random(seed)  # noqa: S311 - a seed to repeat it by


def programs() -> list[str]:
    """Return the blocks of the Markdown files that parse."""
    blocks = [block for file in SOURCES for block in BLOCK.findall(file.read_text("utf-8"))]
    return [block for block in blocks if _parses(block)]


def mutate(dice: random.Random, sources: list[str]) -> str:
    """Return a program of parts of others, with names swapped."""
    tree = ast.parse(dice.choice(sources))
    for _ in range(dice.randint(1, 4)):
        dice.choice(_MUTATIONS)(dice, tree, sources)
    try:
        return ast.unparse(ast.fix_missing_locations(tree))
    except (ValueError, TypeError, AttributeError, RecursionError):  # a tree that is no program
        return dice.choice(sources)


def _swap_name(dice: random.Random, tree: ast.Module, _sources: list[str]) -> None:
    fields = {ast.Name: "id", ast.Attribute: "attr", ast.arg: "arg", ast.FunctionDef: "name"}
    found = [node for node in ast.walk(tree) if type(node) in fields]
    if found:
        node = dice.choice(found)
        setattr(node, fields[type(node)], dice.choice(NAMES))


def _wrap_in_attribute(dice: random.Random, tree: ast.Module, _sources: list[str]) -> None:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if found:
        node = dice.choice(found)
        node.func = ast.Attribute(node.func, dice.choice(NAMES), ast.Load())


def _swap_expression(dice: random.Random, tree: ast.Module, sources: list[str]) -> None:
    other = ast.parse(dice.choice(sources))
    given = [node for node in ast.walk(other) if isinstance(node, ast.expr)]
    taking = [node for node in ast.walk(tree) if isinstance(getattr(node, "value", None), ast.expr)]
    if given and taking:
        dice.choice(taking).value = dice.choice(given)


def _insert_statement(dice: random.Random, tree: ast.Module, sources: list[str]) -> None:
    other = ast.parse(dice.choice(sources))
    bodies = [node.body for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list)]
    body = dice.choice(bodies)
    body.insert(dice.randint(0, len(body)), dice.choice(other.body))


def _store_into(dice: random.Random, tree: ast.Module, _sources: list[str]) -> None:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    if found:
        target = ast.Attribute(ast.Name(dice.choice(NAMES)), dice.choice(NAMES), ast.Store())
        dice.choice(found).targets.append(target)


_MUTATIONS = (
    _swap_name,
    _swap_name,
    _wrap_in_attribute,
    _swap_expression,
    _insert_statement,
    _store_into,
)


def check_policy(source: str) -> str:
    """Compile a program; what is accepted must hold the policy's promises. Return the outcome."""
    try:
        compile_cell(source, "<fuzz>")
    except RefusedCode:
        return "refused"
    policy = Policy()
    visited = policy.visit(ast.parse(source))
    problems = [*promises_broken(visited)]
    if problems:
        raise AssertionError(f"{problems} in\n{source}")
    return "accepted"


def promises_broken(tree: ast.AST) -> Iterator[str]:
    """Yield what a rewritten program may never contain."""
    for node in ast.walk(tree):
        yield from _access_broken(node)
        yield from _statement_broken(node)


def _access_broken(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield f"an unguarded read of {node.attr}"
        elif not isinstance(node.ctx, ast.Load) and not _is_guard_call(node.value):
            yield "an unguarded store"
    if isinstance(node, ast.Attribute) and node.attr.startswith("__"):
        yield f"the attribute {node.attr}"
    if isinstance(node, ast.Name) and node.id.startswith("__"):
        yield f"the name {node.id}"


def _statement_broken(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ClassDef) and [one.arg for one in node.keywords] != ["metaclass"]:
        yield "a class without our metaclass"
    if isinstance(node, ast.ExceptHandler) and node.type is None:
        yield "a bare except"
    if isinstance(node, ast.MatchClass) and (node.patterns or node.kwd_patterns):
        yield "a pattern that reads attributes"
    if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
        yield "async code"


def _is_guard_call(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _GUARDS
    )


def check_frame(dice: random.Random) -> str:
    """Parse a damaged frame; nothing but a violation may come of it."""
    body = bytearray(json.dumps(dice.choice(FRAMES)).encode())
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(body))
        body[at : at + dice.randint(0, 3)] = dice.choice(
            (
                b"[",
                b"{",
                b"]",
                b'"',
                b"1e999",
                b"NaN",
                b"\xff",
                b"null",
                b":",
                b",",
                b"-",
                b"9" * 50,
            )
        )
    with contextlib.suppress(Violation):
        parse(bytes(body))
        return "read"
    return "violation"


def run(minutes: float, seed: int) -> Counter[str]:
    """Fuzz until the time is over; raise at the first broken promise."""
    dice, counted = chance(seed), Counter[str]()
    sources, ends = programs(), time.monotonic() + minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        marker = Path(folder) / "marker"
        ready = [source.replace("{{MARKER}}", str(marker)) for source in sources]
        with contextlib.ExitStack() as stack:
            repl = _opened(stack)
            while time.monotonic() < ends:
                source = mutate(dice, ready)
                counted[check_policy(source)] += 1
                counted[check_frame(dice)] += 1
                if dice.random() < 0.3:  # running costs more than judging
                    repl = _step(repl, source, marker, counted, stack)
    return counted


def _step(
    repl: Repl, source: str, marker: Path, counted: Counter[str], stack: contextlib.ExitStack
) -> Repl:
    try:
        cell = repl.run(source, 0.5)
    except SandboxDied as error:
        raise AssertionError(f"{error} by\n{source}") from error
    counted[
        "ran: " + ("restarted" if cell.restarted else cell.error.type if cell.error else "fine")
    ] += 1
    if marker.exists():
        raise AssertionError(f"a real effect of\n{source}")
    if counted.total() % 5000 < 5:  # a new scope now and then
        repl.close()
        return _opened(stack)
    return repl


def _opened(stack: contextlib.ExitStack) -> Repl:
    functions: dict[str, Any] = {
        "llm_query": lambda _prompt, _spans=(), schema=None: "ok",  # noqa: ARG005 - the shape cells call
        "done": lambda _answer=None: {},
    }
    texts = {"a.py": "import os\nos.system(x)\n"}
    repl = Repl(
        texts=texts,
        context="text",
        functions=functions,
        limits=Limits(grace=0.3, memory_mb=256),
    )
    return stack.enter_context(repl)


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    sys.stdout.write(f"seed {arguments.seed}\n")
    for name, count in sorted(run(arguments.minutes, arguments.seed).items()):
        sys.stdout.write(f"{count:9,} {name}\n")


if __name__ == "__main__":
    main()
