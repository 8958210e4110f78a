"""Where requests come in, in the frameworks of JavaScript, and which checks are enough."""

from typing import Any

import pytest

from rlm_gate import examples
from rlm_gate.core import Confidence, Detect, Finding, Help, Rule, Severity
from rlm_gate.detectors import taint

SHELL: dict[str, Any] = {"sink": "shell", "calls": [{"call": "run", "args": [0]}]}
NOSQL: dict[str, Any] = {"sink": "nosql", "calls": [{"call": "*.findOne", "args": [0]}]}
REDIRECT: dict[str, Any] = {"sink": "redirect", "calls": [{"call": "*.redirect", "args": [0]}]}
MODEL: dict[str, Any] = {**SHELL, "sources": ["model"]}
ARCHIVE: dict[str, Any] = {**SHELL, "sources": ["archive"]}


def lines(code: str, sink: dict[str, Any]) -> list[int]:
    rule = Rule(
        id="security/flow",
        title="t",
        severity=Severity.HIGH,
        precision=Confidence.HIGH,
        languages=("typescript",),
        message="m",
        help=Help("", ""),
        detect=(Detect("taint", {"language": "typescript", **sink}),),
    )
    file = examples.whole_file("src/app", "typescript", code)
    found = taint.detect(examples.corpus_of([file]), [rule])
    return sorted(one.span.start for one in found if isinstance(one, Finding))


def handled(*statements: str) -> str:
    return "\n".join(["app.post('/', async (req, res) => {", *statements, "});"])


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("app.get('/x', (rq, rs) => run(rq.query.a));", id="a route"),
        pytest.param("http.createServer((i, o) => { run(i.headers.a); });", id="a bare server"),
        pytest.param(
            "router.route('/x'); router.put('/x', (a, b, next) => run(a.body));", id="put"
        ),
        pytest.param("const r = { one: (_, args, ctx) => run(args.id) };", id="a resolver"),
        pytest.param("const r = { one: (parent, { id }) => run(id) };", id="its arguments apart"),
        pytest.param("t.procedure.input(x).mutation(({ input }) => run(input.a));", id="trpc"),
        pytest.param("on.https.onCall((data, context) => run(data.a));", id="a cloud function"),
        pytest.param("exports.handler = (event, context) => run(event.order);", id="a lambda"),
        pytest.param("app.param('id', (req, res, next, id) => run(id));", id="a part of the path"),
        pytest.param("app.all('*', (q, s) => run(q.body.c));", id="every path"),
        pytest.param("req.on('data', (piece) => run(piece));", id="a body, piece by piece"),
        pytest.param("io.on('x', (socket) => run(socket.handshake.query.a));", id="a handshake"),
        pytest.param("class A { @On('a') b(@MessageBody() c) { run(c); } }", id="gateway"),
        pytest.param("serve((req) => { run(url.parse(req.url, true).query.a); });", id="q"),
    ],
)
def test_what_a_framework_hands_to_a_handler_comes_from_outside(code: str) -> None:
    assert lines(code, SHELL) == [1]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        pytest.param("server.tool('a', { c }, async ({ c }) => run(c));", True, id="of a server"),
        pytest.param("tool({ name: 'a', execute: ({ c }) => run(c) });", True, id="of an agent"),
        pytest.param("new DynamicTool({ func: async (c) => run(c) });", True, id="a class"),
        pytest.param("queue({ execute: ({ c }) => run(c) }); tool;", False, id="of something else"),
        pytest.param("tool({ name: 'a', format: ({ c }) => run(c) });", False, id="another field"),
    ],
)
def test_what_a_model_gives_a_tool_comes_from_the_model(code: str, *, found: bool) -> None:
    assert lines(code, {**SHELL, "sources": ["model"]}) == [1] * found


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param("[{ role: 'system', content: `Be ${req.body.a}` }]", id="at once"),
        pytest.param("[{ role: 'user', content: 'b' }, { role: 'system', content: req.body.a }]"),
    ],
)
def test_only_what_is_said_in_a_role_counts_where_an_entry_names_one(messages: str) -> None:
    sink = {"sink": "prompt", "calls": [{"call": "ask", "args": [0], "roles": ["system"]}]}
    assert lines(handled(f"const m = {messages};", "ask(m);"), sink) == [3]
    assert lines(handled(f"const m = {messages};".replace("system", "user"), "ask(m);"), sink) == []


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("child.on('data', (piece) => run(piece)); req;", id="another stream"),
        pytest.param("cache.get('/x', (value) => run(value.query));", id="one parameter"),
        pytest.param("app.get('/x', (err, found) => run(err.query));", id="an error and a row"),
        pytest.param("install((root, agent) => run(agent)); req;", id="two of a helper"),
        pytest.param("rows.reduce((_, { a }) => run(a)); req;", id="a reducer"),
        pytest.param("visit((root, j, ctx) => run(j)); req;", id="a transform"),
        pytest.param("db.query((input) => run(input)); req;", id="a query of a database"),
    ],
)
def test_other_callbacks_of_that_shape_get_nothing_from_outside(code: str) -> None:
    assert lines(code, SHELL) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("users.findOne({ name: req.body.name });", True),
        ("const { name } = req.body; users.findOne({ name });", True),
        ("const filter: any = {}; filter.name = req.query.name; users.findOne(filter);", True),
        ("users.findOne({ name: req.params.name });", False),
        ("users.findOne({ name: req.headers.name });", False),
        ("users.findOne({ name: `${req.body.name}` });", False),
        ("users.findOne({ name: 'a' + req.body.name });", False),
        ("users.findOne({ name: req.body.name || req.body.other });", True),
        ("const { name } = loginSchema.parse(req.body); users.findOne({ name });", False),
        ("const { name } = z.object({}).strict().parse(req.body); users.findOne({ name });", False),
        ("const { name } = JSON.parse(req.body.text); users.findOne({ name });", True),
        ("if (typeof req.body.a !== 'string') return; users.findOne({ a: req.body.a });", False),
    ],
)
def test_only_what_may_be_an_object_changes_a_query(statement: str, *, found: bool) -> None:
    assert bool(lines(handled(statement), NOSQL)) == found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("res.redirect(req.query.to);", True),
        ("const to = req.query.to; if (to.startsWith('/')) res.redirect(to);", True),
        ("const to = req.query.to; if (!to.startsWith('//')) res.redirect(to);", False),
        ("const to = req.query.to; if (to.startsWith('//')) res.redirect(to);", True),
        ("const u = new URL(req.query.to); if (u.hostname === HOST) res.redirect(u.href);", False),
        ("const u = new URL(req.query.to); if (u.hostname !== HOST) res.redirect(u.href);", True),
        ("const u = new URL(req.query.to); if (u.hash === HOST) res.redirect(u.href);", True),
        ("const u = new URL(req.query.to); if (hosts.has(u.host)) res.redirect(u);", False),
    ],
)
def test_a_known_host_or_no_host_is_a_harmless_target(statement: str, *, found: bool) -> None:
    assert bool(lines(handled(statement), REDIRECT)) == found


def test_the_reply_of_a_model_is_followed_without_a_request_in_the_file() -> None:
    code = "async function f(p) {\nconst { text } = await generateText({ p });\nrun(text);\n}"
    assert lines(code, MODEL) == [3]
    assert lines(code.replace("generateText", "makeText"), MODEL) == []


def test_names_in_an_archive_are_followed_from_a_loop_over_its_entries() -> None:
    code = "for (const one of zip.getEntries()) {\nrun(path.join('a', one.entryName));\n}"
    assert lines(code, ARCHIVE) == [2]
    assert lines(code.replace("getEntries", "names"), ARCHIVE) == []


def test_what_angular_injects_goes_by_the_name_of_its_class() -> None:
    code = "class A {\nat = inject(ActivatedRoute);\nf() { run(this.at.snapshot.params.id); }\n}"
    page = {**SHELL, "sources": ["page"]}
    assert lines(code, page) == [3]
    assert lines(code.replace("inject(ActivatedRoute)", "inject(Store)"), page) == []


def test_what_a_branch_proved_is_forgotten_behind_it() -> None:
    check = "if (known.has(req.body.to)) { run(req.body.to); } else { other(); }"
    assert lines(handled(check, "run(req.body.to);"), SHELL) == [3]


@pytest.mark.parametrize(("call", "found"), [("run(db, 'a', ...rest)", []), ("run(...rest)", [1])])
def test_what_is_unpacked_behind_a_statement_is_no_field_of_it(call: str, found: list[int]) -> None:
    sink = {"sink": "sql", "calls": [{"call": "run", "args": [0, "0.text"]}]}
    assert (
        lines(f"app.post('/', (req) => {{ const rest = [req.body.a]; {call}; }});", sink) == found
    )


@pytest.mark.parametrize(("form", "found"), [("base64url", []), ("hex", []), ("base64", [1])])
def test_a_name_in_letters_and_digits_alone_leads_nowhere(form: str, found: list[int]) -> None:
    sink = {"sink": "path", "calls": [{"call": "open", "args": [0]}]}
    code = f"open('/cache/' + Buffer.from(req.query.a).toString('{form}'))"
    assert lines(f"app.get('/', (req) => {{ {code}; }});", sink) == found


@pytest.mark.parametrize(
    ("loop", "found"),
    [
        pytest.param("for (const [k, v] of Object.entries(row)) { run(k); }", [], id="its keys"),
        pytest.param("for (const [k, v] of Object.entries(row)) { run(v); }", [3], id="its values"),
        pytest.param("run(Object.keys(row).map((k, i) => `${k} = ?`).join(', '));", [], id="all"),
        pytest.param("run(Object.values(row).join(', '));", [3], id="all values"),
        pytest.param("run(Object.keys(req.body).join(', '));", [3], id="keys that came in"),
        pytest.param("run(Object.keys({ ...req.body, a }).join(', '));", [3], id="spread"),
        pytest.param("run(Object.keys({ [req.query.k]: a }).join(', '));", [3], id="computed"),
    ],
)
def test_the_keys_of_an_object_that_is_spelled_out_are_the_authors(
    loop: str, found: list[int]
) -> None:
    taken = "const { a, b } = req.body; const row = { a, b };"
    assert lines(handled(taken, loop), SHELL) == found


def test_what_is_pushed_for_each_key_of_such_an_object_stays_apart_from_its_values() -> None:
    code = handled(
        "const row = { a: req.body.a }; const sets = []; const values = [];",
        "for (const [k, v] of Object.entries(row)) { sets.push(`${k} = ?`); values.push(v); }",
        "run(`update t set ${sets.join(', ')}`);",
        "run(values.join(', '));",
    )
    assert lines(code, SHELL) == [5]


SSRF: dict[str, Any] = {
    "sink": "ssrf",
    "text_has": r"^(?:\w+:)?/{0,2}[^/?#\x01\x02]*\x00",
    "calls": [{"call": "fetch", "args": [0], "text": True}],
}


@pytest.mark.parametrize(
    ("address", "found"),
    [
        pytest.param("`${process.env.API}/a/${req.query.a}`", [], id="the surroundings' host"),
        pytest.param("`${process.env.API || 'http://a'}/${req.query.a}`", [], id="or another"),
        pytest.param("`${req.query.a}/${process.env.API}`", [2], id="a stranger's host"),
        pytest.param("new URL(`https://a.example/${req.query.a}`)", [], id="a URL of a text"),
        pytest.param("new URL('/a/' + req.query.a, 'http://a')", [], id="a path on a base"),
        pytest.param("new URL('/' + req.query.a, 'http://a')", [2], id="a second slash"),
        pytest.param("new URL(req.query.a, 'http://a')", [2], id="an address for a path"),
        pytest.param("new URL('/a', req.query.a)", [2], id="a stranger's base"),
    ],
)
def test_who_chooses_a_path_behind_another_host_chooses_no_host(
    address: str, found: list[int]
) -> None:
    assert lines(handled(f"fetch({address});"), SSRF) == found
