"""wip"""

from __future__ import annotations
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from rlm_gate.core import Corpus, Finding, Rule, Skip
from rlm_gate.detectors import Complaint, unknown_keys


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    yield from unknown_keys(options, ("kinds",))


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    return None


def version() -> str:
    return "0"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    yield from ()


def mask(text: str) -> tuple[str, dict[str, str]]:
    return text, {}
