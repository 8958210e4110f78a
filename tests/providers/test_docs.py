from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "providers.md").read_text()
ROWS = [line for line in PAGE.split("## Every outcome")[1].splitlines() if line.startswith("| ")][
    1:
]
TESTS = "".join(
    (ROOT / "tests" / name).read_text()
    for name in (
        "providers/test_anthropic.py",
        "providers/test_gemini.py",
        "providers/test_openai.py",
        "providers/test_outcomes.py",
        "rlm/test_calls.py",
        "rlm/test_calls_ended.py",
        "rlm/test_replies.py",
    )
)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_table_of_outcomes_is_a_test(row: str) -> None:
    (name,) = re.findall(r"`(test_\w+)` \|$", row)
    assert f"def {name}(" in TESTS


def test_every_kind_of_error_is_in_the_table() -> None:
    kinds = (
        "timeout rate_limit overloaded server connection auth bad_request refusal max_tokens "
        "malformed spend_limit"
    )
    table = "\n".join(ROWS)
    assert all(f"| `{kind}` |" in table for kind in kinds.split())
