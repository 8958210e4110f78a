"""How bad the security pack calls what has the shape of a flaw, by what the code shows of it."""

from functools import cache

import pytest

from rlm_gate import detectors, examples, packs
from rlm_gate.core import Finding, Rule, Severity


@cache
def named(name: str) -> Rule:
    loaded = packs.load_files([str(packs.builtin_folder() / "security")], None)
    return next(rule for one in loaded for rule in one.pack.rules if rule.id == f"security/{name}")


def worst(name: str, path: str, language: str, code: str) -> Severity | None:
    rule = named(name)
    file = examples.whole_file(path, language, code)
    found = [
        one
        for engine in dict.fromkeys(entry.engine for entry in rule.detect)
        for one in detectors.load(engine).detect(examples.corpus_of([file]), [rule])
    ]
    return max((one.severity for one in found if isinstance(one, Finding)), default=None)


ACTION = """\
public class CoverController : Controller {
  [HttpGet("ROUTE")]
  public IActionResult Cover(PARAMETERS) {
    return PhysicalFile(Path.Combine(root, name), "image/png");
  }
}
"""


@pytest.mark.parametrize(
    ("route", "parameters", "meant"),
    [
        ("{id:int}/{name}", "int id, string name", Severity.MEDIUM),
        ("{id:int}/{*name}", "int id, string name", Severity.HIGH),
        ("covers", "string name", Severity.HIGH),
        ("{id:int}", "int id, [FromQuery] string name", Severity.HIGH),
    ],
)
def test_a_part_of_a_route_in_csharp_holds_no_slash(
    route: str, parameters: str, meant: Severity
) -> None:
    code = ACTION.replace("ROUTE", route).replace("PARAMETERS", parameters)
    assert worst("path-traversal", "src/Cover.cs", "csharp", code) == meant


@pytest.mark.parametrize("kind", ["marshal", "hybrid"])
def test_who_makes_a_signed_cookie_has_the_key(kind: str) -> None:
    code = f"Rails.application.config.action_dispatch.cookies_serializer = :{kind}\n"
    path = "config/initializers/cookies.rb"
    assert worst("unsafe-deserialization", path, "ruby", code) == Severity.MEDIUM


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("WIKI.engines.text.query(req.query.q)", Severity.MEDIUM),
        ("pool.query(req.body.sql)", Severity.HIGH),
        ('service.query("select * from a where b = \'" + req.query.q + "\'")', Severity.HIGH),
        ("prisma.$queryRawUnsafe(req.query.q)", Severity.HIGH),
    ],
)
def test_a_query_of_something_unknown_is_not_surely_sql(statement: str, meant: Severity) -> None:
    code = f"app.get('/', (req, res) => {{\n  {statement};\n}});\n"
    assert worst("sql-injection", "src/app.js", "javascript", code) == meant


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("executor.execute(request.args['q'])", Severity.MEDIUM),
        ("conn.execute(request.args['q'])", Severity.HIGH),
        ("runner.execute('select a from b where c = ' + request.args['q'])", Severity.HIGH),
    ],
)
def test_an_execution_of_something_unknown_is_not_surely_sql(
    statement: str, meant: Severity
) -> None:
    code = f"from flask import request\n@app.route('/')\ndef show():\n    {statement}\n"
    assert worst("sql-injection", "src/app.py", "python", code) == meant


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("q.where({ login: req.body.login })", Severity.MEDIUM),
        ("User.findOne({ login: req.body.login })", Severity.HIGH),
        ("db.users.findOne({ login: req.body.login })", Severity.HIGH),
        ("req.db.collection('users').findOne({ login: req.body.login })", Severity.HIGH),
    ],
)
def test_a_filter_of_something_unknown_is_not_surely_of_documents(
    statement: str, meant: Severity
) -> None:
    code = f"app.post('/login', (req, res) => {{\n  {statement};\n}});\n"
    assert worst("nosql-injection", "src/app.js", "javascript", code) == meant


def test_in_rust_a_check_that_is_off_shows_not_what_is_sent() -> None:
    code = "fn main() {\n    Client::builder().danger_accept_invalid_certs(true).build();\n}\n"
    assert worst("tls-verification-off", "src/main.rs", "rust", code) == Severity.MEDIUM


@pytest.mark.parametrize(
    ("name", "meant"),
    [("create_password_hash", Severity.HIGH), ("create_legacy_password_hash", Severity.MEDIUM)],
)
def test_what_accounts_have_from_before_is_compared_once(name: str, meant: Severity) -> None:
    code = f"def {name}(password, salt):\n    return hashlib.sha512(password + salt).hexdigest()\n"
    assert worst("fast-password-hash", "src/users.py", "python", code) == meant
