from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from loopback import serve
from pytest_httpserver import HTTPServer

from rlm_gate import graphs
from rlm_gate.cli import main
from rlm_gate.errors import UsageError
from rlm_gate.tasks import Options, prioritize
from rlm_gate.tasks._report import Sources, Text
from rlm_gate.tasks.backlog import issues
from rlm_gate.tasks.backlog.defects import defects
from rlm_gate.tasks.backlog.ranking import rank

OFFLINE = Options(offline=True)


def issue(name: str, **fields: Any) -> dict[str, Any]:
    row = {"id": name, "title": f"Issue {name}", "status": "open", "priority": 2}
    return {**row, "issue_type": "task", "created_at": "2026-01-01T00:00:00Z", **fields}


def needs(name: str, other: str, kind: str = "blocks") -> dict[str, str]:
    return {"issue_id": name, "depends_on_id": other, "type": kind}


def lines(*rows: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def backlog(*texts: str) -> issues.Backlog:
    sources = Sources()
    for number, text in enumerate(texts):
        sources.add(Text(f"{number}.jsonl", text))
    return issues.read(sources)


CHAIN = lines(
    issue("a"),
    issue("b", dependencies=[needs("b", "a")]),
    issue("c", dependencies=[needs("c", "b")]),
    issue("d", priority=1),
)


def test_what_frees_a_chain_comes_first_and_the_chain_is_told() -> None:
    first = rank(backlog(CHAIN)).top[0]
    assert first.issue.id == "a"
    assert first.chains == (("a", "b", "c"),)
    assert first.impact == "2 open issues wait for it, 1 directly, the highest at P2"


def test_the_order_of_lines_changes_nothing() -> None:
    rows = made(300)
    shuffled = list(rows)
    random.Random(7).shuffle(shuffled)  # noqa: S311  # test data
    one, other = (
        [(top.issue.id, top.score) for top in rank(backlog(lines(*given)), top=300).top]
        for given in (rows, shuffled)
    )
    assert one == other


def made(count: int) -> list[dict[str, Any]]:
    """Return issues in batches with chains, as agents file them."""
    chance = random.Random(1)  # noqa: S311  # test data
    rows = []
    for number in range(count):
        day, hour = divmod(number, 24)
        extra: dict[str, Any] = {"created_at": f"2026-01-{1 + day % 28:02d}T{hour:02d}:00:00Z"}
        if chance.random() < 0.6:
            extra |= {"status": "closed", "closed_at": "2026-02-01T00:00:00Z"}
        if number > 3 and chance.random() < 0.3:
            extra["dependencies"] = [needs(f"x-{number}", f"x-{chance.randrange(number)}")]
        rows.append(issue(f"x-{number}", priority=chance.randrange(5), **extra))
    return rows


def test_two_thousand_issues_take_less_than_five_seconds_of_the_processor() -> None:
    text = lines(*made(2000))
    start = time.process_time()
    assert len(rank(backlog(text)).top) == 10
    assert time.process_time() - start < 5


def test_cycles_dangling_ends_and_contradictions_are_told() -> None:
    found = defects(
        backlog(
            lines(
                issue("a", dependencies=[needs("a", "b")]),
                issue("b", dependencies=[needs("b", "a"), needs("b", "gone")]),
                issue("c", status="blocked"),
                issue("d", status="closed", dependencies=[needs("d", "e")]),
                issue("e"),
                issue("f", dependencies=[needs("f", "e"), needs("f", "e", "parent-child")]),
                issue("g", closed_at="2026-01-02T00:00:00Z"),
                issue("h", priority=0, dependencies=[needs("h", "e")]),
            )
        )
    )
    told = {(one.kind, one.issues): one.text for one in found}
    assert told[("cycle", ("a", "b"))] == "a and b wait for each other"
    assert told[("dangling", ("b", "gone"))] == "blocks: gone is not in these files"
    kinds = {one.issues for one in found if one.kind == "contradiction"}
    assert kinds == {("c",), ("d", "e"), ("f", "e"), ("g",), ("h", "e")}


def test_every_version_of_beads_is_one_format() -> None:
    gas_town = {"ephemeral": 0, "pinned": 0, "closed_at": None, "estimated_minutes": 90}
    found = backlog(
        lines(issue("old", depends_on=["new"]), issue("new", **gas_town)),
        lines(needs("old", "kept"), {"issue_id": "old", "label": "api"}),
        lines(issue("kept", dependencies=["old", "related:new"]), issue("bot", issue_type="agent")),
    )
    assert {(link.issue, link.needs, link.kind) for link in found.links} == {
        ("old", "new", "blocks"),
        ("old", "kept", "blocks"),
        ("kept", "old", "blocks"),
        ("kept", "new", "related"),
    }
    assert found.issues["old"].labels == ("api",)
    assert found.issues["new"].minutes == 90
    assert "bot" not in {one.issue.id for one in rank(found).top}


GH = [
    {
        "number": 7,
        "title": "Crash",
        "state": "OPEN",
        "body": "Blocked by #9",
        "labels": [{"name": "P0"}, {"name": "bug"}],
        "createdAt": "2026-01-01T00:00:00Z",
    },
    {"number": 9, "title": "Parser", "state": "open", "created_at": "2026-01-01T00:00:00Z"},
    {"number": 10, "title": "A change", "state": "open", "pull_request": {"url": "x"}},
]


@pytest.mark.parametrize("indent", [None, 2])
def test_issues_of_github_come_from_gh_and_from_rest(indent: int | None) -> None:
    text = json.dumps(GH, indent=indent)
    found = backlog(text)
    assert list(found.issues) == ["#7", "#9"]
    assert (found.issues["#7"].priority, found.issues["#7"].kind) == (0, "bug")
    assert [(link.issue, link.needs) for link in found.links] == [("#7", "#9")]
    place = found.issues["#9"].place
    assert '"number": 9' in text.split("\n")[place.line - 1]


def test_a_line_that_is_no_issue_is_told_and_the_rest_is_ranked(tmp_path: Path) -> None:
    file = tmp_path / "issues.jsonl"
    deep = f'{{"id": {"[" * 50_000}'
    file.write_text(CHAIN + f'{{"id": "cut\n[1]\n{deep}\n')
    result = prioritize.run(prioritize.Request([str(file)]), OFFLINE)
    assert [fault.line for fault in result.malformed] == [5, 6, 7]
    assert len(result.answer.ranking.top) == 4


def test_pagerank_is_that_of_networkx() -> None:
    from networkx.algorithms.link_analysis.pagerank_alg import _pagerank_python

    chance = random.Random(3)  # noqa: S311  # test data
    edges = [(str(chance.randrange(60)), str(chance.randrange(80))) for _ in range(150)]
    nodes = {str(number) for number in range(80)}
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(nodes)
    theirs = _pagerank_python(graph, tol=1e-9)
    ours = graphs.pagerank(nodes, edges)
    assert max(abs(ours[node] - theirs[node]) for node in nodes) < 1e-6


def test_a_file_that_is_not_there_and_a_time_that_is_none_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.jsonl"):
        prioritize.run(prioritize.Request([str(tmp_path / "no.jsonl")]), OFFLINE)
    (tmp_path / "issues.jsonl").write_text(CHAIN)
    with pytest.raises(UsageError, match="ISO 8601"):
        prioritize.run(prioritize.Request([str(tmp_path)], now="soon"), OFFLINE)


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "issues.jsonl"
    file.write_text(CHAIN)
    assert main(["prioritize", str(file), "--offline", "--format", "json", "--top", "1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["offline"]
    (top,) = document["answer"]["ranking"]["top"]
    assert top["issue"]["place"]["line"] == 1


def advice(name: str, quote: str) -> str:
    words = {word: word for word in ("impact", "reason", "risk", "effort")}
    proof = f"[{{'path': ranked[0]['path'], 'line': 1, 'quote': {quote!r}}}]"
    return f"{{'id': {name!r}, 'evidence': {proof}, **{words!r}}}"


def test_a_model_over_http_is_believed_where_its_quote_stands(
    tmp_path: Path, httpserver: HTTPServer
) -> None:
    file = tmp_path / "issues.jsonl"
    file.write_text(CHAIN)
    told = [
        advice("d", '"title": "Issue a"'),
        advice("a", "a line that nobody wrote"),
        advice("zz", '"title": "Issue a"'),
    ]
    done = f"done({{'items': [{', '.join(told)}]}})"
    asked: list[dict[str, Any]] = []
    provider = serve(httpserver, ["print(len(ranked))", done], asked)
    options = Options(provider=provider, no_cache=True)
    result = prioritize.run(prioritize.Request([str(file)]), options)
    assert [one.id for one in result.answer.advised] == ["d"]
    assert result.answer.advised[0].evidence[0].line == 1
    assert len(result.dropped) == 2
    assert result.conclusive
    assert all("Issue a" not in json.dumps(body) for body in asked)
    page = prioritize.render(result, "markdown").decode()
    assert "By the model" in page
    opening = asked[0]["messages"][0]["content"][0]["text"]
    count = opening.partition("how many: ")[2].split(")")[0]
    assert f"how many issues: {count}." in opening  # of fewer than --top, as many as there are


def test_the_limit_in_dollars_holds_and_no_answer_is_inconclusive(
    tmp_path: Path, httpserver: HTTPServer
) -> None:
    file = tmp_path / "issues.jsonl"
    file.write_text(lines(*made(1447)))
    asked: list[dict[str, Any]] = []
    provider = serve(httpserver, ["print(str(ranked)[:9000])"], asked)
    result = prioritize.run(
        prioritize.Request([str(file)]), Options(provider=provider, no_cache=True)
    )
    assert result.usage.usd is not None
    assert 0 < result.usage.usd <= prioritize.MAX_USD
    assert not result.conclusive
    assert len(result.answer.ranking.top) == 10
    assert asked
