"""Whatever a file, a name or a model says, every report stays what its reader expects."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_gate import reports
from rlm_gate.core import (
    Acceptance,
    Accepted,
    Audit,
    Confidence,
    Finding,
    Gap,
    Notice,
    Origin,
    Place,
    Severity,
    Skip,
    Span,
    Suppression,
    Verdict,
)

_NASTY = (
    *("::error::x", "##[add-mask]x", "##vso[x]", "]]>", "</script>", "%0A", "<!--", "]](", "[[ATT"),
    *("\x00", "\x1b[31m", "\r", "\n", "\u2028", "\u202e", "\ufffe", "\uffff", "\ud800", "\udcff"),
    *("\U0001f600", "\t", "`", "|", "\\", '"', "\x85", "\ufeff"),
)
_TEXT = st.lists(
    st.sampled_from(_NASTY) | st.text(st.characters(exclude_categories=()), max_size=8), max_size=6
).map("".join)
_SPANS = st.builds(
    lambda path, start, length: Span(path, start, start + length),
    _TEXT.filter(bool),
    st.integers(1, 10**6),
    st.integers(0, 3),
)
_FINDINGS = st.builds(
    Finding,
    rule_id=st.sampled_from(["security/sql-injection", "docs/drift", "gate/own"]),
    severity=st.sampled_from(Severity),
    confidence=st.sampled_from(Confidence),
    message=_TEXT,
    span=_SPANS,
    quote=_TEXT,
    origin=st.sampled_from(Origin),
    engine=_TEXT,
    columns=st.none() | st.tuples(st.integers(1, 50), st.integers(1, 50)),
    explanation=_TEXT,
    flow=st.lists(_SPANS, max_size=3).map(tuple),
    fingerprint=st.sampled_from(["", "a1", "b2"]),
    also=st.lists(st.builds(Place, _SPANS, st.sampled_from(["c3", "d4"])), max_size=2).map(tuple),
)
_ACCEPTED = st.builds(
    Accepted,
    _FINDINGS,
    st.builds(Suppression, st.sampled_from(Acceptance), _SPANS, st.just(("docs/drift",)), _TEXT),
)


@st.composite
def _hostile(draw: st.DrawFn, base: Verdict) -> Verdict:
    gap = st.builds(Gap, st.sampled_from(["docs/drift", "x"]), _SPANS, _TEXT)
    skip = st.builds(Skip, _TEXT, _TEXT, st.booleans(), st.none() | _TEXT, st.just(("docs/drift",)))
    words = draw(st.lists(_TEXT, max_size=3).map(tuple))
    findings = tuple(draw(st.lists(_FINDINGS, max_size=4)))
    return replace(
        base,
        findings=findings,
        refuted=tuple(draw(st.lists(_FINDINGS, max_size=1))),
        blocking=frozenset(one.identity for one in findings if draw(st.booleans())),
        suppressed=tuple(draw(st.lists(_ACCEPTED, max_size=2))),
        notices=tuple(draw(st.lists(st.builds(Notice, _SPANS, _TEXT, _TEXT), max_size=2))),
        skipped=tuple(draw(st.lists(skip, max_size=3))),
        coverage=replace(base.coverage, gaps=tuple(draw(st.lists(gap, max_size=3)))),
        scope=replace(base.scope, label=draw(_TEXT)),
        audit=Audit("offline", playbook=words, notes=words),
        reasons=words,
    )


def _reordered(verdict: Verdict) -> Verdict:
    coverage = replace(
        verdict.coverage,
        gaps=verdict.coverage.gaps[::-1],
        rules=verdict.coverage.rules[::-1],
        engines=dict(reversed(verdict.coverage.engines.items())),
        without_rules=dict(reversed(verdict.coverage.without_rules.items())),
    )
    return replace(
        verdict,
        findings=verdict.findings[::-1],
        refuted=verdict.refuted[::-1],
        skipped=verdict.skipped[::-1],
        rules=verdict.rules[::-1],
        packs=verdict.packs[::-1],
        coverage=coverage,
    )


def _read(name: str, content: bytes) -> None:
    """Read the report as its reader does; raise if that can't be done."""
    text = content.decode("utf-8")
    if name in {"gitlab", "json", "rdjson", "sarif", "sarif-full"}:
        json.loads(text)
    if name == "html":
        _read_page(text)
    if name == "beads":
        assert all(json.loads(line)["title"] for line in text.split("\n") if line)
    if name == "junit":
        ET.fromstring(content)  # noqa: S314  # our own report
    assert not re.search(r"##\w*\[", text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u202e\ufffe\uffff]", text)
    for line in text.split("\n"):
        if name == "github":
            assert re.match(r"::(error|warning|notice) [\w]+=[^:]*::|rlm-gate: |\Z", line)
        else:
            assert not line.lstrip().startswith("::")


def _read_page(text: str) -> None:
    """Meet every element that a parser of HTML sees: they are the template's, and no others."""
    page = _Page()
    page.feed(text)
    page.close()
    assert page.names <= _ELEMENTS
    assert page.data
    json.loads(page.data)


_ELEMENTS = {
    *("a", "b", "body", "br", "button", "circle", "code", "details", "div", "fieldset"),
    *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "head", "header", "html", "i"),
    *("input", "label", "legend", "li", "line", "main", "meta", "nav", "noscript", "ol", "option"),
    *("p", "path", "polyline", "pre", "rect", "script", "section", "select", "small", "span"),
    *("strong", "style", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "title"),
    *("tr", "ul"),
}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.data = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)
        self._inside = tag == "script" and ("id", "data") in attrs

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.data += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"


@pytest.mark.parametrize("name", reports.names())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_text_passes_through_unharmed(
    name: str, samples: dict[str, Verdict], data: st.DataObject
) -> None:
    verdict = data.draw(_hostile(samples["failed"]))
    content = reports.load(name).render(verdict)
    _read(name, content)
    assert reports.load(name).render(_reordered(verdict)) == content


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_text_passes_through_every_kind_of_text_report(
    samples: dict[str, Verdict], data: st.DataObject
) -> None:
    from rlm_gate.reports import text

    verdict = data.draw(_hostile(samples["failed"]))
    _read("text", text.render(verdict, verbose=True))
    _read("text", text.render(verdict, quiet=True))


@pytest.mark.parametrize("name", reports.names())
def test_every_report_reads_every_sample(name: str, sample: Verdict) -> None:
    content = reports.load(name).render(sample)
    _read(name, content)
    assert reports.load(name).render(_reordered(sample)) == content


@pytest.mark.parametrize("name", [name for name in reports.names() if name != "json"])
def test_a_line_of_a_megabyte_makes_no_report_of_a_megabyte(
    name: str, samples: dict[str, Verdict]
) -> None:
    assert len(samples["hostile"].findings[0].quote) > 1_000_000
    empty = len(reports.load(name).render(samples["empty"]))  # a page has a style and a script
    assert len(reports.load(name).render(samples["hostile"])) < empty + 30_000
