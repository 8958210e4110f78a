from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_gate import reports
from rlm_gate.core import Verdict
from rlm_gate.errors import UsageError

_NAMES = "beads, github, gitlab, html, json, junit, markdown, rdjson, sarif, sarif-full, text"


def test_reports_are_the_modules_without_an_underscore() -> None:
    assert reports.names() == tuple(_NAMES.split(", "))


@pytest.mark.parametrize("name", reports.names())
def test_every_report_renders_bytes_and_says_what_it_is_for(
    name: str, samples: dict[str, Verdict]
) -> None:
    report = reports.load(name)
    assert report.HELP
    assert "\n" not in report.HELP
    assert isinstance(report.render(samples["failed"]), bytes)


@pytest.mark.parametrize("name", reports.names())
def test_the_order_in_which_things_became_known_changes_no_byte(name: str, sample: Verdict) -> None:
    coverage, audit = sample.coverage, sample.audit
    turned = replace(
        sample,
        findings=sample.findings[::-1],
        skipped=sample.skipped[::-1],
        coverage=replace(
            coverage,
            rules=coverage.rules[::-1],
            gaps=coverage.gaps[::-1],
            by_file=tuple(
                replace(one, engines=one.engines[::-1]) for one in coverage.by_file[::-1]
            ),
        ),
        audit=replace(audit, not_evaluated=audit.not_evaluated[::-1]),
    )
    render = reports.load(name).render
    assert render(turned) == render(sample)


@pytest.mark.parametrize("name", reports.names())
def test_every_report_shows_every_place_of_a_finding(
    name: str, samples: dict[str, Verdict]
) -> None:
    shown = reports.load(name).render(samples["accepted"]).decode()
    folded = next(one for one in samples["accepted"].findings if one.also)
    for span in folded.places:
        stem = span.path.rpartition(" ")[2].rpartition("/")[2]
        assert stem in shown
        assert str(span.start) in shown.replace(stem, "")


@pytest.mark.parametrize("name", ["json", "junit", "markdown", "sarif", "text"])
def test_reports_of_the_whole_verdict_tell_of_stale_and_refused_acceptance(
    name: str, samples: dict[str, Verdict]
) -> None:
    shown = reports.load(name).render(samples["accepted"]).decode()
    if name != "junit":
        assert "it expired on 2026-01-31" in shown
    if name != "sarif":
        assert "the statement is a constant" in shown


def test_github_gets_no_result_for_what_people_accept(samples: dict[str, Verdict]) -> None:
    (run,) = json.loads(reports.load("sarif").render(samples["accepted"]))["runs"]
    assert [one["ruleId"] for one in run["results"]] == [
        one.rule_id for one in samples["accepted"].findings
    ]


@pytest.mark.parametrize("name", ["xml", "_plain", "../text", ""])
def test_unknown_format_is_refused_with_the_names_that_exist(name: str) -> None:
    with pytest.raises(UsageError, match=_NAMES):
        reports.load(name)


@pytest.mark.parametrize("spec", ["sarif", "=out", "sarif=", "xml=out"])
def test_output_that_is_not_format_equals_path_is_refused_before_any_work(spec: str) -> None:
    with pytest.raises(UsageError):
        reports.target(spec)


def test_target_splits_at_the_first_equals_sign() -> None:
    assert reports.target("sarif=a=b.sarif") == ("sarif", Path("a=b.sarif"))


def test_write_creates_folders_and_leaves_nothing_but_the_report(
    tmp_path: Path, samples: dict[str, Verdict]
) -> None:
    goal = tmp_path / "new" / "deep" / "out.json"
    reports.write(f"json={goal}", samples["failed"])
    assert goal.read_bytes() == reports.load("json").render(samples["failed"])
    assert list(goal.parent.iterdir()) == [goal]


def test_write_obeys_the_umask_so_that_other_steps_can_read_it(
    tmp_path: Path, samples: dict[str, Verdict]
) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    reports.write(f"text={tmp_path / 'report'}", samples["passed"])
    assert (tmp_path / "report").stat().st_mode == plain.stat().st_mode


def test_write_replaces_the_whole_old_report(tmp_path: Path, samples: dict[str, Verdict]) -> None:
    goal = tmp_path / "out.txt"
    goal.write_text("x" * 1_000_000)
    reports.write(f"text={goal}", samples["passed"])
    assert goal.read_bytes() == reports.load("text").render(samples["passed"])


def test_write_keeps_a_link_and_replaces_what_it_points_to(
    tmp_path: Path, samples: dict[str, Verdict]
) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    reports.write(f"text={tmp_path / 'link'}", samples["passed"])
    assert (tmp_path / "link").is_symlink()
    assert b"PASS" in (tmp_path / "real").read_bytes()


def test_standard_output_is_a_target_where_dev_is_not_writable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert reports.target("text=/dev/stdout").name == "text"
    with pytest.raises(UsageError, match="can't write below"):
        reports.target("text=out.txt")


def test_write_does_not_replace_a_device(samples: dict[str, Verdict]) -> None:
    reports.write(f"text={os.devnull}", samples["passed"])
    assert Path(os.devnull).is_char_device()


def test_a_file_in_the_place_of_a_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/deep/out\.sarif: can't write below .*/file$"):
        reports.target(f"sarif={tmp_path}/file/deep/out.sarif")


def test_a_directory_as_path_is_a_usage_error(tmp_path: Path, samples: dict[str, Verdict]) -> None:
    with pytest.raises(UsageError, match="directory"):
        reports.write(f"sarif={tmp_path}", samples["passed"])


def test_a_write_that_fails_leaves_the_old_report_and_no_draft(
    tmp_path: Path, samples: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = tmp_path / "out.txt"
    goal.write_text("old")

    def full(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match="No space left"):
        reports.write(f"text={goal}", samples["passed"])
    assert goal.read_text() == "old"
    assert list(tmp_path.iterdir()) == [goal]


def test_importing_the_text_report_loads_nothing_heavy() -> None:
    heavy = {"junit_xml", "xml", "json", "tempfile", "asyncio", "pydantic", "unicodedata"}
    code = "import sys, rlm_gate.reports.text; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split()) - set(bare.stdout.split())
    assert not {name.partition(".")[0] for name in loaded} & heavy
