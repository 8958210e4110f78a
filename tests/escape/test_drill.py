"""The layer drill: with any one wall down, the others still hold; with all down, the attacks bite.

The last test keeps the others honest: an attack that would not work anyway proves nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlm_gate.errors import SandboxDied
from rlm_gate.rlm.repl import Repl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the layers are Linux's")

WALLS = frozenset({"files", "network", "landlock", "seccomp", "audit-hook"})
COVERS = frozenset({"imports", "descriptors", "identity", "dumpable", "no-new-privileges"})
PROCESSES = frozenset({"processes"})

# Plain Python, as if the language policy were broken. Each has an effect where nothing stops it.
ACTS = {
    "read a file": "print(open('{{SECRET}}').read())",
    "read a file by a system call": (
        "import posix\nprint(posix.read(posix.open('{{SECRET}}', 0), 99))"
    ),
    "make a file": "open('{{MARKER}}', 'w').close()",
    "run a program": "import os\nos.system('touch {{MARKER}}')",
    "run a program by fork": (
        "import os\n"
        "if os.fork() == 0:\n"
        "    os.execv('/bin/sh', ['sh', '-c', 'touch {{MARKER}}'])\n"
        "os.wait()"
    ),
    "connect": "import socket\nsocket.create_connection(('127.0.0.1', {{PORT}})).close()",
    "call C": "import ctypes\nctypes.CDLL(None).system(b'touch {{MARKER}}')",
    "copy a file": "import shutil\nshutil.copy('{{SECRET}}', '{{MARKER}}')",
    "map a file": (
        "import mmap, os\nprint(bytes(mmap.mmap(os.open('{{SECRET}}', 0), 0, prot=mmap.PROT_READ)))"
    ),
    "rename": "import os\nos.rename('{{SECRET}}', '{{MARKER}}')",
    "link": "import os\nos.symlink('{{SECRET}}', '{{MARKER}}')",
    "make a folder": "import os\nos.mkdir('{{MARKER}}')",
}
# These need no descriptor, so the limit on files alone does not stop them.
WITHOUT_DESCRIPTOR = {"rename", "link", "make a folder", "run a program by fork"}


@pytest.fixture(params=ACTS)
def act(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_arena(arena: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Make arenas that lack layers, and close them."""
    made: list[Any] = []

    def build(*missing: str) -> Any:
        folder = tmp_path_factory.mktemp("drill")
        folder.chmod(0o777)
        made.append(type(arena)(folder, allow_reduced=True, _drill=frozenset(missing)))
        return made[-1]

    yield build
    for one in made:
        one.close()


def test_the_system_stops_it_where_the_language_does_not(open_arena: Any, act: str) -> None:
    outcome = open_arena("policy").run(ACTS[act])
    assert outcome.effects == [], outcome.text


def test_the_language_stops_it_where_the_system_does_not(open_arena: Any, act: str) -> None:
    outcome = open_arena(*WALLS, *COVERS, *PROCESSES).run(ACTS[act])
    assert outcome.effects == [], outcome.text
    assert outcome.ended in {"refused", "raises"}


@pytest.mark.parametrize("wall", sorted(WALLS - {"network"}))
def test_each_wall_stops_it_alone(open_arena: Any, act: str, wall: str) -> None:
    if wall == "files" and act in WITHOUT_DESCRIPTOR:
        pytest.skip("the limit on files is about descriptors")
    outcome = open_arena("policy", *(WALLS - {wall}), *COVERS, *PROCESSES).run(ACTS[act])
    assert outcome.effects == [], outcome.text


def test_without_any_wall_it_works(open_arena: Any, act: str) -> None:
    outcome = open_arena("policy", *WALLS, *COVERS, *PROCESSES).run(ACTS[act])
    assert [one for one in outcome.effects if one != "spoilt the next cell"], outcome.text


@pytest.mark.parametrize(
    ("missing", "level"),
    [
        ((), "strict"),
        (("seccomp",), "strict"),
        (("landlock",), "strict"),
        (("landlock", "audit-hook", "identity"), "strict"),
        (("seccomp", "landlock"), "reduced"),
        (("seccomp", "network", "files"), "reduced"),
        (("memory",), "reduced"),
        (("policy",), "reduced"),
    ],
    ids=lambda value: ",".join(value) or "none" if isinstance(value, tuple) else value,
)
def test_level_tells_what_holds(missing: tuple[str, ...], level: str) -> None:
    with Repl(context="", allow_reduced=True, _drill=frozenset(missing)) as repl:
        assert repl.level == level
        lacking = {layer.name for layer in repl.layers if not layer.applied}
        assert lacking >= set(missing)
        for layer in repl.layers:
            assert bool(layer.why) is bool(layer.remedy) is (not layer.applied)


def test_below_strict_nothing_runs_unless_asked_for() -> None:
    with (
        pytest.raises(SandboxDied, match=r"lacks layers.*landlock, seccomp"),
        Repl(context="", _drill=frozenset({"seccomp", "landlock"})),
    ):
        pass


def test_an_attempt_to_leave_ends_the_session() -> None:
    """The kernel kills for a socket; that is never told as a crash of the cell."""
    with Repl(
        context="", allow_reduced=True, _drill=frozenset({"policy", "audit-hook", "files"})
    ) as repl:
        with pytest.raises(SandboxDied, match="forbidden system call"):
            repl.run("import ctypes\nctypes.CDLL(None).socket(2, 1, 0)")
        with pytest.raises(SandboxDied):
            repl.run("print(1)")


def test_the_tripwire_ends_the_session() -> None:
    drill = frozenset({"policy", "seccomp", "files", "landlock"})
    with (
        Repl(context="", allow_reduced=True, _drill=drill) as repl,
        pytest.raises(SandboxDied, match="only an escape"),
    ):
        repl.run("open('/etc/passwd')")


def test_the_host_cannot_be_read_by_others_of_its_user() -> None:
    """The key is in this process: neither its environment nor its memory may be read."""
    with Repl(context=""):
        assert Path("/proc/self/environ").stat().st_uid == 0
