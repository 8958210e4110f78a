from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest

from rlm_gate import masks
from rlm_gate.core import Severity, Span
from rlm_gate.detectors import secrets

KEY = "AKIA" + "QX7ZP3RW5TBN2LDV"
HINT = "AKIA…2LDV"


class Pair(NamedTuple):
    first: str
    second: int


@dataclass(frozen=True, slots=True)
class Tree:
    name: str
    severity: Severity
    spans: tuple[Span, ...]
    by_name: dict[str, frozenset[str]]
    pair: Pair


def test_a_secret_is_masked_wherever_a_value_repeats_it() -> None:
    path = f"old/{KEY}.txt"
    tree = Tree(
        path, Severity.HIGH, (Span(path, 1, 2),), {path: frozenset({f"see {path}"})}, Pair(path, 1)
    )
    hidden = f"old/{HINT}.txt"
    assert masks.shown(tree) == Tree(
        hidden,
        Severity.HIGH,
        (Span(hidden, 1, 2),),
        {hidden: frozenset({f"see {hidden}"})},
        Pair(hidden, 1),
    )


def test_what_holds_no_secret_is_the_same_object() -> None:
    tree = Tree("a.py", Severity.LOW, (), {}, Pair("b", 2))
    assert masks.shown(tree) is tree


def test_masking_twice_changes_nothing() -> None:
    once = masks.shown([KEY, f"password = {'Wq7!' + 'xL2p'!r}"])
    assert masks.shown(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key = {KEY}", f"key = {HINT}"),
        ("t = gh" + "p_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17", "t = ghp_…Lq17"),
        ("password = '" + "Wq7!xL2p" + "'", "password = '\u2039password\u203a'"),
        ("api_secret = '" + "k2J9x7Qm4Wz8Lp1V" + "'", "api_secret = '\u2039secret\u203a'"),
        ("api_secret = '" + "k2J9x7Qm4Wz8" + "Lp1VtR5bN3cY'", "api_secret = '\u2039secret\u203a'"),
        ("nothing here", "nothing here"),
    ],
    ids=["aws", "token", "short password", "guessed", "long guessed", "none"],
)
def test_people_see_the_ends_of_a_long_token_and_nothing_of_others(text: str, shown: str) -> None:
    assert secrets.hinted(text) == shown


def test_of_a_short_token_the_ends_would_be_most_of_it() -> None:
    value = "Wq7xL2p9" + "aBcD3fGh"
    assert secrets.hint(secrets.Secret(0, 16, "token", value)) == "\u2039token\u203a"


def test_a_private_key_shows_nothing_and_keeps_its_lines() -> None:
    body = "\n".join(["MIIEpAIBAAKCAQEA7bq1Zx8Lw2Rt5Yk9" * 2] * 4)
    text = f"a\n-----BEGIN {'RSA'} PRIVATE KEY-----\n{body}\n-----END {'RSA'} PRIVATE KEY-----\nb"
    assert secrets.hinted(text) == "\n".join(["a", *["\u2039private-key\u203a"] * 6, "b"])
