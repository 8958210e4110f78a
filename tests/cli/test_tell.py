"""What commands print into a pipe whose reader has gone (``| head -1``): silence, the usual end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import GitRepo

_BAD = "import os\n\n\ndef run(request):\n    os.system(request.args['x'])\n"


def end(folder: Path, *command: str) -> tuple[int, bytes]:
    """Run a command that nobody reads; return its exit code and what it says of troubles."""
    reader, writer = os.pipe()
    os.close(reader)
    given = (sys.executable, "-m", "rlm_gate", *command)
    done = subprocess.run(given, cwd=folder, check=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("rules", "list"),
        ("rules", "list", "--format=json"),
        ("rules", "show", "security/sql-injection"),
        ("rules", "schema"),
        ("rules", "validate"),
        ("rules", "new", "house/no-print"),
        ("rules", "test", "security/shell-injection"),
        ("doctor",),
        ("depmap", "."),
        ("estimate", "--all"),
        ("baseline", "create", "--offline"),
        ("check", "--offline"),
        ("--help",),
    ],
    ids=" ".join,
)
def test_a_command_whose_reader_has_gone_ends_quietly(
    git_repo: GitRepo, command: tuple[str, ...]
) -> None:
    git_repo.commit(**{"bad.py": _BAD})

    assert end(git_repo.path, *command) == (0, b"")


@pytest.mark.parametrize("more", [(), ("--format=sarif",), ("--output=json=/dev/stdout",)], ids=str)
def test_a_verdict_that_nobody_reads_is_told_by_the_exit_code(
    git_repo: GitRepo, more: tuple[str, ...]
) -> None:
    git_repo.commit(**{"bad.py": _BAD})

    assert end(git_repo.path, "check", "--all", "--offline", *more) == (1, b"")


def test_a_failing_example_fails_the_command_though_nobody_reads_of_it(git_repo: GitRepo) -> None:
    assert end(git_repo.path, "rules", "new", "house/no-print")[0] == 0
    file = next(git_repo.path.glob(".rlm-gate/rules/house/*.yaml"))
    file.write_text(file.read_text().replace("good:\n", "good:\n    - no_print(2)\n", 1))

    assert end(git_repo.path, "rules", "test", "house/no-print") == (1, b"")


def test_a_verdict_is_read_to_the_end_of_a_slow_pipe(git_repo: GitRepo) -> None:
    git_repo.commit(**{"bad.py": _BAD})
    command = [sys.executable, "-m", "rlm_gate", "rules", "list"]

    with subprocess.Popen(command, cwd=git_repo.path, stdout=subprocess.PIPE) as process:
        assert process.stdout
        whole = process.stdout.read().decode().splitlines()

    assert process.returncode == 0
    assert whole[-1].startswith("Beside them")
