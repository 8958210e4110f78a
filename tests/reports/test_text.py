from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import finding

from rlm_gate.core import Finding, Gap, Severity, Span, Verdict
from rlm_gate.reports import text

Golden = Callable[[str, bytes], None]


@pytest.mark.parametrize("name", ["failed", "inconclusive"])
def test_verbose_text_is_exactly(name: str, samples: dict[str, Verdict], golden: Golden) -> None:
    golden(f"{name}-verbose.txt", text.render(samples[name], verbose=True))


def test_quiet_text_is_mode_findings_and_verdict(samples: dict[str, Verdict]) -> None:
    lines = text.render(samples["failed"], quiet=True).decode().splitlines()
    assert lines[0].startswith("Language models: ")
    assert [line.split()[0] for line in lines[1:-1]] == [
        "app/admin.py:2",
        "app/db.py:12:2",
        "app/views.py:7",
        "app/übung",
    ]
    assert lines[-1].startswith("FAIL: 2 findings block")


def test_offline_says_so_on_the_first_line_and_the_verdict_is_on_the_last(
    samples: dict[str, Verdict],
) -> None:
    lines = text.render(samples["passed"]).decode().splitlines()
    assert lines[0] == (
        "No language model was called (offline, as asked): "
        "1 of 3 rules not evaluated; 1 of 3 rules judged by detectors alone."
    )
    assert lines[-1].startswith("PASS: ")


def test_colour_changes_nothing_but_escapes(samples: dict[str, Verdict]) -> None:
    import re

    for verdict in samples.values():
        coloured = text.render(verdict, color=True).decode()
        assert "\x1b[" in coloured
        assert (
            re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines()[2:]
            == (text.render(verdict).decode().splitlines()[2:])
        )


def _excerpt(verdict: Verdict, finding: Finding) -> list[str]:
    page = text.render(replace(verdict, findings=(finding,))).decode()
    return [line for line in page.splitlines() if " | " in line or line.rstrip().endswith("|")]


@pytest.mark.parametrize(
    ("quote", "columns", "under"),
    [
        pytest.param("abc(x)", (1, 4), "^^^", id="plain"),
        pytest.param("\tabc", (2, 5), "    ^^^", id="after a tab"),
        pytest.param("日本 = f", (6, 7), "       ^", id="after wide characters"),
        pytest.param("e\u0301 = f", (6, 7), "    ^", id="after a combining one"),
        pytest.param("\x1b = f", (5, 6), "       ^", id="after an escape"),
        pytest.param("abc", (4, 4), "   ^", id="at the end of the line"),
        pytest.param("abc", (2, 99), " ^^", id="columns of the text before masking"),
        pytest.param("x" * 500 + "here", (501, 505), " " * 41 + "^" * 0, id="far right"),
    ],
)
def test_the_mark_stands_under_the_finding(
    samples: dict[str, Verdict], quote: str, columns: tuple[int, int], under: str
) -> None:
    finding = replace(
        samples["failed"].findings[1], quote=quote, columns=columns, span=Span("a", 5, 5)
    )
    shown, mark = (line.partition("| ")[2] for line in _excerpt(samples["failed"], finding))
    if quote.endswith("here"):
        assert shown[mark.index("^") :][: mark.count("^")] == "here"
        assert len(shown) <= 162
    else:
        assert mark == under


def test_a_multi_line_finding_is_marked_on_its_first_line(samples: dict[str, Verdict]) -> None:
    finding = samples["failed"].findings[2]
    assert _excerpt(samples["failed"], finding) == [
        "  3 | try:",
        "    | ^^^^",
        "  4 |     save()",
        "  5 | except OSError: pass",
    ]


def test_long_quotes_are_cut_with_their_true_length(samples: dict[str, Verdict]) -> None:
    quote = "\n".join(f"line {n}" for n in range(1, 101))
    finding = replace(
        samples["failed"].findings[1], quote=quote, columns=None, span=Span("a", 1, 100)
    )
    assert _excerpt(samples["failed"], finding)[-1] == "      | … 94 more of the 100 lines"


def test_removed_lines_are_quoted_without_numbers(samples: dict[str, Verdict]) -> None:
    finding = replace(
        samples["failed"].findings[1],
        quote="check(user)\nlog(user)",
        columns=None,
        span=Span("a", 9, 9),
    )
    assert _excerpt(samples["failed"], finding) == ["    | check(user)", "    | log(user)"]


def test_the_fix_of_a_rule_is_told_once_and_always_when_verbose(
    samples: dict[str, Verdict],
) -> None:
    assert text.render(samples["failed"]).count(b"fix: Use placeholders") == 1
    assert text.render(samples["failed"], verbose=True).count(b"fix: Use placeholders") == 3


def test_gaps_beyond_twenty_are_counted_and_listed_when_verbose(
    samples: dict[str, Verdict],
) -> None:
    gaps = tuple(Gap("docs/drift", Span(f"f{n}.py", 1, 1), "budget") for n in range(25))
    verdict = replace(samples["passed"], coverage=replace(samples["passed"].coverage, gaps=gaps))
    assert b"and 5 more; -v or --format json lists all" in text.render(verdict)
    assert text.render(verdict, verbose=True).count(b": docs/drift: budget") == 25


@pytest.mark.parametrize(("count", "apart"), [(4, False), (5, True)])
def test_many_remarks_of_severity_info_are_named_in_one_line_a_rule(
    count: int, samples: dict[str, Verdict], *, apart: bool
) -> None:
    remarks = [
        finding("security/remark", f"r{number}.py", severity=Severity.INFO, quote=f"call({number})")
        for number in range(count)
    ]
    verdict = replace(samples["failed"], findings=(*samples["failed"].findings, *remarks))
    page = text.render(verdict).decode()
    noted = [line for line in page.splitlines() if "-v shows each" in line]
    assert len(noted) == apart
    assert all(all(f"r{number}.py:1" in line for number in range(count)) for line in noted)
    assert ("call(1)" in page) is not apart
    assert "call(1)" in text.render(verdict, verbose=True).decode()
    assert "app/db.py:12:2" in page
