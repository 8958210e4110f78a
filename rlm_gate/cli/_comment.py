"""Talk to GitHub about a pull request: one comment kept up to date, and suggestions for safe fixes.

The one place that speaks GitHub's REST API. Whatever fails here is told and changes no verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rlm_gate import __version__
from rlm_gate.core import Finding, Verdict
from rlm_gate.errors import EngineError
from rlm_gate.reports import _comment as comment
from rlm_gate.reports import markdown
from rlm_gate.reports._identity import identified

_TIMEOUT = 20.0
_PAGE = 100
_MAX_PAGES = 30
_MAX_SUGGESTIONS = 20
_MAX_BODY = 16 << 20
_BOT = "github-actions[bot]"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_FIX = "<!-- rlm-gate:fix {} -->"


class ApiError(EngineError):
    """GitHub did not do what was asked."""

    remedy = "Give the job 'pull-requests: write'; a fork's token can't have it."


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request, reached by its number."""

    api: str
    repository: str
    number: int
    head: str
    token: str

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what GitHub answers. Raises ApiError for everything that is no success."""
        return _send(method, f"{self.api}{path}", self.token, body)

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a list, page by page."""
        for number in range(1, _MAX_PAGES + 1):
            entries = self.call("GET", f"{path}?per_page={_PAGE}&page={number}")
            if not isinstance(entries, list):
                raise ApiError(f"GET {path}: no list came back")
            yield from (entry for entry in entries if isinstance(entry, dict))
            if len(entries) < _PAGE:
                return


def pull(github: Mapping[str, str]) -> Pull | None:
    """Return the event's pull request, None where it has none or no token was given."""
    try:
        event = json.loads(Path(github.get("GITHUB_EVENT_PATH", "")).read_bytes())
    except (OSError, ValueError):
        return None
    asked = event.get("pull_request") if isinstance(event, dict) else None
    number = asked.get("number") if isinstance(asked, dict) else None
    repository, token = github.get("GITHUB_REPOSITORY", ""), github.get("GITHUB_TOKEN", "")
    if not (isinstance(number, int) and token and _REPOSITORY.fullmatch(repository)):
        return None
    api = github.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
    head = asked.get("head") if isinstance(asked, dict) else None
    sha = head.get("sha", "") if isinstance(head, dict) else ""
    return Pull(api, repository, number, str(sha), token)


def keep(verdict: Verdict, where: Pull) -> str:
    """Create or update the comment; return what was done."""
    base = f"/repos/{quote(where.repository)}/issues"
    mine = _me(where)
    ours = (
        entry
        for entry in where.pages(f"{base}/{where.number}/comments")
        if str(entry.get("body", "")).startswith(comment.MARKER) and _author(entry) == mine
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
    base = f"/repos/{quote(where.repository)}/pulls/{where.number}"
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


def _me(where: Pull) -> str:
    """Return who the token is: an Action's own token may not ask, and is the bot."""
    try:
        return str(where.call("GET", "/user").get("login", _BOT))
    except ApiError:
        return _BOT


def _author(entry: Mapping[str, Any]) -> str:
    user = entry.get("user")
    return str(user.get("login", "")) if isinstance(user, dict) else ""


def _send(method: str, address: str, token: str, body: Mapping[str, Any] | None) -> Any:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        """The token goes to the address it was given for, and to no other."""

        def redirect_request(self, *_: Any) -> None:
            return None

    if not address.startswith(("https://", "http://")):
        raise ApiError(f"{address}: no address of an API")
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "User-Agent": f"rlm-gate/{__version__}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    sent = None if body is None else json.dumps(body).encode()
    request = Request(address, sent, headers, method=method)  # noqa: S310  # checked above
    try:
        with build_opener(Stay).open(request, timeout=_TIMEOUT) as answer:
            return json.loads(answer.read(_MAX_BODY) or b"null")
    except HTTPError as error:
        error.close()
        raise ApiError(f"{method} {address}: HTTP {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise ApiError(f"{method} {address}: {error}") from None
