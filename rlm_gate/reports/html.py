"""One self-contained page for a browser: no network, nothing to install, usable at any size.

The home of jinja2, which is imported when rendering. What is said once stands in the page's markup;
findings, files and calls, of which there may be thousands, are data that its script pages through.
Nothing but the page's own style and script can act: its policy names their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from rlm_gate import __version__
from rlm_gate.core import Coverage, Finding, Gap, ModelCall, Rule, Severity, Verdict
from rlm_gate.phrases import counted, listed
from rlm_gate.reports import _digest as digest
from rlm_gate.reports import _plots as plots
from rlm_gate.reports import _policy as policy
from rlm_gate.reports import _unseen as unseen
from rlm_gate.reports._highlight import coloured, quoted
from rlm_gate.reports._identity import identified
from rlm_gate.reports._plain import disarm_json, disarm_xml, one_line, plain, shown_path

HELP = "one self-contained web page: findings, coverage, the models' work, plots"

_FOLDER = Path(__file__).with_name("page")
_MAX_TEXT = 2000
_MAX_CELL = 6000
_MAX_RUNS = 60
_MAX_PLACES = 100
_TOP = 8
_STATIC = 100  # findings in the page's markup, for readers that run no script
_SEVERITIES = tuple(severity.label for severity in reversed(Severity))

_Json = dict[str, Any]


def render(verdict: Verdict) -> bytes:
    """Return the page. Times stand in it only where the verdict has them: see ``--times``."""
    return page("page.html", data=_data(verdict), **_context(verdict))


def page(name: str, **context: Any) -> bytes:
    """Return a page made by a template of ``page/``, with the pages' style and script in it."""
    style, script = (_asset(name) for name in ("page.css", "page.js"))
    made = (
        _environment()
        .get_template(name)
        .render(
            style=style,
            script=script,
            policy=_policy(style, script),
            version=__version__,
            plot_size=(plots.WIDTH, plots.HEIGHT),
            **context,
        )
    )
    return f"{made}\n".encode()


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    def shown(value: Any) -> Any:
        """Let nothing hide in a text, nor be a command to who prints the page into a log."""
        if isinstance(value, Markup) or not isinstance(value, str):
            return value
        return Markup(disarm_xml(str(escape(plain(value)))))  # noqa: S704  # escaped just here

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
    environment.filters |= {
        "dollars": digest.dollars,
        "number": "{:,}".format,
        "counted": counted,
    }
    return environment


def _asset(name: str) -> Any:
    from markupsafe import Markup

    return Markup((_FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704  # a file of ours


def _policy(style: str, script: str) -> str:
    """Return the page's Content-Security-Policy: its own style and script, and nothing else."""
    hashes = {
        f"{kind}-src": base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in (("style", style), ("script", script))
    }
    named = "; ".join(f"{kind} 'sha256-{value}'" for kind, value in hashes.items())
    return f"default-src 'none'; {named}; img-src data:; base-uri 'none'; form-action 'none'"


def _data(verdict: Verdict) -> Any:
    """Return what the script pages through, as JSON that no parser of HTML looks into."""
    from markupsafe import Markup

    rules = digest.named_rules(verdict)
    data = {
        "findings": [*_findings(verdict)],
        "rules": {rule_id: _rule(rule) for rule_id, rule in rules.items()},
        "files": [*_files(verdict)],
        "calls": [_call(call) for call in verdict.trajectory.calls],
    }
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(disarm_json(text))  # noqa: S704  # no markup is left in it


def _findings(verdict: Verdict) -> Iterator[_Json]:
    ids = {id(finding): identity for identity, finding in identified(verdict.findings)}
    for finding in digest.worst_first(verdict):
        state = "blocks" if digest.blocks(finding, verdict) else "open"
        yield _finding(finding, ids[id(finding)], state, verdict)
    for identity, finding in identified(verdict.refuted):
        yield _finding(finding, identity, "refuted", verdict)
    for state, accepted in (("suppressed", verdict.suppressed), ("baselined", verdict.baselined)):
        why = {id(one.finding): one_line(one.by.reason, 400) for one in accepted}
        for identity, finding in identified(one.finding for one in accepted):
            yield {**_finding(finding, identity, state, verdict), "why": why[id(finding)]}


def _finding(finding: Finding, identity: str, state: str, verdict: Verdict) -> _Json:
    lines, more = quoted(finding)
    there = len(finding.quote.split("\n")) == len(finding.span)
    return {
        "id": identity[:16],
        "state": state,
        "rule": one_line(finding.rule_id),
        "severity": finding.severity.label,
        "path": shown_path(finding.span.path),
        "line": max(1, finding.span.start),
        "message": one_line(finding.message, 400) or one_line(finding.rule_id),
        "origin": finding.origin.value,
        "trust": digest.trust(finding, verdict),
        "says": f"{one_line(finding.engine)} says" if finding.explanation else "",
        "explanation": plain(finding.explanation)[:_MAX_TEXT],
        "code": lines,
        "first": finding.span.start if there else 0,
        "more": more,
        "flow": [[shown_path(span.path), span.start] for span in finding.flow[:50]],
        "also": [[shown_path(span.path), span.start] for span in finding.places[1:_MAX_PLACES]],
        "owners": one_line(", ".join(finding.owners), 200),
        "fix": _fix(finding),
    }


def _fix(finding: Finding) -> _Json | None:
    fix = finding.fix
    if fix is None:
        return None
    return {
        "what": one_line(fix.what, 200),
        "safe": fix.safe,
        "line": fix.span.start,
        "gone": len(fix.span),
        "code": coloured(fix.text[:_MAX_TEXT], finding.span.path) if fix.text else [],
    }


def _rule(rule: Rule) -> _Json:
    return {
        "title": one_line(rule.title, 200),
        "why": one_line(rule.help.why, _MAX_TEXT),
        "fix": one_line(rule.help.fix, _MAX_TEXT),
        "links": [link for link in rule.help.links if link.startswith("https://")],
        "tags": [one_line(tag) for tag in rule.tags],
    }


def _files(verdict: Verdict) -> Iterator[_Json]:
    gaps: dict[str, list[Gap]] = {}
    for gap in verdict.coverage.gaps:
        gaps.setdefault(gap.span.path, []).append(gap)
    found = Counter(finding.span.path for finding in verdict.findings)
    for file in sorted(verdict.coverage.by_file, key=lambda one: (-one.missing, one.path)):
        missing = sorted({(gap.span.start, gap.span.end) for gap in gaps.get(file.path, ())})
        yield {
            "path": shown_path(file.path),
            "lines": file.lines,
            "engines": [one_line(name) for name in sorted(file.engines)],
            "model": file.by_model,
            "missing": file.missing,
            "where": listed([f"{start}-{end}" for start, end in missing], 6),
            "findings": found[file.path],
        }


def _call(call: ModelCall) -> _Json:
    return {
        "purpose": call.purpose,
        "model": one_line(call.model),
        "about": one_line(call.about, 200),
        "answer": plain(call.answer)[:_MAX_TEXT],
        "error": one_line(call.error, 200),
        "in": call.input_tokens,
        "out": call.output_tokens,
        "usd": digest.dollars(call.usd),
        "seconds": call.seconds,
    }


def _context(verdict: Verdict) -> _Json:
    """Return what the page's markup says."""
    counts = Counter(finding.severity.label for finding in verdict.findings)
    return {
        "verdict": verdict,
        "mode": digest.mode(verdict),
        "summary": digest.summary(verdict),
        "preface": [*digest.preface(verdict)],
        "scope": one_line(verdict.scope.label or verdict.scope.kind, 200),
        "blocking": sum(digest.blocks(one, verdict) for one in verdict.findings),
        "severities": [(name, counts[name]) for name in _SEVERITIES],
        "shares": plots.parts([(name, counts[name]) for name in _SEVERITIES]),
        "covered": _covered(verdict.coverage),
        "rules": _top(Counter(finding.rule_id for finding in verdict.findings)),
        "paths": _top(Counter(shown_path(one.span.path) for one in verdict.findings)),
        "examined": [*digest.examined(verdict)],
        "unasked": [*digest.not_evaluated(verdict, 0)],
        "missing": [entry.sentence for entry in unseen.missing(verdict)[:200]],
        "skipped": [group.sentence(20) for group in unseen.skipped(verdict)],
        "remarks": [*digest.remarks(verdict)],
        "limits": policy.limits(verdict),
        "accepted": [*policy.accepted(verdict)],
        "notices": [*policy.notices(verdict)],
        "static": digest.worst_first(verdict)[:_STATIC],
        "turns": [*_turns(verdict)],
        "spent": _spent(verdict),
        "runs": [*_runs(verdict)],
        "trend": _trend(verdict),
    }


def _top(counts: Counter[str]) -> list[tuple[str, int, float]]:
    """Return the most frequent names, their counts, and their bars in per cent."""
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
    return [(one_line(name), count, round(100 * count / most[0][1], 2)) for name, count in most]


def _covered(coverage: Coverage) -> _Json:
    """Return the pairs of line and rule that apply, by who judged them."""
    sums = Counter[str]()
    for rule in coverage.rules:
        sums.update(
            detectors=rule.detector,
            models=rule.model,
            missing=rule.missing,
        )
    judged = sums["detectors"] + sums["models"]
    applicable = judged + sums["missing"]
    return {
        "share": None if not applicable else 100 * judged / applicable,
        "applicable": applicable,
        "judged": judged,
        "parts": plots.parts([(name, sums[name]) for name in ("detectors", "models", "missing")]),
        "rules": sorted(coverage.rules, key=lambda rule: (-rule.missing, rule.rule_id)),
    }


def _turns(verdict: Verdict) -> Iterator[_Json]:
    for turn in verdict.trajectory.turns:
        yield {
            "number": turn.number,
            "said": turn.call.answer[:_MAX_CELL],
            "call": turn.call,
            "code": coloured(turn.code[:_MAX_CELL], "cell.py") if turn.code else [],
            "output": turn.output[:_MAX_CELL],
            "error": turn.error[:_MAX_TEXT],
            "calls": [_call(call) for call in turn.calls],
        }


def _spent(verdict: Verdict) -> _Json:
    """Return plots over the turns: dollars, added up, tokens, and seconds where there are any."""
    turns = verdict.trajectory.turns
    labels = [str(turn.number) for turn in turns]
    costs, total = [], sum(call.usd or 0.0 for call in verdict.trajectory.calls)
    tokens, seconds = [], []
    for turn in turns:
        calls = (turn.call, *turn.calls)
        total += sum(call.usd or 0.0 for call in calls)
        costs.append(total)
        tokens.append(
            (
                ("in", float(sum(call.input_tokens for call in calls))),
                ("out", float(sum(call.output_tokens for call in calls))),
            )
        )
        seconds.append((("seconds", sum(call.seconds or 0.0 for call in calls)),))
    timed = any(value for ((_, value),) in seconds)
    return {
        "dollars": plots.line(labels, costs, "usd", "$") if turns else None,
        "tokens": plots.stacked([*zip(labels, tokens, strict=True)]) if turns else None,
        "seconds": plots.stacked([*zip(labels, seconds, strict=True)]) if timed else None,
        "purposes": _purposes(verdict),
    }


def _purposes(verdict: Verdict) -> list[_Json]:
    """Return for each kind of call: how many, of them failed, tokens, dollars."""
    trajectory = verdict.trajectory
    every = [*trajectory.calls]
    for turn in trajectory.turns:
        every.extend((turn.call, *turn.calls))
    return [
        {
            "purpose": purpose,
            "calls": len(calls),
            "failed": sum(bool(call.error) for call in calls),
            "in": sum(call.input_tokens for call in calls),
            "out": sum(call.output_tokens for call in calls),
            "usd": sum(call.usd or 0.0 for call in calls),
        }
        for purpose in ("map", "root", "sub", "verify", "call")
        if (calls := [call for call in every if call.purpose == purpose])
    ]


def _runs(verdict: Verdict) -> Iterator[_Json]:
    """Return the runs of the history, newest first, this one before all."""
    if not verdict.history:
        return
    counts = Counter(finding.severity.label for finding in verdict.findings)
    yield {
        "when": "this run",
        "commit": "",
        "status": verdict.status.value,
        "counts": [counts[name] for name in _SEVERITIES],
        "blocking": sum(digest.blocks(one, verdict) for one in verdict.findings),
        "usd": digest.dollars(verdict.usage.usd),
    }
    for run in verdict.history[: -_MAX_RUNS - 1 : -1]:
        found = dict(run.findings)
        yield {
            "when": one_line(run.when, 40),
            "commit": one_line(run.commit, 12),
            "status": one_line(run.status, 20),
            "counts": [found.get(name, 0) for name in _SEVERITIES],
            "blocking": run.blocking,
            "usd": digest.dollars(run.usd),
        }


def _trend(verdict: Verdict) -> Any:
    runs = [*_runs(verdict)][::-1]
    columns = [
        (
            str(run["when"])[5:10] if run["commit"] else "now",
            [*zip(_SEVERITIES, map(float, run["counts"]), strict=True)][::-1],
        )
        for run in runs
    ]
    return plots.stacked(columns) if columns else None
