import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate import detectors
from rlm_gate.core import Corpus, Detect, Finding, Rule, Skip
from rlm_gate.detectors import ruff
from rlm_gate.errors import EngineError


def seeking(*codes: str, rule_id: str = "security/code", **options: str) -> Rule:
    return rule(rule_id, detect=[Detect("ruff", {"select": list(codes), **options})])


def detect(judged: Corpus, *rules: Rule) -> list[Finding | Skip]:
    return list(ruff.detect(judged, rules or (seeking("S307"),)))


def findings(items: list[Finding | Skip]) -> Iterator[Finding]:
    for item in items:
        assert isinstance(item, Finding), item
        yield item


def on_disk(folder: Path, **texts: str) -> Corpus:
    """Write the files, and say that they are judged where they are."""
    for name, text in texts.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
    built = corpus(*(source(name, text) for name, text in texts.items()))
    return replace(built, root=str(folder))


@pytest.fixture
def no_binary(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ruff, "binary", lambda: None)
    return


def test_places_are_lines_and_code_points() -> None:
    smile = "\N{GRINNING FACE}\N{LATIN SMALL LETTER E WITH ACUTE}"
    text = f"y = 1\r\nx = '{smile}'; eval(\r\n  '{smile}' + y)\r\n"
    [found] = findings(detect(corpus(source("a.py", text))))
    assert (found.span.start, found.span.end, found.columns) == (2, 3, (11, 12))
    assert found.quote == f"x = '{smile}'; eval(\n  '{smile}' + y)"
    assert found.engine == "ruff"


def test_one_run_serves_all_files_and_rules() -> None:
    files = [source("a.py", "eval(x)\n"), source("b.py", "def f(a=[]): pass\n")]
    rules = [seeking("S307", rule_id="a/a"), seeking("B006", rule_id="b/b")]
    found = sorted(findings(detect(corpus(*files), *rules)), key=lambda one: one.rule_id)
    assert [(one.rule_id, one.span.path) for one in found] == [("a/a", "a.py"), ("b/b", "b.py")]


def test_two_rules_may_want_the_same_code() -> None:
    rules = [seeking("S307", rule_id="a/a"), seeking("S307", rule_id="b/b")]
    found = findings(detect(corpus(source("a.py", "eval(x)\n")), *rules))
    assert sorted(one.rule_id for one in found) == ["a/a", "b/b"]


def test_a_noqa_comment_hides_nothing() -> None:
    text = "# ruff: noqa\neval(x)  # noqa\neval(y)  # noqa: S307\n# ruff: disable[S307]\neval(z)\n"
    assert [one.span.start for one in findings(detect(corpus(source("a.py", text))))] == [2, 3, 5]


def test_a_syntax_error_is_a_skip_for_the_rules_of_that_file_alone() -> None:
    good, bad = source("a.py", "eval(x)\n"), source("b.py", "x = 1\ndef f(:\neval(x)\n")
    items = detect(corpus(good, bad), seeking("S307"))
    skip = next(item for item in items if isinstance(item, Skip))
    assert [item.span.path for item in items if isinstance(item, Finding)] == ["a.py"]
    assert (skip.path, skip.rule_ids, skip.blocking) == ("b.py", ("security/code",), False)
    assert skip.what.startswith("b.py:2 (")


def test_files_of_python_2_are_skipped_for_one_reason_with_the_way_out() -> None:
    files = [source("a.py", "print 'a'\neval(x)\n"), source("b.py", "eval(x)\nexec x\n")]
    first, second = (one for one in detect(corpus(*files)) if isinstance(one, Skip))
    assert first.why == second.why
    assert "no Python 3" in first.why
    assert "'exclude'" in first.why
    assert [first.what[:7], second.what[:7]] == ["a.py:1 ", "b.py:2 "]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("match x:\n    case 1: eval(x)\n", id="3.10"),
        pytest.param("x = f'{eval(\"x\")} {'a'}'\n", id="3.12"),
        pytest.param("type X[T = int] = list[T]\neval(x)\n", id="3.13"),
        pytest.param("y = t'{x}'\neval(x)\n", id="3.14"),
    ],
)
def test_syntax_newer_than_this_python_is_judged(text: str) -> None:
    assert len(list(findings(detect(corpus(source("a.py", text)))))) == 1


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("-x.py", id="dash"),
        pytest.param("@x.py", id="at"),
        pytest.param("with space.py", id="space"),
        pytest.param("new\nline.py", id="newline"),
        pytest.param('quo"te.py', id="quote"),
        pytest.param("na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve.py", id="accent"),
        pytest.param("b\udcffd.py", id="not-utf8"),
        pytest.param("node_modules/build/x.py", id="folders-ruff-leaves-out"),
        pytest.param("a/__init__.py", id="init"),
        pytest.param("x.pyi", id="stub"),
        pytest.param("x.pyw", id="windows"),
    ],
)
def test_every_legal_name_is_judged(name: str) -> None:
    [found] = findings(detect(corpus(source(name, "eval(x)\n"))))
    assert found.span.path == name


def test_a_script_without_extension_is_judged() -> None:
    script = replace(source("bin/tool", "#!/usr/bin/env python3\neval(x)\n"), language="python")
    assert [one.span.start for one in findings(detect(corpus(script)))] == [2]


def test_files_on_disk_are_judged_in_their_place(tmp_path: Path) -> None:
    judged = on_disk(tmp_path, **{"src/a.py": "eval(x)\n", "src/b.py": "x = 1\n"})
    (tmp_path / "src/b.py").write_text("eval(disk)\n")
    found = sorted(one.span.path for one in findings(detect(judged)))
    assert found == ["src/a.py", "src/b.py"]  # b.py shows that no copy was made


def test_a_staged_text_is_judged_and_not_the_file_on_disk(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("eval(disk)\n")
    staged = corpus(source("a.py", "x = 1\n"), kind="staged")
    assert detect(replace(staged, root=str(tmp_path))) == []


def test_the_repository_configures_and_excludes_nothing(tmp_path: Path) -> None:
    judged = on_disk(tmp_path, **{"build/a.py": "eval(x)\n", "venv/b.py": "eval(x)\n"})
    (tmp_path / "ruff.toml").write_text("exclude = ['*']\n[lint]\nignore = ['S']\n")
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / ".git").mkdir()
    assert len(list(findings(detect(judged)))) == 2


def test_the_user_s_ruff_variables_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUFF_OUTPUT_FORMAT", "concise")
    monkeypatch.setenv("RUFF_OUTPUT_FILE", str(tmp_path / "out"))
    assert len(list(findings(detect(corpus(source("a.py", "eval(x)\n")))))) == 1
    assert not (tmp_path / "out").exists()


def test_a_text_in_another_encoding_is_judged_as_decoded(tmp_path: Path) -> None:
    text = "# coding: latin-1\nx = '\N{LATIN SMALL LETTER E WITH ACUTE}'; eval(x)\n"
    (tmp_path / "a.py").write_bytes(text.encode("latin-1"))
    file = replace(source("a.py", text), notes=("read as Latin-1",))
    [found] = findings(detect(replace(corpus(file), root=str(tmp_path))))
    assert (found.span.start, found.columns) == (2, (10, 17))


def test_a_file_that_is_gone_from_disk_is_a_skip(tmp_path: Path) -> None:
    judged = on_disk(tmp_path, **{"a.py": "eval(x)\n"})
    (tmp_path / "a.py").unlink()
    [skip] = detect(judged)
    assert isinstance(skip, Skip)
    assert skip.path == "a.py"
    assert "No such file" in skip.why


@pytest.mark.usefixtures("no_binary")
def test_without_a_binary_all_rules_are_skipped_and_the_remedy_is_named() -> None:
    [skip] = detect(corpus(source("a.py", "x\n")), seeking("S307"), seeking("B006", rule_id="b/b"))
    assert isinstance(skip, Skip)
    assert (skip.path, skip.rule_ids) == (None, ("b/b", "security/code"))
    assert "pip install 'ruff>=" in skip.why


@pytest.mark.usefixtures("no_binary")
def test_without_python_no_binary_is_missed() -> None:
    assert detect(corpus(source("a.go", "x\n"))) == []


def test_a_ruff_that_fails_is_an_engine_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "ruff"
    broken.write_text("#!/bin/sh\necho 'no such option' >&2\nexit 2\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(ruff, "binary", lambda: str(broken))
    with pytest.raises(EngineError, match="ruff ended with 2: no such option"):
        detect(corpus(source("a.py", "x\n")))


def test_the_binary_beside_the_interpreter_comes_first() -> None:
    found = ruff.binary()
    assert found
    assert shutil.which("ruff", path=str(Path(found).parent)) == found


def test_deleted_files_and_other_languages_are_left_alone() -> None:
    deleted = source("a.py", "", status="deleted", removed=[(0, "eval(x)\n")])
    assert detect(corpus(deleted, source("a.js", "eval(x)\n"))) == []


def test_lines_have_and_lack_look_at_the_find() -> None:
    text = "eval(x)\neval(user)\neval(user)  # fine\n"
    narrowed = seeking("S307", lines_have="user", lines_lack="fine")
    found = findings(detect(corpus(source("a.py", text)), narrowed))
    assert [one.span.start for one in found] == [2]


def test_temporary_copies_are_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert detect(corpus(source("a.py", "eval(x)\n")))
    assert list(tmp_path.iterdir()) == []


def test_ruff_begins_before_anyone_reads_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "ruff"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/began\necho '[]'\n")
    script.chmod(0o700)
    monkeypatch.setattr(ruff, "binary", lambda: str(script))

    items = ruff.detect(corpus(source("a.py", "x = 1\n")), [seeking("S307")])

    for _ in range(1000):
        if (tmp_path / "began").exists():
            break
        time.sleep(0.01)
    assert (tmp_path / "began").exists()
    assert list(items) == []


def test_a_ruff_that_nobody_asks_is_ended_with_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    script = tmp_path / "ruff"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o700)
    monkeypatch.setattr(ruff, "binary", lambda: str(script))
    monkeypatch.setattr("tempfile.tempdir", str(copies))
    items = ruff.detect(corpus(source("a.py", "x = 1\n")), [seeking("S307")])
    [made] = copies.iterdir()
    assert (made / "files/a.py").exists()

    before = time.monotonic()
    del items

    assert list(copies.iterdir()) == []
    assert time.monotonic() - before < 30


@pytest.mark.parametrize(
    ("options", "place", "text"),
    [
        pytest.param({}, (), "select: list ruff's codes", id="missing"),
        pytest.param({"select": [3]}, ("select",), "select: list ruff's codes", id="no-text"),
        pytest.param({"select": ["S307", "S9999"]}, ("select", 1), "'S9999' is no stable", id="no"),
        pytest.param({"select": "ANN101"}, ("select",), "'ANN101' is no stable", id="removed"),
        pytest.param({"select": ["S"]}, ("select", 0), "'S' is no stable", id="prefix"),
        pytest.param({"select": ["S307"], "lines_have": 1}, ("lines_have",), "text", id="lines"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    options: Mapping[str, Any], place: tuple[str | int, ...], text: str
) -> None:
    [(where, said)] = ruff.validate(options, ("python",))
    assert where == place
    assert text in said


def test_few_files_are_judged_by_one_thread_and_many_by_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []
    begin = subprocess.Popen

    def started(command: list[str], **rest: Any) -> Any:
        told.append(rest["env"].get("RAYON_NUM_THREADS"))
        return begin(command, **rest)

    monkeypatch.delenv("RAYON_NUM_THREADS", raising=False)
    monkeypatch.setattr(subprocess, "Popen", started)
    for number in (1, 30):
        files = [source(f"f{one}.py", f"eval(x{one})\n") for one in range(number)]
        found = findings(ruff.detect(corpus(*files), [seeking("S307")]))
        assert len([*found]) == number

    assert told == ["1", None]


def test_a_rule_that_never_meets_python_is_told() -> None:
    [(_, said)] = ruff.validate({"select": ["S307"]}, ("go",))
    assert "add python" in said


def test_ruff_has_begun_before_any_prefilter_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [source("a.py", "# told of first\neval(x)\n"), source("b.py", "# second\neval(x)\n")]
    wanted = replace(seeking("S307"), prefilter=("told of",))
    with monkeypatch.context() as patched:
        patched.setattr(detectors, "found", None)
        judged = ruff.detect(corpus(*files), [wanted])
    assert [one.span.path for one in findings([*judged])] == ["a.py"]
