"""What a commit waits for: the staged, offline check of three files imports nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import GitRepo

_HEAVY = {
    *("anthropic", "git", "pydantic", "RestrictedPython", "junit_xml", "rich", "jinja2"),
    *("asyncio", "yaml", "pathspec", "jsonschema", "httpx2", "urllib.request", "sqlite3"),
    *("hashlib", "_hashlib"),  # OpenSSL: 3 MiB
}
_MAIN = """
import json, sys
from rlm_gate.cli import main
code = main(sys.argv[1:])
sys.stderr.write(json.dumps([code, sorted(sys.modules)]))
"""
_FILE = (
    "import subprocess\n\n\ndef run(request):\n"
    "    return subprocess.call(request.GET['c'], shell=True)\n"
)


def imported(repo: GitRepo, *arguments: str) -> tuple[int, set[str]]:
    """Return the exit code and every module that the command line has imported."""
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments], cwd=repo.path, capture_output=True, check=True
    )
    code, modules = json.loads(done.stderr)
    return code, set(modules)


@pytest.fixture
def staged(git_repo: GitRepo) -> GitRepo:
    """Three staged files with a finding each, and a configuration."""
    git_repo.commit("first", **{".rlm-gate.yaml": "version: 1\nexclude: [vendored/]\n"})
    for name in ("a.py", "b.py", "c.py"):
        git_repo.write(name, _FILE)
    git_repo.git("add", "-A")
    return git_repo


@pytest.mark.parametrize(
    "arguments", [("check", "--staged", "--offline"), ("hook",)], ids=["check", "hook"]
)
def test_a_warm_hook_imports_nothing_heavy(staged: GitRepo, arguments: tuple[str, ...]) -> None:
    imported(staged, *arguments)  # packs and configuration go into the cache

    code, modules = imported(staged, *arguments)

    assert code == 1
    assert modules & _HEAVY == set()


def test_a_commit_that_changes_nothing_imports_no_engine(git_repo: GitRepo) -> None:
    git_repo.commit("first", **{"a.py": _FILE})
    imported(git_repo, "check", "--staged", "--offline")

    code, modules = imported(git_repo, "check", "--staged", "--offline")

    assert code == 0
    assert modules & {*_HEAVY, "ast_grep_py"} == set()


def test_the_package_itself_imports_next_to_nothing() -> None:
    script = (
        "import sys; before = set(sys.modules); import rlm_gate; print(set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert b"rlm_gate" in done.stdout
    assert not any(name.encode() in done.stdout for name in _HEAVY)


def test_a_hook_that_is_to_ask_nobody_does_not_wait_for_the_price(staged: GitRepo) -> None:
    asked = ("check", "--staged", "--offline", "--output", "json=report.json")
    _, modules = imported(staged, *asked)
    report = json.loads((staged.path / "report.json").read_text())
    assert report["audit"]["estimate"] is None
    assert not {name for name in modules if name.startswith("rlm_gate.rlm.estimate")}


def test_the_hooks_own_records_are_defined_without_compiling_their_methods(staged: GitRepo) -> None:
    script = _MAIN.replace("sorted(sys.modules)", "eager").replace(
        "sys.stderr",
        "import dataclasses\n"
        "modules = [one for name, one in [*sys.modules.items()] if name.startswith('rlm_gate')]\n"
        "records = {one for module in modules for one in vars(module).values()\n"
        "           if isinstance(one, type) and dataclasses.is_dataclass(one)}\n"
        "eager = sorted(one.__qualname__ for one in records if one.__dataclass_params__.init)\n"
        "sys.stderr",
    )
    imported(staged, "check", "--staged", "--offline")
    asked = [sys.executable, "-c", script, "check", "--staged", "--offline"]
    done = subprocess.run(asked, cwd=staged.path, capture_output=True, check=True)

    code, eager = json.loads(done.stderr)
    assert code == 1
    assert len(eager) <= 4, f"import dataclass from core.records: {eager}"


def test_the_command_looks_for_garbage_seldom_and_not_at_its_end() -> None:
    script = (
        "import gc, sys, rlm_gate.cli as cli\n"
        "cli.main = lambda: gc.get_threshold()[0]\n"
        "print(cli.process(), gc.get_freeze_count() > 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout.split() == [b"150000", b"True"]


def test_what_the_command_reads_later_is_whole_when_something_of_it_is_asked_for() -> None:
    script = (
        "import sys, rlm_gate.cli as cli\n"
        "cli.read_later('colorsys'); import colorsys\n"
        "print('rgb_to_hls' in vars(colorsys), colorsys.rgb_to_hls(0, 0, 0)[0])\n"
        "from colorsys import hls_to_rgb; print(hls_to_rgb is colorsys.hls_to_rgb)\n"
        "known = sys.modules['colorsys']; cli.read_later('colorsys')\n"
        "print(sys.modules['colorsys'] is known, hasattr(colorsys, 'nothing'))\n"
        "print(sys.modules['colorsys'] is known)\n"
        "cli.main = lambda: 'inspect' in sys.modules and 'tokenize' not in sys.modules\n"
        "print(cli.process())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout.split() == [b"False", b"0.0", b"True", b"True", b"False", b"True", b"True"]


_ENDING = """
import atexit, os, sys, threading, time, rlm_gate.cli as cli
at_once = os._exit
os._exit = lambda code: os.write(1, b"at once") and at_once(code)
cli.main = lambda: os.write(1, b"a report\\n") and 7
atexit.register(lambda: os.write(1, b"the end\\n"))
late = threading.Thread(target=lambda: time.sleep(0.3) or os.write(1, b"a thread\\n"))
"""


@pytest.mark.parametrize(
    ("before", "said"),
    [
        pytest.param("", ["a report", "the end", "at once"], id="alone"),
        pytest.param("sys.setprofile(lambda *_: None)", ["a report", "the end"], id="measured"),
        pytest.param("sys.settrace(lambda *_: None)", ["a report", "the end"], id="traced"),
        pytest.param("late.start()", ["a report", "a thread", "the end"], id="a thread at work"),
        pytest.param("sys.stdout = None", ["a report", "the end"], id="no output"),
    ],
)
def test_the_command_ends_at_once_where_nobody_is_at_work_or_looks_on(
    before: str, said: list[str]
) -> None:
    script = f"{_ENDING}{before}\nsys.exit(cli.command())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert done.returncode == 7
    assert done.stdout.decode().splitlines() == said
