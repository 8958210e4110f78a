"""What is called high must be exploitable by what the code shows: near misses of it are less."""

from __future__ import annotations

import pytest
from grading import heaviest

from rlm_gate.core import Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW
REFRESH = """\
exports.refresh = async (req, res, next) => {
  const seen = jwt.decode(req.headers.token);
  %s
  next();
};
"""
DRAWN = "export const start = () => { const loginToken = Math.random().toString(36);\n%s }\n"


def worst(name: str, path: str, code: str) -> Severity | None:
    return heaviest(f"security/{name}", path, code)


@pytest.mark.parametrize(
    ("then", "meant"),
    [
        ("if (late || seen.exp < now()) { res.set('x', await renew(req.headers.fresh)); }", MEDIUM),
        ("const key = keys[seen.header.kid];", MEDIUM),
        ("if (seen.exp > now()) { req.user = seen.sub; }", HIGH),
        ("req.left = seen.exp - now(); req.user = seen;", HIGH),
        ("if (seen.exp > now()) { const { sub } = seen; }", HIGH),
        ("audit(seen.exp); await load(seen);", HIGH),
        ("req.user = await User.findById(seen.id);", HIGH),
    ],
)
def test_a_token_read_for_its_end_or_key_alone_decides_nothing(then: str, meant: Severity) -> None:
    assert worst("token-not-verified", "src/auth.js", REFRESH % then) is meant


@pytest.mark.parametrize(
    ("then", "meant"),
    [
        ("return send(loginToken);", HIGH),
        ("sessionStorage.setItem('token', loginToken);", MEDIUM),
        ("document.cookie = loginToken;", MEDIUM),
    ],
)
def test_what_a_page_draws_is_for_itself(then: str, meant: Severity) -> None:
    assert worst("insecure-random", "src/login.js", DRAWN % then) is meant


@pytest.mark.parametrize(
    "asked",
    ["", "if (!isset($_SESSION['user'])) { die('no'); }", "$_SESSION['user'] = 1;"],
)
def test_a_form_that_a_page_repeats_is_less_than_a_link(asked: str) -> None:
    code = f"<?php\n{asked}\n$name = $_POST['name'];\necho \"<b>$name</b>\";\n"
    assert worst("reflected-xss", "src/user.php", code) is MEDIUM
    for linked in ("_GET", "_REQUEST"):
        assert worst("reflected-xss", "src/user.php", code.replace("_POST", linked)) is HIGH


@pytest.mark.parametrize("guard", ["@login_required", "@cached"])
def test_a_form_that_is_repeated_is_less_with_a_login_or_without(guard: str) -> None:
    code = (
        f"from flask import request\n@app.route('/a', methods=['POST'])\n{guard}\ndef show():\n"
        "    name = request.form['name']\n    return '<b>' + name + '</b>'\n"
    )
    assert worst("reflected-xss", "src/user.py", code) is MEDIUM
    for linked in ("args", "values"):
        assert worst("reflected-xss", "src/user.py", code.replace("form", linked)) is HIGH


@pytest.mark.parametrize(
    ("head", "source", "meant"),
    [
        ("@login_required", "request.form", MEDIUM),
        ("@login_required", "request.args", HIGH),
        ("@counted", "request.form", MEDIUM),
        ("@counted", "request.values", HIGH),
    ],
)
def test_a_route_behind_a_login_repeats_a_form_to_its_own_page(
    head: str, source: str, meant: Severity
) -> None:
    code = (
        "from flask import request\n@app.route('/', methods=['POST'])\n"
        f"{head}\ndef show():\n    name = {source}['name']\n    return f'<b>{{name}}</b>'\n"
    )
    assert worst("reflected-xss", "src/app.py", code) is meant


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("src/up.php", "<?php\n$name = $_FILES['a']['name'];\necho \"<b>$name</b>\";\n"),
        (
            "src/up.js",
            "app.post('/', (req, res) => {\n  res.send('<b>' + req.file.originalname);\n});\n",
        ),
        (
            "src/up.py",
            (
                "from flask import request\n@app.route('/')\ndef show():\n"
                "    return f\"<b>{request.files['a'].filename}</b>\"\n"
            ),
        ),
    ],
)
def test_no_link_sends_a_file_of_that_name(path: str, code: str) -> None:
    assert worst("reflected-xss", path, code) is MEDIUM


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ('$"http://localhost:5002/user/{name}"', None),
        ('$"{_api}/user/{name}"', None),
        ('$"{Settings.Api}user/{name}"', None),
        ("_api + name", None),
        ("name", HIGH),
        ('$"http://{name}/user"', HIGH),
        ('Request.Query["host"] + name', HIGH),
    ],
)
def test_an_address_that_begins_with_the_authors_own_leads_there(
    address: str, meant: Severity | None
) -> None:
    code = (
        "class A : Controller {\n  [HttpGet]\n  public async Task<IActionResult> Show(string name)"
        f" {{\n    return Ok(await _httpClient.GetAsync({address}));\n  }}\n}}\n"
    )
    assert worst("ssrf", "src/User.cs", code) is meant


@pytest.mark.parametrize(
    ("answer", "given", "meant"),
    [
        ("String", 'case "a" -> "x"; default -> throw new Odd("y" + kind);', None),
        ("String", 'case "a" -> "x" + kind; default -> "y";', None),
        ("String", 'case "a" -> "x"; default -> "y" + kind;', HIGH),
        ("String", 'case "a" -> { yield "x"; } default -> { log(); yield "y" + kind; }', HIGH),
        ("ResponseEntity<String>", 'case "a" -> "x"; default -> "y" + kind;', HIGH),
        ("ResponseEntity<Map<String, Object>>", 'case "a" -> "x"; default -> "y" + kind;', None),
    ],
)
def test_the_arms_of_a_switch_are_its_value_in_java(
    answer: str, given: str, meant: Severity | None
) -> None:
    code = (
        f'@RestController\nclass A {{\n  @GetMapping("/a")\n  public {answer} show(@RequestParam '
        f"String kind) {{\n    return switch (kind) {{ {given} }};\n  }}\n}}\n"
    )
    assert worst("reflected-xss", "src/A.java", code) is meant


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        ("await fs.stat(path.join(root, req.query.name))", MEDIUM),
        ("fs.existsSync(root + req.query.name)", MEDIUM),
        ("await fs.readFile(path.join(root, req.query.name))", HIGH),
        ("await fs.unlink(path.join(root, req.query.name))", HIGH),
    ],
)
def test_whether_there_is_a_file_says_little_of_it(call: str, meant: Severity) -> None:
    code = f"app.get('/', async (req, res) => {{\n  const seen = {call};\n  res.json(seen);\n}});\n"
    found = worst("path-traversal", "src/files.js", code)
    assert found is meant or (found is None and meant is MEDIUM)


@pytest.mark.parametrize(
    ("head", "meant"),
    [
        ("window.onload = start;\n", LOW),
        ("const [shown, show] = useState(null);\n", LOW),
        ("const theme = req.query.theme; document.title;\n", HIGH),
        ("", HIGH),
    ],
)
def test_what_a_page_asks_for_its_own_user_is_no_forgery(head: str, meant: Severity) -> None:
    code = f"{head}export async function load(request) {{\n  return fetch(request.query.url);\n}}\n"
    assert worst("ssrf", "src/load.js", code) is meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("new String(Files.readAllBytes(Paths.get(name)))", None),
        ("new String(Base64.encodeBase64(name.getBytes()))", None),
        ('"<b>" + name', HIGH),
    ],
)
def test_what_a_file_holds_is_not_what_its_name_says(given: str, meant: Severity | None) -> None:
    code = (
        '@RestController\nclass A {\n  @GetMapping("/a")\n  public String show(@RequestParam String'
        f" name) {{\n    return read(name);\n  }}\n  String read(String name) {{\n"
        f'    if (open) {{ return {given}; }}\n    return "";\n  }}\n}}\n'
    )
    assert worst("reflected-xss", "src/A.java", code) is meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("path, filename=name", None),
        ("path, media_type='application/pdf', filename=name or 'a.pdf'", None),
        ("'files/' + name", HIGH),
        ("path=f'files/{name}', filename='a.pdf'", HIGH),
    ],
)
def test_what_a_browser_calls_a_file_is_no_path(given: str, meant: Severity | None) -> None:
    code = (
        "from fastapi import FastAPI\nfrom fastapi.responses import FileResponse\napp = FastAPI()\n"
        f"@app.get('/')\ndef show(name: str):\n    return FileResponse({given})\n"
    )
    assert worst("path-traversal", "src/app.py", code) is meant


@pytest.mark.parametrize(("call", "meant"), [("rmdir", MEDIUM), ("unlink", HIGH)])
def test_only_an_empty_folder_goes(call: str, meant: Severity) -> None:
    code = f"<?php\nreadfile('a');\n{call}('uploads/' . $_GET['id']);\n"
    assert worst("path-traversal", "src/files.php", code) is meant


QUERY = """\
const mongoose = require('mongoose');
router.post('/x', async (req, res) => {
  const { SOURCE } = req.body;
  res.json(await CALL);
});
"""


@pytest.mark.parametrize(
    ("source", "call", "meant"),
    [
        ("city", "Shop.find({ city })", MEDIUM),
        ("city", "Shop.find({ 'at.city': city, open: true }).limit(9)", MEDIUM),
        ("patient", "Chart.findOne({ patient })", MEDIUM),
        ("token", "Reset.findOne({ token })", HIGH),
        ("email", "User.findOne({ email })", MEDIUM),
        ("email, password", "User.findOne({ email })", MEDIUM),
        ("email, password", "User.findOne({ email, password })", HIGH),
        ("password", "User.find({ password })", HIGH),
        ("shop", "Order.deleteMany({ shop })", HIGH),
        ("city", "Shop.find(req.body)", HIGH),
        ("city", "Shop.find({ ...req.body })", HIGH),
    ],
)
def test_a_list_of_others_than_were_asked_for_is_less_than_a_login(
    source: str, call: str, meant: Severity
) -> None:
    code = QUERY.replace("SOURCE", source).replace("CALL", call)
    assert worst("nosql-injection", "src/a.js", code) is meant


@pytest.mark.parametrize(
    ("rule_id", "call", "meant"),
    [
        ("sql-injection", "paypal.payment.execute(req.query.id, data, done)", None),
        ("sql-injection", "connection.execute(req.query.id, data, done)", HIGH),
        ("path-traversal", "whatsappClient.sendFile(req.body.to, image)", None),
        ("path-traversal", "res.sendFile(req.body.to)", HIGH),
    ],
)
def test_other_things_are_executed_and_sent_than_queries_and_paths(
    rule_id: str, call: str, meant: Severity | None
) -> None:
    code = f"app.post('/a', (req, res) => {{\n  {call};\n}});\n"
    assert worst(rule_id, "src/a.js", code) is meant


@pytest.mark.parametrize(
    ("name", "meant"), [("password", MEDIUM), ("reset_token", HIGH), ("api_key", HIGH)]
)
def test_nobody_sees_what_was_drawn_before_a_password(name: str, meant: Severity) -> None:
    code = f"import random\n{name} = ''.join(random.choices(LETTERS, k=20))\n"
    assert worst("insecure-random", "src/a.py", code) is meant


FEED = """\
export const feeds = router({
  read: %s.input(z.object({ address: z.string().url() })).mutation(async ({ input }) => {
    const parser = new Parser();
    return await parser.parseURL(input.address);
  }),
});
"""


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        (FEED % "protectedProcedure", MEDIUM),
        (FEED % "publicProcedure", HIGH),
        ((FEED % "protectedProcedure").replace("parser.parseURL", "axios.get"), HIGH),
    ],
)
def test_feeds_are_read_from_elsewhere_for_who_is_logged_in(code: str, meant: Severity) -> None:
    code = "import Parser from 'rss-parser';\nimport axios from 'axios';\n" + code
    assert worst("ssrf", "src/feeds.ts", code) is meant


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("Item.countDocuments({ state })", MEDIUM),
        ("Item.find({ state })", MEDIUM),
        ("Item.find({ token: state })", HIGH),
        ("Item.find(req.query)", HIGH),
        ("Item.deleteMany({ state })", HIGH),
    ],
)
def test_an_operator_in_the_filter_of_an_open_list_only_widens_it(
    query: str, meant: Severity
) -> None:
    code = (
        "const mongoose = require('mongoose');\nrouter.get('/items', async (req, res) => {\n"
        f"  const {{ state }} = req.query;\n  res.json(await {query});\n}});\n"
    )
    assert worst("nosql-injection", "src/items.js", code) is meant


@pytest.mark.parametrize(
    ("drawn", "meant"),
    [
        ("''.join(random.choices(string.digits, k=6))", MEDIUM),
        ("''.join(random.choice(string.digits) for _ in range(6))", MEDIUM),
        ("''.join(random.choices(string.ascii_letters + string.digits, k=32))", HIGH),
        ("''.join(random.choices(string.ascii_letters, k=32))", HIGH),
    ],
)
def test_a_code_of_a_few_digits_is_guessed_however_it_is_drawn(drawn: str, meant: Severity) -> None:
    code = f"import random, string\ndef make_verification_code():\n    return {drawn}\n"
    assert worst("insecure-random", "src/codes.py", code) is meant
    code = (
        f"import random, string\ndef save_verification(user):\n    code = {drawn}\n    keep(code)\n"
    )
    assert worst("insecure-random", "src/codes.py", code) is meant


@pytest.mark.parametrize(
    "made", ["config('SECRET_KEY', default='{}')", "os.getenv('SECRET_KEY', '{}')"]
)
def test_a_fallback_is_as_grave_whoever_reads_the_variable(made: str) -> None:
    for key, meant in (("correct-horse", HIGH), ("default-key", MEDIUM), ("change-me", MEDIUM)):
        code = f"SECRET_KEY = {made.format(key)}\n"
        assert worst("signing-key-fallback", "src/conf.py", code) is meant


@pytest.mark.parametrize(
    ("method", "meant"), [("get", HIGH), ("delete", LOW), ("put", LOW), ("patch", LOW)]
)
def test_no_page_is_made_of_what_scripts_alone_can_ask_for(method: str, meant: Severity) -> None:
    code = f"router.{method}('/:id', (req, res) => {{\n  res.send('<b>' + req.params.id);\n}});\n"
    assert worst("reflected-xss", "src/items.js", code) is meant
    code = (
        f"from flask import request\n@app.{method}('/a')\ndef show():\n"
        "    name = request.args['name']\n    return '<b>' + name + '</b>'\n"
    )
    assert worst("reflected-xss", "src/items.py", code) is meant


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        (
            "const item = await Item.findById(id);\n  if (!item) { throw new Error('none'); }",
            MEDIUM,
        ),
        ("const item = await Item.findById(id);\n  if (!item) return next();", MEDIUM),
        ("const item = await Item.findById(id);\n  log();\n  if (!item) return next();", MEDIUM),
        ("const item = await Item.findById(id);\n  if (!other) return next();", HIGH),
        ("const item = await Item.findById(id);", HIGH),
        ("const item = await Item.findById(other);\n  if (!item) return next();", HIGH),
    ],
)
def test_what_a_document_was_found_by_is_an_identifier(found: str, meant: Severity) -> None:
    code = (
        "app.get('/:id', async (req, res, next) => {\n  const id = req.params.id;\n"
        f"  {found}\n  res.send(`<b>Item ${{id}}</b>`);\n}});\n"
    )
    assert worst("reflected-xss", "src/items.js", code) is meant


@pytest.mark.parametrize(
    ("head", "meant"),
    [
        ("if DEBUG:\n    {}\nelse:\n    SECRET_KEY = os.environ['KEY']\n", None),
        ("if DEBUG or IMAGE_BUILD:\n    {}\nelse:\n    SECRET_KEY = os.environ['KEY']\n", None),
        ("if not DEBUG:\n    {}\nelse:\n    SECRET_KEY = os.environ['KEY']\n", HIGH),
        ("if DEBUG:\n    SECRET_KEY = os.environ['KEY']\nelse:\n    {}\n", HIGH),
        ("if DEBUG:\n    {}\n", HIGH),
        ("if HOUSE:\n    {}\nelse:\n    SECRET_KEY = os.environ['KEY']\n", HIGH),
    ],
)
def test_a_key_for_debugging_beside_one_of_the_environment_signs_nothing_else(
    head: str, meant: Severity | None
) -> None:
    code = "import os\n" + head.format("SECRET_KEY = 'k3jsd8Hw1'")
    assert worst("literal-signing-key", "src/settings.py", code) is meant


def test_a_fallback_that_a_validator_refuses_on_a_line_of_its_own_is_none() -> None:
    code = (
        "class Settings(BaseSettings):\n    SECRET_KEY: str = 'correct horse'\n\n"
        "    def check(self):\n        if self.SECRET_KEY in WEAK:\n"
        "            raise ValueError(\n                'SECRET_KEY is not set'\n            )\n"
    )
    assert worst("signing-key-fallback", "src/conf.py", code) is None
    assert (
        worst("signing-key-fallback", "src/conf.py", code.replace("SECRET_KEY is", "it is")) is HIGH
    )
