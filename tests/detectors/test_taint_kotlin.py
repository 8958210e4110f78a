"""The taint engine on Kotlin: what it follows, what stops it, and whose libraries it knows."""

from typing import Any

import pytest

from rlm_gate import examples
from rlm_gate.core import Confidence, Detect, Finding, Help, Rule, Severity
from rlm_gate.detectors import taint

SINK: dict[str, Any] = {
    "sink": "sql",
    "calls": [{"call": "{*.query,query,File}", "args": [0]}],
    "stores": ["*.url"],
    "replacing": ["'"],
}


def lines(code: str) -> list[int]:
    """Return the lines of the sinks that are reached."""
    rule = Rule(
        id="security/flow",
        title="t",
        severity=Severity.HIGH,
        precision=Confidence.HIGH,
        languages=("kotlin",),
        message="m",
        help=Help("", ""),
        detect=(Detect("taint", {"language": "kotlin", **SINK}),),
    )
    file = examples.whole_file("src/app", "kotlin", code)
    found = taint.detect(examples.corpus_of([file]), [rule])
    return sorted(one.span.start for one in found if isinstance(one, Finding))


def body(*statements: str) -> bool:
    inner = "\n".join(statements)
    return bool(lines(f"class A {{ fun get(@RequestParam q: String): Any {{\n{inner}\n}} }}\n"))


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["db.query(q)"], id="as it is"),
        pytest.param(['db.query("a" + q)'], id="joined"),
        pytest.param(['db.query("a $q")'], id="in a text"),
        pytest.param(['db.query("a ${q.trim()}")'], id="an expression in a text"),
        pytest.param(['val s = "a $q"', "db.query(s)"], id="over a name"),
        pytest.param(['var s = "a"', "s += q", "db.query(s)"], id="grown"),
        pytest.param(["val s = q ?: return 1", "db.query(s)"], id="or else"),
        pytest.param(["q.let { db.query(it) }"], id="handed on"),
        pytest.param(["q?.also { s -> db.query(s) }"], id="handed on by name"),
        pytest.param(["listOf(q).forEach { db.query(it) }"], id="an element"),
        pytest.param(["for (s in listOf(q)) { db.query(s) }"], id="each element"),
        pytest.param(["if (x) { db.query(q) }"], id="in a branch"),
        pytest.param(["when (x) { 1 -> db.query(q) }"], id="in a case"),
        pytest.param(["try { db.query(q) } finally { f() }"], id="tried"),
        pytest.param(['val s = if (x) q else "a"', "db.query(s)"], id="chosen"),
        pytest.param(["asked.url = q"], id="stored"),
        pytest.param(
            ["return run(q)\n}\nfun run(s: String) {\ndb.query(s)"], id="a function beside"
        ),
        pytest.param(["db.query(name = q)"], id="by name"),
    ],
)
def test_it_follows(statements: list[str]) -> None:
    assert body(*statements)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(['db.query("a", q)'], id="a parameter of the query"),
        pytest.param(['db.query("a" + q.toInt())'], id="a number"),
        pytest.param(["val n = q.toLongOrNull() ?: 1", 'db.query("a $n")'], id="or a number"),
        pytest.param(['val s = "a"', "db.query(s)"], id="the author's own"),
        pytest.param(["var s = q", 's = "a"', "db.query(s)"], id="replaced"),
        pytest.param(["return 1", "db.query(q)"], id="what nobody reaches"),
    ],
)
def test_it_stops_at(statements: list[str]) -> None:
    assert not body(*statements)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ('fun Application.a() { get("/x") { query(call.parameters["q"]!!) } }', True),
        ('fun Application.a() { get("/x") { query(call.request.headers["q"]) } }', True),
        ("suspend fun a(call: ApplicationCall) { query(call.receiveText()) }", True),
        ("fun a(request: HttpServletRequest) { query(request.getParameter(name)) }", True),
        ("fun a(request: HttpServletRequest) { query(request.queryString) }", True),
        ("fun a(@RequestParam q: Int) { query(q) }", False),
        ("fun a(@RequestParam q: Direction) { query(q) }", False),
        ("fun a(@RequestBody q: Order) { query(q.name) }", True),
        ("fun a(q: String) { query(q) } // call.x", False),
    ],
)
def test_what_strangers_hand_over_is_theirs(code: str, told: bool) -> None:
    assert bool(lines(code)) is told


@pytest.mark.parametrize(
    "statements",
    [
        ['if (q != "a") return 1', "db.query(q)"],
        ['if (q == "a") { db.query(q) }'],
        ['if (q == "a" || q == "b") db.query(q)'],
        ["if (q !in allowed) return 1", "db.query(q)"],
        ["if (q in allowed && x) db.query(q) else db.query(base)"],
        ["if (!(q in allowed)) throw Odd()", "db.query(q)"],
        ["if (!allowed.contains(q)) return 1", "db.query(q)"],
        ["if (q.lowercase() !in allowed) return 1", "db.query(q)"],
        ["require(q in allowed)", "db.query(q)"],
        ["check(allowed.contains(q)) { text }", "db.query(q)"],
        ["if (!q.matches(shape)) return 1", "db.query(q)"],
        ["if (q.all { it.isLetterOrDigit() }) db.query(q)"],
        ["if (q.isBlank()) { db.query(q) }"],
        ["if (q.isNotEmpty()) return 1", "db.query(q)"],
        ['when (q) { "a", "b" -> db.query(q) }'],
        ["when (q) { in allowed -> db.query(q) }"],
        ['when { q == "a" -> db.query(q) }'],
        ["when { q !in allowed -> return 1 }", "db.query(q)"],
        ['if (q.contains("\'")) return 1', "db.query(q)"],
        ['if ("\'" in q) return 1', "db.query(q)"],
    ],
)
def test_a_condition_that_knows_the_value_stops_it(statements: list[str]) -> None:
    assert not body(*statements)


@pytest.mark.parametrize(
    "statements",
    [
        ['if (q == "a") return 1', "db.query(q)"],
        ['if (q != "a") { db.query(q) }'],
        ['if (q == "a" || x) db.query(q)'],
        ["if (q !in allowed) log()", "db.query(q)"],
        ["if (x !in allowed) return 1", "db.query(q)"],
        ["if (q in listOf(q)) db.query(q)"],
        ["require(x in allowed)", "db.query(q)"],
        ["if (q.isNotBlank()) { db.query(q) }"],
        ['when (q) { "a" -> f()', "else -> db.query(q) }"],
        ["when (q) { is String -> db.query(q) }"],
        ["when (q) { !in allowed -> db.query(q) }"],
        ['when { q != "a" -> db.query(q) }'],
        ['when { q == "a" -> return 1 }', "db.query(q)"],
        ["val s = q.let { f(it) }", "db.query(s)"],
    ],
)
def test_a_condition_that_says_little_of_the_value_does_not(statements: list[str]) -> None:
    assert body(*statements)
