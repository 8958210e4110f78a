import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import corpus, rule, source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_gate.core import Corpus, Detect, Finding, Origin, Rule, Severity, Skip
from rlm_gate.detectors import sarif
from rlm_gate.errors import UsageError

TEXT = "import os\nos.system(name)\nprint(1)\n"


def result(uri: str = "a.py", start: int = 2, **more: Any) -> dict[str, Any]:
    region = {"startLine": start, "snippet": {"text": more.pop("snippet", "")}}
    place = {"artifactLocation": {"uri": uri, **more.pop("artifact", {})}, "region": region}
    said = {"ruleId": "B605", "level": "error", "message": {"text": "a shell"}}
    return {**said, "locations": [{"physicalLocation": place}], **more}


def log(*results: Any, rules: Any = (), tool: str = "bandit", **run: Any) -> dict[str, Any]:
    driver = {"name": tool, "rules": list(rules)}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results, **run}]}


def write(folder: Path, data: Any, name: str = "found.sarif") -> str:
    path = folder / name
    path.write_text(json.dumps(data))
    return str(path)


def judged(folder: Path, *files: tuple[str, str]) -> Corpus:
    built = corpus(*(source(name, text) for name, text in files or (("a.py", TEXT),)))
    return replace(built, root=str(folder))


def taking(file: str, **options: Any) -> Rule:
    return rule("own/shell", detect=[Detect("sarif", {"file": file, **options})])


def detect(folder: Path, data: Any, *files: tuple[str, str]) -> list[Finding | Skip]:
    rules = [
        one for pack in sarif.imported([write(folder, data)], str(folder)) for one in pack.rules
    ]
    return list(sarif.detect(judged(folder, *files), rules))


def test_a_result_becomes_a_finding_of_the_lines_that_stand_there(tmp_path: Path) -> None:
    [found] = detect(tmp_path, log(result(snippet="os.system( name )")))
    assert isinstance(found, Finding)
    assert (found.rule_id, found.severity, found.origin) == (
        "sarif-bandit/b605",
        Severity.HIGH,
        Origin.IMPORTED,
    )
    assert (found.span.start, found.quote, found.explanation) == (2, "os.system(name)", "a shell")


@pytest.mark.parametrize(
    "stale",
    [result(start=40), result(snippet="subprocess.run(x)")],
    ids=["a line that is not there", "other text"],
)
def test_a_stale_result_is_a_skip_that_makes_its_pairs_missing(tmp_path: Path, stale: Any) -> None:
    [skip] = detect(tmp_path, log(stale))
    assert isinstance(skip, Skip)
    assert (skip.path, skip.rule_ids) == ("a.py", ("sarif-bandit/b605",))
    assert "scan again" in skip.why


def test_the_text_around_proves_a_result_whose_own_quote_is_wrong(tmp_path: Path) -> None:
    said = result(snippet="print(1)")
    place = said["locations"][0]["physicalLocation"]
    place["contextRegion"] = {"startLine": 2, "snippet": {"text": "os.system(name)\nprint(1)\n"}}
    assert [type(one) for one in detect(tmp_path, log(said))] == [Finding]
    place["contextRegion"]["startLine"] = 1
    assert [type(one) for one in detect(tmp_path, log(said))] == [Skip]


def test_a_masked_secret_is_no_stale_result(tmp_path: Path) -> None:
    [found] = detect(tmp_path, log(result(snippet="REDACTED")))
    assert isinstance(found, Finding)


@pytest.mark.parametrize(
    "uri",
    [
        "a.py",
        "./a.py",
        "b/../a.py",
        "%61.py",
        "file://{root}/a.py",
        "{root}/a.py",
        "file:{root}/a.py",
    ],
)
def test_a_file_is_known_by_any_name_scanners_give_it(tmp_path: Path, uri: str) -> None:
    [found] = detect(tmp_path, log(result(uri.format(root=tmp_path))))
    assert isinstance(found, Finding)


def test_a_base_of_uris_is_put_in_front(tmp_path: Path) -> None:
    bases = {"SRC": {"uri": f"file://{tmp_path}/src/"}, "%SRCROOT%": {}}
    there = result("a.py", artifact={"uriBaseId": "SRC"})
    here = result("a.py", artifact={"uriBaseId": "%SRCROOT%"})
    files = (("a.py", TEXT), ("src/a.py", TEXT))
    found = detect(tmp_path, log(there, here, originalUriBaseIds=bases), *files)
    assert sorted(one.span.path for one in found if isinstance(one, Finding)) == [
        "a.py",
        "src/a.py",
    ]


@pytest.mark.parametrize("base", ["%SRCROOT%", "ROOTPATH"])
@pytest.mark.parametrize("uri", ["file:///home/runner/work/x/x/", "file:///", "src/"])
def test_a_scan_of_a_checkout_elsewhere_is_taken_by_its_root(
    tmp_path: Path, base: str, uri: str
) -> None:
    there = result("a.py", artifact={"uriBaseId": base})
    files = (("src/a.py", TEXT),) if uri == "src/" else (("a.py", TEXT),)
    [found] = detect(tmp_path, log(there, originalUriBaseIds={base: {"uri": uri}}), *files)
    assert isinstance(found, Finding)


def test_a_base_that_is_no_root_of_a_checkout_is_not_guessed_at(tmp_path: Path) -> None:
    there = result("a.py", artifact={"uriBaseId": "LIB"})
    [skip] = detect(tmp_path, log(there, originalUriBaseIds={"LIB": {"uri": "file:///usr/lib/"}}))
    assert isinstance(skip, Skip)


def test_a_base_may_rest_on_another_and_a_circle_ends(tmp_path: Path) -> None:
    bases = {
        "SRC": {"uri": "src/", "uriBaseId": "%SRCROOT%"},
        "%SRCROOT%": {"uri": f"file://{tmp_path}/"},
        "LOOP": {"uri": "x/", "uriBaseId": "LOOP"},
    }
    there = result("a.py", artifact={"uriBaseId": "SRC"})
    lost = result("a.py", artifact={"uriBaseId": "LOOP"})
    items = detect(tmp_path, log(there, lost, originalUriBaseIds=bases), ("src/a.py", TEXT))
    assert [one.span.path for one in items if isinstance(one, Finding)] == ["src/a.py"]


@pytest.mark.parametrize(("index", "count"), [(0, 1), (1, 0), (-1, 0), ("0", 0)])
def test_a_file_may_be_named_by_its_number(tmp_path: Path, index: Any, count: int) -> None:
    one = result()
    one["locations"][0]["physicalLocation"]["artifactLocation"] = {"index": index}
    data = log(one, artifacts=[{"location": {"uri": "a.py"}}])
    found = [item for item in detect(tmp_path, data) if isinstance(item, Finding)]
    assert len(found) == count


def test_a_message_may_be_one_of_the_rule_s_with_arguments(tmp_path: Path) -> None:
    words = {"default": {"text": "{0} reaches {1}, {7}"}}
    one = result() | {"message": {"id": "default", "arguments": ["name", "a shell"]}}
    [found] = detect(tmp_path, log(one, rules=[{"id": "B605", "messageStrings": words}]))
    assert isinstance(found, Finding)
    assert found.explanation == "name reaches a shell, {7}"


def test_a_result_of_the_history_that_is_gone_is_counted_not_stale(tmp_path: Path) -> None:
    gone = result(snippet="old(code)", partialFingerprints={"commitSha": "9f2c1d6"})
    [skip] = detect(tmp_path, log(gone, tool="gitleaks"))
    assert isinstance(skip, Skip)
    assert (skip.why, skip.rule_ids) == ("1 results are about other commits", ())


@pytest.mark.parametrize(
    "uri",
    [
        "../a.py",
        "%2e%2e/a.py",
        "/etc/passwd",
        "file:///etc/passwd",
        "https://a.example/a.py",
        "b.py",
        "a.py%00",
        "\\\\host\\a.py",
        "C:/a.py",
        "a.py/..",
        ".",
    ],
)
def test_what_is_about_other_files_is_counted_and_not_believed(tmp_path: Path, uri: str) -> None:
    skips = detect(tmp_path, log(result(uri)))
    assert [type(one) for one in skips] == [Skip]
    assert "no file that is judged" in skips[0].why  # type: ignore[union-attr]  # the line above


@pytest.mark.parametrize(
    ("score", "level", "severity"),
    [
        ("9.8", "note", Severity.CRITICAL),
        ("7.0", None, Severity.HIGH),
        ("4.0", None, Severity.MEDIUM),
        ("0.5", "none", Severity.LOW),
        (None, "error", Severity.HIGH),
        (None, "warning", Severity.MEDIUM),
        (None, "note", Severity.LOW),
        (None, "none", Severity.INFO),
        (None, None, Severity.MEDIUM),
        ("nan", "high", Severity.MEDIUM),
        ("1e999", None, Severity.MEDIUM),
    ],
)
def test_the_severity_is_the_score_s_or_the_level_s(
    tmp_path: Path, score: str | None, level: str | None, severity: Severity
) -> None:
    rules = [{"id": "B605", "properties": {"security-severity": score} if score else {}}]
    [found] = detect(tmp_path, log(result(level=level), rules=rules))
    assert isinstance(found, Finding)
    assert found.severity == severity


def test_a_rule_has_the_worst_severity_of_its_results_and_the_tool_s_words(tmp_path: Path) -> None:
    told = {"id": "B605", "shortDescription": {"text": "Shell"}, "helpUri": "https://a.example/b"}
    data = log(result(level="note"), result(level="error"), rules=[told])
    [pack] = sarif.imported([write(tmp_path, data)])
    [one] = pack.rules
    assert (one.severity, one.title, one.help.links) == (
        Severity.HIGH,
        "Shell",
        ("https://a.example/b",),
    )


def test_results_that_are_suppressed_gone_or_no_failures_do_not_count(tmp_path: Path) -> None:
    items = detect(
        tmp_path,
        log(
            result(suppressions=[{"kind": "inSource"}]),
            result(baselineState="absent"),
            result(kind="pass"),
            result(suppressions=[{"status": "rejected"}]),
        ),
    )
    assert [type(one) for one in items] == [Finding, Skip]
    assert "1 results are suppressed" in items[1].why  # type: ignore[union-attr]  # the line above


@pytest.mark.parametrize(
    "invocation",
    [
        {"executionSuccessful": False},
        {
            "executionSuccessful": True,
            "toolConfigurationNotifications": [{"level": "error", "message": {"text": "no"}}],
        },
    ],
)
def test_a_scanner_that_did_not_finish_leaves_the_verdict_open(
    tmp_path: Path, invocation: Any
) -> None:
    items = detect(tmp_path, log(result(), invocations=[invocation]))
    assert any(isinstance(one, Skip) and one.blocking for one in items)
    assert any(isinstance(one, Finding) for one in items)


def test_a_rule_of_ours_may_map_a_tool_s_rules_to_its_own_severity(tmp_path: Path) -> None:
    write(tmp_path, log(result(), result(ruleId="B999"), result(ruleId="B605", start=3)))
    options = {"tool": "bandit", "rules": ["B605"]}
    items = list(sarif.detect(judged(tmp_path), [taking("found.sarif", **options)]))
    assert [(one.rule_id, one.span.start) for one in items if isinstance(one, Finding)] == [
        ("own/shell", 2),
        ("own/shell", 3),
    ]
    assert not list(sarif.detect(judged(tmp_path), [taking("found.sarif", tool="semgrep")]))


def test_a_missing_file_blocks_and_names_itself(tmp_path: Path) -> None:
    [skip] = sarif.detect(judged(tmp_path), [taking("none.sarif")])
    assert isinstance(skip, Skip)
    assert skip.blocking
    assert "none.sarif" in skip.what
    with pytest.raises(UsageError, match=r"none\.sarif"):
        sarif.imported([str(tmp_path / "none.sarif")])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'"runs"',
        b'{"runs": 3}',
        b"[" * 200000,
        b'{"runs": [' + b"9" * 10000 + b"]}",
    ],
    ids=["empty", "cut", "bytes", "list", "text", "number", "deep", "digits"],
)
def test_what_is_no_sarif_is_refused_with_the_file_s_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.sarif"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.sarif"):
        sarif.imported([str(path)])


def test_two_rules_whose_ids_differ_in_punctuation_stay_two(tmp_path: Path) -> None:
    data = log(result(ruleId="a.b"), result(ruleId="a-b"), result(ruleId="\u00e4"))
    [pack] = sarif.imported([write(tmp_path, data)])
    assert [one.id for one in pack.rules] == [
        "sarif-bandit/a-b",
        "sarif-bandit/a-b--2",
        "sarif-bandit/unnamed",
    ]


def test_a_flow_ends_where_the_tool_says(tmp_path: Path) -> None:
    steps = [{"location": result(start=line)["locations"][0]} for line in (1, 2, 99)]
    flows = [{"threadFlows": [{"locations": steps}]}]
    [found] = detect(tmp_path, log(result(codeFlows=flows)))
    assert isinstance(found, Finding)
    assert [span.start for span in found.flow] == [1, 2]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "runs",
                    "tool",
                    "driver",
                    "rules",
                    "id",
                    "results",
                    "ruleId",
                    "ruleIndex",
                    "rule",
                    "locations",
                    "physicalLocation",
                    "artifactLocation",
                    "uri",
                    "region",
                    "startLine",
                    "level",
                    "message",
                    "text",
                    "suppressions",
                    "properties",
                    "security-severity",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(wrong=ANYTHING, key=st.sampled_from([*result(), "codeFlows", "suppressions", "properties"]))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_wrong_types_anywhere_never_crash(tmp_path: Path, wrong: Any, key: str) -> None:
    for data in (
        log({**result(), key: wrong}),
        log(wrong, result()),
        log(result(), rules=[wrong]),
        {"runs": [wrong]},
    ):
        for item in detect(tmp_path, data):
            assert isinstance(item, Finding | Skip)
