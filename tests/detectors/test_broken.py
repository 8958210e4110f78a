"""Lines that the grammar could not read: what they still show, and how they are told."""

from __future__ import annotations

import pytest
from builders import finding

from rlm_gate import syntax
from rlm_gate.core import Severity
from rlm_gate.detectors import _broken

TEXT = "const a = 1;\nconst b ?:: 2;\nconst c = 3;\n"


def errors() -> _broken.Errors:
    return _broken.Errors(syntax.parse(TEXT, "javascript"))


@pytest.mark.parametrize(("line", "blurred"), [(1, False), (2, True), (3, False)])
def test_a_warning_is_dropped_on_a_line_with_an_error_alone(line: int, blurred: bool) -> None:
    assert errors().blur(finding("patterns/a", "a.js", line, severity=Severity.MEDIUM)) == blurred


def test_what_would_block_counts_on_a_line_with_an_error_too() -> None:
    assert not errors().blur(finding("security/a", "a.js", 2, severity=Severity.HIGH))
