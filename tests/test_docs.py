"""What the pages say exists: commands, flags, make targets, files, the help word for word."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
from cli_page import page

from rlm_gate import RLMConfig, cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
IDS = [path.name for path in PAGES]


def lines(path: Path) -> list[str]:
    """Return the lines of the page's shell blocks."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_the_page_of_the_command_line_is_what_help_prints() -> None:
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == page(), "run: make docs"


def commands() -> list[str]:
    """Return the calls of rlm-gate, also those through pipx and uvx."""
    shown = (re.search(r"(?:^| \. )(rlm-gate .*)", line) for path in PAGES for line in lines(path))
    return [match[1] for match in shown if match]


@pytest.mark.parametrize("command", commands())
def test_every_command_shown_is_understood(command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    assert cli._parser(words).parse_args(words).command in cli.names()


def test_commands_are_shown_at_all() -> None:
    assert len(commands()) >= 8


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_every_make_target_shown_exists(path: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`)make (?:PYTHON=\S+ )?([a-z]+)", text, re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_every_link_within_the_repository_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_python_that_is_shown_imports_what_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "RLMConfig":
                RLMConfig(**{keyword.arg: None for keyword in node.keywords if keyword.arg})
