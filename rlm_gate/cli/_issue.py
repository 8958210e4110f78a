"""Keep one issue about the default branch: opened, updated, closed and opened again as runs say.

Whatever fails here is told and changes no verdict. An issue that somebody closed as not planned
stays closed.
"""

from __future__ import annotations

from typing import Any

from rlm_gate.cli._api import Api, ApiError, author
from rlm_gate.core import Verdict
from rlm_gate.reports import _issue as issue

LABEL = "rlm-gate"
_WHOLE = frozenset({"all", "rev"})


class NotWhole(ApiError):
    """The run was about a change."""

    remedy = "Give --issue to nightly runs, about everything; --comment belongs to pull requests."


def keep(verdict: Verdict, where: Api) -> str:
    """Bring the issue up to date; return what was done. Raises ApiError."""
    if verdict.scope.kind not in _WHOLE:
        raise NotWhole("the issue tells about the whole repository, and this run judged a change")
    old = _find(where)
    if old is None:
        fresh = issue.render(verdict)
        if not fresh.open:
            return "no issue: there is nothing to tell"
        asked = {"title": issue.TITLE, "body": fresh.body, "labels": [LABEL]}
        made = where.call("POST", f"{where.base}/issues", asked)
        return f"issue #{int(made['number'])} was opened"
    number, body = int(old["number"]), str(old.get("body") or "")
    closed = old.get("state") == "closed"
    if closed and old.get("state_reason") == "not_planned":
        return f"issue #{number} was closed as not planned, and stays as it is"
    now = issue.render(verdict, body)
    if now.body == body and closed is not bool(now.open):
        return f"issue #{number} still holds"
    state = {"state": "open"} if now.open else {"state": "closed", "state_reason": "completed"}
    where.call("PATCH", f"{where.base}/issues/{number}", {"body": now.body, **state})
    if now.open:
        return f"issue #{number} was {'opened again' if closed else 'updated'}"
    return f"issue #{number} was {'updated' if closed else 'closed: nothing is left'}"


def _find(where: Api) -> dict[str, Any] | None:
    """Return our issue, open or closed, the newest; a pull request is none."""
    mine = where.me()
    listed = where.pages(f"{where.base}/issues", f"state=all&labels={LABEL}&")
    ours = (
        entry
        for entry in listed
        if str(entry.get("body", "")).startswith(issue.MARKER)
        and author(entry) == mine
        and "pull_request" not in entry
    )
    return next(ours, None)
