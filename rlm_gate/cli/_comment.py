"""Talk to GitHub about a pull request: one comment kept up to date, and suggestions for safe fixes.

Whatever fails here is told and changes no verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlm_gate.cli._api import Api, author, opened
from rlm_gate.core import Finding, Verdict
from rlm_gate.reports import _comment as comment
from rlm_gate.reports import markdown
from rlm_gate.reports._identity import identified

_MAX_SUGGESTIONS = 20
_FIX = "<!-- rlm-gate:fix {} -->"


@dataclass(frozen=True, slots=True)
class Pull(Api):
    """A pull request, reached by its number."""

    number: int
    head: str


def pull(github: Mapping[str, str]) -> Pull | None:
    """Return the event's pull request, None where it has none or no token was given."""
    try:
        event = json.loads(Path(github.get("GITHUB_EVENT_PATH", "")).read_bytes())
    except (OSError, ValueError):
        return None
    asked = event.get("pull_request") if isinstance(event, dict) else None
    number = asked.get("number") if isinstance(asked, dict) else None
    api = opened(github)
    if not (isinstance(number, int) and api):
        return None
    head = asked.get("head") if isinstance(asked, dict) else None
    sha = head.get("sha", "") if isinstance(head, dict) else ""
    return Pull(api.api, api.repository, api.token, number, str(sha))


def keep(verdict: Verdict, where: Pull) -> str:
    """Create or update the comment; return what was done."""
    base = f"{where.base}/issues"
    mine = where.me()
    ours = (
        entry
        for entry in where.pages(f"{base}/{where.number}/comments")
        if str(entry.get("body", "")).startswith(comment.MARKER) and author(entry) == mine
    )
    old = next(ours, None)
    if old is None:
        where.call("POST", f"{base}/{where.number}/comments", {"body": comment.render(verdict)})
        return "the pull request has a comment now"
    body = comment.render(verdict, str(old["body"]))
    if body == old["body"]:
        return "the comment on the pull request still holds"
    where.call("PATCH", f"{base}/comments/{int(old['id'])}", {"body": body})
    return "the comment on the pull request was updated"


def suggest(verdict: Verdict, where: Pull) -> str:
    """Suggest the safe fixes on the lines of the change, each once; return what was done."""
    base = f"{where.base}/pulls/{where.number}"
    fixes = [(_FIX.format(key[:16]), one) for key, one in identified(verdict.findings) if _fit(one)]
    if not fixes:
        return ""
    told = where.pages(f"{base}/comments")
    said = {str(entry.get("body", "")).partition("\n")[0] for entry in told}
    fresh = [_suggestion(mark, one) for mark, one in fixes if mark not in said][:_MAX_SUGGESTIONS]
    if fresh:
        review = {"commit_id": where.head, "event": "COMMENT", "comments": fresh}
        where.call("POST", f"{base}/reviews", review)
    return f"{len(fresh)} of {len(fixes)} safe fixes were newly suggested"


def _fit(finding: Finding) -> bool:
    fix = finding.fix
    return fix is not None and fix.safe and _printable(fix.text)


def _printable(text: str) -> bool:
    return all(line.replace("\t", "").isprintable() for line in text.split("\n"))


def _suggestion(mark: str, finding: Finding) -> dict[str, Any]:
    fix = finding.fix
    if fix is None:
        raise AssertionError("only findings with a fix are suggested")
    ticks = max((len(run) for run in re.findall("`+", fix.text)), default=0)
    fence = "`" * max(3, ticks + 1)
    said = markdown.inert(f"{finding.rule_id}: {fix.what or finding.message}", 400)
    text = f"{fix.text}\n" if fix.text else ""
    entry: dict[str, Any] = {
        "path": finding.span.path,
        "line": fix.span.end,
        "side": "RIGHT",
        "body": f"{mark}\n{said}\n\n{fence}suggestion\n{text}{fence}\n",
    }
    if fix.span.end > fix.span.start:
        entry |= {"start_line": fix.span.start, "start_side": "RIGHT"}
    return entry
