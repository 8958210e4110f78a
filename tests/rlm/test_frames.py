"""The host's end of the pipe: every frame is hostile until it has the exact shape of its kind."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_gate.rlm import frames
from rlm_gate.rlm.frames import Closed, Pipe, Silence, Violation, check_depth, parse
from rlm_gate.rlm.sandbox import pipe as child_pipe

DONE = {
    "t": "done",
    "id": 1,
    "output": "x",
    "chars": 1,
    "error": None,
    "notes": ["n"],
    "full": False,
}
ERROR = {"type": "T", "message": "m", "line": 3, "source": "s"}
CALL = {"t": "call", "id": 1, "name": "f", "args": [1], "kwargs": {"k": [None]}}
READY = {"t": "ready", "layers": [["seccomp", ""]]}


def encoded(message: Any) -> bytes:
    return json.dumps(message).encode()


@pytest.mark.parametrize("message", [DONE, DONE | {"error": ERROR}, CALL, READY])
def test_each_kind_is_read_as_it_is(message: dict[str, Any]) -> None:
    assert parse(encoded(message)) == message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"t":"done"}',
        encoded({"t": "exec", "code": "x"}),
        encoded({"t": ["done"]}),
        encoded(DONE | {"extra": 1}),
        encoded({key: value for key, value in DONE.items() if key != "notes"}),
        encoded(DONE | {"id": True}),
        encoded(DONE | {"id": 1.0}),
        encoded(DONE | {"output": None}),
        encoded(DONE | {"chars": -1}),
        encoded(DONE | {"chars": 1 << 70}),
        encoded(DONE | {"notes": [1]}),
        encoded(DONE | {"error": {"type": "T"}}),
        encoded(DONE | {"error": ERROR | {"line": 0}}),
        encoded(DONE | {"error": ERROR | {"line": "1"}}),
        encoded(DONE | {"full": 0}),
        encoded(CALL | {"args": {}}),
        encoded(CALL | {"kwargs": []}),
        encoded(CALL | {"name": 1}),
        encoded(READY | {"layers": [["a"]]}),
        encoded(READY | {"layers": [["a", 1]]}),
        encoded(READY | {"layers": "ab"}),
        encoded(CALL).replace(b"[1]", b"[1e999]"),
        encoded(CALL).replace(b"[1]", b"[NaN]"),
        encoded(CALL).replace(b"[1]", b"[-Infinity]"),
        encoded(CALL).replace(b"[1]", b"[" + b"9" * 5000 + b"]"),
        encoded(CALL).replace(b"[1]", b"[" * 100_000),
        encoded(CALL).replace(b"[1]", b"[" + b"[]," * 1_100_000 + b"[]]"),
    ],
)
def test_any_other_frame_is_a_violation(body: bytes) -> None:
    with pytest.raises(Violation):
        parse(body)


def test_arguments_are_no_deeper_than_the_host_can_walk() -> None:
    deep: Any = 1
    for _ in range(99):
        deep = [{"k": deep}] if isinstance(deep, list) else [deep]
    with pytest.raises(Violation):
        check_depth([[deep]])
    check_depth([[1], {"k": [2]}])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | JSON.map(encoded))
def test_no_bytes_do_worse_than_a_violation(body: bytes) -> None:
    with contextlib.suppress(Violation):
        parse(body)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([DONE, CALL, READY, DONE | {"error": ERROR}]), st.data())
def test_a_message_with_one_value_changed_is_the_same_kind_or_a_violation(
    message: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(message)))
    changed = message | {key: data.draw(JSON)}
    try:
        read = parse(encoded(changed))
    except Violation:
        return
    assert {name: type(value) for name, value in read.items() if name != "error"} == {
        name: type(value) for name, value in message.items() if name != "error"
    }


# Reading and writing


@pytest.fixture
def ends() -> Iterator[tuple[Pipe, int, int]]:
    """A pipe, with the descriptors of the child's side: (reads, writes)."""
    child_reads, host_writes = os.pipe()
    host_reads, child_writes = os.pipe()
    yield Pipe(host_reads, host_writes), child_reads, child_writes
    for descriptor in (child_reads, host_writes, host_reads, child_writes):
        try:
            os.close(descriptor)
        except OSError:
            continue


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_frames_arrive_in_whatever_pieces(ends: tuple[Pipe, int, int]) -> None:
    pipe, _, writing = ends
    body = encoded(CALL)
    frame = len(body).to_bytes(4, "big") + body

    def drip() -> None:
        for at in range(0, len(frame), 7):
            os.write(writing, frame[at : at + 7])
            time.sleep(0.001)

    writer = threading.Thread(target=drip)
    writer.start()
    assert pipe.receive(soon()) == CALL
    writer.join()


def test_length_is_checked_before_anything_is_read(ends: tuple[Pipe, int, int]) -> None:
    pipe, _, writing = ends
    os.write(writing, (frames.MAX_FRAME + 1).to_bytes(4, "big"))
    with pytest.raises(Violation, match="bytes"):
        pipe.receive(soon())


def test_half_a_frame_is_silence_then_closed(ends: tuple[Pipe, int, int]) -> None:
    pipe, _, writing = ends
    os.write(writing, (100).to_bytes(4, "big") + b"{")
    with pytest.raises(Silence):
        pipe.receive(soon(0.05))
    os.close(writing)
    with pytest.raises(Closed):
        pipe.receive(soon())


def test_a_child_that_does_not_read_cannot_hold_the_host(ends: tuple[Pipe, int, int]) -> None:
    pipe, _, _ = ends
    began = time.monotonic()
    with pytest.raises(Silence):
        pipe.send(frames.encode({"code": "x" * 5_000_000}), soon(0.2))
    assert time.monotonic() - began < 5


def test_a_child_that_has_gone_is_closed(ends: tuple[Pipe, int, int]) -> None:
    pipe, reading, _ = ends
    os.close(reading)
    with pytest.raises(Closed):
        pipe.send(frames.encode({"code": "x"}), soon())


def test_both_ends_agree_on_the_caps() -> None:
    assert child_pipe.MAX_FRAME == frames.MAX_FRAME
    assert child_pipe.MAX_CONTAINERS == frames.MAX_CONTAINERS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=5))
def test_what_the_child_encodes_the_host_reads(texts: list[str]) -> None:
    message = CALL | {"args": texts}
    frame = child_pipe.encode(message)
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert parse(frame[4:]) == message


def test_the_child_refuses_what_the_host_would_kill_for() -> None:
    with pytest.raises(child_pipe.TooLarge):
        child_pipe.encode({"args": "x" * (frames.MAX_FRAME + 1)})
    with pytest.raises(child_pipe.TooLarge):
        child_pipe.encode({"args": [[]] * (frames.MAX_CONTAINERS + 1)})
    with pytest.raises(ValueError, match="Out of range"):
        child_pipe.encode({"args": [float("nan")]})
