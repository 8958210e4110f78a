"""What cells may take of time, output and memory, and how the process that runs them ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cells import TEXTS, printed

from rlm_gate.errors import SandboxDied
from rlm_gate.rlm.repl import Limits, Repl


def test_time_in_host_functions_does_not_count() -> None:
    with Repl(context="", functions={"wait": lambda: time.sleep(0.6)}) as repl:
        assert printed(repl, "wait()\nprint('done')") == "done\n"
        began = time.monotonic()
        assert repl.run("wait()\nwait()\nprint('done')", timeout=0.4).output == "done\n"
        assert time.monotonic() - began > 1.2


def test_calls_of_one_cell_are_bounded() -> None:
    counted: list[int] = []
    limits = Limits(calls=10)
    with Repl(context="", functions={"f": lambda: counted.append(1)}, limits=limits) as repl:
        error = repl.run("for i in range(20): f()").error
        assert error is not None
        assert "more than 10 calls" in error.message
        assert len(counted) == 10
        assert repl.run("f()").error is None


def test_long_output_keeps_head_and_tail_and_tells_the_length() -> None:
    with Repl(context="", limits=Limits(output_chars=300)) as repl:
        cell = repl.run("print('a' * 500 + 'b' * 500, end='')")
    assert cell.output_chars == 1000
    assert cell.output.startswith("a" * 200)
    assert cell.output.endswith("b" * 100)
    assert "[... 700 of 1,000 characters left out ...]" in cell.output


@pytest.mark.parametrize("count", [1, 299, 300, 301, 5000])
def test_output_within_the_bound_is_exact(count: int) -> None:
    with Repl(context="", limits=Limits(output_chars=300)) as repl:
        cell = repl.run(f"for i in range({count}): print(i % 10, end='')")
    whole = "".join(str(number % 10) for number in range(count))
    assert cell.output_chars == count
    assert (cell.output == whole) is (count <= 300)
    assert cell.output[:200] == whole[:200]
    assert cell.output[-100:] == whole[-100:]


def test_slow_cell_is_stopped_and_its_state_kept() -> None:
    with Repl(context="") as repl:
        began = time.monotonic()
        cell = repl.run("kept = 1\nwhile True:\n    pass", timeout=0.3)
        assert time.monotonic() - began < 5
        assert cell.error is not None
        assert (cell.error.type, cell.restarted) == ("Timeout", False)
        assert cell.error.line in {2, 3}
        assert printed(repl, "print(kept)") == "1\n"


def test_cell_that_cannot_be_stopped_is_killed_and_the_loss_told() -> None:
    with Repl(texts=TEXTS, limits=Limits(grace=0.2)) as repl:
        repl.run("results['a'] = 1")
        cell = repl.run("max(itertools.repeat(1))", timeout=0.2)
        assert cell.restarted
        assert "variables and results of earlier cells are gone" in cell.output
        assert cell.error is not None
        assert cell.error.type == "Timeout"
        assert printed(repl, "print(results, len(files))") == "{} 3\n"


def test_crash_of_the_interpreter_costs_the_state_alone() -> None:
    code = "x = []\nfor i in range(300000):\n    x = filter(None, x)\nlist(x)"
    with Repl(context="c") as repl:
        cell = repl.run(code)
        assert cell.restarted
        assert cell.error is not None
        assert cell.error.type == "Crash"
        assert printed(repl, "print(context)") == "c\n"


def test_memory_is_bounded_and_given_back() -> None:
    with Repl(context="", limits=Limits(memory_mb=200)) as repl:
        one = repl.run("x = 'a' * (1 << 32)")
        assert one.error is not None
        assert (one.error.type, one.restarted) == ("MemoryError", False)
        full = repl.run("x = []\nwhile True: x.append('a' * 1000000)")
        assert full.restarted
        assert "are gone" in full.output
        assert printed(repl, "print(1)") == "1\n"


def test_one_emoji_in_a_large_text_is_no_trouble() -> None:
    text = "a" * 20_000_000 + "😀"
    with Repl(context=text, limits=Limits(memory_mb=64)) as repl:
        assert printed(repl, "print(len(context), context[-1])") == "20000001 😀\n"


# The process


def test_child_has_nothing_of_the_host() -> None:
    with Repl(context="") as repl:
        child = repl._child
        assert child is not None
        process = Path(f"/proc/{child._process.pid}")
        environment = (process / "environ").read_bytes() if os.geteuid() == 0 else b""
        assert environment in {b"PYTHONHASHSEED=0\0", b""}
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        assert status["NoNewPrivs"].strip() == "1"
        assert status["Seccomp"].strip() == "2"
        assert status["Threads"].strip() == "1"
        if os.geteuid() == 0:
            assert set(status["Uid"].split()) == {"65534"}
            assert status["CapEff"].strip() == "0" * 16
            assert sorted(path.name for path in (process / "fd").iterdir()) == ["0", "1"]
            assert (process / "cwd").readlink() == Path("/")


def test_closing_leaves_no_process_behind() -> None:
    repl = Repl(context="")
    with repl:
        assert repl._child is not None
        pid = repl._child._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(SandboxDied):
        repl.run("1")


def test_child_dies_with_its_host() -> None:
    code = (
        "import os, signal\n"
        "from rlm_gate.rlm.repl import Repl\n"
        "repl = Repl(context='').__enter__()\n"
        "print(repl._child._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text():
            break
        time.sleep(0.02)
    else:
        pytest.fail("the child outlived its host")


def test_cells_may_run_in_another_thread_than_the_start() -> None:
    with Repl(context="") as repl:
        cells = []
        worker = threading.Thread(target=lambda: cells.append(repl.run("print(1)")))
        worker.start()
        worker.join()
    assert cells[0].output == "1\n"


def test_texts_are_read_once_and_streamed() -> None:
    class Counted(dict[str, str]):
        reads = 0

        def __getitem__(self, key: str) -> str:
            Counted.reads += 1
            return super().__getitem__(key)

    with Repl(texts=Counted(TEXTS), limits=Limits(grace=0.1)) as repl:
        repl.run("max(itertools.repeat(1))", timeout=0.1)
        assert printed(repl, "print(len(files['src/a.py']))") == "44\n"
    assert Counted.reads == 3


def test_started_as_nobody_every_layer_holds() -> None:
    """Gates run as normal users and as root; both must come out strict."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    if not reachable_by_others(Path(sys.executable)):
        pytest.skip("this interpreter is not readable for others")
    code = (
        "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "from rlm_gate.rlm.repl import Repl\n"
        "with Repl(context='x') as repl:\n"
        "    print(repl.level, [layer.name for layer in repl.layers if not layer.applied])\n"
        "    print(repl.run('print(context)').output)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.stdout == "strict []\nx\n\n", done.stderr


def reachable_by_others(path: Path) -> bool:
    return all(above.stat().st_mode & 0o005 == 0o005 for above in path.resolve().parents)
