"""The shape of the house: who may import whom, what has one home, what every plug-in offers."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import NamedTuple

import pytest

from rlm_gate import cli, detectors, errors, providers, reports, tasks

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "rlm_gate"

# Bottom to top. A module imports from rows below its own, and within its own package. A new module
# finds its row here, or the test fails.
LAYERS = (
    ("", "errors"),
    ("core",),
    ("cachedir",),
    ("kept",),
    ("comments", "markup", "symbols", "rustregex", "escapes"),
    (
        "languages",
        "supporting",
        "rusttests",
        "conventions",
        "decoding",
        "listings",
        "patches",
        "globs",
        "syntax",
        "graphs",
    ),
    ("routing", "signing"),
    ("unloaded",),
    ("elsewhere",),
    ("mistakes", "objects", "forks", "compiled", "yamlmarks", "lines", "editors", "phrases"),
    ("wording",),
    ("schemas", "words"),
    ("config",),
    ("repo", "detectors", "providers", "suppressionfile", "baseline", "ownrules"),
    ("scopes", "sources", "history", "rewrites", "fingerprint", "owners", "suppressions", "masks"),
    ("rulefile", "sieve"),
    ("policyref", "policychange", "reading", "packs", "messages", "accepted"),
    ("corpus", "examples"),
    ("ruletest", "rulescore", "scaffold"),
    ("rlm",),
    ("policy", "reports", "runid", "recall", "judging", "engines"),
    ("newness", "played"),
    ("finishing",),
    ("gate",),
    ("scale",),
    ("fixing",),
    ("tasks", "learning"),
    ("cli",),
    ("__main__",),
)

# These see even less than their row would let them.
NARROW = {
    "providers": {"errors", "core"},
    "policy": {"errors", "core", "languages", "config", "supporting", "elsewhere"},
    "reports": {"", "errors", "core", "languages", "phrases"},
    "rlm.sandbox": set(),
}

# The one module that may import each third-party package.
HOMES = {
    "RestrictedPython": "rlm.sandbox.policy",
    "anthropic": "providers.anthropic",
    "ast_grep_py": "syntax",
    "git": "history",
    "google": "providers.gemini",
    "httpx2": "providers._http",
    "jinja2": "reports.html",
    "jsonschema": "rlm.answers",
    "junit_xml": "reports.junit",
    "markdown_it": "detectors._pages",
    "modal": "scale.modal",
    "networkx": "graphs",
    "markupsafe": "reports.html",
    "openai": "providers.openai",
    "pathspec": "globs",
    "pydantic": "schemas",
    "pydantic_core": "schemas",
    "pygments": "reports._highlight",
    "ray": "scale.ray",
    "sqlglot": "tasks.links.tables",
    "yaml": "yamlmarks",
}

# A module that is there for an extra only, and what that brings.
EXTRAS = {"scale.modal": "modal", "scale.ray": "ray"}

# Parts of the standard library that only some modules may touch, and why these.
WHO_RUNS_PROCESSES = {
    "objects": "git cat-file, one long-lived process",
    "repo": "git",
    "detectors.ruff": "ruff",
    "detectors.zizmor": "zizmor",
    "rlm.repl": "the sandbox's child",
    "learning.patience": "regular expressions by strangers, tried where they can be killed",
}


class Import(NamedTuple):
    """One import: by which module, of which name, at which line."""

    by: str
    name: str
    line: int

    def __str__(self) -> str:
        return f"{self.by or 'rlm_gate'}:{self.line} imports {self.name}"


def name_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_bytes())


@cache
def within_tree(module: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(module)))


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for module in MODULES:
        for node in within_tree(module):
            yield module, node


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of the package, also those inside functions."""
    return tuple(_imports())


def _imports() -> Iterator[Import]:
    for module, node in nodes():
        if isinstance(node, ast.Import):
            yield from (Import(module, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}:{node.lineno} imports relatively"
            whole = node.module or ""
            yield from (
                Import(module, f"{whole}.{alias.name}", node.lineno) for alias in node.names
            )


def own(name: str) -> str | None:
    """Return the module of ours that an imported name is or comes from."""
    if name != "rlm_gate" and not name.startswith("rlm_gate."):
        return None
    inside = name.removeprefix("rlm_gate").removeprefix(".")
    return inside if inside in MODULES else inside.rpartition(".")[0]


def inner() -> Iterator[tuple[Import, str]]:
    for one in imports():
        module = own(one.name)
        if module is not None and one.by:  # what rlm_gate itself offers, it loads when asked
            yield one, module


def row(module: str) -> int:
    top = module.partition(".")[0]
    return next((index for index, names in enumerate(LAYERS) if top in names), -1)


def test_every_module_has_a_layer() -> None:
    assert [module for module in MODULES if row(module) < 0] == []
    tops = {module.partition(".")[0] for module in MODULES}
    assert {name for names in LAYERS for name in names} <= tops


def test_imports_go_downwards() -> None:
    upwards = [
        str(one)
        for one, module in inner()
        if row(module) >= row(one.by) and module.partition(".")[0] != one.by.partition(".")[0]
    ]
    assert upwards == []


@pytest.mark.parametrize("part", NARROW)
def test_some_parts_see_even_less(part: str) -> None:
    seen = [
        str(one)
        for one, module in inner()
        if within(one.by, part)
        and not within(module, part)
        and module.partition(".")[0] not in NARROW[part]
    ]
    assert seen == []


def within(module: str, part: str) -> bool:
    return module == part or module.startswith(f"{part}.")


def test_no_module_imports_itself_in_a_circle() -> None:
    seen: dict[str, set[str]] = {module: set() for module in MODULES}
    for one, module in inner():
        if module != one.by and not one.by.startswith(f"{module}.") and module:
            seen[one.by].add(module)
    while free := [module for module, needs in seen.items() if not needs & seen.keys()]:
        for module in free:
            del seen[module]
    assert sorted(seen) == []


def test_every_third_party_package_has_one_home() -> None:
    strangers = [
        str(one)
        for one in imports()
        if (top := one.name.partition(".")[0]) not in sys.stdlib_module_names
        and top != "rlm_gate"
        and HOMES.get(top) != one.by
    ]
    assert strangers == []


def test_only_a_few_modules_run_processes() -> None:
    running = {one.by for one in imports() if one.name.partition(".")[0] == "subprocess"}
    assert running <= set(WHO_RUNS_PROCESSES)


@pytest.mark.parametrize("module", [module for module in MODULES if module != "config.environ"])
def test_only_config_reads_the_environment(module: str) -> None:
    reads = {"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"}
    found = {
        f"{module}:{node.lineno}"
        for node in within_tree(module)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in reads
    }
    assert found == set()
    assert not any(one.by == module and one.name in reads for one in imports())


def test_only_the_command_line_prints_and_exits() -> None:
    speaking = {"print", "sys.exit", "exit", "quit", "input", "breakpoint"}
    found = [
        f"{module}:{node.lineno} {ast.unparse(node.func)}"
        for module, node in nodes()
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in speaking
        and not within(module, "cli")
        and module != "__main__"
    ]
    assert found == []


def test_nobody_keeps_what_he_catches_broadly_but_the_two_who_may() -> None:
    """The command line's outermost frame and the plug-in seam (design §11)."""
    broad = {
        module
        for module, node in nodes()
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or {"Exception", "BaseException"} & set(names_in(node.type)))
        and not is_bare_raise(node.body[-1])
        and not within(module, "rlm.sandbox")  # a cell may raise anything; it is told to the model
    }
    assert broad <= {"cli", "engines"}


def test_nobody_keeps_a_hash_that_differs_from_process_to_process() -> None:
    """hash() of a text depends on PYTHONHASHSEED; a question whether it can be asked does not."""
    kept = {
        f"{module}:{call.lineno}"
        for module, node in nodes()
        if not isinstance(node, ast.Expr)
        and not within(module, "rlm.sandbox")
        and module != "core.records"  # what hash() itself asks a record for
        for call in ast.iter_child_nodes(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "hash"
    }
    assert kept == set()


def names_in(expression: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(expression) if isinstance(node, ast.Name)]


def is_bare_raise(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Raise) and statement.exc is None


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_does(module: str) -> None:
    assert ast.get_docstring(tree(module))


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_too_long_to_read(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 400


CONTRACTS = {
    "cli": (cli.names(), {"HELP": str, "add_arguments": None, "run": None}),
    "detectors": (
        detectors.names(),
        {"validate": None, "languages": None, "version": None, "detect": None},
    ),
    "reports": (reports.names(), {"HELP": str, "render": None}),
    "tasks": (
        tasks.names(),
        {"HELP": str, "MAX_USD": float, "FORMATS": tuple, "run": None, "render": None},
    ),
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (names, _) in CONTRACTS.items() for name in names]
)
def test_every_plugin_offers_what_its_kind_promises(kind: str, name: str) -> None:
    module = importlib.import_module(f"rlm_gate.{kind}.{name.replace('-', '_')}")
    for promised, of in CONTRACTS[kind][1].items():
        offered = getattr(module, promised)
        assert isinstance(offered, of) if of else callable(offered)
        assert of or offered.__doc__, f"{kind}/{name}.{promised} has no docstring"


@pytest.mark.parametrize("name", providers.names())
def test_every_provider_completes_requests(name: str) -> None:
    module = importlib.import_module(f"rlm_gate.providers.{name}")
    kinds = [value for value in vars(module).values() if hasattr(value, "complete")]
    assert [kind for kind in kinds if isinstance(getattr(kind, "name", None), str | property)]


def test_every_error_has_an_exit_code_and_a_remedy_of_its_kind() -> None:
    for module in MODULES:
        absent = module in EXTRAS and find_spec(EXTRAS[module]) is None
        if not within(module, "rlm.sandbox") and module != "__main__" and not absent:
            importlib.import_module(f"rlm_gate.{module}".rstrip("."))
    known = list(descendants(errors.GateError))
    assert {"UsageError", "NoMergeBase"} <= {error.__name__ for error in known}
    for error in known:
        assert error.exit_code in {errors.EXIT_USAGE, errors.EXIT_INCONCLUSIVE}, error
        if not error.__name__.startswith("_"):
            assert error.remedy != errors.GateError.remedy, f"{error} has no remedy of its own"


def descendants(error: type[errors.GateError]) -> Iterator[type[errors.GateError]]:
    for child in error.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_prompt_is_filled_in_with_exactly_what_it_asks_for() -> None:
    folder = PACKAGE / "rlm" / "prompts"
    asked = {
        file.stem: set(Template(file.read_text(encoding="utf-8")).get_identifiers())
        for file in folder.glob("*.md")
    }
    given: dict[str, set[str]] = {}
    for _, node in nodes():
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"prompt", "prompting.prompt"}:
            names = [one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)]
            keywords = {keyword.arg or "**" for keyword in node.keywords}
            given |= {name: keywords for name in names if isinstance(name, str)}
    assert given == asked


def test_the_changelog_knows_the_version() -> None:
    from rlm_gate import __version__

    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d[^\]]*)\]", changes, re.MULTILINE)
    assert newest
    assert newest[1] == __version__
