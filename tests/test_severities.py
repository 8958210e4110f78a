"""What blocks a merge, by the built-in rules, and what has the same shape and only warns."""

from __future__ import annotations

import pytest
from grading import built_in, heaviest

from rlm_gate.core import Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW
LOGIN = "def current_user(t):\n    return jwt.decode(t, options={'verify_signature': False})\n"
LOOK = "def issuer(t):\n    return jwt.decode(t, options={'verify_signature': False})['iss']\n"
ASKED = "process.env.JWT_SECRET"
CHECKOUT = (
    "on: {}\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n"
    "        with:\n          ref: ${{{{ github.event.{}.head{}sha }}}}\n      - run: {}\n"
)
AFTER_CI = "\n  workflow_run:\n    workflows: [Continuous Integration]"
BUILT = CHECKOUT.format(AFTER_CI, "workflow_run", "_", 1)
BUILT += "      - uses: docker/build-push-action@v6\n        env: {KEY: '${{ secrets.KEY }}'}\n"
PASSWORD = "def keep(raw):\n    password = raw.strip()\n    return hashlib.md5(raw).hexdigest()\n"
TITLE = "on: {}\njobs:\n  a:\n    steps:\n      - run: echo ${{{{ github.event.{}.title }}}}\n"

ELSE_DRAWN = """\
function a() { if (crypto) return crypto.randomUUID();
  const apiToken = Math.random().toString(36);
  return apiToken; }
"""
CONFLICT = f"a\n{'<' * 7} HEAD\nb\n{'=' * 7}\nc\n{'>' * 7} topic\n"
ACTION = """\
public class CoverController : Controller {
  [HttpGet("ROUTE")]
  public IActionResult Cover(PARAMETERS) {
    return PhysicalFile(Path.Combine(root, name), "image/png");
  }
}
"""


def worst(rule_id: str, path: str, code: str) -> Severity | None:
    pack = "patterns" if f"patterns/{rule_id}" in built_in() else "security"
    return heaviest(f"{pack}/{rule_id}", path, code)


@pytest.mark.parametrize(
    ("rule_id", "path", "code", "meant"),
    [
        ("tls-verification-off", "a.py", "requests.get(url, verify=False)\n", MEDIUM),
        (
            "tls-verification-off",
            "a.py",
            "requests.post('https://api.house.com/v1', auth=(user, word), verify=False)\n",
            HIGH,
        ),
        (
            "tls-verification-off",
            "a.py",
            "requests.post('https://vault.internal/v1', auth=(user, word), verify=False)\n",
            MEDIUM,
        ),
        ("token-not-verified", "a.py", "import jwt\n" + LOGIN, HIGH),
        ("token-not-verified", "a.py", "import jwt\n" + LOOK, LOW),
        (
            "token-not-verified",
            "a.py",
            f"import jwt\n{LOGIN}def proved(t):\n    return jwt.decode(t, KEY, ['RS256'])\n",
            MEDIUM,
        ),
        ("debug-mode", "a.py", "app.run(host='0.0.0.0', debug=True)\n", HIGH),
        ("debug-mode", "a.py", "app.run(host='127.0.0.1', debug=True)\n", MEDIUM),
        ("literal-signing-key", "a.py", "SECRET_KEY = 'k3jsd8Hw1'\n", HIGH),
        ("literal-signing-key", "a.py", "SECRET_KEY = 'change-me-now'\n", MEDIUM),
        ("literal-signing-key", "a.py", "app.secret_key = 'k3jsd8Hw1'\n", HIGH),
        ("literal-signing-key", "a.py", "secret_key = 'k3jsd8Hw1'\n", MEDIUM),
        ("literal-signing-key", "a.js", "jwt.sign(claims, 'your-secret');\n", HIGH),
        ("signing-key-fallback", "a.js", f"jwt.sign(claims, {ASKED} || 'your-secret');\n", HIGH),
        ("signing-key-fallback", "a.js", f"export const key = {ASKED} || 'hush-hush';\n", HIGH),
        ("signing-key-fallback", "a.js", f"export const key = {ASKED} || 'change-me';\n", MEDIUM),
        (
            "signing-key-fallback",
            "a.js",
            f"if (!{ASKED}) throw new Error('JWT_SECRET');\nconst key = {ASKED} || 'hush';\n",
            None,
        ),
        ("insecure-random", "a.js", "const token = Math.random().toString(36);\n", HIGH),
        (
            "insecure-random",
            "a.js",
            "const lock = () => { const token = Math.random().toString(36); };\n",
            MEDIUM,
        ),
        ("insecure-random", "a.js", "const csrfToken = Math.random().toString(36);\n", MEDIUM),
        ("insecure-random", "a.js", "row = { sessionId: Math.random() * 9e9 };\n", MEDIUM),
        ("insecure-random", "a.js", "row = { password: Math.random() * 9e9 };\n", MEDIUM),
        (
            "insecure-random",
            "a.js",
            "token = drawn.split('').sort(() => 0.5 - Math.random()).join('');\n",
            MEDIUM,
        ),
        ("insecure-random", "a.php", "<?php $_SESSION['token'] = rand(1, 1e6);\n", MEDIUM),
        ("insecure-random", "a.php", "<?php $salt = sha1(uniqid('', true));\n", MEDIUM),
        ("insecure-random", "a.php", "<?php $token = md5(uniqid());\n", MEDIUM),
        ("insecure-random", "a.php", "<?php $reset_token = md5(uniqid());\n", HIGH),
        ("insecure-random", "a.php", "<?php $reset_token = md5(uniqid('', true));\n", MEDIUM),
        ("insecure-random", "a.php", "<?php $api_key = sha1(time() . mt_rand());\n", HIGH),
        (
            "insecure-random",
            "a.php",
            "<?php function forgot_password($u) { $token = md5(rand()); keep($u, $token); }\n",
            HIGH,
        ),
        ("insecure-random", "a.php", "<?php $login_token = rand(1000, 9999);\n", MEDIUM),
        (
            "insecure-random",
            "a.php",
            "<?php if (function_exists('x')) { $a = x(); } else { $api_key = uniqid(); }\n",
            MEDIUM,
        ),
        (
            "insecure-random",
            "a.php",
            "<?php function new_otp() { return rand(1000, 9999); }\n",
            MEDIUM,
        ),
        ("insecure-random", "a.rb", "reset_token = rand(10**9)\n", MEDIUM),
        ("insecure-random", "a.py", "import random\notp = random.randint(1000, 9999)\n", MEDIUM),
        (
            "insecure-random",
            "a.php",
            "<?php try { $token = random_bytes(9); } catch (E $e) {\n $token = md5(uniqid()); }\n",
            MEDIUM,
        ),
        (
            "insecure-random",
            "a.js",
            ELSE_DRAWN,
            MEDIUM,
        ),
        ("insecure-random", "a.py", "csrf_token = random.choice(letters)\n", MEDIUM),
        ("merge-conflict-marker", "a.py", CONFLICT, Severity.CRITICAL),
        ("merge-conflict-marker", "a.yaml", CONFLICT, Severity.CRITICAL),
        ("merge-conflict-marker", ".gitignore", CONFLICT, LOW),
        ("merge-conflict-marker", "README.md", CONFLICT, LOW),
        ("debugger-left", "a.js", "go().catch(() => { debugger; });\n", MEDIUM),
        ("debugger-left", "a.py", "def go():\n    breakpoint()\n", HIGH),
        ("insecure-random", "a.js", "const nonce = Math.random().toString(36);\n", MEDIUM),
        (
            "nosql-injection",
            "a.js",
            "app.post('/a', (req, res) => { req.body.list.find(one => one.id); });\n",
            None,
        ),
        ("insecure-random", "a.py", "reset_code = random.choice(letters)\n", HIGH),
        ("insecure-random", "a.py", "captcha_token = random.choice(letters)\n", MEDIUM),
        (
            "workflow-untrusted-checkout",
            ".github/workflows/a.yml",
            CHECKOUT.format("pull_request_target", "pull_request", ".", "npm ci"),
            HIGH,
        ),
        (
            "workflow-untrusted-checkout",
            ".github/workflows/a.yml",
            CHECKOUT.format("workflow_run", "workflow_run", "_", "npm ci"),
            MEDIUM,
        ),
        ("workflow-untrusted-checkout", ".github/workflows/a.yml", BUILT, HIGH),
        ("workflow-injection", ".github/workflows/a.yml", TITLE.format("issues", "issue"), HIGH),
        (
            "workflow-injection",
            ".github/workflows/a.yml",
            TITLE.format("pull_request", "pull_request"),
            MEDIUM,
        ),
        ("shell-injection", "a.py", "def run(a):\n    os.system('ls ' + a)\n", MEDIUM),
    ],
)
def test_high_needs_the_whole_proof_in_the_code_shown(
    rule_id: str, path: str, code: str, meant: Severity | None
) -> None:
    head = "import os, random, requests\n" if path == "a.py" else ""
    assert worst(rule_id, path, head + code) is meant


@pytest.mark.parametrize(
    ("rule_id", "path", "code", "meant"),
    [
        ("weak-hash", "a.py", "import hashlib\nname = hashlib.md5(url).hexdigest()\n", LOW),
        ("weak-hash", "a.py", "import hashlib\n" + PASSWORD, MEDIUM),
        ("weak-hash", "a.go", "package a\nfunc f() { h := md5.New() }\n", LOW),
        ("weak-hash", "a.go", "package a\nfunc f(password string) { h := md5.New() }\n", MEDIUM),
        ("dom-xss", "a.js", "list.innerHTML = `<li>${item.name}</li>`;\n", LOW),
        ("dom-xss", "a.js", "list.innerHTML = `<li>${item.author.name}</li>`;\n", MEDIUM),
        ("dom-xss", "a.js", "list.innerHTML = `<li>${this.count()} of ${total}</li>`;\n", LOW),
        ("dom-xss", "a.js", "box.innerHTML = `<b>${fileName}</b>`;\n", MEDIUM),
        ("dom-xss", "a.js", "box.innerHTML = `<b class='${className}'>${safeName}</b>`;\n", LOW),
        ("dom-xss", "a.js", "box.innerHTML = reply.data;\n", LOW),
        ("dom-xss", "a.js", "box.innerHTML = `<b>${error.message}</b>`;\n", LOW),
        ("template-unescaped", "a.html", "{{ post.text|safe }}\n", MEDIUM),
        ("template-unescaped", "a.html", "{{ widgets.get('list')()|safe }}\n", LOW),
        ("template-unescaped", "a.html", "{{ content | safe }}\n", LOW),
        ("template-unescaped", "a.html", "{{ config.footer.text|safe }}\n", LOW),
        ("template-unescaped", "a.html", "{% autoescape off %}Dear {{ name }}\n", LOW),
        ("template-unescaped", "a.html", "{% autoescape off %}<b>{{ name }}</b>\n", MEDIUM),
        ("template-unescaped", "a.vue", '<p v-html="comment.body"></p>\n', MEDIUM),
        ("template-unescaped", "a.vue", '<p v-html="comment.html"></p>\n', LOW),
        ("template-unescaped", "a.pug", "p!= note.text\n", MEDIUM),
        ("template-unescaped", "a.pug", "div!= page.render\n", LOW),
        (
            "template-unescaped",
            "a.jsx",
            "<p dangerouslySetInnerHTML={{ __html: t('a.b') }} />\n",
            LOW,
        ),
        ("sql-injection", "a.py", "q = \"SELECT a FROM t WHERE k='{}'\".format(name)\n", MEDIUM),
        (
            "sql-injection",
            "a.py",
            "q = \"SELECT a FROM t WHERE k='{}'\".format(self.config.k)\n",
            LOW,
        ),
        (
            "open-redirect",
            "a.py",
            "from flask import redirect, request\ndef f():\n    return redirect(request.path)\n",
            None,
        ),
        ("template-unescaped", "a.html", "{{ product.description|safe }}\n", LOW),
        ("template-unescaped", "a.html", "{{ review.body|safe }}\n", MEDIUM),
        ("comparison-never-true", "a.py", "if value != value:\n    stop()\n", LOW),
        ("comparison-never-true", "a.py", "if value == value:\n    stop()\n", MEDIUM),
        (
            "raw-sql-in-orm",
            "a.py",
            "from django.db.models.expressions import RawSQL\nquery = RawSQL(sql, (name,))\n",
            LOW,
        ),
        (
            "csrf-off",
            "a.rb",
            "class A < B\n  skip_before_action :verify_authenticity_token\nend\n",
            MEDIUM,
        ),
        (
            "csrf-off",
            "a.rb",
            "class Api::A < B\n  skip_before_action :verify_authenticity_token\nend\n",
            LOW,
        ),
        (
            "open-redirect",
            "a.php",
            "<?php\n$back = $_SERVER['HTTP_REFERER'] ?? '/';\nheader('Location: ' . $back);\n",
            LOW,
        ),
        (
            "open-redirect",
            "a.js",
            "app.use((req, res) => { res.redirect(`https://${req.headers.host}${req.url}`); });\n",
            LOW,
        ),
        ("csrf-off", "A.java", "class A { void f() { http.csrf().disable(); } }\n", MEDIUM),
        (
            "csrf-off",
            "A.java",
            "class A { void f() { http.addFilter(jwtFilter).csrf(it -> it.disable()); } }\n",
            LOW,
        ),
        ("dynamic-code", "a.py", "with open(path) as file:\n    exec(file.read(), {})\n", LOW),
        ("dynamic-code", "a.py", "def run(code):\n    exec(code)\n", MEDIUM),
        ("mass-assignment", "a.php", "<?php class A { protected $guarded = []; }\n", LOW),
        ("mass-assignment", "a.php", "<?php Post::create($request->all());\n", MEDIUM),
        ("open-redirect", "a.php", "<?php header('Location: ' . $_GET['next']);\n", MEDIUM),
        ("open-redirect", "a.php", "<?php header('Location: ' . $_SERVER['HTTP_REFERER']);\n", LOW),
    ],
)
def test_medium_needs_what_makes_the_lines_worth_a_reviewers_time(
    rule_id: str, path: str, code: str, meant: Severity | None
) -> None:
    assert worst(rule_id, path, code) is meant


def test_what_a_comment_calls_an_example_of_a_secret_is_low() -> None:
    told = "/**\n * {}: [password: '" + "k9Xe2" + "Qv7Lw'].\n */\n"
    assert worst("hardcoded-password", "a.php", "<?php\n" + told.format("Example")) is LOW
    assert worst("hardcoded-password", "a.php", "<?php\n" + told.format("Was")) is MEDIUM


def test_a_secret_of_the_tests_part_of_a_configuration_is_low() -> None:
    key = "  secret_key_base: " + "189eafa373f70c3f770798b832dd5e48" * 2 + "\n"
    for part, meant in (("development", LOW), ("production", MEDIUM)):
        assert worst("hardcoded-password", "config/keys.yml", f"{part}:\n{key}") is meant


@pytest.mark.parametrize(
    ("route", "parameters", "meant"),
    [
        ("{id:int}/{name}", "int id, string name", MEDIUM),
        ("{id:int}/{*name}", "int id, string name", HIGH),
        ("covers", "string name", HIGH),
        ("{id:int}", "int id, [FromQuery] string name", HIGH),
    ],
)
def test_a_part_of_a_route_in_csharp_holds_no_slash(
    route: str, parameters: str, meant: Severity
) -> None:
    code = ACTION.replace("ROUTE", route).replace("PARAMETERS", parameters)
    assert worst("path-traversal", "src/Cover.cs", code) is meant


@pytest.mark.parametrize("kind", ["marshal", "hybrid"])
def test_who_makes_a_signed_cookie_has_the_key(kind: str) -> None:
    code = f"Rails.application.config.action_dispatch.cookies_serializer = :{kind}\n"
    path = "config/initializers/cookies.rb"
    assert worst("unsafe-deserialization", path, code) is MEDIUM


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("WIKI.engines.text.query(req.query.q)", MEDIUM),
        ("pool.query(req.body.sql)", HIGH),
        ('service.query("select * from a where b = \'" + req.query.q + "\'")', HIGH),
        ("prisma.$queryRawUnsafe(req.query.q)", HIGH),
    ],
)
def test_a_query_of_something_unknown_is_not_surely_sql(statement: str, meant: Severity) -> None:
    code = f"app.get('/', (req, res) => {{\n  {statement};\n}});\n"
    assert worst("sql-injection", "src/app.js", code) is meant


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("executor.execute(request.args['q'])", MEDIUM),
        ("conn.execute(request.args['q'])", HIGH),
        ("runner.execute('select a from b where c = ' + request.args['q'])", HIGH),
    ],
)
def test_an_execution_of_something_unknown_is_not_surely_sql(
    statement: str, meant: Severity
) -> None:
    code = f"from flask import request\n@app.route('/')\ndef show():\n    {statement}\n"
    assert worst("sql-injection", "src/app.py", code) is meant


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("q.where({ token: req.body.token })", MEDIUM),
        ("User.findOne({ token: req.body.token })", HIGH),
        ("db.users.findOne({ token: req.body.token })", HIGH),
        ("req.db.collection('users').findOne({ token: req.body.token })", HIGH),
    ],
)
def test_a_filter_of_something_unknown_is_not_surely_of_documents(
    statement: str, meant: Severity
) -> None:
    code = f"app.post('/login', (req, res) => {{\n  {statement};\n}});\n"
    assert worst("nosql-injection", "src/app.js", code) is meant


def test_in_rust_a_check_that_is_off_shows_not_what_is_sent() -> None:
    code = "fn main() {\n    Client::builder().danger_accept_invalid_certs(true).build();\n}\n"
    assert worst("tls-verification-off", "src/main.rs", code) is MEDIUM


@pytest.mark.parametrize(
    ("name", "meant"),
    [("create_password_hash", HIGH), ("create_legacy_password_hash", MEDIUM)],
)
def test_what_accounts_have_from_before_is_compared_once(name: str, meant: Severity) -> None:
    code = f"def {name}(password, salt):\n    return hashlib.sha512(password + salt).hexdigest()\n"
    assert worst("fast-password-hash", "src/users.py", code) is meant
