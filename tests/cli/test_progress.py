from __future__ import annotations

import os
import pty
import subprocess
import sys

from conftest import GitRepo


def on_terminal(repo: GitRepo, **environment: str) -> str:
    """Run check with stderr on a real terminal and return what was drawn there."""
    leader, follower = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "rlm_gate", "check", "--all", "--offline"],
        cwd=repo.path,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=follower,
        check=False,
    )
    os.close(follower)
    try:
        return os.read(leader, 65536).decode()
    except OSError:  # nothing was written: a terminal without a writer is an error on Linux
        return ""
    finally:
        os.close(leader)


def test_a_terminal_sees_the_phases_and_is_left_clean(git_repo: GitRepo) -> None:
    git_repo.write("app.py", "x = 1\n")
    git_repo.commit()
    drawn = on_terminal(git_repo)
    assert "rlm-gate: detectors 0/" in drawn
    assert "rlm-gate: playbook" in drawn
    assert drawn.endswith("\r\x1b[2K")


def test_hooks_and_ci_see_no_progress(git_repo: GitRepo) -> None:
    git_repo.write("app.py", "x = 1\n")
    git_repo.commit()
    assert on_terminal(git_repo, PRE_COMMIT="1") == ""
    assert on_terminal(git_repo, CI="true") == ""
