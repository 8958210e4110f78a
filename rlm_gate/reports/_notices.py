"""What a run did not examine, as SARIF notifications: grouped, and bounded in number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from rlm_gate.core import Gap, Verdict
from rlm_gate.phrases import counted
from rlm_gate.reports import _digest as digest
from rlm_gate.reports import _unseen as unseen
from rlm_gate.reports._places import location
from rlm_gate.reports._plain import one_line

_MAX_NOTICES = 200
_MAX_PLACES = 10
_MAX_NAMES = 20

_Json = dict[str, Any]


def configuration_notices(verdict: Verdict) -> list[_Json]:
    """Say in which mode the run was, and name the rules whose question nobody put."""
    unasked = digest.not_evaluated(verdict, _MAX_NAMES)
    first = (*digest.preface(verdict), digest.mode(verdict))
    mode = [*first, *(f"Questions not put: {names}." for names in unasked)]
    notices = [_notice("mode", "note", text) for text in mode]
    remarks = [_notice("remark", "note", text) for text in digest.remarks(verdict)]
    return [*notices, *remarks][:_MAX_NOTICES]


def execution_notices(verdict: Verdict, index: Mapping[str, int]) -> list[_Json]:
    """Name what was skipped, and for each rule and reason the lines that nobody judged."""
    notices = [*_skips(verdict), *_gaps(verdict, index), *_policy(verdict)]
    rest = len(notices) - _MAX_NOTICES
    if rest <= 0:
        return notices
    more = _notice("remark", "warning", f"{rest + 1:,} more notifications are left out.")
    return [*notices[: _MAX_NOTICES - 1], more]


def _skips(verdict: Verdict) -> Iterator[_Json]:
    for group in unseen.skipped(verdict):
        level = "error" if group.blocking else "note"
        paths = [skip.path for skip in group.skips if skip.path][:_MAX_PLACES]
        notice = _notice("skip", level, f"Skipped: {group.sentence(_MAX_NAMES)}")
        yield {**notice, "locations": [location(path) for path in paths]}


def _gaps(verdict: Verdict, index: Mapping[str, int]) -> Iterator[_Json]:
    groups: defaultdict[tuple[bool, str, str], list[Gap]] = defaultdict(list)
    for gap in sorted(verdict.coverage.gaps, key=lambda gap: gap.span):
        groups[not gap.required, gap.rule_id, gap.reason].append(gap)
    for (optional, rule_id, reason), gaps in sorted(groups.items()):
        lines = counted(sum(len(gap.span) for gap in gaps), "line")
        files = counted(len({gap.span.path for gap in gaps}), "file")
        text = f"{one_line(rule_id)} did not judge {lines} of {files}: {one_line(reason, 200)}."
        number = {"index": index[rule_id]} if rule_id in index else {}
        yield {
            **_notice("gap", "warning" if optional else "error", text),
            "associatedRule": {"id": rule_id, **number},
            "locations": [_gap_place(gap) for gap in gaps[:_MAX_PLACES]],
        }


def _policy(verdict: Verdict) -> Iterator[_Json]:
    for notice in verdict.notices:
        start = notice.place.start
        region = {"startLine": start, "endLine": max(start, notice.place.end)} if start else None
        text = one_line(notice.text, 400)
        where = location(notice.place.path, region)
        yield {**_notice(notice.kind, "warning", text), "locations": [where]}


def _gap_place(gap: Gap) -> _Json:
    start = max(1, gap.span.start)
    return location(gap.span.path, {"startLine": start, "endLine": max(start, gap.span.end)})


def _notice(kind: str, level: str, text: str) -> _Json:
    """Return a notification. Its kind is an id alone: GitHub's rules want help for a descriptor."""
    return {
        "descriptor": {"id": kind},
        "level": level,
        "message": {"text": text.replace("](", "] (")},
    }
