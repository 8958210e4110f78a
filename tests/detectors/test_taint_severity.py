"""What a flow must show to have the severity of its rule."""

from typing import Any

import pytest
from grading import severities, sink

from rlm_gate.core import Severity

PATH = {"language": "python", "sink": "path", "calls": [{"call": "open", "args": [0]}]}
PAGE = {
    "language": "javascript",
    "sink": "xss",
    "sources": ["remote", "address"],
    "calls": [{"call": "**.res.send", "args": [0]}],
}


@pytest.mark.parametrize(
    ("route", "meant"),
    [
        ("/files/<name>", Severity.LOW),
        ("/files/<string:name>", Severity.LOW),
        ("/files/{name}", Severity.LOW),
        ("/files/<path:name>", Severity.HIGH),
        ("/files/{name:path}", Severity.HIGH),
        ("/files", Severity.HIGH),
    ],
)
def test_a_part_of_an_address_without_a_slash_hardly_leaves_a_folder(
    route: str, meant: Severity
) -> None:
    code = f"@app.get('{route}')\ndef show(name: str):\n    return open('files/' + name)\n"
    assert severities("a.py", code, **PATH) == [meant]


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("open('files/' + name)", [Severity.LOW]),
        ("rmtree('files/' + name)", [Severity.MEDIUM]),
        ("open('files/' + unquote(name))", [Severity.HIGH]),
    ],
)
def test_the_folder_above_is_no_file_but_what_is_decoded_again_has_slashes(
    statement: str, meant: list[Severity]
) -> None:
    head = (
        "from shutil import rmtree\nfrom urllib.parse import unquote\n@app.get('/files/<name>')\n"
    )
    calls = [{"call": "{open,shutil.rmtree}", "args": [0]}]
    code = f"{head}def show(name):\n    {statement}\n"
    assert severities("a.py", code, language="python", sink="path", calls=calls) == meant


def test_a_path_given_to_expose_says_what_its_parts_can_hold() -> None:
    code = (
        "from flask_admin import expose\nclass Files(BaseView):\n"
        "    @expose('/download/<string:name>')\n    def show(self, name):\n"
        "        return open('files/' + name)\n"
    )
    assert severities("a.py", code, **PATH) == [Severity.LOW]
    loose = code.replace("string:", "path:")
    assert severities("a.py", loose, **PATH) == [Severity.HIGH]


@pytest.mark.parametrize(
    ("route", "meant"),
    [
        ("{name: .+}", [Severity.HIGH]),
        ("{name: [^:]+}", [Severity.HIGH]),
        ("{name}", [Severity.MEDIUM]),
        ("{ name }/data", [Severity.MEDIUM]),
        ("{name: [a-z0-9\\\\-]+}", []),
        ("{name:\\\\d{1,3}}", []),
        ("{name: logo|background}", []),
    ],
)
def test_the_pattern_of_a_path_says_what_its_part_can_hold(
    route: str, meant: list[Severity]
) -> None:
    code = (
        f'class A {{\n  @GET\n  @Path("{route}")\n'
        '  public Response show(@PathParam("name") String file) {\n'
        "    return Files.newInputStream(file);\n  }\n}\n"
    )
    calls = [{"call": "Files.newInputStream", "args": [0]}]
    assert severities("A.java", code, language="java", sink="path", calls=calls) == meant


def test_who_may_ask_a_resolver_stands_in_a_schema_elsewhere() -> None:
    calls = [{"call": "fs.readFile", "args": [0]}]
    body = "args, context) {\n    return fs.readFile(args.path);\n  }"
    options = {"language": "javascript", "sink": "path", "calls": calls}
    code = f"module.exports = {{\n  export (obj, {body}\n}};\n"
    assert severities("a.js", code, **options) == [Severity.MEDIUM]
    beside = f"const {{ GraphQLObjectType }} = require('graphql');\n{code}"
    assert severities("a.js", beside, **options) == [Severity.HIGH]
    shell = {**options, "sink": "shell"}
    assert severities("a.js", code, **shell) == [Severity.HIGH]


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("$_SERVER['QUERY_STRING']", [Severity.MEDIUM]),
        ("urldecode($_SERVER['QUERY_STRING'])", [Severity.HIGH]),
        ("$_SERVER['PATH_INFO']", [Severity.HIGH]),
        ("$_SERVER['HTTP_HOST']", [Severity.MEDIUM]),
    ],
)
def test_what_nobody_decoded_holds_no_markup(printed: str, meant: list[Severity]) -> None:
    calls = [{"call": "echo"}]
    code = f"<?php\necho '<p>' . {printed};\n"
    assert severities("a.php", code, language="php", sink="xss", calls=calls) == meant


def test_what_is_parsed_of_a_query_is_decoded() -> None:
    calls = [{"call": "echo"}]
    code = "<?php\nparse_str($_SERVER['QUERY_STRING'], $given);\necho $given['a'];\n"
    options: dict[str, Any] = {"language": "php", "sink": "xss", "calls": calls}
    assert severities("a.php", code, **options) == [Severity.HIGH]


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("engines.text.query(req.query.q)", Severity.MEDIUM),
        ("db.query(req.query.q)", Severity.HIGH),
        ("engines.text.query('select a from t where b = ' + req.query.q)", Severity.HIGH),
    ],
)
def test_a_method_that_many_objects_have_is_a_sink_for_sure_by_its_owner_or_text(
    statement: str, meant: Severity
) -> None:
    options: dict[str, Any] = {
        "language": "javascript",
        "sink": "sql",
        "calls": [{"call": "*.query", "args": [0]}],
        "known_by": r"\bdb\.|\bselect\b.*\bfrom\b",
        "known_file": r"require\('pg'\)",
    }
    code = f"app.get('/', (req, res) => {{\n  {statement};\n}});\n"
    assert severities("a.js", code, **options) == [meant]
    loaded = f"const pg = require('pg');\n{code}"
    assert severities("a.js", loaded, **options) == [Severity.HIGH]


@pytest.mark.parametrize(
    ("condition", "meant"),
    [
        ("!files().includes(`${a}/${b}`)", []),
        ("!files().includes(a + '/' + b)", []),
        ("!files().includes(path.join(a, b))", []),
        ("`${a}/${b}` !== current", []),
        ("files().includes(`${a}/${b}`)", [Severity.HIGH]),
        ("!files().includes(`${a}/x`)", [Severity.HIGH]),
    ],
)
def test_who_knows_a_joined_text_knows_its_parts(condition: str, meant: list[Severity]) -> None:
    calls = [{"call": "fs.readFile", "args": [0]}]
    code = (
        "app.get('/', (req, res) => {\n  const a = req.query.a;\n  const b = req.query.b;\n"
        f"  if ({condition}) return;\n  fs.readFile(path.join(root, b));\n}});\n"
    )
    assert severities("a.js", code, language="javascript", sink="path", calls=calls) == meant


@pytest.mark.parametrize(
    ("condition", "meant"),
    [
        ("f'{a}/{b}' not in FILES", []),
        ("os.path.join(a, b) not in FILES", []),
        ("a + '/' + b not in FILES", []),
        ("f'{a}/x' not in FILES", [Severity.HIGH]),
    ],
)
def test_in_python_who_knows_a_joined_text_knows_its_parts(
    condition: str, meant: list[Severity]
) -> None:
    head = "@app.get('/files')\ndef show(a: str, b: str):\n"
    code = f"{head}    if {condition}:\n        return None\n    return open('files/' + b)\n"
    assert severities("a.py", code, **PATH) == meant


def test_on_a_long_way_there_is_room_for_a_check_that_nobody_reads() -> None:
    steps = "".join(f"    v{n + 1} = 'a' + v{n}\n" for n in range(4))
    head = "@app.get('/files')\ndef show(v0: str):\n"
    assert severities("a.py", f"{head}{steps}    return open(v4)\n", **PATH) == [Severity.MEDIUM]
    assert severities("a.py", f"{head}    return open(v0)\n", **PATH) == [Severity.HIGH]


def test_a_sink_in_another_function_than_the_source_is_medium() -> None:
    code = (
        "@app.get('/files')\ndef show(name: str):\n    return read(name)\n\n"
        "def read(name):\n    return open(name)\n"
    )
    assert severities("a.py", code, **PATH) == [Severity.MEDIUM]


def test_a_function_within_the_handler_is_a_part_of_it() -> None:
    code = "app.get('/', (req, res) => {\n  later(() => {\n    res.send(req.query.a);\n  });\n});\n"
    assert severities("a.js", code, **PAGE) == [Severity.HIGH]


def test_what_browsers_encode_in_an_address_hardly_becomes_markup() -> None:
    code = "app.get('/', (req, res) => {\n  res.send('<b>' + req.url);\n});\n"
    assert severities("a.js", code, **PAGE) == [Severity.MEDIUM]


def test_what_reads_a_request_somewhere_else_is_medium_and_what_answers_it_reads_nothing() -> None:
    head = "@app.get('/files')\ndef show():\n    name = "
    for made, meant in (("form_value(request)", [Severity.MEDIUM]), ("render_form(request)", [])):
        assert severities("a.py", f"{head}{made}\n    return open(name)\n", **PATH) == meant


QUERY = {
    "language": "javascript",
    "sink": "nosql",
    "calls": [{"call": "*.findOne", "args": [0]}],
}


@pytest.mark.parametrize(
    ("before", "meant"),
    [
        ("app.post('/login', async (req, res) => {", Severity.HIGH),
        ("router.post('/login', function (req, res) {", Severity.HIGH),
        ("app.post('/login', checked(schema), async (req, res) => {", Severity.MEDIUM),
        ("use(async (req, res) => {", Severity.MEDIUM),
    ],
)
def test_a_query_whose_shape_a_schema_may_have_checked_is_medium(
    before: str, meant: Severity
) -> None:
    code = f"{before}\n  await User.findOne({{ name: req.body.name }});\n}});\n"
    assert severities("a.js", code, **QUERY) == [meant]


@pytest.mark.parametrize(
    ("head", "query", "meant"),
    [
        ("", "{ token }", Severity.HIGH),
        ("", "{ resetCode: req.body.token }", Severity.HIGH),
        ("", "{ name: token }", Severity.MEDIUM),
        ("", "{ tokens: token }", Severity.MEDIUM),
        ("import { validate } from './checks.js';\n", "{ token }", Severity.MEDIUM),
        ("const strict = z.object({});\nstrict.parse(a);\n", "{ token }", Severity.MEDIUM),
    ],
)
def test_a_query_by_a_token_in_a_file_without_checks_lets_anybody_in(
    head: str, query: str, meant: Severity
) -> None:
    code = f"{head}export const reset = async (req, res) => {{\n  const {{ token }} = req.body;\n"
    code += f"  await Reset.findOne({query});\n}};\n"
    assert severities("a.js", code, **QUERY) == [meant]


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("str", Severity.MEDIUM),
        ("Item", Severity.MEDIUM),
        ("dict", Severity.HIGH),
        ("Any", Severity.HIGH),
    ],
)
def test_what_a_framework_checked_holds_no_operators(kind: str, meant: Severity) -> None:
    code = f"@app.post('/items')\ndef find(item: {kind}):\n    return items.find_one(item)\n"
    calls = [{"call": "*.find_one", "args": [0]}]
    assert severities("a.py", code, language="python", sink="nosql", calls=calls) == [meant]


@pytest.mark.parametrize(
    ("imported", "meant"),
    [
        ("from cherrypy import expose", [Severity.HIGH]),
        ("from house.base import expose", []),
    ],
)
def test_a_decorator_of_that_name_is_the_framework_s_alone(
    imported: str, meant: list[Severity]
) -> None:
    code = f"{imported}\nclass Pages:\n    @expose\n    def show(self, name):\n        open(name)\n"
    assert severities("a.py", code, **PATH) == meant


@pytest.mark.parametrize(
    ("source_of", "meant"),
    [
        ("req.query.name", Severity.HIGH),
        ("req.body.name", Severity.MEDIUM),
        ("req.headers.name", Severity.MEDIUM),
        ("req.cookies.name", Severity.MEDIUM),
        ("req.hostname", Severity.MEDIUM),
    ],
)
def test_no_link_makes_a_browser_send_a_header_or_a_body(source_of: str, meant: Severity) -> None:
    code = f"app.get('/', (req, res) => {{\n  res.send('<b>' + {source_of});\n}});\n"
    assert severities("a.js", code, **PAGE) == [meant]


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ("const { name } = req.body;\n  res.status(400).send(`No ${name}`)", Severity.MEDIUM),
        ("const { name } = req.body;\n  res.status(201).send(`Hello ${name}`)", Severity.MEDIUM),
        ("const { name } = req.query;\n  res.status(404).send(`No ${name}`)", Severity.HIGH),
    ],
)
def test_what_repeats_a_posted_body_needs_a_form_of_others(answer: str, meant: Severity) -> None:
    code = f"app.post('/', (req, res) => {{\n  {answer};\n}});\n"
    page = {**PAGE, "calls": [{"call": "**.res.{send,status().send}", "args": [0]}]}
    assert severities("a.js", code, **page) == [meant]


@pytest.mark.parametrize(
    ("source_of", "meant"),
    [
        ("request.form.get('a')", Severity.MEDIUM),
        ("request.args['a']", Severity.MEDIUM),
        ("request.get_json()['a']", Severity.HIGH),
    ],
)
def test_a_form_holds_texts_and_no_operators(source_of: str, meant: Severity) -> None:
    head = "from flask import request\n@app.route('/a')\ndef show():\n"
    code = f"{head}    return items.find_one({{'a': {source_of}}})\n"
    calls = [{"call": "*.find_one", "args": [0]}]
    assert severities("a.py", code, language="python", sink="nosql", calls=calls) == [meant]


@pytest.mark.parametrize(
    ("route", "before", "meant"),
    [
        ("'/a'", "", Severity.HIGH),
        ("'/a', requireLogin", "", Severity.HIGH),
        ("'/a', requireAdmin", "", Severity.MEDIUM),
        ("'/a'", "if (!['admin', 'root'].includes(req.user.role)) return;", Severity.MEDIUM),
        ("'/admin'", "", Severity.HIGH),
    ],
)
def test_a_path_that_only_administrators_choose_is_medium(
    route: str, before: str, meant: Severity
) -> None:
    code = f"app.get({route}, (req, res) => {{\n  {before}\n  fs.rm('a/' + req.query.a);\n}});\n"
    path = {"sink": "path", "sources": ["remote"], "calls": [{"call": "fs.rm", "args": [0]}]}
    assert severities("a.js", code, language="javascript", **path) == [meant]


def test_a_decorator_may_ask_for_an_administrator() -> None:
    for decorator, meant in (("", Severity.HIGH), ("@admin_required\n", Severity.MEDIUM)):
        code = f"@app.get('/a')\n{decorator}def show():\n    return open(request.args['a'])\n"
        assert severities("a.py", f"from flask import request\n{code}", **PATH) == [meant]


def test_a_page_of_what_a_function_elsewhere_made_of_input_is_low() -> None:
    head = "app.get('/', async (req, res) => {\n  const made = "
    for text, meant in (
        ("await pages.show(req.query.a)", Severity.LOW),
        ("req.query.a", Severity.HIGH),
    ):
        assert severities("a.js", f"{head}{text};\n  res.send(made);\n}});\n", **PAGE) == [meant]


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({"lines_grave": "open"}, Severity.HIGH),
        ({"lines_grave": r"args\["}, Severity.HIGH),
        ({"lines_grave": "return None"}, Severity.LOW),
        ({"lines_doubt": "open"}, Severity.MEDIUM),
        ({"lines_doubt": r"args\["}, Severity.MEDIUM),
        ({"lines_doubt": "return None"}, Severity.HIGH),
    ],
)
def test_a_flow_is_weighed_by_the_lines_it_begins_and_ends_on(
    options: dict[str, str], meant: Severity
) -> None:
    code = "def f():\n    name = request.args['n']\n    if not name:\n        return None\n"
    code += "    return open(name)\n"
    assert severities("a.py", code, **PATH, **options) == [meant]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("form.name.data", Severity.MEDIUM), ("request.json['name']", Severity.HIGH)],
)
def test_a_field_of_a_form_holds_text_which_is_no_operator(asked: str, meant: Severity) -> None:
    code = (
        "from flask import request\n@app.route('/')\ndef show():\n    form = LoginForm()\n"
        f"    return coll.find({{'name': {asked}, 'password': form.password.data}})\n"
    )
    assert severities("a.py", code, **sink("python", "nosql", "coll.find")) == [meant]
