"""The taint engine: what it follows, what stops it, what it refuses in a rule."""

from dataclasses import replace
from typing import Any

import pytest
from builders import corpus, source

from rlm_gate import examples, packs
from rlm_gate.core import Confidence, Detect, Finding, Help, Rule, Severity, Skip, Span
from rlm_gate.detectors import taint
from rlm_gate.detectors._taint.flow import Statements
from rlm_gate.detectors._taint.reading import MAX_STEPS, Function

SQL = {
    "language": "python",
    "sink": "sql",
    "calls": [{"call": "*.execute", "args": [0]}],
    "clean": ["quote"],
    "replacing": ["'"],
}


def rule_of(*options: dict[str, Any]) -> Rule:
    return Rule(
        id="security/flow",
        title="t",
        severity=Severity.HIGH,
        precision=Confidence.HIGH,
        languages=("python",),
        message="m",
        help=Help("", ""),
        detect=tuple(Detect("taint", one) for one in options),
    )


def judged(code: str, *options: dict[str, Any]) -> list[Finding | Skip]:
    file = examples.whole_file("src/app.py", "python", code)
    return list(taint.detect(examples.corpus_of([file]), [rule_of(*(options or (SQL,)))]))


def lines(code: str, *options: dict[str, Any]) -> list[int]:
    return [one.span.start for one in judged(code, *options) if isinstance(one, Finding)]


def in_view(*statements: str) -> str:
    body = "".join(f"    {one}\n" for one in "\n".join(statements).split("\n"))
    return f"from flask import request\ndef view(cur):\n    q = request.args['q']\n{body}"


def reaches(*statements: str) -> bool:
    return bool(lines(in_view(*statements)))


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["cur.execute(q)"], id="as it is"),
        pytest.param(["cur.execute('a' + q)"], id="plus"),
        pytest.param(["cur.execute('a %s' % q)"], id="percent"),
        pytest.param(["cur.execute('a {}'.format(q))"], id="format"),
        pytest.param(["cur.execute(f'a {q}')"], id="f-string"),
        pytest.param(["cur.execute(' '.join(['a', q]))"], id="join"),
        pytest.param(["s = 'a'", "s += q", "cur.execute(s)"], id="augmented"),
        pytest.param(["a, b = 'x', q", "cur.execute(b)"], id="tuple"),
        pytest.param(["d = {'a': 1, 'b': q}", "cur.execute(d['b'])"], id="dictionary"),
        pytest.param(["d = {}", "d['b'] = q", "cur.execute(d.get('b'))"], id="element set later"),
        pytest.param(["r = ['a']", "r.append(q)", "r.pop(0)", "cur.execute(r[0])"], id="list"),
        pytest.param(["for p in q.split(','):\n    cur.execute(p)"], id="loop"),
        pytest.param(["s = ''\nfor p in [q]:\n    s = p\n    break", "cur.execute(s)"], id="break"),
        pytest.param(["cur.execute([x for x in [q]][0])"], id="comprehension"),
        pytest.param(["s = q if cur else 'a'", "cur.execute(s)"], id="conditional"),
        pytest.param(["s = 'a'\nif cur:\n    s = q", "cur.execute(s)"], id="one branch"),
        pytest.param(
            ["try:\n    s = q\nexcept ValueError:\n    s = ''", "cur.execute(s)"], id="try"
        ),
        pytest.param(["with open(q) as f:\n    cur.execute(q)"], id="with"),
        pytest.param(["while cur:\n    cur.execute(q)"], id="while"),
        pytest.param(["if (s := q):\n    cur.execute(s)"], id="walrus"),
        pytest.param(["cur.execute(unknown(q))"], id="through a function nobody knows"),
        pytest.param(["cur.execute(str(q).strip().lower())"], id="text methods"),
        pytest.param(
            ["match 'b':\n    case 'a':\n        pass\n    case 'b':\n        cur.execute(q)"],
            id="match",
        ),
        pytest.param(["cur.execute(q.replace(\"'\", '', 1))"], id="without the first that harms"),
        pytest.param(["import re", "cur.execute(re.sub('[\"]', '', q))"], id="another quote"),
        pytest.param(
            ["import re", "cur.execute(re.sub('[^a-z]', '', q, 1))"], id="without the first odd one"
        ),
        pytest.param(
            ["import re", "cur.execute(re.sub('[^a-z]', '', q, count=1))"], id="counted by name"
        ),
        pytest.param(["if q == 'a' or cur:\n    cur.execute(q)"], id="proved by one of two"),
        pytest.param(
            ["r = request.args['r']", "if q == 'a' or r == 'b':\n    cur.execute(q)"],
            id="this or another proved",
        ),
        pytest.param(
            ["if not (q != 'a' and cur):\n    cur.execute(q)"], id="not proved by both of two"
        ),
    ],
)
def test_a_value_reaches_the_sink(statements: list[str]) -> None:
    assert reaches(*statements)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["cur.execute('a', (q,))"], id="as a parameter"),
        pytest.param(["cur.execute('a' + str(int(q)))"], id="a number"),
        pytest.param(["cur.execute('a' + quote(q))"], id="cleaned by what the rule names"),
        pytest.param(['cur.execute(q.replace("\'", "\'\'"))'], id="without what does the harm"),
        pytest.param(["d = {'a': 'x', 'b': q}", "cur.execute(d['a'])"], id="another key"),
        pytest.param(["r = ['a']", "r.append(q)", "cur.execute(r[0])"], id="another place"),
        pytest.param(["q = 'x'", "cur.execute(q)"], id="overwritten"),
        pytest.param(["if 1 + 1 > 3:\n    cur.execute(q)"], id="a branch nobody takes"),
        pytest.param(["s = 'a' if 7 * 6 == 42 else q", "cur.execute(s)"], id="a conditional"),
        pytest.param(
            ["match 'c':\n    case 'a':\n        cur.execute(q)\n    case _:\n        pass"],
            id="match",
        ),
        pytest.param(
            ["if q not in ('a', 'b'):\n    return", "cur.execute(q)"], id="a list of values"
        ),
        pytest.param(["if q == 'a':\n    cur.execute(q)"], id="equal to a constant"),
        pytest.param(["if q.isdigit() and cur:\n    cur.execute(q)"], id="digits only"),
        pytest.param(
            ["if not valid_name(q):\n    raise ValueError", "cur.execute(q)"], id="a check"
        ),
        pytest.param(['if "\'" in q:\n    return', "cur.execute(q)"], id="refused when it has it"),
        pytest.param(["cur.execute(TABLE.get(q, 'a'))"], id="looked up in a table"),
        pytest.param(["cur.execute(COLUMNS[q])"], id="an index"),
        pytest.param(["cur.execute(len(q))"], id="its length"),
        pytest.param(["cur.execute('a' if q else 'b')"], id="only decides"),
        pytest.param(["import re", "cur.execute(re.sub('[^a-z]', '', q))"], id="an allow list"),
        pytest.param(
            ["import re", "cur.execute(re.sub('[^a-z]', '', q, 0, flags=re.A))"], id="with flags"
        ),
        pytest.param(["import re", "cur.execute(re.sub('[\"\\']', '', q))"], id="quotes by class"),
        pytest.param(["cur.execute(q.replace(\"'\", '', -1))"], id="all of them"),
        pytest.param(["if q == 'a' or q == 'b':\n    cur.execute(q)"], id="one or the other"),
        pytest.param(
            ["if not (q != 'a' and q != 'b'):\n    cur.execute(q)"], id="neither not one nor other"
        ),
    ],
)
def test_a_value_does_not_reach_the_sink(statements: list[str]) -> None:
    assert not reaches(*statements)


@pytest.mark.parametrize(
    "code",
    [
        "from flask import request as r\ndef f(c):\n    c.execute(r.form.get('a'))\n",
        "import flask\ndef f(c):\n    c.execute(flask.request.args['a'])\n",
        "def f(request):\n    connection.cursor().execute(request.GET['a'])\n",
        "class A(View):\n    def get(self, request, name):\n        c.execute(name)\n",
        "class A(RequestHandler):\n    def get(self):\n        c.execute(self.get_argument('a'))\n",
        "@app.get('/x/{name}')\ndef f(name: str):\n    c.execute(name)\n",
        "@app.route('/x/<name>')\ndef f(name):\n    c.execute(name)\n",
        "@app.post('/x')\nasync def f(request: Request):\n    c.execute(await request.json())\n",
        "class A:\n    def resolve_user(self, info, name):\n        c.execute(name)\n",
        "class H(BaseHTTPRequestHandler):\n    def do_GET(self):\n        c.execute(self.path)\n",
        "def f(request):\n    c.execute(helpers.get_param(request, 'a'))\n",
        pytest.param(
            "@app.route('/')\ndef v(c):\n    form = LoginForm()\n    c.execute(form.name.data)\n",
            id="a field of a form",
        ),
    ],
)
def test_what_comes_from_outside(code: str) -> None:
    assert lines(code)


@pytest.mark.parametrize(
    "code",
    [
        "@app.route('/x/<int:number>')\ndef f(number):\n    c.execute(number)\n",
        "@app.get('/x/{n}')\ndef f(n: int, c: Session = Depends(db)):\n    c.execute(n)\n",
        "from flask import request\n@app.route('/x')\ndef f():\n    c.execute(request.path)\n",
        "def f(request, name):\n    c.execute(name)\n",
        "from urllib import request\ndef f(c):\n    c.execute(request.url2pathname('x'))\n",
        "def f(request):\n    c.execute(request.user.name)\n",
        pytest.param(
            "@app.route('/')\ndef v(c):\n    form = Model()\n    c.execute(form.name.data)\n",
            id="data of something else",
        ),
    ],
)
def test_what_does_not_come_from_outside(code: str) -> None:
    assert not lines(code)


def test_functions_of_the_file_are_followed_both_ways() -> None:
    code = (
        "from flask import request\n"
        "def name():\n    return request.args['name']\n"
        "def run(text):\n    cur.execute('a' + text)\n"
        "def view():\n    run(name())\n    run('fixed')\n"
    )
    assert lines(code) == [5]
    assert not lines(code.replace("run(name())", "name()"))


def test_a_function_that_calls_itself_ends() -> None:
    code = (
        "def f(request):\n    f(request)\n    c.execute(request.GET['a'])\n    return f(request)\n"
    )
    assert lines(code) == [3]


def test_a_finding_tells_the_way_from_the_source_to_the_sink() -> None:
    (found,) = judged(in_view("name = q.strip()", "sql = 'a' + name", "cur.execute(sql)"))
    assert isinstance(found, Finding)
    assert [span.start for span in found.flow] == [3, 4, 5, 6]
    assert (found.span.start, found.engine) == (6, "taint")
    assert found.quote == "    cur.execute(sql)"


def test_decoding_undoes_escaping() -> None:
    options = {**SQL, "clean": ["html.escape"]}
    code = in_view(
        "import html", "cur.execute(html.escape(q))", "cur.execute(html.unescape(html.escape(q)))"
    )
    assert lines(code, options) == [6]


def test_unknown_values_count_only_where_the_rule_says_so() -> None:
    code = "def f(a):\n    cur.execute(a)\n    cur.execute('x')\n    cur.execute('x' + 'y')\n"
    assert not lines(code)
    assert lines(code, {**SQL, "sources": ["unknown"]}) == [2]


def test_a_store_and_a_page_can_be_sinks() -> None:
    store = {"language": "python", "sink": "trust", "stores": ["flask.session"]}
    page = {"language": "python", "sink": "xss", "returns": "html"}
    code = (
        "from flask import request, session\n"
        "@app.route('/a')\ndef f():\n    session['u'] = request.args['u']\n"
        "    return request.args['q']\n"
        "def g():\n    return request.args['q']\n"
    )
    assert lines(code, store, page) == [4, 5]


def test_conditions_on_the_call_narrow_a_sink() -> None:
    call = {"call": "run", "args": [0], "when": {"shell": True}, "lacks": "quiet"}
    options = {"language": "python", "sink": "shell", "calls": [call]}
    code = in_view(
        "run(q, shell=True)", "run(q)", "run(q, shell=True, quiet=1)", "run('a', shell=True)"
    )
    assert lines(code, options) == [4]


def test_the_program_and_a_shell_s_text_are_dangerous_in_a_list() -> None:
    options = {
        "language": "python",
        "sink": "shell",
        "calls": [{"call": "run", "args": [0], "argv": True}],
    }
    code = in_view("run(['ls', q])", "run(['sh', '-c', q])", "run([q])")
    assert lines(code, options) == [5, 6]


def test_an_expression_too_deep_to_follow_is_told() -> None:
    deep = "(" * 3000 + "q" + ")" * 3000
    (skip,) = judged(in_view(f"cur.execute({deep})"))
    assert isinstance(skip, Skip)
    assert "nested too deep" in skip.why
    assert not skip.blocking


def test_a_long_sum_is_no_deep_expression() -> None:
    assert lines(in_view("cur.execute(" + "'a' + " * 5000 + "q)")) == [4]


@pytest.mark.parametrize("text", ["", "def (", "x = [", "request.args execute(", "@app.get('/')\n"])
def test_broken_code_breaks_nothing(text: str) -> None:
    judged(f"{text}\nfrom flask import request\ncur.execute(request.args['a'])")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sink": 1}, "name the kind of harm"),
        ({"sink": "S Q L"}, "unknown harm 'S Q L'"),
        ({"sink": "sqli"}, "did you mean 'sql'?"),
        ({"calls": [{"call": "a b"}]}, "no name to look for"),
        ({"calls": [{"call": "a", "arg": [0]}]}, "unknown key 'arg'"),
        ({"calls": [{"args": [0]}]}, "write {call: os.system}"),
        ({"calls": [{"call": "a", "args": "0"}]}, "list positions"),
        ({"calls": [{"call": "a", "when": 1}]}, "mapping of keywords"),
        ({"calls": [{"call": "a", "has": "("}]}, "has: "),
        ({"sources": ["space"]}, "is not one of"),
        ({"clean": []}, "list dotted names"),
        ({"returns": "xml"}, "write html"),
        ({"safe_prefix": "("}, "safe_prefix: "),
        ({"replacing": 1}, "list the texts"),
        ({"language": "ruby"}, "not 'ruby'"),
        ({"sinks": []}, "unknown option 'sinks'"),
    ],
)
def test_a_wrong_option_is_told_with_the_remedy(change: dict[str, Any], told: str) -> None:
    complaints = [text for _, text in taint.validate({**SQL, **change}, ["python", "go"])]
    assert any(told in text for text in complaints), complaints


def test_the_harms_are_those_that_built_in_rules_name() -> None:
    folder = packs.builtin_folder()
    loaded = packs.load_files([str(one) for one in folder.iterdir() if one.is_dir()], None)
    named = (entry for pack in loaded for rule in pack.pack.rules for entry in rule.detect)
    assert {one.options["sink"] for one in named if one.engine == "taint"} == taint.SINKS


def test_right_options_bring_no_complaint() -> None:
    assert not list(taint.validate(SQL, ["python"]))
    assert any(
        "at least one sink" in text
        for _, text in taint.validate({"language": "python", "sink": "own-x"}, ["python"])
    )


def test_a_function_too_long_to_be_read_is_told_where_it_begins() -> None:
    code = in_view("n = 1\n" * (MAX_STEPS + 1), "cur.execute(q)")
    assert judged(code) == [
        Skip("src/app.py:2", f"taint: reading the function ended after {MAX_STEPS} statements")
    ]


def test_a_sink_is_found_behind_two_helpers_none_of_which_has_a_word_of_a_source() -> None:
    code = in_view("first(cur, q)")
    code += "def first(c, s):\n    second(c, s)\ndef second(c, s):\n    c.execute(s)\n"
    assert lines(code) == [8]


def test_a_helper_is_read_anew_for_other_arguments() -> None:
    code = in_view("ask(cur, 'a')", "ask(cur, 'b')", "ask(cur, q)", "cur.execute(name('a'))")
    code += "def ask(c, s):\n    c.execute(s)\ndef name(s):\n    return s\n"
    assert lines(code) == [9]
    assert sorted(lines(code.replace("name('a')", "name(q)"))) == [7, 9]


def test_what_is_true_is_not_taken_for_one() -> None:
    code = in_view("a = pick(1)", "b = pick(True)", "if b == 'True':\n    cur.execute(q)")
    assert lines(code + "def pick(s):\n    return f'{s}'\n") == [7]


HANDLERS = "".join(
    f"def view{number}(cur, request):\n    cur.execute(request.args['a'] + '{number}')\n\n"
    for number in range(30)
)
HELPED = (
    "def run(cur, text):\n    cur.execute(text)\n\n"
    "def view(cur, request):\n    run(cur, request.args['a'])\n\n" + HANDLERS
)


def of_change(
    code: str, monkeypatch: pytest.MonkeyPatch, *changed: int, removed: tuple[int, ...] = ()
) -> tuple[int, list[int]]:
    """Return how many functions were read, and the lines of the findings that touch the change."""
    read: list[Function] = []
    enter = Statements.function

    def counting(self: Statements, function: Function) -> None:
        read.append(function)
        enter(self, function)

    monkeypatch.setattr(Statements, "function", counting)
    lines = tuple(Span("app.py", line, line) for line in changed)
    gone = [(line, "old()") for line in removed]
    file = replace(source("app.py", code, status="modified", removed=gone), changed=lines)
    found = taint.detect(corpus(file, kind="diff"), [rule_of(SQL)])
    spans = [one.span for one in found if isinstance(one, Finding)]
    return len(read), [one.start for one in spans if file.touched(one.start, one.end)]


def test_of_a_changed_file_only_what_can_meet_the_change_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = f"from flask import request\n\n{HANDLERS}"
    assert of_change(code, monkeypatch, 7) == (1, [7])
    assert of_change(code, monkeypatch, 5, 7) == (1, [7])  # line 5 is blank


def test_a_changed_helper_is_read_from_whoever_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"from flask import request\n\n{HELPED}"
    assert of_change(code, monkeypatch, 4) == (2, [4])


@pytest.mark.parametrize("removed", [(), (2,)])
def test_a_change_outside_of_functions_may_concern_them_all(
    monkeypatch: pytest.MonkeyPatch, removed: tuple[int, ...]
) -> None:
    code = f"from flask import request\nTABLE = 1\n{HANDLERS}"
    changed = () if removed else (2,)
    assert of_change(code, monkeypatch, *changed, removed=removed)[0] == 30


def test_a_text_is_no_accessor_of_the_request_that_an_argument_was_made_with() -> None:
    code = (
        "def view(request, cur):\n    j = enqueue(request)\n    cur.execute(_('{}').format(j.pk))\n"
    )
    assert lines(code) == []


class TestSeverity:
    """It is the rule's where a flow from a stranger is shown whole, else medium at most."""

    def severities(self, code: str, *options: dict[str, Any]) -> list[Severity]:
        return [one.severity for one in judged(code, *options) if isinstance(one, Finding)]

    def test_a_flow_from_a_request_has_the_severity_of_the_rule(self) -> None:
        assert self.severities(in_view("cur.execute('a' + q)")) == [Severity.HIGH]

    def test_what_code_that_nobody_sees_made_of_it_is_medium(self) -> None:
        assert self.severities(in_view("cur.execute(found(q))")) == [Severity.MEDIUM]

    def test_of_two_flows_to_a_place_the_whole_one_counts(self) -> None:
        either = in_view("s = found(q) if long else q", "cur.execute(s)")
        assert self.severities(either) == [Severity.HIGH]

    def test_what_who_runs_the_program_wrote_is_medium(self) -> None:
        code = "import sys\ndef main(cur):\n    cur.execute(sys.argv[1])\n"
        assert self.severities(code, {**SQL, "sources": ["remote", "local"]}) == [Severity.MEDIUM]

    def test_a_value_of_unknown_origin_is_medium(self) -> None:
        code = "def run(cur, q):\n    cur.execute('a' + q)\n"
        assert self.severities(code, {**SQL, "sources": ["unknown"]}) == [Severity.MEDIUM]
        asked = {**SQL, "sources": ["unknown"], "parameters": True}
        assert self.severities(code, asked) == [Severity.HIGH]
        for made in ("    q = found()\n", "    q = self.q\n"):
            head = "def run(self, cur, given):\n"
            assert self.severities(f"{head}{made}    cur.execute('a' + q)\n", asked) == [
                Severity.MEDIUM
            ]
        both = [{**SQL, "sources": ["unknown"]}, SQL]
        assert self.severities(in_view("cur.execute('a' + q)"), *both) == [Severity.HIGH]


def test_a_function_whose_name_says_so_cleans_for_the_entry() -> None:
    options = {**SQL, "clean_named": "^local_|safe"}
    code = in_view("cur.execute(urls.local_path(q))", "cur.execute(urls.path(q))")
    assert lines(code, options) == [5]
