"""Parts of a value from outside: what a check of one proves, and what it leaves open."""

import pytest

from rlm_gate import examples
from rlm_gate.core import Confidence, Detect, Help, Rule, Severity
from rlm_gate.detectors import taint
from rlm_gate.detectors._taint import spec

RULE = Rule(
    id="security/flow",
    title="t",
    severity=Severity.HIGH,
    precision=Confidence.HIGH,
    languages=("python",),
    message="m",
    help=Help("", ""),
    detect=(
        Detect(
            "taint",
            {
                "language": "python",
                "sink": "sql",
                "calls": [{"call": "*.execute", "args": [0]}],
            },
        ),
    ),
)
SERVER = """\
import http.server
import urllib.parse

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
"""


def found(*body: str) -> bool:
    return of(SERVER + "".join(f"        {line}\n" for line in body))


def judged(*body: str) -> bool:
    return of("".join(["def view(request, cur):\n", *(f"    {line}\n" for line in body)]))


def of(code: str) -> bool:
    file = examples.whole_file("src/app.py", "python", code)
    return bool([*taint.detect(examples.corpus_of([file]), [RULE])])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            [
                "path, query = self.path.split('?', 1)",
                "if path == '/find':",
                "    cur.execute('select 1 where a=' + query)",
            ],
            id="split",
        ),
        pytest.param(
            [
                "path, query = self.path.split('?', 1) if '?' in self.path else (self.path, '')",
                "if path == '/find':",
                "    cur.execute('select 1 where a=' + query)",
            ],
            id="split where there is one",
        ),
        pytest.param(
            [
                "path, _, query = self.path.partition('?')",
                "if path in ('/find', '/get'):",
                "    cur.execute('select 1 where a=' + query)",
            ],
            id="partition",
        ),
        pytest.param(
            [
                "url = urllib.parse.urlparse(self.path)",
                "if url.path == '/find':",
                "    found = urllib.parse.parse_qs(url.query)",
                "    cur.execute('select 1 where a=' + found['a'][0])",
            ],
            id="urlparse",
        ),
    ],
)
def test_a_check_of_the_path_proves_nothing_of_the_query(body: list[str]) -> None:
    assert found(*body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            [
                "path, query = self.path.split('?', 1)",
                "if query in ('name', 'date'):",
                "    cur.execute('select 1 order by ' + query)",
            ],
            id="the part itself",
        ),
        pytest.param(
            [
                "url = urllib.parse.urlparse(self.path)",
                "if url.query not in ORDERS:",
                "    return",
                "cur.execute('select 1 order by ' + url.query)",
            ],
            id="the part, read twice",
        ),
        pytest.param(
            [
                "if self.path not in PATHS:",
                "    return",
                "path, _, query = self.path.partition('?')",
                "cur.execute('select 1 order by ' + query)",
            ],
            id="the whole",
        ),
    ],
)
def test_a_check_of_the_part_or_of_the_whole_does(body: list[str]) -> None:
    assert not found(*body)


@pytest.mark.parametrize(
    "member",
    ["request.args['order']", "request.args.get('order')", "request.url.path", "form['a']['b']"],
)
def test_what_is_read_again_after_its_check_is_what_was_checked(member: str) -> None:
    form = "form = request.json"
    check = f"if {member} in ('name', 'date'):"
    read = f"cur.execute('select 1 order by ' + {member})"
    other = f"cur.execute('select 1 order by ' + {member} + form['b'])"
    assert judged(form, read)
    assert not judged(form, check, "    " + read)
    assert judged(form, check, "    " + other)


def test_what_was_checked_may_be_set_anew() -> None:
    check = "if form['a'] in ('name', 'date'):"
    read = "    cur.execute('select 1 order by ' + form['a'])"
    assert not judged("form = request.json", check, read)
    assert judged("form = request.json", check, "    form['a'] = request.args['b']", read)


@pytest.mark.parametrize(
    ("pattern", "name", "times"),
    [
        ("{os,posix}.{system,popen}", "posix.popen", 1),
        ("os.{path.join,remove}", "os.path.join", 1),
        ("os.{path.join,remove}", "os.join", 0),
        ("*.{execute, many}", "db.cursor().many", 1),
        ("**.run", "run", 1),
        ("{a,*}.b", "a.b", 2),
        ("a.b()", "a.b()", 1),
        ("plain", "plain", 1),
    ],
)
def test_a_pattern_means_the_names_of_each_alternative(pattern: str, name: str, times: int) -> None:
    table: spec.Table[str] = spec.Table()
    table.add("other", "no")
    table.add(pattern, "yes")
    assert table.find(name) == ["yes"] * times


@pytest.mark.parametrize(
    ("pattern", "alternatives"),
    [
        ("os.system", ["os.system"]),
        ("{a,b}.{c,}", ["a.c", "a.", "b.c", "b."]),
        ("{{io.,os.,}open,{flask.,}send}", ["io.open", "os.open", "open", "flask.send", "send"]),
        ("{a, {b,c}.d}()", ["a()", "b.d()", "c.d()"]),
        ("{a", ["{a"]),
    ],
)
def test_a_name_has_each_of_its_alternatives_once(pattern: str, alternatives: list[str]) -> None:
    assert list(spec.expanded(pattern)) == alternatives
