from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate import syntax
from rlm_gate.core import Detect, Finding, Skip
from rlm_gate.detectors import _flows, astgrep

SINKS = {
    "javascript": ("a.js", "call_expression"),
    "typescript": ("a.ts", "call_expression"),
    "go": ("a.go", "call_expression"),
    "java": ("A.java", "method_invocation"),
    "php": ("a.php", "function_call_expression"),
    "ruby": ("a.rb", "call"),
    "csharp": ("a.cs", "invocation_expression"),
    "rust": ("a.rs", "call_expression"),
}


def reached(language: str, text: str) -> list[int]:
    """Return the lines of the calls of ``sink`` whose first argument carries input."""
    path, kind = SINKS[language]
    given: dict[str, object] = {"matches": "outside"}
    if language in {"php", "csharp"}:  # an argument is a node of its own there
        given = {"kind": "argument", "has": given}
    options = {
        "language": language,
        "rule": {
            "kind": kind,
            "regex": r"^sink\(",
            "has": {"field": "arguments", "has": {"nthChild": 1, **given}},
        },
    }
    seeking = rule(detect=[Detect("astgrep", options)])
    found = astgrep.detect(corpus(source(path, text)), [seeking])
    return [one.span.start for one in found if isinstance(one, Finding)]


def handler(language: str, body: str) -> str:
    """Wrap statements into a handler whose first statement is in line 2."""
    wraps = {
        "javascript": ('app.get("/", async (req, res) => {\n', "\n});"),
        "typescript": ("async function f(req: Request, res: Response) {\n", "\n}"),
        "go": ("package m; func f(w http.ResponseWriter, r *http.Request) {\n", "\n}"),
        "java": ("class A { void f(HttpServletRequest request) {\n", "\n} }"),
        "php": ("<?php\n", "\n"),
        "ruby": ("def show\n", "\nend"),
        "csharp": (
            "class A : Controller { public IActionResult F(string name, int id) {\n",
            "\n} }",
        ),
        "rust": ("async fn f(name: web::Path<String>, id: Path<u32>, req: HttpRequest) {\n", "\n}"),
    }
    head, foot = wraps[language]
    return head + body + foot


@pytest.mark.parametrize(
    ("language", "body"),
    [
        ("javascript", "sink(req.query.id);"),
        ("javascript", "const { id } = req.body; sink(id);"),
        ("javascript", "const p = path.join(dir, req.params.f); sink(p);"),
        ("javascript", "const id = req.query.id; const q = 'a' + id; sink(q);"),
        ("javascript", "sink(`a ${req.headers['x']}`);"),
        ("javascript", "let id; id = req.query.id; later(() => { sink(id); });"),
        ("javascript", "const id = url.parse(req.url, true).query.id; sink(id);"),
        ("typescript", "const id = req.query.id as string; sink(id);"),
        ("go", 'id := r.URL.Query().Get("id"); sink(id)'),
        ("go", 'q := fmt.Sprintf("x %s", r.FormValue("id")); sink(q)'),
        ("go", 'vars := mux.Vars(r); sink("a" + vars["id"])'),
        ("java", 'String a = request.getParameter("a"); String b = "x" + a; sink(b);'),
        ("java", 'sink(String.format("%s", request.getHeader("a")));'),
        ("php", '$id = $_GET["id"]; $q = "select $id"; sink($q);'),
        ("php", 'sink("a" . $_POST["x"]);'),
    ],
)
def test_what_a_request_says_is_followed_to_its_use(language: str, body: str) -> None:
    assert reached(language, handler(language, body)) == [2]


@pytest.mark.parametrize(
    ("language", "body"),
    [
        ("javascript", "sink(Number(req.query.n)); sink(+req.query.n);"),
        ("javascript", "const user = await load(req.body.id); sink(user); sink(user.name);"),
        ("javascript", "const id = req.query.id; if (!KNOWN.includes(id)) return; sink(id);"),
        ("javascript", "const id = req.query.id; if (!isValid(id)) return; sink(id);"),
        ("javascript", "sink(() => req.query.id); sink(req.query.id.replace(/[^a-z]/g, ''));"),
        ("javascript", "const id = 3; sink(id); sink(config.body);"),
        ("typescript", "const n: number = parseInt(req.query.n as string); sink(n);"),
        ("go", 'n, err := strconv.Atoi(r.FormValue("n")); sink(n)'),
        ("go", 'k := r.FormValue("k"); if !strings.HasPrefix(k, "x") { return }; sink(k)'),
        ("java", 'int a = Integer.parseInt(request.getParameter("a")); sink(a);'),
        ("java", 'String a = request.getParameter("a"); if (!LIST.contains(a)) return; sink(a);'),
        ("php", '$n = (int) $_GET["n"]; sink($n); sink(intval($_GET["n"]));'),
        ("php", 'function g() { $x = $_GET["x"]; } function h($x) { sink($x); }'),
    ],
)
def test_what_was_tested_converted_or_is_another_value_is_not(language: str, body: str) -> None:
    assert reached(language, handler(language, body)) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("typescript", "class A { get(@Query('x') x: string) {\nsink(x); } }"),
        ("java", 'class A { String f(@RequestParam("q") String q) {\nsink(q); } }'),
        ("java", "class A { @GetMapping String f(String q) {\nsink(q); } }"),
    ],
)
def test_the_parameter_of_a_handler_comes_from_a_request(language: str, text: str) -> None:
    assert reached(language, text) == [2]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("typescript", "class A { get(@Query('n', ParseIntPipe) n: number) {\nsink(n); } }"),
        ("java", "class A { String f(@RequestParam Integer q) {\nsink(q); } }"),
        ("java", "class A { String f(String q) {\nsink(q); } }"),
    ],
)
def test_a_number_or_the_parameter_of_any_function_does_not(language: str, text: str) -> None:
    assert reached(language, text) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("sink(params[:a])", True),
        ("sink(params.require(:a))", True),
        ("a = params[:a].strip; sink(a)", True),
        ("a = params[:a]; b = 'x' + a; sink(b)", True),
        ('sink("x #{params[:a]}")', True),
        ("sink(request.headers['a'])", True),
        ("sink(cookies[:a])", True),
        ("sink(params[:a].to_i)", False),
        ("a = params[:a]; sink(a.to_i)", False),
        ("sink(cookies.signed[:a])", False),
        ("sink(find(params[:a]))", False),
        ("a = params[:a]; return unless KNOWN.include?(a); sink(a)", False),
        ("sink(other[:a])", False),
    ],
)
def test_what_rails_is_asked_is_followed(body: str, *, found: bool) -> None:
    assert reached("ruby", handler("ruby", body)) == ([2] if found else [])


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('sink(Request.Query["a"]);', True),
        ('var a = Request.Form["a"]; var b = "x" + a; sink(b);', True),
        ('var b = $"x {name}"; sink(b);', True),
        ("string b; b = string.Format(x, name); sink(b);", True),
        ('sink(Path.Combine(root, HttpContext.Request.Headers["a"].ToString()));', True),
        ("sink(id);", False),
        (
            "sink(int.Parse(name)); sink(Path.GetFileName(name)); sink(name.Length == 3 ? 1 : 2);",
            False,
        ),
        ("if (!Url.IsLocalUrl(name)) return; sink(name);", False),
        ("if (!IsAllowed(name)) return; sink(name);", False),
        ("var user = Load(name); sink(user);", False),
        ("var n = 3; sink(n);", False),
    ],
)
def test_what_asp_net_is_asked_is_followed(body: str, *, found: bool) -> None:
    assert reached("csharp", handler("csharp", body)) == ([2] if found else [])


@pytest.mark.parametrize(
    "text",
    [
        "class A { string F(string name) {\nsink(name); } }",
        "class A : Controller { private string F(string name) {\nsink(name); } }",
        "class A : Controller { [NonAction] public string F(string name) {\nsink(name); } }",
        "class A : Controller { public string F(int name, Order o) {\nsink(name); } }",
    ],
)
def test_a_method_of_c_sharp_that_no_request_calls_is_left_alone(text: str) -> None:
    assert reached("csharp", text) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("sink(name);", True),
        ('let q = format!("x {}", name); sink(&q);', True),
        ("let q = name.into_inner(); sink(base.join(q));", True),
        ("let q = req.query_string(); sink(q);", True),
        ("sink(id);", False),
        ("let n = name.parse::<u32>(); sink(n);", False),
        ("if !KNOWN.contains(&name) { return; } sink(name);", False),
        ("let row = load(&name).await; sink(row);", False),
    ],
)
def test_what_a_handler_of_rust_is_given_is_followed(body: str, *, found: bool) -> None:
    assert reached("rust", handler("rust", body)) == ([2] if found else [])


def test_a_variable_of_another_method_is_another() -> None:
    assert reached("ruby", "def a\nx = params[:a]\nend\ndef b(x)\nsink(x)\nend\n") == []


def test_a_language_without_known_flows_is_told_when_the_rule_is_read() -> None:
    options = {"language": "kotlin", "rule": {"matches": "outside"}}
    [(place, problem)] = astgrep.validate(options, ["kotlin"])
    assert place == ("rule",)
    assert "outside" in problem


def test_only_rules_that_name_a_flow_carry_its_utilities() -> None:
    plain = {"rule": {"pattern": "eval($X)"}}
    assert astgrep.config(plain, "javascript") == plain
    named = {"rule": {"all": [{"matches": _flows.NAME}]}, "utils": {"own": {"kind": "string"}}}
    assert astgrep.config(named, "javascript")["utils"].keys() > {"own", "outside"}


@pytest.mark.parametrize("language", sorted(SINKS))
def test_the_function_around_a_value_is_asked_for_before_what_stands_in_it(language: str) -> None:
    """Beside other keys ast-grep may ask for it last: each file around is then searched through."""
    beside = [
        node.keys() - {"matches"}
        for node in nodes(_flows.utilities(language))
        if node.get("matches") == "outside-function"
    ]
    assert beside
    assert not any(beside)


def nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Yield each mapping in the tree, itself among them."""
    if isinstance(tree, Mapping):
        yield tree
    for one in tree.values() if isinstance(tree, Mapping) else tree:
        yield from nodes(one) if isinstance(one, Mapping | list) else ()


PACKED = "var a=[%s];function f(req,b){var c=req.query.q;sink(c);sink(req.query.q);%s}\n"


def packed(statements: int) -> str:
    """Return a file of one line, whose function has so many variables."""
    names = (f"var v{number}=w{number}(v0,{number});g(v{number});" for number in range(statements))
    return PACKED % ("1," * 900, "".join(names))


def followed(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[int], list[str]]:
    """Return how often a search looks through whole functions, what it found, what it skipped."""
    given: list[object] = []
    find = syntax.Tree.find

    def noting(tree: syntax.Tree, config: Mapping[str, Any], parts: Any) -> Iterator[syntax.Match]:
        given.append(config["utils"])
        return find(tree, config, parts)

    monkeypatch.setattr(syntax.Tree, "find", noting)
    options = {
        "language": "javascript",
        "rule": {
            "kind": "call_expression",
            "regex": r"^sink\(",
            "has": {"field": "arguments", "has": {"nthChild": 1, "matches": "outside"}},
        },
    }
    seeking = rule(detect=[Detect("astgrep", options)])
    items = [*astgrep.detect(corpus(source("a.js", text)), [seeking])]
    columns = [one.columns[0] for one in items if isinstance(one, Finding) and one.columns]
    return repr(given).count("'inside': {'stopBy'"), columns, [
        one.why for one in items if isinstance(one, Skip)
    ]  # fmt: skip


@pytest.mark.parametrize("statements", [10, 40, 160])
def test_in_packed_code_no_variable_is_followed_through_a_whole_file(
    statements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = packed(statements)
    through, columns, skipped = followed(text, monkeypatch)
    assert through == 0
    assert columns == [text.index("sink(req") + 1]
    assert [why for why in skipped if "packed code" in why] == skipped != []


def test_in_other_code_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    text = packed(10).replace(";", ";\n")
    through, columns, skipped = followed(text.replace("1,", "1,\n"), monkeypatch)
    assert through > 0
    assert len(columns) == 2
    assert skipped == []


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("$(event.target).on('x', request.abort)", False),
        ("f(event.body)", True),
        ("f(ctx.request.query.a)", True),
        ("find(@Query('q') q: string)", True),
        ("a.b.searchParams.get('x')", True),
    ],
)
def test_a_text_without_a_written_source_needs_no_search(text: str, *, may: bool) -> None:
    assert _flows.possible("javascript", text) is may
