"""The list of many repositories, and what an audit of one came to. Runs nothing itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlm_gate import gate, yamlmarks
from rlm_gate.cachedir import entry_key
from rlm_gate.config import Settings
from rlm_gate.core import Severity, Verdict
from rlm_gate.errors import ConfigError, Problem, UsageError
from rlm_gate.reports._overview import Row
from rlm_gate.yamlmarks import Document

_KEYS = frozenset({"name", "path", "url", "rev"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One repository: a ``path``, or a ``url`` to clone; ``rev`` of it is judged."""

    name: str
    path: str = ""
    url: str = ""
    rev: str = "HEAD"

    def clone(self, folder: Path) -> Path:
        """Return where below ``folder`` its clone lives."""
        return folder / f"{hashlib.sha256(self.url.encode()).hexdigest()[:16]}.git"


def read(path: Path) -> tuple[Entry, ...]:
    """Return the repositories of a list. Raises ConfigError with every mistake of it.

    Paths are relative to the list.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    document = yamlmarks.parse_bytes(content, str(path))
    problems = [*document.problems, *_problems(document)]
    if problems:
        raise ConfigError(tuple(sorted(problems)))
    return tuple(_entry(one, path.parent) for one in document.data["repos"])


def identity(settings: Settings) -> str:
    """Return the digest of all that a verdict by these settings depends on, but the budget.

    Code, rules, policy and models, the installed engines, and the day, for suppressions expire.
    """
    digest, job = gate.planned(settings)
    read = [Path(name).read_bytes() for name in settings.import_sarif if Path(name).is_file()]
    also = (settings.models.mode, settings.no_ignores, settings.ci, settings.today)
    return entry_key("audit-many", digest, repr((*also, job.limits.never_send)), *read)


def row(name: str, commit: str, verdict: Verdict, identity: str) -> Row:
    """Sum up a verdict."""
    found = Counter(finding.severity.label for finding in verdict.findings)
    return Row(
        name,
        commit,
        verdict.status.value,
        findings={one.label: found[one.label] for one in reversed(Severity)},
        blocking=len(verdict.blocking),
        lines=verdict.coverage.lines,
        usd=verdict.usage.usd,
        identity=identity,
    )


def rows(path: Path) -> dict[str, Row]:
    """Return what an earlier audit wrote down, by name; nothing where there is no such file."""
    try:
        found = json.loads(path.read_bytes())["repositories"]
        return {one["name"]: Row(**one) for one in found}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _entry(one: dict[str, Any], base: Path) -> Entry:
    path = str(base / one["path"]) if "path" in one else ""
    return Entry(_name(one), path, one.get("url", ""), one.get("rev", "HEAD"))


def _name(one: dict[str, Any]) -> str:
    place = str(one.get("path") or one.get("url") or "")
    return str(one.get("name") or place.rstrip("/").rpartition("/")[2].removesuffix(".git"))


def _problems(document: Document) -> Iterator[Problem]:
    data = document.data
    repos = data.get("repos") if isinstance(data, dict) else None
    if not document.whole:
        return
    if not isinstance(repos, list) or not repos or set(data) - {"version", "repos"}:
        yield document.problem((), "a mapping of version and repos, a list, is wanted")
        return
    seen: set[str] = set()
    for index, one in enumerate(repos):
        why = _mistake(one, seen)
        if why:
            yield document.problem(("repos", index), why)


def _mistake(one: object, seen: set[str]) -> str:
    if not isinstance(one, dict) or not all(isinstance(value, str) for value in one.values()):
        return "a mapping of path or url, and name and rev, all text, is wanted"
    if unknown := sorted(set(one) - _KEYS):
        return f"unknown key {unknown[0]!r}; there are {', '.join(sorted(_KEYS))}"
    if ("path" in one) == ("url" in one):
        return "either path or url is wanted"
    name = _name(one)
    if not _NAME.fullmatch(name):
        return f"{name!r} can't name a folder; give it a name of letters, digits, '.', '_' and '-'"
    if name.lower() in seen:
        return f"a second repository {name!r}; give it another name"
    seen.add(name.lower())
    return ""
