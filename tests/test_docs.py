"""What the pages say exists: commands, flags, make targets, files, the help word for word."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import topic_page
import yaml
from cli_page import page

from rlm_gate import RLMConfig, cli, yamlmarks

ROOT = Path(__file__).parents[1]
AGENTS = ROOT / "AGENTS.md"
SKILL = ROOT / ".claude" / "skills" / "rlm-gate" / "SKILL.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md")),
    SKILL,
    *sorted((ROOT / "docs").glob("*.md")),
]
IDS = [path.name for path in PAGES]
EXTRAS = {"rlm_gate.scale.modal": "modal"}  # modules that are there for an extra only


def lines(path: Path) -> list[str]:
    """Return the lines of the page's shell blocks."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_the_page_of_the_command_line_is_what_help_prints() -> None:
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    said = page()
    if sys.version_info >= (3, 13):  # whose argparse breaks the same lines elsewhere
        written, said = " ".join(written.split()), " ".join(said.split())
    assert written == said, "run: make docs"


def test_the_page_of_topics_is_what_the_rules_say() -> None:
    written = (ROOT / "docs" / "topics.md").read_text(encoding="utf-8")
    assert written == topic_page.page(), "run: make docs"


def test_a_topic_without_a_detector_is_said_to_have_none() -> None:
    rows = {line.split(" | ")[0]: line for line in topic_page.page().splitlines()}
    assert rows["| SQL"].split(" | ")[1:4] == ["D", "D", "D"]
    assert set(rows["| layering"].split(" | ")[1:6]) == {"m"}
    assert rows["| mutable defaults"].split(" | ")[2] == "-"


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
                if node.module in EXTRAS and find_spec(EXTRAS[node.module]) is None:
                    continue
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "RLMConfig":
                RLMConfig(**{keyword.arg: None for keyword in node.keywords if keyword.arg})


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_yaml_that_is_shown_can_be_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for block in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        assert yamlmarks.parse(block, path.name).problems == ()


def test_the_skill_says_who_it_is_and_when_to_use_it() -> None:
    _, front, body = SKILL.read_text(encoding="utf-8").split("---\n", 2)
    head = yaml.safe_load(front)
    assert head.keys() == {"name", "description"}
    assert head["name"] == SKILL.parent.name
    assert re.fullmatch(r"[a-z0-9-]{1,64}", head["name"])
    assert 40 <= len(head["description"]) <= 1024
    assert {"## When to use it", "## When not"} <= set(body.splitlines())


def test_the_skill_shows_every_job_that_an_agent_may_need() -> None:
    shown = {line.split()[1] for line in lines(SKILL) if line.startswith("rlm-gate ")}
    assert {"check", "ask", "checkpoint", "depmap", "prioritize", "rules", "doctor"} <= shown


def test_every_path_that_the_guide_for_agents_names_exists() -> None:
    named = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:md|toml|py))`", AGENTS.read_text())
    found = [ROOT / "rlm_gate" / name for name in named]
    assert len(named) >= 8
    missing = [name for name, path in zip(named, found, strict=True) if not path.exists()]
    assert [name for name in missing if not (ROOT / name).exists()] == []
