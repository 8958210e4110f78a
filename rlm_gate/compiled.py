"""Rule packs as JSON and back: the form in which validated packs are cached.

Trusts what it reads: ``cachedir`` has verified that we wrote it, by the code that runs now.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rlm_gate.core import Ask, Confidence, Detect, Help, Rewrite, Rule, RulePack, Severity


def dumps(packs: Sequence[RulePack]) -> bytes:
    """Return the packs as JSON."""
    return json.dumps([dataclasses.asdict(pack) for pack in packs]).encode()


def loads(stored: bytes) -> tuple[RulePack, ...]:
    """Return the packs that ``dumps`` was given."""
    return tuple(
        RulePack(pack["name"], pack["version"], tuple(_rule(rule) for rule in pack["rules"]))
        for pack in json.loads(stored)
    )


def _rule(stored: Mapping[str, Any]) -> Rule:
    ask = stored["ask"]
    explained = stored["help"]
    return Rule(
        id=stored["id"],
        title=stored["title"],
        severity=Severity(stored["severity"]),
        precision=Confidence(stored["precision"]),
        languages=tuple(stored["languages"]),
        message=stored["message"],
        help=Help(explained["why"], explained["fix"], tuple(explained["links"])),
        tags=tuple(stored["tags"]),
        aliases=tuple(stored["aliases"]),
        yields_to=tuple(stored["yields_to"]),
        include=tuple(stored["include"]),
        exclude=tuple(stored["exclude"]),
        detect=tuple(Detect(entry["engine"], entry["options"]) for entry in stored["detect"]),
        prefilter=tuple(stored["prefilter"]),
        ask=Ask(ask["over"], ask["question"]) if ask else None,
        verify=stored["verify"],
        enabled=stored["enabled"],
        fix=tuple(Rewrite(**entry) for entry in stored["fix"]),
        supporting=None if stored["supporting"] is None else Severity(stored["supporting"]),
    )
