from __future__ import annotations

from dataclasses import replace

import pytest

from rlm_gate.core import Gap, Span, Verdict
from rlm_gate.reports import markdown


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param("a|b", "a&#124;b", id="cell"),
        pytest.param("<img src=x>", "&#60;img src=x&#62;", id="html"),
        pytest.param("[a](http://b)", "&#91;a&#93;(http&#58;//b)", id="link"),
        pytest.param("www.b.example WWW.b", "www&#46;b.example WWW&#46;b", id="autolink"),
        pytest.param("@team #12", "&#64;<!-- -->team &#35;<!-- -->12", id="mention"),
        pytest.param("`a` *b* _c_ ~d~ $e$", "&#96;a&#96; &#42;b&#42; &#95;c&#95;", id="styles"),
        pytest.param("::error::x", "&#58;:error&#58;:x", id="workflow command"),
        pytest.param("\\&lt;", "&#92;&#38;lt;", id="escapes"),
    ],
)
def test_nothing_that_is_said_is_markup(
    samples: dict[str, Verdict], said: str, expected: str
) -> None:
    finding = replace(samples["failed"].findings[0], message=said, quote=said, explanation=said)
    content = markdown.render(replace(samples["failed"], findings=(finding,))).decode()
    assert content.count(expected) == 3


def test_a_quote_keeps_its_lines(samples: dict[str, Verdict]) -> None:
    finding = replace(samples["failed"].findings[0], quote="a\n\n  b</pre>")
    content = markdown.render(replace(samples["failed"], findings=(finding,))).decode()
    assert "<pre>a\n\n  b&#60;/pre&#62;</pre>" in content


def test_too_many_findings_are_cut_under_the_limit_and_the_rest_stays(
    samples: dict[str, Verdict],
) -> None:
    finding = replace(samples["failed"].findings[2], message="@" * 400)
    many = tuple(replace(finding, span=Span("a.py", n, n)) for n in range(1, 5001))
    content = markdown.render(replace(samples["failed"], findings=many))
    assert 800 * 1024 < len(content) < 900 * 1024
    rows = content.count(b"| medium |")
    assert f"{5000 - rows:,} more findings in the other reports".encode() in content
    assert b"### Examined" in content


def test_even_the_longest_names_and_reasons_stay_under_the_limit(
    samples: dict[str, Verdict],
) -> None:
    long = "@" * 4000
    finding = samples["failed"].findings[1]
    findings = tuple(
        replace(finding, span=Span(f"{n}{long}", 1, 1), quote=long, message=long, engine=long)
        for n in range(300)
    )
    gaps = tuple(Gap("docs/drift", Span(f"{n}{long}", 1, 1), long) for n in range(300))
    verdict = replace(
        samples["failed"],
        findings=findings,
        coverage=replace(samples["failed"].coverage, gaps=gaps),
        audit=replace(samples["failed"].audit, notes=(long,) * 300),
    )
    content = markdown.render(verdict)
    assert len(content) < 900 * 1024
    assert content.count(b"<details>") == content.count(b"</details>")
