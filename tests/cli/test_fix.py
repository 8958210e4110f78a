from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from rlm_gate import fixing
from rlm_gate.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RULE = """\
title: {name}
severity: high
precision: high
languages: [python]
detect: [{{engine: regex, pattern: '\\b{name}\\('}}]
fix:
  - engine: astgrep
    language: python
    rule: {{pattern: "{name}($$$A)"}}
    rewrite: "{to}"
    safety: {safety}
    what: use the other
message: Stop that.
help: {{why: It is bad., fix: Do good.}}
tests: {{bad: ["{name}()"], good: [fine()]}}
"""
Fix = Callable[..., int] if TYPE_CHECKING else object


@pytest.fixture
def fix(git_repo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fix:
    folder = tmp_path / "demo"
    folder.mkdir()
    for name, to, safety in (
        ("evil", "good($$$A)", "safe"),
        ("risky", "calm($$$A)", "unsafe"),
        ("worse", "evil($$$A)", "safe"),
        ("broken", "not (", "safe"),
    ):
        (folder / f"{name}.yaml").write_text(RULE.format(name=name, to=to, safety=safety))
    (folder / "plain.yaml").write_text(
        RULE.format(name="plain", to="x", safety="safe").replace("fix:\n", "").split("  - eng")[0]
        + RULE.format(name="plain", to="x", safety="safe").partition("other\n")[2]
    )
    monkeypatch.chdir(git_repo.path)
    git_repo.commit()
    return lambda *given: main(["fix", *given, f"--rules={folder}"])


def test_safe_fixes_are_applied_until_nothing_is_left(fix: Fix, git_repo: Any) -> None:
    path = git_repo.write("a.py", "x = evil(evil(1))\ny = risky(2)\nz = plain(3)\n")
    assert fix() == 0
    assert path.read_text() == "x = good(good(1))\ny = risky(2)\nz = plain(3)\n"


def test_unsafe_fixes_need_to_be_asked_for_and_the_rest_is_counted(
    fix: Fix, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = git_repo.write("a.py", "y = risky(2)\nz = plain(3)\n")
    assert fix() == 0
    said = capsys.readouterr().err
    assert "0 places fixed in 0 files" in said
    assert "1 without a fix; 1 only with --unsafe" in said
    assert fix("--unsafe") == 0
    assert path.read_text() == "y = calm(2)\nz = plain(3)\n"


@pytest.mark.parametrize(
    "script", ["let rows = {{ user.rows|safe }};", "draw([{{ user.rows | safe }}])"]
)
def test_what_a_template_writes_into_a_script_s_code_is_not_escaped(
    git_repo: Any, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(git_repo.path)
    git_repo.commit()
    path = git_repo.write(
        "a.html", f"<script>\n{script}\n</script>\n<p>{{{{ user.name|safe }}}}</p>\n"
    )

    assert main(["fix", "--unsafe", "--select=security/template-unescaped"]) == 0

    assert path.read_text() == f"<script>\n{script}\n</script>\n<p>{{{{ user.name }}}}</p>\n"


def test_where_nothing_changed_the_way_to_the_rest_is_told(
    fix: Fix, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    git_repo.commit(**{"a.py": "x = evil(1)\n"})
    assert fix() == 0
    assert "no file is in scope; name files, or --all" in capsys.readouterr().err
    assert fix("--all") == 0
    assert "1 place fixed in 1 file" in capsys.readouterr().err


def test_a_dry_run_prints_a_diff_and_writes_nothing(
    fix: Fix, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = git_repo.write("a.py", "x = evil(1)")
    assert fix("--dry-run", "-q") == 1
    assert capsys.readouterr().out == (
        "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = evil(1)\n\\ No newline at end of file\n"
        "+x = good(1)\n\\ No newline at end of file\n"
    )
    assert path.read_text() == "x = evil(1)"


def test_what_made_a_file_worse_is_undone_and_the_rest_is_kept(
    fix: Fix, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = git_repo.write("a.py", "a = broken(1)\nb = evil(2)\nc = worse(3)\n")
    assert fix() == 1
    assert path.read_text() == "a = broken(1)\nb = good(2)\nc = worse(3)\n"
    said = capsys.readouterr().err
    assert "a.py:1: demo/broken undone: the file no longer parses" in said
    assert "a.py:3: demo/worse undone: demo/evil finds more than before" in said
    assert "1 place fixed in 1 file; 2 not fixed" in said


def test_only_changed_lines_are_mended_and_no_accepted_finding(fix: Fix, git_repo: Any) -> None:
    old = "a = evil(1)\n\n\n\n\n"
    git_repo.commit(**{"a.py": old})
    accepted = "c = evil(3)  # rlm-gate: ignore[demo/evil] -- known\n"
    path = git_repo.write("a.py", f"{old}b = evil(2)\n{accepted}")
    assert fix() == 0
    assert path.read_text() == f"{old}b = good(2)\n{accepted}"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfx = evil(1)\r\ny = 2\r\n",
        b"# coding: latin-1\nn = '\xe9'\nx = evil(1)",
        b"x = '\xe9'; evil(1)\n",
        b"a = 1\rx = evil(1)\r",
    ],
)
def test_bytes_around_a_fix_stay_as_they_are(fix: Fix, git_repo: Any, content: bytes) -> None:
    path = git_repo.write("a.py", content)
    path.chmod(0o751)
    assert fix() == 0
    assert path.read_bytes() == content.replace(b"evil", b"good")
    assert path.stat().st_mode & 0o777 == 0o751
    assert [one.name for one in git_repo.path.iterdir() if one.name != ".git"] == ["a.py"]


def test_a_file_that_differs_from_what_was_judged_is_left_alone(
    fix: Fix, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    git_repo.write("a.py", "x = evil(1)\n")
    git_repo.git("add", "a.py")
    path = git_repo.write("a.py", "# later\nx = evil(1)\n")
    assert fix("--staged") == 1
    assert "not fixed: the work tree has another text" in capsys.readouterr().err
    assert "evil" in path.read_text()


def test_nothing_behind_a_link_is_written(fix: Fix, git_repo: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("x = evil(1)\n")
    (git_repo.path / "link").symlink_to(outside)
    (git_repo.path / "b.py").symlink_to(outside / "a.py")
    assert fix("--all") == 0
    assert (outside / "a.py").read_text() == "x = evil(1)\n"
    one = fixing.Fixed("link/a.py", "", "", "", b"gone", 1, 1, ())
    assert "symbolic link" in fixing.write(git_repo.path, one)
    assert "outside" in fixing.write(git_repo.path, fixing.Fixed("../a", "", "", "", b"", 1, 1, ()))


def test_a_file_that_changed_meanwhile_is_not_overwritten(git_repo: Any) -> None:
    path = git_repo.write("a.py", "new")
    one = fixing.Fixed("a.py", "old", "x", "0" * 64, b"x", 1, 1, ())
    assert fixing.write(git_repo.path, one) == "changed while it was being fixed"
    assert path.read_text() == "new"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_without_leave_to_write_is_left_alone(fix: Fix, git_repo: Any) -> None:
    git_repo.write("a.py", "x = evil(1)\n").chmod(0o444)
    assert fix() == 1


def test_a_bare_repository_has_nothing_to_fix(fix: Fix, git_repo: Any, tmp_path: Path) -> None:
    git_repo.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    assert fix("--repo", str(tmp_path / "bare.git"), "--rev", "HEAD") == 2
