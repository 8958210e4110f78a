"""Flag what zizmor finds in GitHub workflows, where it is installed; it never goes online.

``select`` are zizmor's audits. Without the binary a rule that has other engines is judged by those,
and a note says what was left out; a rule of zizmor's alone counts as missing.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from rlm_gate.config import child_environment
from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile, display_path
from rlm_gate.detectors import (
    Complaint,
    Region,
    Text,
    applying,
    entries,
    finding,
    listed,
    unknown_keys,
)
from rlm_gate.detectors._programs import installed
from rlm_gate.errors import EngineError

_ENGINE = "zizmor"
_MISSING = (
    "no zizmor beside this Python or on PATH; install it with: pip install 'rlm-gate[zizmor]'"
)
_WORKFLOWS = ".github/workflows/"


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``select``; whether zizmor has the audits, its version decides."""
    yield from unknown_keys(options, ("select",))
    if not listed(options.get("select")):
        yield ("select",) if "select" in options else (), "select: list audits, as [github-env]"
    if not {"yaml", "any"} & {*languages}:
        yield (), "zizmor judges workflows; add yaml to the rule's languages"


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return YAML alone."""
    del options
    return frozenset({"yaml"})


@lru_cache(maxsize=1)
def version() -> str:
    """Return the binary's, "none" where there is none."""
    path = binary()
    return _run([path, "--version"]).decode().strip() if path else "none"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Run zizmor on a copy of each workflow that a rule applies to."""
    wanted = [(file, mine) for file in corpus.files if (mine := _wanted(file, rules))]
    path = binary()
    if wanted and path is None:
        alone = {rule.id for _, mine in wanted for rule in mine if _alone(rule)}
        yield Skip("zizmor", f"zizmor: {_MISSING}", rule_ids=tuple(sorted(alone)))
    elif path is not None:
        for file, mine in wanted:
            yield from _judge(path, file, mine)


def binary() -> str | None:
    """Return where zizmor is, None if it is not installed."""
    return installed("zizmor")


def _alone(rule: Rule) -> bool:
    return all(entry.engine == _ENGINE for entry in rule.detect)


def _wanted(file: SourceFile, rules: Sequence[Rule]) -> list[Rule]:
    workflow = file.language == "yaml" and file.path.startswith(_WORKFLOWS)
    if not workflow or file.status == "deleted":
        return []
    return [rule for rule in applying(rules, file) if entries(rule, _ENGINE)]


def _judge(path: str, file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="rlm-gate-") as folder:
        copy = Path(folder, _WORKFLOWS, "workflow.yml")
        copy.parent.mkdir(parents=True)
        copy.write_bytes(file.text.encode("utf-8", "replace"))
        try:
            hits = _hits(path, copy)
        except EngineError as error:
            ids = tuple(sorted(rule.id for rule in rules))
            yield Skip(display_path(file.path), f"zizmor: {error}", path=file.path, rule_ids=ids)
            return
    lines = Text.of(file.text).lines
    for rule in rules:
        audits = {
            name for entry in entries(rule, _ENGINE) for name in listed(entry.options["select"])
        }
        for audit, region in hits:
            if audit in audits and region.end <= len(lines):
                yield finding(rule, file.path, lines, region, _ENGINE)


def _hits(path: str, copy: Path) -> list[tuple[str, Region]]:
    answer = _run([path, "--offline", "--no-config", "--no-ignores", "--no-exit-codes",
                   "--format=json-v1", str(copy)])  # fmt: skip
    try:
        return [
            (hit["ident"], _region(place["concrete"]["location"]))
            for hit in json.loads(answer)
            for place in hit["locations"]
            if place["symbolic"]["kind"] == "Primary"
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"its answer has another shape ({error}); update rlm-gate") from error


def _region(place: Mapping[str, Any]) -> Region:
    """Translate zizmor's 0-based rows; an end in column 0 is the end of the row before."""
    start, end = place["start_point"], place["end_point"]
    last, column = (end["row"], 1) if not end["column"] else (end["row"] + 1, end["column"] + 1)
    first = start["row"] + 1
    return Region(first, start["column"] + 1, max(first, last), column)


def _run(command: Sequence[str]) -> bytes:
    environment = child_environment(without=("GH_TOKEN", "GITHUB_TOKEN", "ZIZMOR_CONFIG"))
    done = subprocess.run(command, check=False, capture_output=True, env=environment)
    if done.returncode:
        message = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise EngineError(f"ended with {done.returncode}: {' '.join(message)[:200]}")
    return done.stdout
