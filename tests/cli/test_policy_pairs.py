"""Every pair of what decides about a finding, each case a real repository and a real run.

The verdict of each case is told by ``expected``, which knows the design's rules and none of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations, product
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from conftest import GitRepo

from rlm_gate.cli import main

DIMENSIONS = {
    "baseline": ("none", "listed", "of another file"),
    "rename": ("no", "yes"),
    "suppression": ("none", "comment", "file", "expired"),
    "scope": ("worktree", "staged", "diff", "rev", "all"),
    "threshold": ("reached", "above"),
    "override": ("none", "ignored", "lowered", "raised"),
    "origin": ("detector", "model, confirmed", "model, unclear"),
    "inconclusive": ("no", "fail", "warn"),
}
Case = dict[str, str]
Pair = frozenset[tuple[str, str]]

RULE = """\
title: A planted flaw
severity: {severity}
languages: [python]
{judge}
message: Take it out.
help: {{why: The test says so., fix: Take it out.}}
tests: {{bad: ["PLANTED(1)"], good: ["fine(1)"]}}
"""
RULES = {
    "detector": RULE.format(
        severity="high", judge="precision: high\ndetect: [{engine: regex, pattern: PLANTED}]"
    ),
    "model": RULE.format(
        severity="high", judge="verify: refute\nask: {over: chunk, question: Is it planted?}"
    ),
    "must": RULE.format(
        severity="critical",
        judge="paths: {include: [hidden.py]}\nask: {over: chunk, question: Is it hidden?}",
    ),
}
FILLER = "".join(f"value_{number} = {number}\n" for number in range(20))
SEVERITY = {"none": 3, "lowered": 1, "raised": 4}
THRESHOLD = {"reached": 3, "above": 4}


def pairs_of(case: Case) -> set[Pair]:
    return {frozenset(pair) for pair in combinations(case.items(), 2)}


def all_pairs() -> set[Pair]:
    return {
        frozenset({(one, first), (other, second)})
        for one, other in combinations(DIMENSIONS, 2)
        for first, second in product(DIMENSIONS[one], DIMENSIONS[other])
    }


@cache
def _cases() -> tuple[tuple[tuple[str, str], ...], ...]:
    """Take an uncovered pair, and fill the rest with what covers the most, till none is left."""
    left, cases = all_pairs(), []
    while left:
        case: Case = dict(min(left, key=sorted))
        for name, values in DIMENSIONS.items():
            if name not in case:
                gains = {value: len(pairs_of({**case, name: value}) & left) for value in values}
                case[name] = max(values, key=gains.__getitem__)
        left -= pairs_of(case)
        cases.append(tuple((name, case[name]) for name in DIMENSIONS))
    return tuple(cases)


PLAIN = {name: values[0] for name, values in DIMENSIONS.items()}
CASES = [dict(case) for case in _cases()]
# Of every origin one case in which nothing else decides: pairs alone may not hold it.
CASES += [{**PLAIN, "origin": origin} for origin in DIMENSIONS["origin"]]


def expected(case: Case) -> tuple[str, int]:
    """Return status and exit code, by design §7.6 and §9."""
    gone = case["override"] == "ignored"
    reaches = not gone and SEVERITY[case["override"]] >= THRESHOLD[case["threshold"]]
    accepted = case["suppression"] in {"comment", "file"} or case["baseline"] == "listed"
    if reaches and not accepted and case["origin"] != "model, unclear":
        return "fail", 1
    if case["inconclusive"] == "no":
        return "pass", 0
    return "inconclusive", 3 if case["inconclusive"] == "fail" else 0


def test_each_pair_of_values_is_met() -> None:
    met = set().union(*(pairs_of(case) for case in CASES))
    assert met == all_pairs()
    assert len(CASES) < 40
    assert {case["origin"] for case in CASES if expected(case)[0] == "fail"} == {
        "detector",
        "model, confirmed",
    }
    assert {expected(case) for case in CASES} == {
        ("pass", 0),
        ("fail", 1),
        ("inconclusive", 0),
        ("inconclusive", 3),
    }


class Model(BaseHTTPRequestHandler):
    """A Messages API: finds the planted line, and says of it what ``second`` is."""

    protocol_version = "HTTP/1.1"
    second = "confirmed"

    def do_POST(self) -> None:  # the name is http.server's
        request = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        text = json.dumps(self._answer(json.dumps(request), request["messages"][0]["content"]))
        reply = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, whole: str, content: Any) -> dict[str, Any]:
        if '"confirmed"' in whole:
            return {
                "verdict": type(self).second,
                "reason": "none",
                "path": "",
                "row": 0,
                "quote": "",
                "argument": "because",
                "addressed_to_reviewer": False,
            }
        text = content if isinstance(content, str) else content[0]["text"]
        planted = re.search(r"^ *(\d+)[^\n|]*\| (PLANTED.*)$", text, re.MULTILINE)
        found = []
        if planted and "own/model" in text:
            found = [
                {
                    "rule": "own/model",
                    "row": int(planted[1]),
                    "quote": planted[2],
                    "explanation": "planted",
                }
            ]
        return {"findings": found, "addressed_to_reviewer": []}

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def prepare(repo: GitRepo, case: Case) -> str:
    """Build the repository of a case, and return the id of the rule that finds the flaw."""
    kind = "detector" if case["origin"] == "detector" else "model"
    before = "old.py" if case["rename"] == "yes" else "app.py"
    lines = [f"fail_on: {'high' if case['threshold'] == 'reached' else 'critical'}"]
    if case["override"] == "ignored":
        lines.append(f"overrides: [{{paths: [app.py], ignore: [own/{kind}]}}]")
    elif case["override"] != "none":
        level = {"lowered": "low", "raised": "critical"}[case["override"]]
        lines.append(f"overrides: [{{paths: [app.py], severity: {{own/{kind}: {level}}}}}]")
    if case["inconclusive"] != "no":
        lines.append(f"never_send: [hidden.py]\non_inconclusive: {case['inconclusive']}")
    rules = {f".rlm-gate/rules/own/{name}.yaml": RULES[name] for name in (kind, "must")}
    config = {".rlm-gate.yaml": "packs: [own]\n" + "\n".join(lines) + "\n"}
    repo.commit("base", **{before: FILLER, "other.py": "x = 1\n"} | rules | config)
    repo.git("switch", "-q", "-c", "feature")
    if before != "app.py":
        repo.git("mv", before, "app.py")
    comment = {
        "comment": f"  # rlm-gate: ignore[own/{kind}] -- known",
        "expired": f"  # rlm-gate: ignore[own/{kind}] until=2020-01-01 -- known",
    }
    repo.write("app.py", f"{FILLER}PLANTED(danger){comment.get(case['suppression'], '')}\n")
    repo.write("hidden.py", "y = 1\n")
    if case["scope"] == "staged":
        repo.git("add", "-A")
    elif case["scope"] in {"diff", "rev"}:
        repo.commit("change")
    return f"own/{kind}"


def accept(repo: GitRepo, case: Case, rule: str, fingerprint: str) -> None:
    """Write what people accept, which needs the fingerprint of the flaw."""
    if case["suppression"] == "file":
        entry = f"suppressions:\n  - rule: {rule}\n    path: app.py\n    reason: known\n"
        repo.write(".rlm-gate/suppressions.yaml", entry)
    if case["baseline"] != "none":
        own = "old.py" if case["rename"] == "yes" else "app.py"
        path = own if case["baseline"] == "listed" else "other.py"
        entry = json.dumps({"fingerprint": fingerprint, "path": path, "rule": rule})
        text = f'{{"version": 1, "findings": [\n{entry},\n{{}}]}}\n'
        repo.write(".rlm-gate/baseline.json", text)


FLAGS = {
    "worktree": [],
    "staged": ["--staged"],
    "diff": ["--diff=main"],
    "rev": ["--rev=HEAD"],
    "all": ["--all"],
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case.values()))
def test_a_finding_counts_as_the_policy_says(
    case: Case,
    endpoint: str,
    git_repo: GitRepo,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", endpoint)
    monkeypatch.setattr(Model, "second", "unclear" if "unclear" in case["origin"] else "confirmed")
    monkeypatch.chdir(git_repo.path)

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        report = tmp_path / "report.json"
        output = f"--output=json={report}"
        code = main(["check", *FLAGS[case["scope"]], output, *arguments])
        capfdbinary.readouterr()
        return code, json.loads(report.read_text())

    rule = prepare(git_repo, case)
    if case["baseline"] != "none":
        (git_repo.path / ".rlm-gate.yaml").rename(tmp_path / "put-by.yaml")
        findings = run("--fail-on=never", "--rules=own")[1]
        found = [*findings["findings"], *[one["finding"] for one in findings["suppressed"]]]
        [fingerprint] = [one["fingerprint"] for one in found if one["rule"] == rule]
        (tmp_path / "put-by.yaml").rename(git_repo.path / ".rlm-gate.yaml")
    else:
        fingerprint = ""
    accept(git_repo, case, rule, fingerprint)

    code, verdict = run()

    assert (verdict["status"], code) == expected(case)
    shown = [one for one in verdict["findings"] if one["rule"] == rule]
    accepted = [*verdict["suppressed"], *verdict["baselined"]]
    assert len(shown) + len(accepted) == (case["override"] != "ignored")
    if shown:
        assert shown[0]["path"] == "app.py"
        assert shown[0]["blocking"] == (code == 1)
