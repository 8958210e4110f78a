"""What tells a secret's value from a word, a name, an example and a stand-in.

Values are put together here, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import pytest

from rlm_gate.detectors import _values

MIXED = "k2J9x7Qm" + "4Wz8Lp1V"


@pytest.mark.parametrize(
    ("value", "is_random"),
    [
        pytest.param(MIXED, True, id="sixteen letters and digits"),
        pytest.param(MIXED[:15], False, id="too short"),
        pytest.param("abcdefgh" + "ijklmnop", False, id="letters alone"),
        pytest.param("8f14e45f" + "ceea167a5a36dedd4bea2543", True, id="hexadecimal"),
        pytest.param("ab12cd3" * 4 + "ab12", False, id="few digits again and again"),
        pytest.param("xy12zw3" * 4, False, id="few characters again and again"),
        pytest.param("src/" + MIXED, True, id="letters behind a folder"),
        pytest.param("/srv/" + MIXED, False, id="a path"),
        pytest.param("https://" + MIXED, False, id="an address"),
        pytest.param("ключ" + MIXED, False, id="not ASCII"),
        pytest.param("6fa459ea-ee8a-" + "3ca4-894e-db77e160355e", True, id="a UUID"),
    ],
)
def test_a_value_looks_drawn_at_random(value: str, *, is_random: bool) -> None:
    assert _values.random(value) is is_random


@pytest.mark.parametrize(
    ("value", "is_typed"),
    [
        pytest.param("Wq7!" + "xL2p", True, id="four sorts"),
        pytest.param("Wq7x" + "L2p", True, id="three sorts"),
        pytest.param("wq7x" + "l2p", False, id="two sorts"),
        pytest.param("Settings_Loader2", False, id="a name with a number"),
        pytest.param("./Wq7!xL2p", False, id="a path"),
        pytest.param("passwörd1A", False, id="not ASCII"),
    ],
)
def test_a_value_looks_typed_as_a_password(value: str, *, is_typed: bool) -> None:
    assert _values.typed(value) is is_typed


def test_without_quotes_digits_must_stand_here_and_there() -> None:
    assert _values.drawn("Wq7!" + "xL2p")
    assert not _values.drawn("Wq!x" + "Lp27")


@pytest.mark.parametrize(
    "value",
    [
        "aaaaaaaaaaaa",
        "changeme",
        "your-key-here",
        "<token>",
        "1234567890ab",
        "x{name}y",
        "abababab",
    ],
)
def test_an_example_is_made_up(value: str) -> None:
    assert _values.made_up(value)


def test_a_long_key_is_made_up_only_where_it_is_cut() -> None:
    begin = "-----BEGIN " + "PRIVATE KEY-----\n"
    assert _values.made_up(f"{begin}MIIE...\n")
    assert not _values.made_up(f"{begin}MIIEtestAAAAAA\n")
    assert not _values.made_up(MIXED)


@pytest.mark.parametrize(
    ("value", "is_given"),
    [
        pytest.param("tr0ub4dor", True, id="a password"),
        pytest.param("a1a1a1a1", False, id="two characters"),
        pytest.param("troubador", False, id="without a digit"),
        pytest.param("$DB_PASS1", False, id="a variable"),
        pytest.param("sha256:" + "ab12cd34", False, id="a sum"),
        pytest.param("$2b$12$" + "ab12cd34", False, id="a hash"),
    ],
)
def test_what_stands_for_a_password_is_one(value: str, *, is_given: bool) -> None:
    assert _values.given(value) is is_given


@pytest.mark.parametrize(
    ("login", "is_login"),
    [
        pytest.param("am9lOnRyMHViNGRvcg==", True, id="user and password"),
        pytest.param("QWxhZGRpbjpvcGVuIHNlczRtZQ==", False, id="the standard's own"),
        pytest.param("am9lOnRyMHU=", False, id="too short"),
        pytest.param("am9ldHIwdWI0ZG9y", False, id="no colon"),
        pytest.param("am9lOnRyMHVi*", False, id="no base64"),
    ],
)
def test_a_login_in_base64_holds_a_password(login: str, *, is_login: bool) -> None:
    assert _values.CHECKS["login"](login) is is_login


@pytest.mark.parametrize(
    ("value", "is_name"),
    [
        ("pm-31088-master-password-service-emit-salt", True),
        ("enable-v2-jit-password-registration", True),
        ("pm-27581-device-auth-key", True),
        ("correct-horse-battery-staple-9", False),
        ("key-9f3bA72k", False),
    ],
)
def test_words_with_hyphens_that_speak_of_a_secret_name_one(value: str, *, is_name: bool) -> None:
    assert _values.stand_in(value) is is_name
