from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Rule, Severity, Skip, SourceFile
from rlm_gate.detectors import astgrep

EVAL: Mapping[str, Any] = {"language": "python", "rule": {"pattern": "eval($A)"}}


def seeking(*entries: Mapping[str, Any], languages: tuple[str, ...] = ("any",)) -> Rule:
    detect = [Detect("astgrep", dict(entry)) for entry in entries]
    return rule("security/shape", detect=detect, languages=languages)


def detect(file: SourceFile, *rules: Rule) -> list[Finding | Skip]:
    return list(astgrep.detect(corpus(file), rules))


def lines(items: list[Finding | Skip]) -> list[int]:
    return [item.span.start for item in items if isinstance(item, Finding)]


def test_places_are_lines_and_code_points() -> None:
    smile = "\N{GRINNING FACE}\N{LATIN SMALL LETTER E WITH ACUTE}"
    file = source("a.py", f"y = 1\r\nx = '{smile}'; eval(\r\n  '{smile}')\r\n")
    [found] = detect(file, seeking(EVAL))
    assert isinstance(found, Finding)
    assert (found.span.start, found.span.end, found.columns) == (2, 3, (11, 8))
    assert found.quote == f"x = '{smile}'; eval(\n  '{smile}')"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_right_whatever_ends_them(end: str) -> None:
    assert lines(detect(source("a.py", f"a = 1{end}{end}eval(a){end}"), seeking(EVAL))) == [3]


def test_one_entry_serves_several_languages_and_typescript_serves_tsx() -> None:
    both = seeking({"language": ["javascript", "typescript"], "rule": {"pattern": "eval($A)"}})
    for name in ("a.js", "a.jsx", "a.ts", "a.tsx"):
        assert lines(detect(source(name, "eval(a)\n"), both)) == [1], name
    assert detect(source("a.py", "eval(a)\n"), both) == []
    assert detect(source("a.sql", "eval(a)\n"), both) == []


def test_constraints_and_utils_narrow_a_match() -> None:
    entry = {
        "language": "python",
        "rule": {"pattern": "eval($A)", "has": {"matches": "name", "stopBy": "end"}},
        "constraints": {"A": {"regex": "^user"}},
        "utils": {"name": {"kind": "identifier", "regex": "input$"}},
    }
    file = source("a.py", "eval(user_input)\neval(my_input)\neval(user_text)\n")
    assert lines(detect(file, seeking(entry))) == [1]


def test_a_place_that_two_entries_find_is_one_finding() -> None:
    other = {"language": "python", "rule": {"kind": "call"}}
    assert lines(detect(source("a.py", "eval(a)\n"), seeking(EVAL, other))) == [1]


def test_an_entry_can_be_less_severe_than_its_rule_and_never_more() -> None:
    file = source("a.py", "eval(a)\n")
    for said, meant in (("medium", Severity.MEDIUM), ("critical", Severity.HIGH)):
        [found] = detect(file, seeking({**EVAL, "severity": said}))
        assert isinstance(found, Finding)
        assert found.severity is meant


def test_lines_have_and_lack_look_at_the_find() -> None:
    entry = {**EVAL, "lines_have": "user", "lines_lack": "safe"}
    file = source("a.py", "eval(a)\neval(user)\neval(user)  # safe\n")
    assert lines(detect(file, seeking(entry))) == [2]


def test_broken_code_in_judged_lines_is_a_skip_and_what_was_found_is_kept() -> None:
    file = source("a.js", "eval(a);\nfunction ( {\n")
    rules = [seeking({"language": "javascript", "rule": {"pattern": "eval($A)"}})]
    found, skip = detect(file, *rules)
    assert isinstance(found, Finding)
    assert isinstance(skip, Skip)
    assert (skip.path, skip.rule_ids, skip.blocking) == ("a.js", ("security/shape",), False)
    assert skip.what == "a.js:2 (1 of 2 judged lines)"
    assert skip.why.startswith("astgrep: not javascript to its grammar: mend the file, or")


def test_a_little_broken_code_is_told_and_the_rest_counts_as_judged() -> None:
    text = "interface A<in out T> {}\n" + "eval(a);\n" * 20
    file = source("a.ts", text)
    items = detect(file, seeking({"language": "typescript", "rule": {"pattern": "eval($A)"}}))
    assert len(lines(items)) == 20
    [skip] = [item for item in items if isinstance(item, Skip)]
    assert (skip.path, skip.rule_ids, skip.blocking) == (None, (), False)
    assert skip.what == "a.ts:1"


def test_a_change_to_a_broken_line_is_not_judged() -> None:
    text = "interface A<in out T> {}\n" + "eval(a);\n" * 20
    file = source("a.ts", text, status="modified", changed=[(1, 1)])
    items = detect(file, seeking({"language": "typescript", "rule": {"pattern": "eval($A)"}}))
    [skip] = [item for item in items if isinstance(item, Skip)]
    assert skip.path == "a.ts"


def test_broken_code_outside_the_judged_lines_is_no_skip() -> None:
    file = source("a.js", "f();\ng();\nfunction ( {\n", status="modified", changed=[(1, 1)])
    shape = seeking({"language": "javascript", "rule": {"pattern": "eval($A)"}})
    assert detect(file, shape) == []


def test_files_of_other_languages_and_deleted_files_are_not_parsed() -> None:
    deleted = source("a.py", "", status="deleted", removed=[(0, "eval(a)\n")])
    assert detect(deleted, seeking(EVAL)) == []
    assert detect(source("a.js", "function ( {\n"), seeking(EVAL)) == []


def test_an_empty_file_has_neither_findings_nor_skips() -> None:
    assert detect(source("a.py", ""), seeking(EVAL)) == []


@pytest.mark.parametrize(
    ("options", "place", "text"),
    [
        pytest.param({"language": "python"}, (), "write an ast-grep rule", id="no-rule"),
        pytest.param({"rule": {"kind": "call"}}, (), "language: name the language", id="no-lang"),
        pytest.param(
            {"language": "sql", "rule": {"kind": "call"}}, ("rule",), "no grammar", id="no-grammar"
        ),
        pytest.param(
            {"language": "go", "rule": {"kind": "call_expression"}},
            ("language",),
            "'go' is not among the rule's languages (python, sql)",
            id="other-language",
        ),
        pytest.param(
            {"language": "python", "rule": {"any": [{"kind": "call"}, {"knd": "x"}]}},
            ("rule", "any", 1, "knd"),
            "unknown key 'knd'",
            id="unknown-key",
        ),
        pytest.param(
            {"language": "python", "rule": {"has": {"kind": "call", "stopBy": "ende"}}},
            ("rule", "has", "stopBy"),
            "stopBy: write neighbor, end",
            id="stop",
        ),
        pytest.param(
            {"language": "python", "rule": {"not": {"kind": 3}}},
            ("rule", "not", "kind"),
            "kind: write a text",
            id="text",
        ),
        pytest.param(
            {"language": "python", "rule": {"all": "x"}}, ("rule", "all"), "a list of", id="list"
        ),
        pytest.param(
            {"language": "python", "rule": {"pattern": {"context": "x", "strictness": "high"}}},
            ("rule", "pattern", "strictness"),
            "strictness is cst smart",
            id="strictness",
        ),
        pytest.param(
            {"language": "python", "rule": {"pattern": ["x"]}}, ("rule", "pattern"), "code", id="p"
        ),
        pytest.param(
            {"language": "python", "rule": {"kind": "call", "nthChild": [1]}},
            ("rule", "nthChild"),
            "nthChild: write a number",
            id="nth",
        ),
        pytest.param(
            {"language": "python", "rule": {"kind": "call"}, "constraints": []},
            ("constraints",),
            "write a mapping",
            id="constraints",
        ),
        pytest.param(
            {"language": "python", "rule": {"kind": "call"}, "utils": {"a": {"has": {"x": 1}}}},
            ("utils", "a", "has", "x"),
            "unknown key 'x'",
            id="utils",
        ),
        pytest.param(
            {"language": "python", "rule": {"kind": "nosuch"}}, ("rule",), "`nosuch`", id="kind"
        ),
        pytest.param(
            {"language": "python", "rule": {"regex": "(?=x)"}}, ("rule",), "look-around", id="re"
        ),
        pytest.param(
            {"language": "python", "rule": {"pattern": "eval("}}, ("rule",), "parse", id="code"
        ),
        pytest.param(
            {"language": "python", "rule": {"kind": "call"}, "lines_have": "["},
            ("lines_have",),
            "not a regular expression",
            id="lines",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(
    options: Mapping[str, Any], place: tuple[str | int, ...], text: str
) -> None:
    [(where, said)] = astgrep.validate(options, ("python", "sql"))
    assert where == place
    assert text in said


def test_a_kind_that_only_some_of_the_languages_have_is_told_for_the_others() -> None:
    options = {"language": ["javascript", "typescript"], "rule": {"kind": "interface_declaration"}}
    [(place, said)] = astgrep.validate(options, ("any",))
    assert place == ("rule",)
    assert said.startswith("javascript: ")


@pytest.mark.parametrize(
    "node",
    [
        pytest.param({"pattern": "eval($A, $$$REST, $_)"}, id="metavariables"),
        pytest.param({"pattern": {"context": "x(y)", "selector": "call"}}, id="context"),
        pytest.param({"kind": "call", "nthChild": "2n+1"}, id="nth"),
        pytest.param({"kind": "call", "inside": {"kind": "block", "stopBy": "end"}}, id="inside"),
        pytest.param(
            {"kind": "call", "inside": {"kind": "block", "stopBy": {"kind": "lambda"}}}, id="stop"
        ),
    ],
)
def test_good_options_raise_no_complaint(node: Mapping[str, Any]) -> None:
    assert list(astgrep.validate({"language": "python", "rule": node}, ("python",))) == []


SHELL: Mapping[str, Any] = {"language": "bash", "rule": {"pattern": "eval $A"}}


def test_a_rule_for_shell_judges_the_shell_of_the_other_languages_it_names() -> None:
    image = source("Dockerfile", "FROM a:1\nRUN ls && \\\n    eval $x\nCMD eval $x\n")
    [found] = detect(image, seeking(SHELL, languages=("bash", "dockerfile")))
    assert isinstance(found, Finding)
    assert (found.span.start, found.columns[0], found.quote) == (3, 5, "    eval $x")
    assert not detect(image, seeking(SHELL, languages=("bash",)))


def test_a_chart_that_is_no_yaml_before_it_is_filled_in_is_judged() -> None:
    text = "{{- if .x }}\na: {{ .y }}\nprivileged: true\n{{- end }}\n"
    entry = {"language": "yaml", "rule": {"kind": "block_mapping_pair", "regex": "^privileged"}}
    assert lines(detect(source("chart/templates/a.yaml", text), seeking(entry))) == [3]


def test_once_tells_the_first_find_of_each_outermost_node_of_that_kind() -> None:
    text = (
        "for a in b:\n    eval(a)\n    eval(b)\n    for c in a:\n        eval(c)\n"
        "eval(b)\nfor a in b:\n    eval(a)\neval(a)\n"
    )
    assert lines(detect(source("a.py", text), seeking({**EVAL, "once": ["for_statement"]}))) == [
        2,
        6,
        8,
        9,
    ]


def test_once_wants_kinds_of_nodes() -> None:
    ((where, said),) = astgrep.validate({**EVAL, "once": True}, ("python",))
    assert (where, "list kinds" in said) == (("once",), True)


CALLS = {"language": "python", "rule": {"pattern": "get($A)"}, "once": ["for_statement"]}
LOOPS = """\
get(a)
get(b)
for a in b:
    get(a)
    for c in a:
        get(c)
for d in e:
    get(d); get(e)
"""


def test_of_what_stands_in_one_outermost_node_the_first_is_told_and_all_that_stands_alone() -> None:
    assert lines(detect(source("a.py", LOOPS), seeking(CALLS))) == [1, 2, 4, 8]


def test_two_rules_tell_each_their_own_of_one_outermost_node() -> None:
    other = replace(seeking(CALLS), id="security/other")
    found = detect(source("a.py", LOOPS), seeking(CALLS), other)
    told = [(one.rule_id, one.span.start) for one in found if isinstance(one, Finding)]
    assert told == [
        (one, at) for one in ("security/shape", "security/other") for at in (1, 2, 4, 8)
    ]


def test_what_its_lines_rule_out_is_not_the_one_that_is_told() -> None:
    entry = {**CALLS, "lines_lack": r"get\(a\)"}
    assert lines(detect(source("a.py", LOOPS), seeking(entry))) == [2, 6, 8]


def test_a_list_of_kinds_counts_the_outermost_of_any() -> None:
    text = "def f():\n    get(a)\n    for b in c:\n        get(b)\nfor d in e:\n    get(d)\n"
    both = {**CALLS, "once": ["for_statement", "function_definition"]}
    assert lines(detect(source("a.py", text), seeking(both))) == [2, 6]
    assert lines(detect(source("a.py", text), seeking(CALLS))) == [2, 4, 6]


def test_near_a_change_each_rule_is_searched_for_by_its_own_words() -> None:
    text = "def f(a):\n    eval(a)\n\n\ndef g(b):\n    eval(b)\n    exec(b)\n"
    file = source("a.py", text, status="modified", changed=[(2, 2)])
    absent = seeking({"language": "python", "rule": {"pattern": "exec($A)"}})
    found = detect(file, absent, replace(seeking(EVAL), id="security/other"))
    told = [(one.rule_id, one.span.start) for one in found if isinstance(one, Finding)]
    assert told == [("security/other", 2)]


def test_what_stands_in_the_head_of_an_outermost_node_stands_in_it() -> None:
    text = "for a in get(b):\n    get(a)\nfor c in d: get(c); get(d)\n"
    assert lines(detect(source("a.py", text), seeking(CALLS))) == [1, 3]


def test_what_stands_among_the_unit_tests_of_a_rust_file_is_not_told() -> None:
    text = (
        "fn f() { eval(1); }\n\n#[cfg(test)]\nmod tests {\n    #[test]\n"
        "    fn t() { eval(2); }\n}\n"
    )
    entry = {"language": "rust", "rule": {"pattern": "eval($A)"}}
    assert lines(detect(source("a.rs", text), seeking(entry))) == [1]


def test_a_shape_of_a_whole_file_is_searched_for_in_all_of_it_near_a_change_too() -> None:
    text = "def f(a):\n    return a\n\n\ndef g(b):\n    eval(b)\n"
    has = {"pattern": "eval($A)", "stopBy": "end"}
    entry = {"language": "python", "rule": {"kind": "module", "has": has}}
    file = source("a.py", text, status="modified", changed=[(2, 2)])
    assert lines(detect(file, seeking(entry))) == [1]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('get "/x" do\n  name = params[:name]\n  run(name)\nend\n', True),
        ('get "/x" do\n  name = params[:name].to_i\n  run(name)\nend\n', False),
        ("each do\n  name = params[:name]\n  run(name)\nend\n", False),
        ('get "/x" do\n  name = params[:name]\nend\nrun(name)\n', False),
    ],
    ids=["a-route", "a-number", "another-block", "outside-of-the-route"],
)
def test_a_route_of_sinatra_is_a_function_of_its_own(code: str, found: bool) -> None:
    outside = {"has": {"field": "arguments", "has": {"matches": "outside"}}}
    named = {"has": {"field": "method", "regex": "^run$"}}
    entry = {"language": "ruby", "rule": {"kind": "call", "all": [named, outside]}}
    assert bool(lines(detect(source("a.rb", code), seeking(entry)))) is found
