"""Packages that a repository offers and needs, from its manifests.

pyproject.toml, setup.cfg, setup.py, requirements*.txt; package.json; go.mod.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from typing import Any

from rlm_gate.core import split_lines
from rlm_gate.syntax import parse
from rlm_gate.tasks.links.facts import DEFINES, PACKAGE, USES, Fact
from rlm_gate.tasks.links.literals import Literals
from rlm_gate.tasks.links.parts import within

_PYTHON, _NPM, _GO = "pypi:", "npm:", "go:"
_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")


def is_manifest(path: str) -> bool:
    """Say whether the file is one that this module reads."""
    name = path.rpartition("/")[2]
    return name in _READERS or bool(re.fullmatch(r"requirements[\w.-]*\.txt", name))


def packages(path: str, text: str) -> Iterator[Fact]:
    """Yield what a manifest offers and needs, as "pypi:flask", "npm:@a/b" or "go:host/module".

    Raises ValueError for a manifest that can't be read.
    """
    name = path.rpartition("/")[2]
    lines = split_lines(text)
    for role, package, needle in _READERS.get(name, _requirements)(text):
        yield Fact(PACKAGE, role, package, _line(lines, needle))


_Found = Iterator[tuple[str, str, str]]  # role, package, what its line holds


def _line(lines: list[str], needle: str) -> int:
    return next((number for number, line in enumerate(lines, 1) if needle in line), 1)


def python_name(name: str) -> str:
    """Return a distribution's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed(requirement: str) -> _Found:
    found = _NAME.match(requirement)
    if found and not requirement.lstrip().startswith(("-", "#")):
        yield USES, _PYTHON + python_name(found[1]), requirement.strip()


def _requirements(text: str) -> _Found:
    for line in split_lines(text):
        yield from _needed(line)


def _pyproject(text: str) -> _Found:
    document = tomllib.loads(text)
    project = _table(document, "project")
    poetry = _table(_table(document, "tool"), "poetry")
    for name in (project.get("name"), poetry.get("name")):
        if isinstance(name, str):
            yield DEFINES, _PYTHON + python_name(name), f'"{name}"'
    listed = [*_strings(project.get("dependencies"))]
    for group in _table(project, "optional-dependencies").values():
        listed += _strings(group)
    for group in _table(document, "dependency-groups").values():
        listed += _strings(group)
    for requirement in listed:
        yield from _needed(requirement)
    for name in _table(poetry, "dependencies"):
        if name != "python":
            yield USES, _PYTHON + python_name(name), name


def _table(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _strings(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _setup_cfg(text: str) -> _Found:
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except ConfigParserError as error:
        raise ValueError(str(error)) from error
    name = parser.get("metadata", "name", fallback="")
    if name:
        yield DEFINES, _PYTHON + python_name(name), name
    for line in split_lines(parser.get("options", "install_requires", fallback="")):
        yield from _needed(line)


def _setup_py(text: str) -> _Found:
    literals = Literals(parse(text, "python"), "python")
    for call in literals.calls:
        if call.name == "setup" and call.first("name"):
            name = call.first("name") or ""
            yield DEFINES, _PYTHON + python_name(name), name
    shape = {"kind": "keyword_argument", "has": {"field": "name", "regex": "^install_requires$"}}
    for node in within(literals.tree, shape):
        for part in within(node, {"kind": "string"}):
            yield from _needed(literals.value(part) or "")


def _package_json(text: str) -> _Found:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  # a wrong file, not a wrong call
    if isinstance(document.get("name"), str):
        yield DEFINES, _NPM + document["name"], f'"{document["name"]}"'
    for key in ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies"):
        for name in _table(document, key):
            yield USES, _NPM + name, f'"{name}"'


def _go_mod(text: str) -> _Found:
    """Read the two directives that matter; go.mod is lines of words."""
    block = ""
    for line in split_lines(text):
        words = line.partition("//")[0].split()
        if words[:1] == ["module"] and len(words) > 1:
            yield DEFINES, _GO + words[1].strip('"'), line.strip()
        if words[-1:] == ["("]:
            block = words[0]
        elif words == [")"]:
            block = ""
        elif block == "require" and words:
            yield USES, _GO + words[0].strip('"'), line.strip()
        elif words[:1] == ["require"] and len(words) > 1:
            yield USES, _GO + words[1].strip('"'), line.strip()


_READERS = {
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
    "package.json": _package_json,
    "go.mod": _go_mod,
}
