"""The taint engine on C#: what it follows, what stops it, and who hands values to methods."""

from typing import Any

import pytest

from rlm_gate import examples
from rlm_gate.core import Confidence, Detect, Finding, Help, Rule, Severity
from rlm_gate.detectors import taint

SINK: dict[str, Any] = {
    "sink": "sql",
    "calls": [{"call": "{*.Query,Query,SqlCommand}", "args": [0]}],
    "stores": ["*.CommandText"],
    "replacing": ["'"],
}


def lines(code: str, **change: Any) -> list[int]:
    """Return the lines of the sinks that are reached."""
    rule = Rule(
        id="security/flow",
        title="t",
        severity=Severity.HIGH,
        precision=Confidence.HIGH,
        languages=("csharp",),
        message="m",
        help=Help("", ""),
        detect=(Detect("taint", {"language": "csharp", **SINK, **change}),),
    )
    file = examples.whole_file("src/app", "csharp", code)
    found = taint.detect(examples.corpus_of([file]), [rule])
    return sorted(one.span.start for one in found if isinstance(one, Finding))


def body(*statements: str) -> bool:
    inner = "\n".join(statements)
    head = 'class A : Controller { public object Get()\n{ var q = Request.Query["q"].ToString();\n'
    return bool(lines(f"{head}{inner}\n}} }}\n"))


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["db.Query(q);"], id="as it is"),
        pytest.param(['db.Query("a" + q);'], id="joined"),
        pytest.param(['db.Query(Request.ServerVariables["HTTP_HOST"]);'], id="a header"),
        pytest.param(['db.Query($"a {q} b");'], id="in a text"),
        pytest.param(['var s = $@"a {q}"; db.Query(s);'], id="in a text of several lines"),
        pytest.param(['db.Query<User>(string.Format("a {0}", q));'], id="formatted"),
        pytest.param(['var s = "a"; s += q; db.Query(s);'], id="grown"),
        pytest.param(
            ["var b = new StringBuilder();", "b.Append(q);", "db.Query(b.ToString());"],
            id="built",
        ),
        pytest.param(["var c = new SqlCommand(q);"], id="given to a new object"),
        pytest.param(["var c = new SqlCommand { CommandText = q };"], id="in its braces"),
        pytest.param(["c.CommandText = q;"], id="stored"),
        pytest.param(['var a = q ?? "b"; db.Query(a);'], id="or a default"),
        pytest.param(['var a = Request?.Form?["x"]; db.Query(a);'], id="if there is one"),
        pytest.param(['var a = x switch { 1 => "a", _ => q }; db.Query(a);'], id="an arm"),
        pytest.param(['foreach (var a in Request.Form["x"]) { db.Query(a); }'], id="an element"),
        pytest.param(["using (var t = Open()) { db.Query(q); }"], id="using"),
        pytest.param(["lock (this) { db.Query(q); }"], id="locked"),
        pytest.param(["switch (x) { case 1: db.Query(q); break; }"], id="a case"),
        pytest.param(['Request.Query.TryGetValue("a", out var v); db.Query(v);'], id="out"),
        pytest.param(["var l = new List<string> { q }; db.Query(l[0]);"], id="in a list"),
        pytest.param(['var l = new[] { "a", q }; db.Query(l[1]);'], id="in an array"),
        pytest.param(["Run(q); } void Run(string s) { db.Query(s);"], id="in a method beside it"),
    ],
)
def test_it_follows(statements: list[str]) -> None:
    assert body(*statements)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(['db.Query("a", q);'], id="a parameter of the query"),
        pytest.param(['db.Query("a" + int.Parse(q));'], id="a number"),
        pytest.param(['db.Query(Request.ServerVariables["APP_POOL_ID"]);'], id="of the server"),
        pytest.param(['int.TryParse(q, out var n); db.Query("a" + n);'], id="a number put out"),
        pytest.param(['db.Query("a" + (int)Convert.ChangeType(q, t));'], id="cast to a number"),
        pytest.param(['db.Query("\'" + q.Replace("\'", "\'\'") + "\'");'], id="quotes doubled"),
        pytest.param(['q = "x"; db.Query(q);'], id="replaced"),
        pytest.param(['if (q != "a") return null;', "db.Query(q);"], id="one text alone"),
        pytest.param(['var l = new[] { "a", q }; db.Query(l[0]);'], id="another element"),
        pytest.param(['db.Query(x switch { 1 => "a", _ => "b" });'], id="arms of the author's"),
    ],
)
def test_it_stops_at(statements: list[str]) -> None:
    assert not body(*statements)


def test_a_path_below_an_address_of_the_author_is_no_address() -> None:
    head = "class A : Controller { public object Get(string q) { "
    entry = {"text_has": "^[^/\\x01\\x02]*\\x00"}
    assert lines(head + "db.Query(new Uri(q)); } }", **entry)
    assert not lines(head + "db.Query(new Uri(home, q)); } }", **entry)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("class A : ControllerBase { public void Get(string q) { db.Query(q); } }", True),
        ("class A : ControllerBase { public void Get(Search q) { db.Query(q.Name); } }", True),
        ("class A : ControllerBase { public void Get(int q) { db.Query(q); } }", False),
        ("class A : ControllerBase { public void Get(ISearch q) { db.Query(q.Name); } }", False),
        ("class A : ControllerBase { private void Get(string q) { db.Query(q); } }", False),
        ("class A : ControllerBase { public static void Get(string q) { db.Query(q); } }", False),
        ("class A { public void Get(string q) { db.Query(q); } }", False),
        ("class A { void Send(HttpRequest request) { db.Query(request.Url); } }", False),
        ("class A { void Read(HttpRequest request) { db.Query(request.RawUrl); } }", True),
        ("class A { [HttpGet] void Get(string q) { db.Query(q); } } // Request", True),
        (
            "class A : Hub { public void Get([FromServices] Search q) { db.Query(q.Name); } }",
            False,
        ),
        ("class A : PageModel { public void OnGet(string q) { db.Query(q); } }", True),
        ('app.MapGet("/x", (string q) => db.Query(q));', True),
        ('app.MapGet("/x", (Guid q) => db.Query("a" + q));', False),
        ('app.Use("/x", (string q) => db.Query(q)); // Request', False),
        ("class A { void Hello(Asked q, ServerCallContext c) { db.Query(q.Name); } }", True),
        (
            "using System.Web.UI; class A : Page { void F() { db.Query(txtName.Text); } }",
            True,
        ),
        ("class A : Form { void F() { db.Query(txtName.Text); } }", False),
    ],
)
def test_what_strangers_hand_to_methods_is_theirs(code: str, told: bool) -> None:
    assert bool(lines(code)) is told


@pytest.mark.parametrize(
    "statement",
    [
        "F(Request.Query[q] other out var n); db.Query(q);",
        "F(out); db.Query(q);",
        "F(a:); db.Query(q);",
        "new Uri(a, b:); db.Query(q);",
        "var x = q switch { => }; db.Query(q);",
    ],
)
def test_what_a_half_written_call_is_given_breaks_nothing(statement: str) -> None:
    assert lines(f"class A : Controller {{ public void Get(string q) {{ {statement} }} }}")
