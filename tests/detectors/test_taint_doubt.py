"""What on the way of a value may have refused it, so that the flow is no whole proof."""

import pytest
from grading import HIGH, MEDIUM, severities

from rlm_gate.core import Severity

READ = {
    "language": "javascript",
    "sink": "path",
    "calls": [{"call": "fs.readFile", "args": [0]}],
}
HEAD = "app.get('/', async (req, res) => {\n  const name = req.query.name;\n"


@pytest.mark.parametrize(
    ("before", "meant"),
    [
        # somebody looks at it
        ("if (!suits(name)) return;", MEDIUM),
        ("const ok = verify(name, req.query.sig);\nif (!ok) return res.end();", MEDIUM),
        ("const doc = await Docs.one({ name });\nif (!doc) { throw new Error(); }", MEDIUM),
        ("const sum = digest(name);\nif (sum !== req.query.sum) return;", MEDIUM),
        ("checkName(name);", MEDIUM),
        ("await this.names.assertAllowed(name);", MEDIUM),
        ("if (!suits(req.query.name)) return;", MEDIUM),
        # nobody does
        ("", HIGH),
        ("if (!name) return;", HIGH),
        ("if (name === undefined || name === '') return;", HIGH),
        ("if (name.length > 200) return;", HIGH),
        ("if (typeof name !== 'string') return;", HIGH),
        ("if (!fs.existsSync(name)) return;", HIGH),
        ("if (!suits(req.query.other)) return;", HIGH),
        ("if (!isKnown(req)) return;", HIGH),
        ("if (odd(name)) console.log('odd');", HIGH),
        ("show(name);", HIGH),
        ("if (!name.includes(req.user.id)) return;", HIGH),
        ("if (!name.includes(rootDir)) return;", MEDIUM),
        ("const size = name.trim().length;\nif (!size) return;", HIGH),
    ],
)
def test_a_condition_that_leaves_or_a_check_by_name_makes_the_proof_less_than_whole(
    before: str, meant: Severity
) -> None:
    code = f"{HEAD}{before}\n  fs.readFile(path.join(root, name));\n}});\n"
    assert severities("a.js", code, **READ) == [meant]


@pytest.mark.parametrize(
    ("around", "meant"),
    [
        ("if (suits(name)) {{ {} }}", MEDIUM),
        ("if (!suits(name)) {{ res.end(); }} else {{ {} }}", MEDIUM),
        ("if (!suits(name)) {{ {} }}", HIGH),
        ("if (suits(name)) {{ res.end(); }} else {{ {} }}", HIGH),
        ("if (name) {{ {} }}", HIGH),
        ("{} if (!suits(name)) return;", HIGH),
    ],
)
def test_the_branch_that_was_allowed_counts_and_the_one_that_was_refused_does_not(
    around: str, meant: Severity
) -> None:
    code = f"{HEAD}{around.format('fs.readFile(path.join(root, name));')}\n}});\n"
    assert severities("a.js", code, **READ) == [meant]


@pytest.mark.parametrize(
    ("condition", "meant"),
    [("suits(name)", MEDIUM), ("known.has(name.slice(2))", MEDIUM), ("!suits(name)", HIGH)],
)
def test_a_value_may_be_taken_only_where_it_suits(condition: str, meant: Severity) -> None:
    code = (
        f"{HEAD}  let file = 'index';\n  if ({condition}) {{\n    file = name;\n  }}\n"
        "  fs.readFile(path.join(root, file));\n});\n"
    )
    assert severities("a.js", code, **READ) == [meant]


@pytest.mark.parametrize(
    ("fallback", "meant"),
    [
        ("if (!suits(file)) { file = 'index'; }", MEDIUM),
        ("if (!suits(file)) { file = DEFAULT; }", MEDIUM),
        ("if (!file) { file = 'index'; }", HIGH),
        ("if (!suits(file)) { file = file + '.txt'; }", HIGH),
        ("if (!suits(other)) { file = 'index'; }", HIGH),
    ],
)
def test_what_does_not_suit_may_be_replaced(fallback: str, meant: Severity) -> None:
    code = (
        f"{HEAD}  let file = req.query.file;\n  {fallback}\n"
        "  fs.readFile(path.join(root, file));\n});\n"
    )
    assert severities("a.js", code, **READ) == [meant]


@pytest.mark.parametrize("order", ["name + other", "other + name"])
@pytest.mark.parametrize(
    ("before", "meant"),
    [
        ("if (!suits(name)) return;", HIGH),
        ("if (!suits(name) || !suits(other)) return;", MEDIUM),
        ("if (!['a', 'b'].includes(name)) return;", HIGH),
        ("if (!['a', 'b'].includes(name) || !suits(other)) return;", MEDIUM),
    ],
)
def test_of_two_values_that_meet_the_one_that_nobody_looked_at_counts(
    order: str, before: str, meant: Severity
) -> None:
    code = (
        f"{HEAD}  const other = req.query.other;\n  {before}\n  const whole = {order};\n"
        "  fs.readFile(path.join(root, whole));\n});\n"
    )
    assert severities("a.js", code, **READ) == [meant]


@pytest.mark.parametrize(
    ("other", "meant"), [("shield(req.query.other)", []), ("req.query.other", [HIGH])]
)
def test_what_is_harmless_for_all_kinds_does_not_undo_what_is_for_one(
    other: str, meant: list[Severity]
) -> None:
    code = (
        f"{HEAD}  const other = {other};\n  if (!['a', 'b'].includes(name)) return;\n"
        "  fs.readFile(path.join(root, name + other));\n});\n"
    )
    assert severities("a.js", code, **READ, clean=["shield"]) == meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [("validate(rules), ", MEDIUM), ("query('name').custom(own), ", MEDIUM), ("login, ", HIGH)],
)
def test_what_a_route_is_given_before_its_function_may_check(given: str, meant: Severity) -> None:
    code = f"{HEAD}  fs.readFile(path.join(root, name));\n}});\n".replace("async", f"{given}async")
    assert severities("a.js", code, **READ) == [meant]


@pytest.mark.parametrize(
    ("before", "meant"),
    [
        ("if not suits(name):\n        return None", MEDIUM),
        ("row = Row.query.one_by(name)\n    if row is None:\n        abort(404)", MEDIUM),
        ("assert suits(name)", MEDIUM),
        ("name = name if suits(name) else name[:9]", MEDIUM),
        ("if not name:\n        return None", HIGH),
        ("if name is None or len(name) > 9:\n        raise ValueError", HIGH),
        ("if not os.path.exists(name):\n        return None", HIGH),
        ("if request.method != 'GET':\n        return None", HIGH),
    ],
)
def test_python_is_read_alike(before: str, meant: Severity) -> None:
    code = (
        "from flask import request\n@app.route('/')\ndef show():\n"
        f"    name = request.args.get('name')\n    {before}\n    return open('files/' + name)\n"
    )
    calls = [{"call": "open", "args": [0]}]
    assert severities("a.py", code, language="python", sink="path", calls=calls) == [meant]


@pytest.mark.parametrize(
    ("before", "meant"),
    [
        ("if (!suits($name)) { die('no'); }", MEDIUM),
        ("$row = one_of($name);\nif ($row === null) exit;", MEDIUM),
        ("if (!isset($_GET['name'])) { die('no'); }", HIGH),
        ("if (empty($name) || strlen($name) > 9) { exit; }", HIGH),
        ("if ($_SERVER['REQUEST_METHOD'] !== 'GET') { exit; }", HIGH),
        ("$names->checkName($name);", MEDIUM),
        ("$this->validator->add($name);", HIGH),
    ],
)
def test_so_is_php_outside_of_functions(before: str, meant: Severity) -> None:
    code = f"<?php\n$name = $_GET['name'];\n{before}\nreadfile('files/' . $name);\n"
    calls = [{"call": "readfile", "args": [0]}]
    assert severities("a.php", code, language="php", sink="path", calls=calls) == [meant]


def test_a_field_that_is_called_like_a_check_is_none() -> None:
    code = "<?php\n$name = $_POST['nameConfirm'];\n$done = readfile('files/' . $name);\n"
    calls = [{"call": "readfile", "args": [0]}]
    assert severities("a.php", code, language="php", sink="path", calls=calls) == [HIGH]


def test_a_query_before_is_no_check_of_the_next_one_but_of_a_path_it_is() -> None:
    body = "const rows = await db.find(name);\n  if (!rows) return;\n"
    query = {"language": "javascript", "sink": "sql", "calls": [{"call": "db.run", "args": [0]}]}
    code = f"{HEAD}  {body}  db.run('SELECT ' + name);\n}});\n"
    assert severities("a.js", code, **query) == [HIGH]
    code = f"{HEAD}  {body}  fs.readFile('a/' + name);\n}});\n"
    assert severities("a.js", code, **READ) == [MEDIUM]


def test_who_looks_at_a_part_of_an_address_mostly_looks_where_it_leads() -> None:
    fetch = {"language": "javascript", "sink": "ssrf", "calls": [{"call": "fetch", "args": [0]}]}
    code = (
        f"{HEAD}  const url = new URL(name);\n  if (url.protocol !== 'https:') return;\n"
        "  await fetch(url);\n});\n"
    )
    assert severities("a.js", code, **fetch) == [MEDIUM]
    plain = code.replace("  if (url.protocol !== 'https:') return;\n", "")
    assert severities("a.js", plain, **fetch) == [HIGH]


def test_the_caller_of_a_helper_may_have_looked_too() -> None:
    helper = "function send(file) {\n  fs.readFile(path.join(root, file));\n}\n"
    shell = {**READ, "sink": "shell"}
    code = f"{helper}{HEAD}  send(name);\n}});\n"
    assert severities("a.js", code, **shell) == [HIGH]
    checked = code.replace("  send(name)", "  if (!suits(name)) return;\n  send(name)")
    assert severities("a.js", checked, **shell) == [MEDIUM]


@pytest.mark.parametrize(
    ("made", "meant"),
    [
        ("Date.now() + '-' + name", MEDIUM),
        ("`${randomUUID()}_${name}`", MEDIUM),
        ("`${time()}_${name}`", MEDIUM),
        ("Date.now() + '/' + name", HIGH),
        ("'copy-' + name", HIGH),
    ],
)
def test_what_is_glued_to_something_drawn_is_in_no_folder(made: str, meant: Severity) -> None:
    code = f"{HEAD}  const target = {made};\n  fs.readFile(path.join(root, target));\n}});\n"
    assert severities("a.js", code, **READ) == [meant]


@pytest.mark.parametrize(
    ("before", "meant"),
    [
        ("$v = Validator::make($request->all(), $rules);\n    if ($v->fails()) return;", MEDIUM),
        ("$request->validate($rules);", MEDIUM),
        ("Log::info($request->all());", HIGH),
    ],
)
def test_a_validator_of_the_whole_request_may_look_at_this_part(
    before: str, meant: Severity
) -> None:
    code = (
        "<?php\nclass Files extends Controller {\n  public function show(Request $request) {\n"
        f"    {before}\n    $name = $request->input('name');\n"
        "    readfile('files/' . $name);\n  }\n}\n"
    )
    calls = [{"call": "readfile", "args": [0]}]
    assert severities("a.php", code, language="php", sink="path", calls=calls) == [meant]


@pytest.mark.parametrize(
    ("made", "meant"),
    [("htmlspecialchars($name)", MEDIUM), ("trim($name)", HIGH), ("addslashes($name)", HIGH)],
)
def test_an_escape_for_another_place_is_a_sign_that_somebody_looked(
    made: str, meant: Severity
) -> None:
    calls = [{"call": "readfile", "args": [0]}]
    code = f"<?php\n$name = $_GET['name'];\n$file = {made};\nreadfile('files/' . $file);\n"
    assert severities("a.php", code, language="php", sink="shell", calls=calls) == [meant]


def test_an_equality_with_a_literal_is_proved_or_proves_nothing() -> None:
    code = (
        "class A {\n  @GetMapping\n"
        "  String show(@RequestParam String user, @RequestParam String name) {\n"
        '    if (!"root".equals(user)) return null;\n'
        "    return Files.newInputStream(user + name);\n  }\n}\n"
    )
    calls = [{"call": "Files.newInputStream", "args": [0]}]
    assert severities("A.java", code, language="java", sink="path", calls=calls) == [HIGH]


def test_the_request_that_an_answer_belongs_to_was_our_own() -> None:
    code = (
        'package a\n\nimport "net/http"\n\nfunc show(w http.ResponseWriter, r *http.Request) {\n'
        '\tres, _ := client.Do(ask)\n\thttp.Get("https://" + WHERE.URL.Host)\n}\n'
    )
    fetch = {"language": "go", "sink": "ssrf", "calls": [{"call": "http.Get", "args": [0]}]}
    assert severities("a.go", code.replace("WHERE", "res.Request"), **fetch) == []
    assert severities("a.go", code.replace("WHERE", "r"), **fetch) != []


def test_a_proxy_is_there_to_ask_other_hosts() -> None:
    code = f"{HEAD}  await fetch(name);\n}});\n"
    fetch = {"language": "javascript", "sink": "ssrf", "calls": [{"call": "fetch", "args": [0]}]}
    assert severities("a.js", code, **fetch) == [HIGH]
    proxy = f"const HOP_BY_HOP = ['connection', 'upgrade'];\n{code}"
    assert severities("a.js", proxy, **fetch) == [MEDIUM]


@pytest.mark.parametrize(
    ("made", "called", "meant"),
    [
        ("name", "mkdirSync", MEDIUM),
        ("path.resolve(name)", "readdir", MEDIUM),
        ("path.join(root, name)", "mkdirSync", HIGH),
        ("name", "readFile", HIGH),
    ],
)
def test_to_make_or_list_the_very_folder_that_was_named_may_be_the_purpose(
    made: str, called: str, meant: Severity
) -> None:
    options = {**READ, "calls": [{"call": "fs.{mkdirSync,readdir,readFile}", "args": [0]}]}
    code = f"{HEAD}  const target = {made};\n  fs.{called}(target, made);\n}});\n"
    assert severities("a.js", code, **options) == [meant]


def test_who_has_signed_in_did_not_choose_markup_for_a_name() -> None:
    code = (
        "class A extends HttpServlet {\n  String show(HttpServletRequest request) {\n"
        "    return page(request.getRemoteUser());\n  }\n}\n"
    )
    options = {"language": "java", "sink": "xss", "calls": [{"call": "page", "args": [0]}]}
    assert HIGH not in severities("A.java", code, **options)
    asked = code.replace("getRemoteUser()", 'getParameter("a")')
    assert severities("A.java", asked, **options) == [HIGH]


@pytest.mark.parametrize(
    ("made", "meant"), [("name.slice(0, 2)", MEDIUM), ("name.slice(0, 200)", HIGH)]
)
def test_two_characters_do_no_harm(made: str, meant: Severity) -> None:
    code = f"{HEAD}  const two = {made};\n  fs.readFile('a/' + two);\n}});\n"
    assert severities("a.js", code, **READ) == [meant]


@pytest.mark.parametrize(
    ("before", "meant"),
    [
        ("try:\n        validate_url(url)\n    except ValueError:\n        return 'no'", MEDIUM),
        ("data.validate(other)", HIGH),
        ("check_other(other)", HIGH),
        ("if not all([url, other]):\n        return 'no'", HIGH),
        ("pass", HIGH),
    ],
)
def test_what_is_taken_out_of_a_body_is_followed_from_where_it_has_a_name(
    before: str, meant: Severity
) -> None:
    code = (
        "@app.post('/a')\ndef ask():\n    data = request.get_json()\n    url = data.get('url')\n"
        f"    other = data.get('other')\n    {before}\n    return requests.get(url)\n"
    )
    calls = [{"call": "requests.get", "args": [0]}]
    assert severities("a.py", code, language="python", sink="ssrf", calls=calls) == [meant]


KOTLIN = {"language": "kotlin", "sink": "path", "calls": [{"call": "File", "args": [1]}]}


@pytest.mark.parametrize(
    ("before", "meant"),
    [
        ("if (!fits(name)) throw Refused()", MEDIUM),
        ("if (!fits(name)) { return 0 }", MEDIUM),
        ("when { odd(name) -> return 0 }", MEDIUM),
        ("checkName(name)", MEDIUM),
        ("require(fits(name))", MEDIUM),
        ("if (name == null) return 0", HIGH),
        ("requireNotNull(name)", HIGH),
        ("if (odd(name)) log(name)", HIGH),
        ("if (!fits(other)) return 0", HIGH),
    ],
)
def test_conditions_of_kotlin_are_read_though_its_trees_have_no_fields(
    before: str, meant: Severity
) -> None:
    code = (
        '@GetMapping("/a")\nfun show(@RequestParam name: String): Any {\n'
        f"  {before}\n  return File(dir, name)\n}}\n"
    )
    assert severities("A.kt", code, **KOTLIN) == [meant]


@pytest.mark.parametrize(
    ("made", "meant"),
    [
        ('"${UUID.randomUUID()}_${name}"', MEDIUM),
        ('UUID.randomUUID().toString() + "_" + name', MEDIUM),
        ('"${UUID.randomUUID()}_$name"', MEDIUM),
        ('"${UUID.randomUUID()}/$name"', HIGH),
        ("if (fits(name)) name else base", MEDIUM),
        ("name", HIGH),
    ],
)
def test_a_value_of_kotlin_behind_what_was_drawn_leads_to_no_folder(
    made: str, meant: Severity
) -> None:
    code = (
        '@PostMapping("/a")\nfun store(@RequestParam name: String) {\n'
        f"  val stored = {made}\n  File(dir, stored)\n}}\n"
    )
    assert severities("A.kt", code, **KOTLIN) == [meant]
