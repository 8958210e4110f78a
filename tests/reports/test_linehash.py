from __future__ import annotations

import pytest

from rlm_gate.reports._linehash import line_hashes

# Cases and values of github/codeql-action, src/fingerprints.test.ts (MIT).
_LAST = "c129715d7a2bc9a3:1"
_GREETING = (
    *("e9496ae3ebfced30:1", "fb7c023a8b9ccb3f:1", "ce8ba1a563dcdaca:1", "e20e36e16fcb0cc8:1"),
    *("b3edc88f2938467e:1", "c8e28b0b4002a3a0:1", _LAST),
)


@pytest.mark.parametrize(
    ("text", "hashes"),
    [
        pytest.param("", (_LAST,), id="empty"),
        pytest.param(
            " a\nb\n  \t\tc\n d",
            ("271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"),
            id="blanks",
        ),
        pytest.param(" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n", _GREETING, id="lf"),
        pytest.param(" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r", _GREETING, id="cr"),
        pytest.param(
            " hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n", _GREETING, id="crlf"
        ),
        pytest.param(
            " hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", _GREETING, id="mixed"
        ),
        pytest.param(
            "Lorem ipsum dolor sit amet.\n" * 10,
            (
                *(f"a7f2ff13bc495cf2:{number}" for number in range(1, 7)),
                *("a7f2ff1481e87703:1", "a9cf91f7bbf1862b:1", "55ec222b86bcae53:1"),
                *("cc97dc7b1d7d8f7b:1", _LAST),
            ),
            id="repeated",
        ),
    ],
)
def test_hashes_are_those_of_githubs_upload_action(text: str, hashes: tuple[str, ...]) -> None:
    assert tuple(line_hashes(text)) == hashes


def test_characters_beyond_the_first_plane_count_as_two() -> None:
    assert len(line_hashes("x = '😀'\ny\n")) == 3
