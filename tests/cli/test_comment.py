"""The comment on a pull request, over real HTTP to a GitHub of our own."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import GitRepo
from runners import Runner
from samples import AUDITED, FAILED, PASSED

from rlm_gate.cli import _comment
from rlm_gate.reports._comment import MARKER

Cli = Callable[..., Any]
BOT = "github-actions[bot]"


@dataclass
class GitHub:
    """What the API keeps, and what it was asked."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refuse: int = 0
    address: str = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append(f"{method} {path.partition('?')[0]}")
        if path == "/user":
            return 403, {"message": "Resource not accessible by integration"}
        if self.refuse and method != "GET":
            return self.refuse, {"message": "no"}
        page = re.search(r"per_page=100&page=(\d+)$", path)
        if method == "GET" and page:
            listed = self.comments if "/issues/" in path else self.notes
            start = 100 * (int(page[1]) - 1)
            return 200, listed[start : start + 100]
        if method == "POST" and path.endswith("/issues/7/comments"):
            self.comments.append({"id": 1000 + len(self.comments), "user": {"login": BOT}, **body})
            return 201, self.comments[-1]
        if method == "POST" and path.endswith("/pulls/7/reviews"):
            self.reviews.append(body)
            self.notes.extend({"body": one["body"]} for one in body["comments"])
            return 200, {}
        number = int(path.rpartition("/")[2])
        found = next(one for one in self.comments if one["id"] == number)
        found.update(body)
        return 200, found


@pytest.fixture
def api() -> Iterator[GitHub]:
    kept = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            kept.tokens.add(self.headers["Authorization"])
            status, answer = kept.answer(self.command, self.path, body)
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815  # names that http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def where(api: GitHub, tmp_path: Path) -> _comment.Pull:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "f" * 40}}}))
    found = _comment.pull(
        {
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_TOKEN": "t0ken",
            "GITHUB_API_URL": f"{api.address}/",
        }
    )
    assert found
    return found


def test_there_is_one_comment_and_it_is_kept_up_to_date(api: GitHub, where: _comment.Pull) -> None:
    assert "has a comment now" in _comment.keep(FAILED, where)
    assert "still holds" in _comment.keep(FAILED, where)
    assert "was updated" in _comment.keep(PASSED, where)
    (only,) = api.comments
    assert "rlm-gate: pass" in only["body"]
    assert "4 findings resolved" in only["body"]
    assert api.asked.count("POST /repos/owner/name/issues/7/comments") == 1
    assert api.tokens == {"Bearer t0ken"}


def test_a_comment_of_somebody_else_is_left_alone_though_it_has_our_mark(
    api: GitHub, where: _comment.Pull
) -> None:
    api.comments.append({"id": 1, "user": {"login": "mallory"}, "body": f"{MARKER}\npass"})
    _comment.keep(FAILED, where)
    assert [one["user"]["login"] for one in api.comments] == ["mallory", BOT]
    assert api.comments[0]["body"] == f"{MARKER}\npass"


def test_ours_is_found_behind_hundreds_of_others(api: GitHub, where: _comment.Pull) -> None:
    api.comments.extend({"id": n, "user": {"login": "a"}, "body": "hm"} for n in range(250))
    _comment.keep(FAILED, where)
    _comment.keep(PASSED, where)
    assert len(api.comments) == 251


def test_a_safe_fix_is_suggested_once(api: GitHub, where: _comment.Pull) -> None:
    assert _comment.suggest(AUDITED, where) == "1 of 1 safe fixes were newly suggested"
    assert _comment.suggest(AUDITED, where) == "0 of 1 safe fixes were newly suggested"
    (review,) = api.reviews
    (note,) = review["comments"]
    assert (note["path"], note["line"], note["side"]) == ("app/db.py", 12, "RIGHT")
    assert "```suggestion\n\tcur.execute(" in note["body"]
    assert review["commit_id"] == "f" * 40
    assert review["event"] == "COMMENT"


def test_a_fix_with_a_fence_in_it_does_not_end_the_suggestion(
    api: GitHub, where: _comment.Pull
) -> None:
    finding = AUDITED.findings[1]
    assert finding.fix
    fenced = replace(finding, fix=replace(finding.fix, text="x = '''\n````\nrm -rf\n'''"))
    hidden = replace(finding, fix=replace(finding.fix, text="x = 1  # \u202e"), fingerprint="0")
    _comment.suggest(replace(AUDITED, findings=(fenced, hidden)), where)
    ((note,),) = [review["comments"] for review in api.reviews]
    assert note["body"].count("`````") == 2


def test_a_refusal_is_told_with_the_remedy(api: GitHub, where: _comment.Pull) -> None:
    api.refuse = 403
    with pytest.raises(_comment.ApiError, match="HTTP 403") as told:
        _comment.keep(FAILED, where)
    assert "pull-requests: write" in told.value.remedy
    assert "t0ken" not in str(told.value)


def test_a_redirection_is_not_followed_with_the_token(api: GitHub, where: _comment.Pull) -> None:
    api.refuse = 307
    with pytest.raises(_comment.ApiError, match="HTTP 307"):
        _comment.keep(FAILED, where)


@pytest.mark.parametrize("refuse", [0, 403])
def test_ci_comments_when_asked_and_its_exit_code_is_the_verdicts(
    refuse: int,
    api: GitHub,
    github: Runner,
    cli: Cli,
    git_repo: GitRepo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = git_repo.commit("base", **{"a.txt": "peace\n"})
    head = git_repo.commit("change", **{"a.txt": "FORBIDDEN\n"})
    pull = {"number": 7, "head": {"sha": head}, "base": {"sha": base}}
    github.event("pull_request", pull_request=pull)
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    monkeypatch.setenv("GITHUB_TOKEN", "t0ken")
    monkeypatch.setenv("GITHUB_API_URL", api.address)
    api.refuse = refuse

    done = cli("ci", "--offline", "--comment", "--suggest")

    assert done.code == 1
    assert len(api.comments) == (0 if refuse else 1)
    assert ("HTTP 403" in done.err) == bool(refuse)
    assert "t0ken" not in done.out + done.err


def test_without_a_token_ci_says_so_and_goes_on(
    github: Runner, cli: Cli, git_repo: GitRepo
) -> None:
    git_repo.commit("base", **{"a.txt": "peace\n"})
    github.event("schedule")
    done = cli("ci", "--offline", "--comment")
    assert done.code == 0
    assert "no comment: no pull request, or no GITHUB_TOKEN" in done.err


def test_check_adds_itself_to_the_history_and_draws_the_trend(
    cli: Cli, git_repo: GitRepo, tmp_path: Path
) -> None:
    head = git_repo.commit("base", **{"a.txt": "FORBIDDEN\n"})
    history, page = tmp_path / "history.jsonl", tmp_path / "r.html"
    for _ in range(2):
        told = ("check", "--all", "--offline", f"--history={history}", f"--output=html={page}")
        assert cli(*told).code == 1
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    assert [line["commit"] for line in lines] == [head, head]
    assert lines[0]["findings"]["high"] == 1
    assert "Findings by run and severity" in page.read_text()
    history.write_text("nonsense\n")
    assert cli("check", "--all", "--offline", f"--history={history}").code == 2
