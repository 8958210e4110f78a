"""Turn a rule's ``fix:`` into fixes of its findings: what matches at the finding is rewritten.

An entry searches with an engine of its own, so that whatever found the mistake can have its fix.
Changes nothing but the findings' ``fix``; ``fixing`` applies them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from rlm_gate import syntax
from rlm_gate.core import Finding, Fix, Rewrite, Rule, SourceFile, Span
from rlm_gate.detectors import Complaint, Text, lines_fit, load, reads

ENGINES: Final = ("astgrep", "regex")

_VARIABLE: Final = re.compile(r"\$\$\$([A-Z][A-Z0-9_]*)|\$([A-Z][A-Z0-9_]*)")
_Place = tuple[int, int]


def validate(
    engine: str, options: Mapping[str, Any], rewrite: str, languages: Sequence[str]
) -> Iterator[Complaint]:
    """Yield what is wrong with an entry: by its engine, then with what the rewrite names."""
    complaints = list(load(engine).validate(options, languages))
    yield from complaints
    if complaints:
        return
    if engine == "regex":
        try:
            _compiled(options["pattern"]).sub(rewrite, "")
        except (re.error, IndexError) as error:
            yield ("rewrite",), f"rewrite: {error}; the groups are those of the pattern"
        return
    known = syntax.metavars(options)
    for name in sorted({match[1] or match[2] for match in _VARIABLE.finditer(rewrite)}):
        if name not in known:
            text = f"rewrite: no pattern here has ${name}; there are: {', '.join(known) or 'none'}"
            yield ("rewrite",), text


def attach(
    findings: Iterable[Finding],
    rules: Iterable[Rule],
    file_of: Callable[[str], SourceFile | None],
) -> tuple[Finding, ...]:
    """Return the findings with their rule's fix; an engine's own stays where the rule has none."""
    fixes = {rule.id: rule.fix for rule in rules if rule.fix}
    return tuple(
        replace(one, fix=_first(one, fixes[one.rule_id], file_of) or one.fix)
        if one.rule_id in fixes
        else one
        for one in findings
    )


def fix_of(finding: Finding, rewrite: Rewrite, file: SourceFile) -> Fix | None:
    """Return what the entry makes of the lines of a finding, None where it matches nothing there.

    Of several matches the one that begins nearest to the finding counts.
    """
    if "language" in rewrite.options and not reads(rewrite.options, file.language):
        return None
    place = _region(finding)
    text = Text.of(file.text)
    fits = [
        one
        for one in _matches(rewrite, file)
        if one.start < place[1]
        and place[0] < one.end
        and lines_fit(rewrite.options, "\n".join(text.lines[one.start[0] - 1 : one.end[0]]))
    ]
    if not fits:
        return None
    nearest = min(fits, key=lambda one: (_distance(one.start, place[0]), one.end))
    return _whole_lines(nearest, text.lines, finding.span.path, rewrite)


@dataclass(frozen=True, slots=True)
class _Match:
    """Where something stands, 1-based (line, column), the end exclusive, and what it becomes."""

    start: _Place
    end: _Place
    text: str


def _first(
    finding: Finding, entries: Sequence[Rewrite], file_of: Callable[[str], SourceFile | None]
) -> Fix | None:
    file = file_of(finding.span.path)
    if file is None or file.status == "deleted":
        return None
    found = (fix_of(finding, entry, file) for entry in entries)
    return next((fix for fix in found if fix is not None), None)


def _region(finding: Finding) -> tuple[_Place, _Place]:
    span = finding.span
    if finding.columns is None:
        return (span.start, 1), (span.end + 1, 1)
    start, end = (span.start, finding.columns[0]), (span.end, finding.columns[1])
    return start, max(end, (start[0], start[1] + 1))


def _distance(one: _Place, other: _Place) -> tuple[int, int]:
    return abs(one[0] - other[0]), abs(one[1] - other[1])


def _matches(rewrite: Rewrite, file: SourceFile) -> Iterator[_Match]:
    if rewrite.engine == "regex":
        text = Text.of(file.text)
        for match in _compiled(rewrite.options["pattern"]).finditer(text.text):
            start, end = text.position(match.start()), text.position(match.end())
            yield _Match(start, end, match.expand(rewrite.text))
        return
    from rlm_gate.detectors import astgrep

    tree = syntax.parse(file.text, file.language)
    for found in tree.find(astgrep.config(rewrite.options, file.language)):
        start, end = (found.start_line, found.start_col), (found.end_line, found.end_col)
        yield _Match(start, end, _filled(rewrite.text, found.metavars))


def _filled(template: str, caught: Mapping[str, str]) -> str:
    """Put in what was caught; a comma behind the last of several is not doubled."""

    def text(name: re.Match[str]) -> str:
        found = caught.get(name[1] or name[2], "")
        doubled = template.startswith(",", name.end()) and found.rstrip().endswith(",")
        return found.rstrip()[:-1] if doubled else found

    return _VARIABLE.sub(text, template)


def _whole_lines(match: _Match, lines: Sequence[str], path: str, rewrite: Rewrite) -> Fix:
    """Return the match as a change of whole lines; a line of which nothing is left goes."""
    (first, column), (last, end) = match.start, match.end
    before, after = lines[first - 1][: column - 1], lines[last - 1][end - 1 :]
    text = f"{before}{match.text}{after}"
    if not match.text:
        text = text.rstrip() if text.strip() else ""
    return Fix(Span(path, first, last), text, rewrite.safe, rewrite.what)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)
