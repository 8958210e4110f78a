from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_gate import schemas, yamlmarks
from rlm_gate.schemas import ConfigModel, RuleModel

RULE = """\
title: A title
severity: high
precision: medium
languages: [python]
detect:
  - engine: regex
    pattern: x
message: Do this.
help: {why: because, fix: do it}
tests:
  bad: [x]
  good: [y]
"""


def rule_mistakes(text: str) -> list[str]:
    document = yamlmarks.parse(text, "r.yaml")
    return [str(problem) for problem in schemas.check(RuleModel, document)[1]]


def config_mistakes(text: str) -> list[str]:
    document = yamlmarks.parse(text, "c.yaml")
    return [str(problem) for problem in schemas.check(ConfigModel, document)[1]]


def test_the_shortest_rule_is_accepted() -> None:
    model, problems = schemas.check(RuleModel, yamlmarks.parse(RULE, "r.yaml"))
    assert problems == ()
    assert model
    assert (model.verify, model.enabled, model.ask) == ("none", True, None)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("titel: x", "r.yaml:13:1: unknown key 'titel'; did you mean 'title'?"),
        ("fix: safe", "r.yaml:13:6: fix: a list is wanted: [a, b], or one '- a' a line"),
        ("enabled: yes", "r.yaml:13:10: enabled: true or false is wanted (yes, no,"),
        ("enabled: 1", "r.yaml:13:10: enabled: true or false is wanted"),
        ("verify: maybe", "r.yaml:13:9: verify: 'maybe' is not one of: none or refute"),
        ("verify: no", "r.yaml:13:9: verify: 'no' is not one of: none or refute"),
        ("tags: security", "r.yaml:13:7: tags: a list is wanted"),
        ("tags: [1.10]", 'r.yaml:13:8: tags[0]: text is wanted; put it in quotes: "1.10"'),
        ("tags: [true]", 'r.yaml:13:8: tags[0]: text is wanted; put it in quotes: "true"'),
        ("tags: [[a]]", "r.yaml:13:8: tags[0]: text is wanted"),
        ("tags: ['']", "r.yaml:13:8: tags[0]: one line of text is wanted"),
        ("paths: {exclude: ['!a']}", "r.yaml:13:19: paths.exclude[0]: '!' is not supported"),
        ("paths: {only: [a]}", "r.yaml:13:9: paths: unknown key 'only'; known are exclude"),
        ("prefilter: ['(']", "r.yaml:13:13: prefilter[0]: not a regular expression: missing )"),
        ("prefilter: ['ab[']", "set at character 3"),
        ("prefilter: ['a*']", "r.yaml:13:13: prefilter[0]: this matches everywhere"),
        ("prefilter: ['[[a]']", "r.yaml:13:13: prefilter[0]: not a usable regular expression"),
        ("prefilter: ['a{99999999999999999999}']", "r.yaml:13:13: prefilter[0]: not a"),
        ("prefilter: []", "r.yaml:13:12: prefilter: at least one entry is needed"),
        ("prefilter: x", "r.yaml:13:12: prefilter: a list is wanted"),
        ("ask:", "r.yaml:13:5: ask: empty; write a value or leave the key out"),
        ("ask: x", "r.yaml:13:6: ask: a mapping of 'key: value' lines is wanted"),
        ("ask: {over: file, question: q}", "ask.over: 'file' is not one of: chunk or corpus"),
        ("ask: {over: chunk, question: ' '}", "ask.question: text is wanted, this is empty"),
        ("ask: {over: chunk}", "r.yaml:13:6: ask: 'question' is missing; add it"),
        ("aliases: [old]", "r.yaml:13:11: aliases[0]: a rule id is wanted"),
        ("aliases: [Security/x]", "r.yaml:13:11: aliases[0]: a rule id is wanted"),
    ],
)
def test_a_wrong_line_is_named_with_its_remedy(line: str, problem: str) -> None:
    found = rule_mistakes(RULE + line)
    assert len(found) == 1, found
    assert problem in found[0]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("severity: high", "severity: error", "severity: 'error' is not one of: critical, high"),
        ("severity: high", "severity: HIGH", "severity: 'HIGH' is not one of"),
        ("severity: high", "severity: 3", "severity: 3 is not one of"),
        ("title: A title\n", "", "r.yaml:1:1: 'title' is missing; add it"),
        ("title: A title", "title: |\n  two\n  lines", "title: one line of text is wanted"),
        ("[python]", "[pyton]", "languages[0]: unknown language 'pyton'; did you mean 'python'?"),
        ("[python]", "[]", "languages: at least one entry is needed"),
        ("[python]", "python", "languages: a list is wanted"),
        ("engine: regex", "engin: regex", "detect[0]: 'engine' is missing; add it"),
        ("fix: do it", "fix: do it, links: [x]", "help.links[0]: a link is wanted"),
        ("fix: do it", "fxi: do it", "help: unknown key 'fxi'; did you mean 'fix'?"),
        ("bad: [x]", "bad: []", "tests.bad: at least one entry is needed"),
        ("  good: [y]\n", "", "r.yaml:11:3: tests: 'good' is missing; add it"),
        ("bad: [x]", "bad: [{lang: python}]", "tests.bad[0]: 'code' is missing; add it"),
        ("bad: [x]", "bad: [{before: x}]", "tests.bad[0]: 'after' is missing; add it"),
        ("bad: [x]", "bad: [{code: x, lang: klingon}]", "unknown language 'klingon'"),
        ("bad: [x]", "bad: [{code: x, lang: any}]", "unknown language 'any'"),
        ("bad: [x]", "bad: [{code: x, before: x}]", "tests.bad[0]: unknown key 'code'"),
        ("bad: [x]", "bad: [{code: x, stopped_by: path}]", "tests.bad[0]: unknown key 'stopped"),
        ("good: [y]", "good: [{code: x, stopped_by: me}]", "stopped_by: 'me' is not one of"),
        ("bad: [x]", "bad: [3]", "tests.bad[0]: code as text, {lang, code} or"),
        ("bad: [x]", "bad: ['']", "tests.bad[0]: text is wanted, this is empty"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(old: str, new: str, problem: str) -> None:
    found = rule_mistakes(RULE.replace(old, new))
    assert any(problem in one for one in found), found


def test_every_missing_key_is_named() -> None:
    found = rule_mistakes("enabled: true")
    names = [one.split("'")[1] for one in found]
    assert names == ["help", "languages", "message", "severity", "tests", "title"]


@pytest.mark.parametrize("text", ["", "- a", "text", "3"])
def test_a_file_that_is_no_mapping_is_said_to_be_none(text: str) -> None:
    [found] = rule_mistakes(text)
    assert "a mapping of 'key: value' lines is wanted" in found


def test_mistakes_of_yaml_and_of_the_schema_come_together() -> None:
    text = RULE.replace("title: A title", "title: &t A title") + "tags: *t\nseverity: low\nx: 1\n"
    found = rule_mistakes(text)
    assert [one.split(": ")[0] for one in found] == [
        "r.yaml:1:8",
        "r.yaml:13:7",
        "r.yaml:14:1",
        "r.yaml:15:1",
    ]


def test_a_document_that_could_not_be_read_has_that_problem_alone() -> None:
    assert len(rule_mistakes("title: [")) == 1


def test_indentation_of_an_example_is_kept_and_texts_are_trimmed() -> None:
    text = RULE.replace("bad: [x]", "bad: ['  x = 1']").replace("because", '" because  "')
    model, _ = schemas.check(RuleModel, yamlmarks.parse(text, "r.yaml"))
    assert model
    assert (model.tests.bad, model.help.why) == (["  x = 1"], "because")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("extend: x", "c.yaml:1:1: unknown key 'extend'; did you mean 'extends'?"),
        (
            "lock: [fail-on]",
            "c.yaml:1:8: lock[0]: no key to lock: 'fail-on'; did you mean 'fail_on'",
        ),
        ("lock: [version]", "no key to lock: 'version'; known are budget, budget.call_timeout"),
        ("suppresions: {}", "c.yaml:1:1: unknown key 'suppresions'; did you mean 'suppressions'"),
        (
            "suppressions: []",
            "c.yaml:1:15: suppressions: a mapping of 'key: value' lines is wanted",
        ),
        ("suppressions: {new: maybe}", "suppressions.new: 'maybe' is not one of: deny, label"),
        ("suppressions: {max_days: 0}", "c.yaml:1:26: suppressions.max_days: must be greater"),
        ("fail_on: {docs: some}", "c.yaml:1:17: fail_on.docs: 'some' is not one of: critical"),
        ("fail_on: soon", "c.yaml:1:10: fail_on: 'soon' is not one of: critical"),
        ("fail_on: {}", "c.yaml:1:10: fail_on: at least one entry is needed"),
        ("version: 2", "c.yaml:1:10: version: 2 is not one of: 1"),
        ("version: '1'", "c.yaml:1:10: version: '1' is not one of: 1"),
        ("fail_on: none", "c.yaml:1:10: fail_on: 'none' is not one of: critical, high,"),
        ("fail_on: off", "info or never"),
        ("packs: security", "c.yaml:1:8: packs: a list is wanted"),
        ("packs: []", "c.yaml:1:8: packs: at least one entry is needed"),
        ("models: on", "c.yaml:1:9: models: 'off', or a mapping of root, sub, prices"),
        ("models: false", "c.yaml:1:9: models: 'off', or a mapping of root"),
        ("models: {rot: x}", "c.yaml:1:10: models: unknown key 'rot'; did you mean 'root'?"),
        ("models: {root: 4.5}", 'models.root: text is wanted; put it in quotes: "4.5"'),
        ("models: {prices: {m: {in: 1}}}", "models.prices.m: 'out' is missing; add it"),
        ("models: {prices: {m: {in: -1, out: 1}}}", "models.prices.m.in: must be greater than"),
        (
            "models: {prices: {m: {in: 1, out: 1, input: 2}}}",
            "models.prices.m: unknown key 'input'; known are batch, cache_read",
        ),
        ("budget: {usd: '1'}", "c.yaml:1:15: budget.usd: a number is wanted"),
        ("budget: {usd: -1}", "budget.usd: must be greater than or equal to 0"),
        ("budget: {usd: true}", "budget.usd: a number is wanted"),
        ("budget: {calls: 1.5}", "budget.calls: a whole number is wanted"),
        ("budget: {turns: 0}", "budget.turns: must be greater than 0"),
        ("budget: {deadline: 0}", "budget.deadline: must be greater than 0"),
        ("budget: {max_usd: 1}", "budget: unknown key 'max_usd'"),
        ("exclude: ['*.{a,b}']", "c.yaml:1:11: exclude[0]: git's globs have no {a,b}"),
        ("never_send: ['../x']", "never_send[0]: '..' never matches"),
        ("overrides: [{ignore: [a/b]}]", "overrides[0]: 'paths' is missing; add it"),
        ("overrides: [{paths: []}]", "overrides[0].paths: at least one entry is needed"),
        (
            "overrides: [{paths: [a], severity: {a/b: bad}}]",
            "overrides[0].severity.a/b: 'bad' is not one of",
        ),
        ("on_inconclusive: ignore", "on_inconclusive: 'ignore' is not one of: fail or warn"),
        ("budget:", "budget: empty; write a value or leave the key out"),
    ],
)
def test_a_mistake_in_the_configuration_is_named_with_its_remedy(text: str, problem: str) -> None:
    found = config_mistakes(text)
    assert len(found) == 1, found
    assert problem in found[0]


def test_the_schema_for_editors_knows_every_key_and_requires_the_proof() -> None:
    schema = schemas.json_schema(RuleModel)
    assert schema["properties"].keys() == RuleModel.model_fields.keys()
    assert {"title", "severity", "languages", "message", "help", "tests"} == {*schema["required"]}
    assert schema["additionalProperties"] is False
    assert '"null"' not in json.dumps(schema)
    assert schema["$defs"]["DetectModel"]["additionalProperties"] is True


@pytest.mark.parametrize(
    ("page", "model"), [("rules.md", RuleModel), ("config.md", ConfigModel)], ids=str
)
def test_the_page_has_every_key_and_its_example_is_valid(
    page: str, model: type[RuleModel | ConfigModel]
) -> None:
    text = (Path(__file__).parent.parent / "docs" / page).read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    assert schemas.check(model, yamlmarks.parse(example, page))[1] == ()
    for key in model.model_fields:
        assert f"| `{key}`" in text or f"`{key}." in text


VALID: dict[str, Any] = yamlmarks.parse(RULE, "r.yaml").data
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["engine", "code", "before", "over", "bad", "why", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(st.sampled_from([*RuleModel.model_fields, "unknown"]), ANYTHING)
def test_no_value_under_any_key_raises(key: str, value: object) -> None:
    data = copy.deepcopy(VALID) | {key: value}
    document = yamlmarks.parse(json.dumps(data, ensure_ascii=False), "r.yaml")
    model, problems = schemas.check(RuleModel, document)
    assert (model is None) == bool(problems)
