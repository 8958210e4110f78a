"""Which languages a run met, how many rules could judge each, and which were hardly judged."""

from __future__ import annotations

from collections.abc import Iterator

from rlm_gate.core import LanguageCoverage, Verdict
from rlm_gate.languages import NO_CODE
from rlm_gate.phrases import counted, listed
from rlm_gate.reports._plain import one_line

_FEW = 10  # rules for a language; fewer leave most of what can be wrong in it unsought
_CHOSEN = 3 * _FEW  # a run with fewer rules than this was narrowed on purpose
_SHARE = 10  # a tenth of the code
_NAMES = 20


def met(verdict: Verdict) -> Iterator[str]:
    """Say in one line what was met and by how many rules of its own it could be judged."""
    rows = verdict.coverage.languages
    if rows:
        named = [
            f"{one_line(row.language)} ({_size(row)}; {counted(row.own_rules, 'rule')})"
            for row in rows
        ]
        yield f"languages, and the rules for each: {listed(named, _NAMES)}"


def warnings(verdict: Verdict) -> Iterator[str]:
    """Name the languages that no rule, or hardly one, can judge without a model."""
    bare = verdict.coverage.without_rules
    sizes = {row.language: _size(row) for row in verdict.coverage.languages}
    if bare:
        named = [
            f"{one_line(name)} ({sizes.get(name, counted(files, 'file'))})"
            for name, files in sorted(bare.items())
        ]
        yield f"No deterministic rule for: {listed(named, _NAMES)}.{_text_rules(verdict)}"
    if few := [row for row in _few(verdict) if row.language not in bare]:
        named = [f"{one_line(row.language)} ({_size(row)}; {_rules(row)})" for row in few]
        yield (
            f"Few deterministic rules for: {listed(named, _NAMES)}."
            " Most of what can be wrong in such code was not looked for."
        )


def unjudged(verdict: Verdict) -> str:
    """Name the languages of a good part of the code that were hardly judged; "" for none.

    Where models judged as well, nothing is hardly judged.
    """
    code = [row for row in verdict.coverage.languages if row.language not in NO_CODE]
    total = sum(row.lines for row in code)
    few = [row for row in _few(verdict) if row.lines * _SHARE >= total]
    if not few or verdict.audit.mode == "models":
        return ""
    named = [f"{one_line(row.language)} ({_size(row)}; {_rules(row)})" for row in few]
    return f"Hardly judged: {listed(named, _NAMES)}."


def _few(verdict: Verdict) -> Iterator[LanguageCoverage]:
    if len(verdict.rules) < _CHOSEN:
        return
    for row in verdict.coverage.languages:
        if row.language not in NO_CODE and row.own_rules < _FEW:
            yield row


def _text_rules(verdict: Verdict) -> str:
    general = sum(1 for rule in verdict.rules if rule.detect and rule.languages == ("any",))
    if not general:
        return ""
    rules = "1 rule for any text was" if general == 1 else f"{general:,} rules for any text were"
    return f" Only {rules} put to them."


def _rules(row: LanguageCoverage) -> str:
    packs = [f"{count:,} {one_line(pack)}" for pack, count in sorted(row.rules.items())]
    return f"{counted(row.own_rules, 'rule')}: {', '.join(packs)}" if packs else "no rule"


def _size(row: LanguageCoverage) -> str:
    return f"{counted(row.files, 'file')}, {counted(row.lines, 'line')}"
