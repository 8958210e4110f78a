"""The taint engine on JavaScript, TypeScript, Java and Go: what it follows, and what stops it."""

from typing import Any

import pytest

from rlm_gate import examples
from rlm_gate.core import Confidence, Detect, Finding, Help, Rule, Severity, Skip
from rlm_gate.detectors import taint

SINK: dict[str, Any] = {
    "sink": "sql",
    "calls": [{"call": "*.{query,executeQuery,Query}", "args": [0]}],
    "clean": ["**.escape"],
    "replacing": ["'"],
}


def judged(language: str, code: str, **change: Any) -> list[Finding | Skip]:
    rule = Rule(
        id="security/flow",
        title="t",
        severity=Severity.HIGH,
        precision=Confidence.HIGH,
        languages=(language,),
        message="m",
        help=Help("", ""),
        detect=(Detect("taint", {"language": language, **SINK, **change}),),
    )
    file = examples.whole_file("src/app", language, code)
    return list(taint.detect(examples.corpus_of([file]), [rule]))


def lines(language: str, code: str, **change: Any) -> list[int]:
    found = judged(language, code, **change)
    return sorted(one.span.start for one in found if isinstance(one, Finding))


def javascript(*statements: str, **change: Any) -> bool:
    body = "\n".join(statements)
    code = f"app.get('/', async (req, res) => {{\nlet q = req.query.q;\n{body}\n}});\n"
    return bool(lines("javascript", code, **change))


def java(*statements: str, more: str = "", **change: Any) -> bool:
    body = "\n".join(statements)
    head = "class A {\nvoid f(HttpServletRequest r, HttpServletResponse response) {\n"
    code = f'{head}String q = r.getParameter("q");\n{body}\n}}\n{more}\n}}\n'
    return bool(lines("java", code, **change))


def go(*statements: str, more: str = "", **change: Any) -> bool:
    body = "\n".join(statements)
    head = (
        'package m\nimport ("fmt"; "net/http")\nfunc f(w http.ResponseWriter, r *http.Request) {\n'
    )
    code = f'{head}q := r.FormValue("q")\n{body}\n}}\n{more}\n'
    return bool(lines("go", code, **change))


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["db.query(q)"], id="as it is"),
        pytest.param(["db.query('a' + q)"], id="plus"),
        pytest.param(["db.query(`a ${q}`)"], id="template"),
        pytest.param(["let s = 'a'; s += q; db.query(s)"], id="grown"),
        pytest.param(["const { a, b: [c] } = req.body; db.query(c)"], id="taken apart"),
        pytest.param(["db.query(['a', q].join(' '))"], id="join"),
        pytest.param(["const o = { a: 1, b: q }; db.query(o.b)"], id="a field"),
        pytest.param(["const o = {}; o.a = q; db.query(o.a)"], id="an assigned field"),
        pytest.param(["db.query(req.body['x'])"], id="by key"),
        pytest.param(["db.query(q.trim().toLowerCase())"], id="methods"),
        pytest.param(["db.query(decodeURIComponent(q))"], id="decoded"),
        pytest.param(["const a = q || 'b'; db.query(a)"], id="or a default"),
        pytest.param(["db.query(x ? q : 'a')"], id="chosen"),
        pytest.param(["if (x) { db.query(q) } else { }"], id="in a branch"),
        pytest.param(["for (const x of [q]) db.query(x)"], id="in a loop"),
        pytest.param(["[q].forEach(x => db.query(x))"], id="in a callback"),
        pytest.param(["fs.readFile('a', () => { db.query(q) })"], id="in a closure"),
        pytest.param(["const f = x => db.query(x); f(q)"], id="by a function's name"),
        pytest.param(["helper(q)", "function helper(x) { db.query(x) }"], id="by a helper"),
        pytest.param(["try { x() } catch (e) { } finally { db.query(q) }"], id="at last"),
        pytest.param(["switch (x) { case 1: q = 'a'; break; default: } db.query(q)"], id="a case"),
        pytest.param(
            ["if (!valid(req.query.z)) return; db.query(req.query.a)"], id="other checked"
        ),
        pytest.param(["if (q === q2) { } db.query(q)"], id="after a check that ended"),
        pytest.param(
            ["let b = ''; req.on('data', d => { b += d + q }); db.query(b)"], id="carried"
        ),
        pytest.param(
            ["let s = 'a'; switch (x) { case 1: s = q; case 2: db.query(s) }"], id="fallen through"
        ),
    ],
)
def test_javascript_follows_what_is_built_from_a_request(statements: list[str]) -> None:
    assert javascript(*statements)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["db.query('a')"], id="a constant"),
        pytest.param(["db.query('a = ?', [q])"], id="a parameter"),
        pytest.param(["db.query('a' + Number(q))"], id="a number"),
        pytest.param(["db.query('a' + q.length)"], id="a length"),
        pytest.param(["db.query('a' + db.escape(q))"], id="cleaned"),
        pytest.param(["db.query(sql`a ${q}`)"], id="a tag"),
        pytest.param(["q = q.replace(/[^a-z]/g, ''); db.query(q)"], id="all else removed"),
        pytest.param(["db.query(q.replaceAll(\"'\", ''))"], id="the quote removed"),
        pytest.param(["if (!NAMES.includes(q)) return; db.query(q)"], id="an allow list"),
        pytest.param(["if (!(q in TABLE)) throw x; db.query(q)"], id="a table"),
        pytest.param(["if (/^[a-z]+$/.test(q)) db.query(q)"], id="a pattern"),
        pytest.param(["if (q === 'a') db.query(q)"], id="equality"),
        pytest.param(["if (!valid(req.query.a)) return; db.query(req.query.a)"], id="a member"),
        pytest.param(["const o = { a: 'x', b: q }; db.query(o.a)"], id="the other field"),
        pytest.param(["db.query(TABLE[q])"], id="looked up"),
        pytest.param(["q = 'a'; db.query(q)"], id="overwritten"),
        pytest.param(["if (x) { valid(q) && db.query(q) }"], id="and"),
        pytest.param(
            ["const a = req.query.a; if (!valid(req.query.a)) return; db.query(a)"], id="its name"
        ),
        pytest.param(["if (false) db.query(q)"], id="never"),
    ],
)
def test_javascript_knows_what_makes_a_value_harmless(statements: list[str]) -> None:
    assert not javascript(*statements)


ONCE = "q.replace({}, '')"


@pytest.mark.parametrize(
    "pattern", ['"\'"', "/'/", "/[^a-z]/", "/[^a-z]/i"], ids=["text", "quote", "class", "flag"]
)
def test_javascript_takes_out_the_first_one_alone_unless_told_otherwise(pattern: str) -> None:
    statement = f"db.query({ONCE.format(pattern)})"
    assert javascript(statement)
    every = ("replaceAll(", pattern) if pattern.startswith('"') else ("replace(", f"{pattern}g")
    assert not javascript(statement.replace(f"replace({pattern}", "".join(every)))


@pytest.mark.parametrize(
    ("once", "every"),
    [
        pytest.param('replaceFirst("\'", "")', 'replaceAll("\'", "")', id="a text"),
        pytest.param('replaceFirst("[^a-z]", "")', 'replaceAll("[^a-z]", "")', id="a class"),
    ],
)
def test_java_takes_out_the_first_one_alone_if_told_so(once: str, every: str) -> None:
    assert java(f"st.executeQuery(q.{once});")
    assert not java(f"st.executeQuery(q.{every});")


@pytest.mark.parametrize(("count", "harms"), [("1", True), ("-1", False), ("n", False)])
def test_go_takes_out_as_many_as_it_is_told(count: str, *, harms: bool) -> None:
    statement = f'db.Query(strings.Replace(q, "\'", "", {count}))'
    assert go(statement) is harms


@pytest.mark.parametrize(
    "code",
    [
        "function f(req, res) { db.query(req.params.a) }",
        "exports.f = function (req, res) { db.query(req.headers.a) }",
        "class A { show(req, res) { db.query(req.cookies.a) } }",
        "const h = { show(req, res) { db.query(req.body) } }",
        "export async function f({ query }: Request, res: Response) { db.query(query.a) }",
        "class A { @Get() show(@Query('q') q: string) { db.query(q) } }",
        "const f = async (ctx) => { db.query(ctx.request.body.a) }",
        "exports.handler = async (event) => { db.query(event.queryStringParameters.a) }",
        "io.on('connection', socket => { socket.on('say', m => { db.query(m) }) })",
        "class A { show(req, res) { this.q = req.query.q; db.query(this.q) } }",
        "app.get('/', (q, res) => { db.query(q.query.a) }) // its req",
    ],
)
def test_handlers_of_many_frameworks_are_entered_with_what_strangers_send(code: str) -> None:
    assert lines("typescript", code) == [1]


def test_a_program_is_dangerous_in_its_first_place_or_behind_a_shell() -> None:
    spawn = {"calls": [{"call": "child_process.spawn", "program": 0}]}
    head = "const { spawn } = require('child_process');"
    assert javascript(head, "spawn(q, ['a'])", **spawn)
    assert javascript(head, "spawn('sh', ['-c', 'ls ' + q])", **spawn)
    assert not javascript(head, "spawn('ls', ['-l', q])", **spawn)


def test_a_text_s_own_parts_decide_where_a_rule_asks_for_them() -> None:
    begins = {"text_has": r"^(?:https?://)?[^/?#\x01\x02]*\x00"}
    assert javascript("db.query(`https://${q}/a`)", **begins)
    assert not javascript("db.query(`https://a.example/${q}`)", **begins)
    assert not javascript("db.query(BASE + q)", **begins)


def test_a_sink_for_texts_takes_no_objects() -> None:
    texts = {"calls": [{"call": "*.query", "args": [0, "0.sql"], "text": True}]}
    assert not javascript("db.query({ sql: 'a', values: [q] })", **texts)
    assert javascript("db.query({ sql: q, values: [] })", **texts)


def test_a_function_with_a_word_that_rules_it_out_is_left_alone() -> None:
    assert not javascript("res.type('text/plain'); db.query(q)", function_lacks="text/plain")


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["st.executeQuery(q);"], id="as it is"),
        pytest.param(['st.executeQuery(String.format("a %s", q));'], id="format"),
        pytest.param(
            [
                'StringBuilder b = new StringBuilder("a"); b.append("x").append(q);',
                "st.executeQuery(b.toString());",
            ],
            id="builder",
        ),
        pytest.param(["st.executeQuery(new Inner().same(q));"], id="a class of the file"),
        pytest.param(["st.executeQuery(other.of(q));"], id="code elsewhere"),
        pytest.param(
            [
                "java.util.Map<String, String> m = new java.util.HashMap<>();",
                'm.put("a", q); st.executeQuery(m.get("a"));',
            ],
            id="map",
        ),
        pytest.param(
            ["for (Cookie c : r.getCookies()) st.executeQuery(c.getValue());"], id="cookie"
        ),
        pytest.param(
            ['String s; if (7 * 6 > 40) s = q; else s = "a"; st.executeQuery(s);'], id="if"
        ),
        pytest.param(['Object[] o = {"a", q}; st.executeQuery((String) o[1]);'], id="array"),
        pytest.param(["try (R x = new R()) { st.executeQuery(q); }"], id="resources"),
        pytest.param(
            [
                'List<String> l = new ArrayList<>(); l.add("a"); l.add(q); l.remove(0);',
                "st.executeQuery(l.get(0));",
            ],
            id="list",
        ),
    ],
)
def test_java_follows_what_is_built_from_a_request(statements: list[str]) -> None:
    assert java(*statements, more="class Inner { String same(String s) { return s; } }")


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(['st.executeQuery("a");'], id="a constant"),
        pytest.param(['st.executeQuery("a" + Integer.parseInt(q));'], id="a number"),
        pytest.param(["st.executeQuery(new Inner().other(q));"], id="a class of the file"),
        pytest.param(
            [
                "java.util.Map<String, String> m = new java.util.HashMap<>();",
                'm.put("a", "x"); m.put("b", q); st.executeQuery(m.get("a"));',
            ],
            id="map",
        ),
        pytest.param(
            ['String s; if (7 * 6 > 50) s = q; else s = "a"; st.executeQuery(s);'], id="if"
        ),
        pytest.param(
            [
                'char c = "ABC".charAt(1); String s;',
                "switch (c) { case 'A': s = q; break; case 'B': s = \"x\"; break;",
                "default: s = q; } st.executeQuery(s);",
            ],
            id="switch",
        ),
        pytest.param(["if (!NAMES.contains(q)) return; st.executeQuery(q);"], id="an allow list"),
        pytest.param(['if ("a".equals(q)) st.executeQuery(q);'], id="equality"),
        pytest.param(['st.executeQuery(q.replace("\'", ""));'], id="the quote removed"),
    ],
)
def test_java_knows_what_makes_a_value_harmless(statements: list[str]) -> None:
    assert not java(*statements, more='class Inner { String other(String s) { return "a"; } }')


@pytest.mark.parametrize(
    "statement",
    [
        "st.executeQuery(Rules.nameFilter(q));",
        "if (Rules.nameFilter(q) == null) return; st.executeQuery(q);",
        "if (Rules.checkName(q) != null) st.executeQuery(q);",
    ],
)
def test_filters_and_checks_of_other_files_are_trusted_by_their_names(statement: str) -> None:
    assert not java(statement)
    assert java(statement.replace("nameFilter", "of").replace("checkName", "of"))


def test_a_check_of_a_cookie_s_name_proves_nothing_of_its_value() -> None:
    loop = 'for (Cookie c : r.getCookies()) if (c.getName().equals("a"))'
    assert java(f"{loop} st.executeQuery(c.getValue());")


def test_java_s_handlers_take_texts_of_strangers_and_no_numbers() -> None:
    code = """class A {
  @GetMapping("/a") String a(@RequestParam String q) { st.executeQuery(q); }
  @GetMapping("/b") String b(@RequestParam int q) { st.executeQuery("a" + q); }
  @GetMapping("/c") String c(String q) { st.executeQuery(q); }
  String d(String q) { st.executeQuery(q); }
}"""
    assert lines("java", code) == [2, 4]


def test_what_java_s_handlers_return_is_a_page_or_a_view_s_name() -> None:
    code = """@RestController class A {
  @GetMapping("/a") String a(@RequestParam String q) { return "a" + q; }
  @GetMapping(value = "/b", produces = "application/json") String b(String q) { return q; }
  String c(String q) { return q; }
}
@Controller class B { @GetMapping("/d") String d(String q) { return "redirect:" + q; } }"""
    assert lines("java", code, returns="html") == [2]
    assert lines("java", code, returns="view", text_has="^redirect:\\x00") == [6]


def test_text_built_from_what_nobody_knows_is_dangerous_where_a_rule_asks_for_it() -> None:
    code = """class A {
  void f(String name, int id) {
    st.executeQuery("select * from t where name = '" + name + "'");
    st.executeQuery("select * from t where name = '" + NAME + "'");
    st.executeQuery("select * from " + name);
  }
}"""
    wary = {"sources": ["unknown"], "text_has": r"(?i)where.*'\x02", "needs": "select"}
    assert lines("java", code, **wary) == [3]


def test_weak_numbers_are_followed_into_arrays_that_a_call_fills() -> None:
    code = """class A { void f() {
  byte[] b = new byte[8];
  new java.util.Random().nextBytes(b);
  st.executeQuery(Hex.encode(b));
  st.executeQuery(Double.toString(java.lang.Math.random()));
  byte[] c = new byte[8];
  new SecureRandom().nextBytes(c);
  st.executeQuery(Hex.encode(c));
} }"""
    assert lines("java", code, sources=["random"]) == [4, 5]


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(['db.Query("a" + q)'], id="plus"),
        pytest.param(['db.Query(fmt.Sprintf("a %s", q))'], id="format"),
        pytest.param(["s, err := clean(q)", "db.Query(s)"], id="the first of two"),
        pytest.param(
            ["var u User", "json.NewDecoder(r.Body).Decode(&u)", "db.Query(u.Name)"], id="decoded"
        ),
        pytest.param(['for _, v := range r.URL.Query()["a"] { db.Query(v) }'], id="range"),
        pytest.param(["helper(q)"], id="a helper"),
        pytest.param(["go func() { db.Query(q) }()"], id="a closure"),
        pytest.param(
            ["var b strings.Builder", "b.WriteString(q)", "db.Query(b.String())"], id="builder"
        ),
        pytest.param(["x := T{Name: q}", "db.Query(x.Name)"], id="a struct"),
        pytest.param(['switch q { case "a": db.Query("b"); default: db.Query(q) }'], id="switch"),
    ],
)
def test_go_follows_what_is_built_from_a_request(statements: list[str]) -> None:
    assert go(*statements, more="func helper(s string) { db.Query(s) }")


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(['db.Query("a = ?", q)'], id="a parameter"),
        pytest.param(
            ["n, err := strconv.Atoi(q)", 'db.Query(fmt.Sprintf("a %v", n))'], id="a number"
        ),
        pytest.param(["if _, ok := names[q]; !ok { return }", "db.Query(q)"], id="a table"),
        pytest.param(
            ["if !slices.Contains(names, q) { return }", "db.Query(q)"], id="an allow list"
        ),
        pytest.param(["if !pattern.MatchString(q) { return }", "db.Query(q)"], id="a pattern"),
        pytest.param(
            ['q = strings.ReplaceAll(q, "\'", "")', "db.Query(q)"], id="the quote removed"
        ),
        pytest.param(['x := T{Name: q, Kind: "a"}', "db.Query(x.Kind)"], id="another field"),
    ],
)
def test_go_knows_what_makes_a_value_harmless(statements: list[str]) -> None:
    assert not go(*statements)


def test_a_flow_tells_its_steps_from_the_source_on() -> None:
    code = "function f(req, res) {\nconst a = req.query.a;\nconst b = 'x' + a;\ndb.query(b);\n}"
    (found,) = judged("javascript", code)
    assert isinstance(found, Finding)
    assert [step.start for step in found.flow] == [2, 3, 4]


def test_lines_too_long_to_be_written_by_hand_are_told_and_not_followed() -> None:
    code = "function f(req) { db.query(req.query.a) }" + ";" * 10_000
    (skip,) = judged("javascript", code)
    assert isinstance(skip, Skip)
    assert "not followed" in skip.why
    assert not skip.blocking


def test_a_go_literal_that_the_grammar_cannot_read_breaks_nothing() -> None:
    literal = "User{\n\t\tLast: new(time.Now()),\n\t}"
    code = f"func f(r *http.Request) {{\n\tu := {literal}\n\tdb.Query(r.URL.Path + u.Name)\n}}\n"
    assert not any(isinstance(one, Skip) for one in judged("go", code))


@pytest.mark.parametrize("remark", ["// as ever", "/* as ever */"])
def test_a_remark_is_no_part_of_java_code(remark: str) -> None:
    arms = f'case "a" -> "card";\n{remark}\ndefault -> q;'
    assert java(f"String z = switch (q) {{\n{arms}\n}};", "st.executeQuery(z);")
    assert java(f"st.executeQuery(\n{remark}\nq);")


@pytest.mark.parametrize("language", ["javascript", "typescript", "java", "go"])
@pytest.mark.parametrize(
    "text", ["", "(", "{ {", "req.query )", "class A {", "func (", "switch (", "=> {"]
)
def test_broken_code_breaks_nothing(language: str, text: str) -> None:
    judged(language, f"{text}\nfunction f(req) {{ db.query(req.query.a); *http.Request Query")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param("s.find(q)", True, id="a-method-of-the-same-object"),
        pytest.param("s.rows.find(q)", True, id="a-method-of-a-field-s-type"),
        pytest.param("s.other.find(q)", False, id="a-method-of-another-file"),
        pytest.param('s.find("all")', False, id="the-author-s-own-text"),
    ],
)
def test_a_value_is_followed_into_the_methods_of_a_go_file(body: str, found: bool) -> None:
    code = (
        'package m\nimport "net/http"\n'
        "type Store struct { rows *Store; other *elsewhere.Store }\n"
        "func (s *Store) show(r *http.Request) {\n"
        f'q := r.FormValue("q")\n{body}\n}}\n'
        "func (t *Store) find(name string) {\ndb.Query(name)\n}\n"
    )
    assert bool(lines("go", code)) is found


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (("switch q {", 'case "a", "b":', "default:", "return", "}"), False),
        (("switch q {", 'case "a", "b":', "default:", "}"), True),
        (("switch q {", 'case "a":', "return", "}"), True),
        (("switch q {", "case other:", "default:", "return", "}"), True),
    ],
)
def test_only_what_a_switch_names_goes_on_where_its_default_leaves(
    statements: tuple[str, ...], found: bool
) -> None:
    assert go(*statements, "db.Query(q)") is found


def test_in_a_case_of_a_switch_the_value_is_the_one_that_is_named() -> None:
    assert not go("switch q {", 'case "a":', "db.Query(q)", "}")
    assert go("switch q {", 'case "a":', "default:", "db.Query(q)", "}")


@pytest.mark.parametrize(
    ("field", "found"),
    [("Name", True), ("Age", False)],
)
def test_a_field_of_a_number_s_type_holds_no_text(field: str, found: bool) -> None:
    more = "type search struct {\nName string\nAge int\n}"
    body = ("var one search", "json.NewDecoder(r.Body).Decode(&one)", f"db.Query(one.{field})")
    assert go(*body, more=more) is found


def test_what_is_asked_of_a_request_again_was_checked_before() -> None:
    check = 'if !allowed(r.FormValue("x")) {\nreturn\n}'
    assert not go(check, 'db.Query(r.FormValue("x"))')
    assert go(check, 'db.Query(r.FormValue("y"))')


def test_what_is_printed_into_a_builder_is_in_its_text() -> None:
    assert go("var b strings.Builder", 'fmt.Fprintf(&b, "a %s", q)', "db.Query(b.String())")
    assert not go("var b strings.Builder", 'fmt.Fprintf(&b, "a %d", q)', "db.Query(b.String())")


def test_an_address_of_parts_begins_with_its_host() -> None:
    where = {"text_has": "^https://[^/\x01]*\x00"}
    assert go('u := url.URL{Scheme: "https", Host: q}', "db.Query(u.String())", **where)
    own = 'u := url.URL{Scheme: "https", Host: "a.example", Path: q}'
    assert not go(own, "db.Query(u.String())", **where)


def test_an_address_without_a_host_names_none() -> None:
    own = 'u := url.URL{Path: "/" + q, RawQuery: q}'
    assert not go(own, "db.Query(u.String())", sink="redirect")
    assert go(own, "db.Query(u.String())")


def test_a_message_of_a_remote_call_comes_from_outside() -> None:
    code = (
        'package m\nimport pb "example.com/pb"\n'
        "func (s *Server) Get(ctx context.Context, in *pb.GetRequest) error {\n"
        "db.Query(in.GetName())\nreturn nil\n}\n"
    )
    assert lines("go", code) == [4]
