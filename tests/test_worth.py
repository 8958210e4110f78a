"""What the built-in rules tell a reviewer as medium, and what of the same shape is only tidying."""

from __future__ import annotations

import pytest
from grading import weights

from rlm_gate.core import Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW
ALIKE, SIDES = "patterns/branches-alike", "patterns/both-sides-alike"
AGAIN = "patterns/repeated-condition"


@pytest.mark.parametrize(
    ("rule", "path", "code", "expected"),
    [
        (SIDES, "a.ts", "if (a.end && a.end) show(a);", [LOW]),
        (AGAIN, "a.ts", "if (a.end > 0 && a.end > 0) show(a);", [MEDIUM]),
        (SIDES, "a.ts", "if (a.end >= a.end) show(a);", [MEDIUM]),
        (SIDES, "a.py", "def f(a):\n    return a.ok and a.ok\n", [LOW]),
        (SIDES, "A.java", "class A { boolean f() { return ok && ok; } }", [LOW]),
        (SIDES, "A.cs", "class A { bool F() { return ok || ok; } }", [LOW]),
        (SIDES, "a.php", "<?php if ($a->b && $a->b) { f(); }", [LOW]),
        (AGAIN, "a.ts", "if (!a && !a) show();", [LOW]),
        (AGAIN, "a.ts", "const side = left ? width : width;", []),
        (AGAIN, "a.ts", "if (a === 1) { f(); } else if (a === 1) { g(); }", [MEDIUM]),
        (AGAIN, "a.py", "def f(x, y):\n    return y if x else y\n", [LOW]),
        (ALIKE, "a.ts", "const locale = lang === 'vi' ? vi : vi;", [MEDIUM]),
        (ALIKE, "a.ts", "const rooms = count === 1 ? 'phòng' : 'phòng';", [LOW]),
        (ALIKE, "a.ts", "const look = mode === 'raised' ? 'p-4' : 'p-4';", [LOW]),
        (ALIKE, "a.py", "row = text(at) if isinstance(at, int) else text(at)\n", [LOW]),
        (ALIKE, "a.py", "rows = mine(who) if scope == 'own' else mine(who)\n", [MEDIUM]),
        (ALIKE, "A.java", "class A { int f() { return ok ? width : width; } }", [LOW]),
        (ALIKE, "a.ts", "if (kind === 'own') { show(rows); } else { show(rows); }", [MEDIUM]),
        (ALIKE, "a.ts", "if (job.kind === 1) { job.go(); } else { job.go(); }", [LOW]),
        (ALIKE, "a.py", "if job.kind:\n    job.go()\nelse:\n    job.go()\n", [LOW]),
        (ALIKE, "a.py", "if action == 'new':\n    go(x)\nelse:\n    go(x)\n", [MEDIUM]),
    ],
)
def test_a_condition_that_changes_nothing_is_told_where_a_case_is_lost(
    rule: str, path: str, code: str, expected: list[Severity]
) -> None:
    assert weights(rule, path, code) == expected


FLOW = (
    "export type Props = {\n  id: string,\n  dark?: boolean,\n};\n\n"
    "export type State = {\n  open: boolean,\n};\n"
)


def test_types_of_flow_are_no_assignments() -> None:
    assert weights("patterns/value-overwritten", "a.jsx", FLOW) == []
    twice = "row['name'] = user.name;\nrow['name'] = user.mail;\n"
    assert weights("patterns/value-overwritten", "a.jsx", FLOW + twice) == [MEDIUM]


HELD = "function f() {{ try {{ return g(); }} {}finally {{ return 1; }} }}"
ADDRESS = "def f(request):\n    at = request.headers.get('X-Forwarded-For')\n    {}\n"
RUN = (
    "on: pull_request\njobs:\n  a:\n    {}runs-on: x\n    steps:\n"
    "      - run: git checkout ${{{{ github.event.workflow_run.head_branch }}}}\n"
)


@pytest.mark.parametrize(
    ("rule", "path", "code", "expected"),
    [
        ("patterns/return-in-finally", "a.js", HELD.format(""), [MEDIUM]),
        ("patterns/return-in-finally", "a.js", HELD.format("catch (e) { log(e); } "), [LOW]),
        ("patterns/return-in-finally", "a.js", HELD.format("catch (e) { throw h(e); } "), [MEDIUM]),
        ("security/client-value-decides", "a.py", ADDRESS.format("note(at)"), [LOW]),
        ("security/client-value-decides", "a.py", ADDRESS.format("limiter.hit(at)"), [MEDIUM]),
        ("security/workflow-injection", ".github/workflows/a.yml", RUN.format(""), [MEDIUM]),
        (
            "security/workflow-injection",
            ".github/workflows/a.yml",
            RUN.format("if: github.event.workflow_run.head_branch == 'main'\n    "),
            [],
        ),
    ],
)
def test_what_the_code_around_makes_harmless_is_no_warning(
    rule: str, path: str, code: str, expected: list[Severity]
) -> None:
    assert weights(rule, path, code) == expected


CONTROLLER = (
    "const mongoose = require('mongoose');\nexports.list = async (req, res) => {\n  {}\n"
    "  const query = { open: true };\n  if (given) query.{} = given;\n"
    "  res.json(await Order.{}(query));\n};\n"
)
NARROW = (
    "package a\nfunc f(c *gin.Context) {{\n"
    '  n, _ := strconv.Atoi(c.Query("n"))\n  use(Box{{{}: int32(n)}})\n}}\n'
)
CLAIMS = (
    "def f(t):\n    c = jwt.decode(t, options={{'verify_signature': False}})\n    return c[{}]\n"
)
SALTED = "const key = crypto.scryptSync({}, 'salt', 32);"
STREAM = "function f(p, res) {{ {} fs.createReadStream(p).pipe(res); }}"
SETTER = (
    "function put(given, path, value) {{ const parts = path.split('.'); let at = {{ ...given }};\n"
    "  for (const part of parts.slice(0, -1)) {{ {} at = at[part]; }}\n"
    "  at[parts[parts.length - 1]] = value; }}"
)
NEW = "async function add(req, res) {{ {} await Exam.create(req.body); }}"
SELECT = 'q = f"""\nSELECT a FROM b WHERE c >= {1} AND d = 1 {0}\n"""\ndb.execute(q, (1,))\n'
STYLE = "const S = () => <style dangerouslySetInnerHTML={{{{ __html: `{}` }}}} />;"
ASK = "import requests\ndef f():\n    return requests.get('{}')\n"
BRIDGE = (
    "contextBridge.exposeInMainWorld('a', {\n  send: (c, x) => ipcRenderer.send(c, x),\n"
    "  ask: (c, x) => ipcRenderer.invoke(c, x),\n});\n"
)
SINCE = (
    "async function f(a, b) {{\n  {}\n"
    "  return db.query(`select c from d where e > now() - interval '${{days}} days'`);\n}}\n"
)
ROWS = (
    "const rows = {};\n{}\nbox.innerHTML = rows.map(row => `<p>${{row.userName}}</p>`).join('');\n"
)
DRAWN = "class A {{ void f() {{\n  String {} = RandomStringUtils.randomAlphanumeric(20);\n }} }}"
SENT = "const { given } = req.query;"
LOOPS = "for row in rows:\n    for row in more:\n        show(row)\n    {}\n"
INNER = "patterns/loop-variable-reused"
LATER = (
    "async function load() {{ rows = await all(); }}\n"
    "async function drop(id) {{ await remove(id); load(); {} }}\n"
)
LIMITED = (
    "limiter = Limiter()\n\n"
    "def {}(request):\n    at = request.headers.get('X-Forwarded-For')\n    {}\n"
)
ANSWER = "app.use((req, res) => {{ res.send(`<p>No ${{req.{}}}</p>`); }});"
MANY = (
    "package a\nfunc (s *S) f(ctx context.Context, ids []string, b string) {{\n"
    '  q := "SELECT a FROM b WHERE c IN (" + b\n  s.db.QueryContext(ctx, q, {})\n}}\n'
)


def listed(sent: str, field: str, call: str) -> str:
    return CONTROLLER.replace("{}", sent, 1).replace("{}", field, 1).replace("{}", call, 1)


@pytest.mark.parametrize(
    ("rule", "path", "code", "expected"),
    [
        ("security/nosql-injection", "a.js", listed(SENT, "status", "find"), [LOW]),
        ("security/nosql-injection", "a.js", listed(SENT, "token", "find"), [MEDIUM]),
        ("security/nosql-injection", "a.js", listed(SENT, "status", "deleteMany"), [MEDIUM]),
        ("security/number-narrowed", "a.go", NARROW.format("Page"), [LOW]),
        ("security/number-narrowed", "a.go", NARROW.format("Owner"), [MEDIUM]),
        ("security/token-not-verified", "a.py", CLAIMS.format("'iss'"), [LOW]),
        ("security/token-not-verified", "a.py", CLAIMS.format("'sub'"), [MEDIUM]),
        ("security/fixed-salt", "a.js", SALTED.format("process.env.KEY"), [LOW]),
        ("security/fixed-salt", "a.js", SALTED.format("password"), [MEDIUM]),
        ("patterns/stream-error-unhandled", "a.js", STREAM.format(""), [MEDIUM]),
        ("patterns/stream-error-unhandled", "a.js", STREAM.format("fs.statSync(p);"), []),
        ("security/prototype-pollution", "a.js", SETTER.format(""), [MEDIUM]),
        ("security/prototype-pollution", "a.js", SETTER.format("at[part] = {...at[part]};"), []),
        ("security/mass-assignment", "a.js", NEW.format("req.body.owner = req.user.id;"), [LOW]),
        ("security/mass-assignment", "a.js", NEW.format("req.body.owner = 1;"), [MEDIUM]),
        ("patterns/duplicate-key", "a.js", "const a = { b: 'x', c: 1, b: 'x' };", [LOW]),
        ("patterns/duplicate-key", "a.js", "const a = { b: 'x', c: 1, b: 'y' };", [MEDIUM]),
        (SIDES, "a.js", "hash = hash & hash;", []),
        ("security/dom-xss", "a.js", "box.innerHTML = `<b>${room.user.name}</b>`;", [MEDIUM]),
        ("security/dom-xss", "a.js", "box.innerHTML = `<b>${skill.name}</b>`;", [LOW]),
        ("security/dom-xss", "a.js", "box.innerHTML = '<b>' + data.message + '</b>';", [LOW]),
        ("security/dom-xss", "a.js", "box.innerHTML = '<b>' + chat.message + '</b>';", [MEDIUM]),
        ("patterns/lost-task", "a.js", LATER.format(""), [LOW]),
        ("patterns/lost-task", "a.js", LATER.format("close();"), [MEDIUM]),
        ("patterns/library-misread", "a.js", "if (text.indexOf('a') > 0) found();", [LOW]),
        ("security/template-unescaped", "a.html", "<p>{{ post.faq_json|safe }}</p>", [LOW]),
        ("security/template-unescaped", "a.html", "<p>{{ post.text|safe }}</p>", [MEDIUM]),
        (SIDES, "a.ts", "class A { f(r) { this.o.d = r; this.o = this.o; } }", []),
        (SIDES, "a.ts", "class A { f(r) { this.p = r.p; this.o = this.o; } }", [MEDIUM]),
        (ALIKE, "a.ts", "const a = typeof b === 'string' ? $(b) : $(b);", []),
        (ALIKE, "A.cs", "class A { void F() { if (ok) { G(); } else { G(); } } }", [LOW]),
        (INNER, "a.py", LOOPS.format(""), [LOW]),
        (INNER, "a.py", LOOPS.format("keep(row)"), [MEDIUM]),
        ("security/client-value-decides", "a.py", LIMITED.format("visit", "note(at)"), [LOW]),
        ("security/client-value-decides", "a.py", LIMITED.format("_ip", "return at"), [LOW]),
        ("security/csrf-off", "a.py", "csrf.exempt(api_v1_bp)\n", [LOW]),
        ("security/csrf-off", "a.py", "csrf.exempt(pages)\n", [MEDIUM]),
        ("security/reflected-xss", "a.js", ANSWER.format("path"), [LOW]),
        ("security/reflected-xss", "a.js", ANSWER.format("query.a"), [HIGH]),
        ("security/sql-injection", "a.go", MANY.format("args..."), [LOW]),
        ("security/sql-injection", "a.go", MANY.format("one"), [MEDIUM]),
        ("security/dom-xss", "a.js", ROWS.format("[{ name: 'a' }]", ""), []),
        ("security/dom-xss", "a.js", ROWS.format("[{ name: 'a' }]", "rows.push(row);"), [MEDIUM]),
        ("security/dom-xss", "a.js", ROWS.format("await load()", ""), [MEDIUM]),
        ("security/insecure-random", "A.java", DRAWN.format("salt"), [LOW]),
        ("security/insecure-random", "A.java", DRAWN.format("token"), [MEDIUM]),
        ("security/electron-window", "a.js", BRIDGE, [MEDIUM]),
        ("security/sql-injection", "a.js", SINCE.format("const days = a ? 1 : 30;"), []),
        ("security/sql-injection", "a.js", SINCE.format("const days = a ? 1 : b;"), [MEDIUM]),
        (SIDES, "a.py", "def f(build):\n    build = build\n", [LOW]),
        (SIDES, "a.py", "def f(self, a):\n    self.a = self.a\n", [MEDIUM]),
        ("patterns/builtin-misread", "a.py", "a = b.strip('\"\"')\n", []),
        ("patterns/builtin-misread", "a.py", "a = b.strip('http')\n", [MEDIUM]),
        ("performance/request-without-timeout", "a.py", ASK.format("http://localhost:1/"), [LOW]),
        ("performance/request-without-timeout", "a.py", ASK.format("https://a.b/"), [MEDIUM, LOW]),
        (ALIKE, "a.py", 'if a:\n    f("\\nyes")\nelse:\n    f("\\nno")\n', []),
        ("security/sql-injection", "a.py", SELECT.format("{rest}", "%s"), []),
        ("security/sql-injection", "a.py", SELECT.format("", "'{name}'"), [MEDIUM]),
        ("security/template-unescaped", "a.jsx", STYLE.format("a {{ b: c; }}"), []),
        ("security/template-unescaped", "a.jsx", STYLE.format("${post.body}"), [MEDIUM]),
        (AGAIN, "a.ts", 'const no = typeof a === "string" && a === "";', []),
        (AGAIN, "a.ts", 'const no = a === "string" && a === "";', [MEDIUM]),
        (
            "patterns/loop-variable-reused",
            "a.py",
            "def f(row, rows):\n    for row, a in enumerate(rows, row + 1):\n        show(a)\n",
            [],
        ),
    ],
)
def test_what_a_reader_would_not_act_on_is_no_warning(
    rule: str, path: str, code: str, expected: list[Severity]
) -> None:
    assert weights(rule, path, code) == expected
