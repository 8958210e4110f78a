"""GitHub's REST API, as far as it is needed: the one place that speaks it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rlm_gate import __version__
from rlm_gate.errors import EngineError

_API = "https://api.github.com"
_TIMEOUT = 20.0
_PAGE = 100
_MAX_PAGES = 30
_MAX_BODY = 16 << 20
_BOT = "github-actions[bot]"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


class ApiError(EngineError):
    """GitHub did not do what was asked."""

    remedy = (
        "Give the job 'pull-requests: write' for comments and 'issues: write' for the issue; a"
        " fork's token can't have them."
    )


@dataclass(frozen=True, slots=True)
class Api:
    """A repository's part of the API, and the token to ask it with."""

    api: str
    repository: str
    token: str

    @property
    def base(self) -> str:
        """The path of the repository."""
        return f"/repos/{quote(self.repository)}"

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what GitHub answers. Raises ApiError for everything that is no success."""
        return _send(method, f"{self.api}{path}", self.token, body)

    def pages(self, path: str, query: str = "") -> Iterator[dict[str, Any]]:
        """Yield the entries of a list, page by page; ``query`` is what narrows it, "a=b&"."""
        for number in range(1, _MAX_PAGES + 1):
            entries = self.call("GET", f"{path}?{query}per_page={_PAGE}&page={number}")
            if not isinstance(entries, list):
                raise ApiError(f"GET {path}: no list came back")
            yield from (entry for entry in entries if isinstance(entry, dict))
            if len(entries) < _PAGE:
                return

    def me(self) -> str:
        """Return who the token is: an Action's own token may not ask, and is the bot."""
        try:
            return str(self.call("GET", "/user").get("login", _BOT))
        except ApiError:
            return _BOT


def opened(github: Mapping[str, str]) -> Api | None:
    """Return the API of the job's repository, None where no token or no repository is given."""
    repository, token = github.get("GITHUB_REPOSITORY", ""), github.get("GITHUB_TOKEN", "")
    if not (token and _REPOSITORY.fullmatch(repository)):
        return None
    return Api(github.get("GITHUB_API_URL", _API).rstrip("/"), repository, token)


def author(entry: Mapping[str, Any]) -> str:
    """Return who wrote an issue or a comment."""
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
