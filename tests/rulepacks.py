"""Packs of rules that tests write, load, and have refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rlm_gate import config, packs
from rlm_gate.config import Flags, Settings
from rlm_gate.core import RulePack
from rlm_gate.errors import PackError

if TYPE_CHECKING:
    from pathlib import Path

FULL = """\
title: Full
severity: critical
precision: high
tags: [external/cwe/cwe-1]
languages: [python, javascript]
paths: {include: ["src/**"], exclude: ["*.min.js"]}
detect:
  - engine: regex
    pattern: 'ev[i]l'
prefilter: ['\\bevil']
ask: {over: corpus, question: Is it?}
verify: refute
message: Stop.
help: {why: because, fix: do it, links: ["https://example.com/a"]}
tests:
  bad: ["evil()"]
  good: ["fine()"]
aliases: [old/name]
enabled: false
"""
PLAIN = """\
title: Plain
severity: low
precision: medium
languages: [any]
detect: [{engine: regex, pattern: todo}]
message: Stop.
help: {why: because, fix: do it}
tests: {bad: [todo], good: [done]}
"""


def write(folder: Path, **rules: str) -> Path:
    """Write rules (name with underscores for hyphens -> text) into a pack's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in rules.items():
        (folder / f"{name.replace('_', '-')}.yaml").write_text(text, encoding="utf-8")
    return folder


def settings(*rules: Path | str) -> Settings:
    return config.settings(Flags(rules=tuple(map(str, rules)) or None), None)


def load(*rules: Path | str, root: Path | None = None) -> tuple[RulePack, ...]:
    return packs.load(settings(*rules), root)


def mistakes(*rules: Path | str, root: Path | None = None) -> list[str]:
    with pytest.raises(PackError) as caught:
        load(*rules, root=root)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]
