"""What the built-in rules only note, and the near misses of it that are worth a reviewer's time."""

from __future__ import annotations

import base64

import pytest
from grading import heaviest, weights

from rlm_gate.core import Severity

MEDIUM, LOW = Severity.MEDIUM, Severity.LOW
FLASK = "from flask import redirect, request\n"
ORDERS = "orders = Order.objects.filter(open=True)\n    "
LOOP = (
    "def names({}):\n    {}for order in orders:\n"
    "        show(Customer.objects.get(pk=order.customer))\n"
)
JS_LOOP = (
    "async function names({}) {{\n  {}\n  for (const order of orders) {{\n"
    "    show(await User.findById(order.user));\n  }}\n}}\n"
)
GO_LOOP = (
    "package a\nfunc names(orders []Order) {{\n\t{}\n\tfor _, order := range orders {{\n"
    '\t\tdb.Where("id = ?", order.User).First(&user)\n\t}}\n}}\n'
)
JAVA_LOOP = (
    "class A {{ void names(List<Order> given) {{\n  List<Order> orders = {};\n"
    "  for (Order order : orders) {{ show(userRepository.findById(order.user)); }}\n}} }}\n"
)
CATCH = "class A {{ void F() {{ try {{ {}; }} catch (Exception) {{ }} }} }}\n"
SECRET = "7Hq2Zr9LmX0vBt5KcW8d"


def token(claim: str) -> str:
    """Return a signed token with that claim, as a server of JSON web tokens makes it."""
    parts = (b'{"alg":"HS256"}', f'{{"userId":4,"{claim}":1783791699}}'.encode())
    signature = "sbxqBNSkaFsvgCTmFDsb1xKJ0CK7gVGzxlJyN36oXwU"
    head = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return ".".join((*head, signature))


@pytest.mark.parametrize(
    ("path", "code", "meant"),
    [
        ("a.py", LOOP.format("", ORDERS), MEDIUM),
        ("a.py", LOOP.format("orders", ""), LOW),
        ("a.py", LOOP.format("form", "orders = form.getlist('order')\n    "), LOW),
        ("a.js", JS_LOOP.format("", "const orders = await Order.find({ open: true });"), MEDIUM),
        ("a.js", JS_LOOP.format("", "const [orders] = await db.query('select 1');"), MEDIUM),
        ("a.js", JS_LOOP.format("", "const orders = [{ user: 1 }, { user: 2 }];"), LOW),
        ("a.js", JS_LOOP.format("orders", ""), LOW),
        ("a.go", GO_LOOP.format("db.Find(&orders)"), MEDIUM),
        ("a.go", GO_LOOP.format("log(orders)"), LOW),
        ("A.java", JAVA_LOOP.format("orderRepository.findAll()"), MEDIUM),
        ("A.java", JAVA_LOOP.format("List.of(one, two)"), LOW),
    ],
)
def test_a_query_for_each_row_of_another_query_grows_with_the_data(
    path: str, code: str, meant: Severity
) -> None:
    assert weights("performance/n-plus-one-query", path, code) == [meant]


@pytest.mark.parametrize(
    ("path", "code", "meant"),
    [
        ("src/a.cs", f'const string StorageKey = "{SECRET}";\n', MEDIUM),
        ("src/a.cs", 'const string StorageKey = "semVer2StorageKeyValue";\n', LOW),
        ("src/a.cs", 'const string OptionKey = "s3-authentication-region-2";\n', None),
        ("config/a.ini", f"api_key = {SECRET}\n", MEDIUM),
        ("config/a.ini.dist", f"api_key = {SECRET}\n", LOW),
        ("postman/shop.json", f'{{"api_key": "{SECRET}"}}\n', LOW),
        ("src/lang/cy.php", f"<?php $lang['api_key'] = '{SECRET}';\n", LOW),
        ("src/a.js", f"const token = '{token('iat')}';\n", MEDIUM),
        ("src/a.js", f"const token = '{token('exp')}';\n", LOW),
        ("src/a.js", f'/*\n {{\n  "token": "{SECRET}"\n }}\n*/\n', LOW),
        ("src/a.py", f"# GET https://api.acme.com/?api_key={SECRET}\n# and wait\n", LOW),
    ],
)
def test_a_secret_that_helps_nobody_is_only_noted(
    path: str, code: str, meant: Severity | None
) -> None:
    assert heaviest("security/hardcoded-password", path, code) is meant


@pytest.mark.parametrize(
    ("rule_id", "path", "code", "meant"),
    [
        (
            "security/open-redirect",
            "a.py",
            FLASK + "def f():\n    return redirect(request.cookies['next'])\n",
            LOW,
        ),
        (
            "security/open-redirect",
            "a.py",
            FLASK + "def f():\n    return redirect(request.args['next'])\n",
            MEDIUM,
        ),
        (
            "security/open-redirect",
            "a.py",
            FLASK + "def f():\n    return redirect(build_login_url(request.args['next']))\n",
            None,
        ),
        (
            "security/path-traversal",
            "a.py",
            (
                "from flask import request\ndef f():\n"
                "    name = request.args['name']\n    return open(path_of(name)).read()\n"
            ),
            LOW,
        ),
        (
            "security/remote-script-to-shell",
            "Dockerfile",
            "RUN curl -fsSL https://get.acme.com/install | sh\n",
            LOW,
        ),
        (
            "security/remote-script-to-shell",
            "Dockerfile",
            "RUN curl -fsSL http://get.acme.com/install | sh\n",
            MEDIUM,
        ),
        (
            "security/remote-script-to-shell",
            "Dockerfile",
            "RUN curl https://raw.githubusercontent.com/a/b/master/install.sh | sh\n",
            MEDIUM,
        ),
        ("security/redos", "src/a.js", "const ok = /^(a+)+$/.test(text);\n", MEDIUM),
        ("security/redos", "client/src/a.js", "const ok = /^(a+)+$/.test(text);\n", LOW),
        (
            "security/sql-injection",
            "a.js",
            "db.query(`select name from pg_tables where tablename = '${name}'`);\n",
            LOW,
        ),
        (
            "security/sql-injection",
            "a.js",
            "db.query(`select name from people where name = '${name}'`);\n",
            MEDIUM,
        ),
        ("security/cors-open", "A.java", "@CrossOrigin\nclass A { }\n", LOW),
        (
            "security/cors-open",
            "A.java",
            '@CrossOrigin(origins = "*", allowCredentials = "true")\nclass A { }\n',
            MEDIUM,
        ),
        (
            "security/tls-verification-off",
            "a.php",
            "<?php if ($verify) {\n  curl_setopt($c, CURLOPT_SSL_VERIFYPEER, false);\n}\n",
            None,
        ),
        (
            "security/tls-verification-off",
            "a.php",
            "<?php if ($post) {\n  curl_setopt($c, CURLOPT_SSL_VERIFYPEER, false);\n}\n",
            MEDIUM,
        ),
        ("security/csrf-off", "a.py", "@csrf_exempt\ndef stripe_webhook(request): ...\n", LOW),
        ("security/csrf-off", "a.py", "@csrf_exempt\ndef transfer(request): ...\n", MEDIUM),
        (
            "security/csrf-off",
            "a.rb",
            "class A < B\n  skip_authentication\n  skip_forgery_protection\nend\n",
            LOW,
        ),
        (
            "patterns/async-callback-dropped",
            "a.js",
            "list.forEach(async (one) => { try { await send(one); } catch (e) { log(e); } });\n",
            LOW,
        ),
        (
            "patterns/async-callback-dropped",
            "a.js",
            "list.forEach(async (one) => { await send(one); });\n",
            MEDIUM,
        ),
        ("security/world-writable", "a.sh", "chmod 777 /app/cache\n", LOW),
        ("security/world-writable", "a.sh", "chmod 777 /etc/passwd\n", MEDIUM),
        ("security/unsafe-temp-file", "a.py", "Path('/tmp/worker_ready').touch()\n", LOW),
        ("security/unsafe-temp-file", "a.py", "open('/tmp/install.sh', 'w').write(x)\n", MEDIUM),
        (
            "performance/request-without-timeout",
            "a.py",
            "import requests\ndef f(url):\n    return requests.get(url)\n",
            MEDIUM,
        ),
        (
            "performance/request-without-timeout",
            "a.py",
            "import requests, sys\nprint(requests.get(sys.argv[1]).text)\n",
            LOW,
        ),
        (
            "security/mass-assignment",
            "a.php",
            "<?php class A { function f(Request $request) { $a->fill($request->all()); } }\n",
            MEDIUM,
        ),
        (
            "security/mass-assignment",
            "a.php",
            "<?php class A { function f(PostRequest $request) { $a->fill($request->all()); } }\n",
            LOW,
        ),
        ("security/dom-xss", "a.js", "$('#a').html('<p>' + xhr.responseText + '</p>');\n", LOW),
        ("security/dom-xss", "a.js", "$('#a').html('<p>' + note.bodyText + '</p>');\n", MEDIUM),
        (
            "security/open-redirect",
            "a.py",
            FLASK + "def f():\n    return redirect(start() + request.args['page'] + '/')\n",
            None,
        ),
        (
            "security/tls-verification-off",
            "A.cs",
            (
                "if (settings.DisableCertificateChecking)\n{\n"
                "  client.ServerCertificateValidationCallback += (a, b, c, d) => true;\n}\n"
            ),
            None,
        ),
        (
            "security/tls-verification-off",
            "A.cs",
            "client.ServerCertificateValidationCallback += (a, b, c, d) => true;\n",
            MEDIUM,
        ),
        (
            "patterns/handle-not-closed",
            "a.go",
            (
                "package a\nfunc f() (*User, error) {\n"
                '\trows, err := db.Query("select 1")\n\treturn m.readUser(rows)\n}\n'
            ),
            None,
        ),
        (
            "patterns/handle-not-closed",
            "a.go",
            (
                "package a\nfunc f() (*User, error) {\n"
                '\trows, err := db.Query("select 1")\n\treturn nil, err\n}\n'
            ),
            MEDIUM,
        ),
        (
            "security/insecure-random",
            "A.java",
            (
                "class A { String token = RandomStringUtils.random(20, 0, 0, true, true, null, "
                "new SecureRandom()); }\n"
            ),
            None,
        ),
        (
            "security/sql-injection",
            "src/a.js",
            "app.post('/pay', (req, res) => { printer.execute(req.body.id, done); });\n",
            LOW,
        ),
        ("docs/pasted-chat-reply", "plan.md", "```go\n// ... existing code ...\n```\n", LOW),
        ("docs/pasted-chat-reply", "a.go", "package a\n\n// ... existing code ...\n", MEDIUM),
        ("docs/pasted-chat-reply", "a.md", "Let me know if you'd like to help me.\n", LOW),
        ("docs/pasted-chat-reply", "a.md", "Let me know if you'd like me to go on.\n", MEDIUM),
        ("security/dynamic-code", "a.js", "const run = new Function('obj', source);\n", LOW),
        ("security/dynamic-code", "a.js", "const value = eval(event.data);\n", MEDIUM),
        ("patterns/swallowed-exception", "A.cs", CATCH.format("mail.Send(text)"), MEDIUM),
        ("patterns/swallowed-exception", "A.cs", CATCH.format("id = long.Parse(text)"), LOW),
        (
            "security/weak-hash",
            "a.py",
            "import hashlib\ndef f(password):\n    return hashlib.md5(password).hexdigest()\n",
            MEDIUM,
        ),
    ],
)
def test_medium_is_for_what_a_reviewer_would_change(
    rule_id: str, path: str, code: str, meant: Severity | None
) -> None:
    assert heaviest(rule_id, path, code) is meant


@pytest.mark.parametrize("said", ["no\x71a: S324", "nos\x65c", "NOSON\x41R", "nosemgr\x65p"])
def test_what_another_scanner_is_told_to_pass_over_weighs_the_same(said: str) -> None:
    plain = "import hashlib\ndef f(password):\n    return hashlib.md5(password).hexdigest()"
    assert heaviest("security/weak-hash", "a.py", f"{plain}  # {said}\n") is MEDIUM


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("const room = await Room.findOne({ _id: req.body.room });", LOW),
        ("const room = await Room.findOne({ owner: req.body.owner });", MEDIUM),
        ("const existing = await Room.findOne({ title: req.body.title });", LOW),
        ("const existing = await User.findOne({ email: req.body.email });", MEDIUM),
        ("await Room.deleteMany({ owner: req.body.owner });", MEDIUM),
    ],
)
def test_any_record_instead_of_a_named_one_is_little_to_gain(query: str, meant: Severity) -> None:
    head = "const mongoose = require('mongoose');\nexports.show = async (req, res) => {\n  "
    assert heaviest("security/nosql-injection", "src/a.js", f"{head}{query}\n}};\n") is meant


def test_behind_a_slash_a_part_without_one_names_no_host() -> None:
    code = "from flask import redirect\n@app.route('/go/<{}name>')\ndef go(name):\n"
    code += "    return redirect('/' + name)\n"
    assert heaviest("security/open-redirect", "a.py", code.format("")) is LOW
    assert heaviest("security/open-redirect", "a.py", code.format("path:")) is MEDIUM
