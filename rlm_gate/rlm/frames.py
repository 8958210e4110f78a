"""Read what the sandbox sends, as hostile bytes: capped before they are read, checked by shape."""

from __future__ import annotations

import json
import math
import os
import select
import time
from typing import Any, NoReturn

MAX_FRAME = 8 << 20
MAX_CONTAINERS = 1 << 20
"""Most opening brackets: an empty list costs 27 times its text in memory."""
_MAX_DEPTH = 100
_MOST = 1 << 62
_CHUNK = 1 << 18

_READY = {"t": str, "layers": list}
_CALL = {"t": str, "id": int, "name": str, "args": list, "kwargs": dict}
_DONE = {
    "t": str,
    "id": int,
    "output": str,
    "chars": int,
    "error": (dict, type(None)),
    "notes": list,
    "full": bool,
}
_ERROR = {"type": str, "message": str, "line": (int, type(None)), "source": str}
_SHAPES: dict[str, dict[str, Any]] = {"ready": _READY, "call": _CALL, "done": _DONE}


class Violation(Exception):
    """The child broke the protocol. It is not to be talked to again."""


class Silence(Exception):
    """Nothing whole arrived in time."""


class Closed(Exception):
    """The child closed its end: it has died."""


def parse(body: bytes) -> dict[str, Any]:
    """Return a message whose keys and types are exactly those of its kind. Raises Violation."""
    message = _json(body)
    shape = _SHAPES.get(message["t"]) if type(message.get("t")) is str else None
    if shape is None:
        raise Violation("a message of no known kind")
    _exactly(message, shape)
    if message["t"] == "done":
        _check_done(message)
    if message["t"] == "ready":
        _check_pairs(message["layers"])
    return message


def _json(body: bytes) -> dict[str, Any]:
    if body.count(b"[") + body.count(b"{") > MAX_CONTAINERS:
        raise Violation("a message with too many lists")
    try:
        text = body.decode("utf-8", "surrogatepass")
        message = json.loads(text, parse_constant=_not_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Violation(f"a message that is no JSON: {str(error)[:80]}") from None
    if not isinstance(message, dict):
        raise Violation("a message that is no object")
    return message


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"the number {text}")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number that is not finite")
    return value


def _exactly(message: dict[str, Any], shape: dict[str, Any]) -> None:
    if message.keys() != shape.keys():
        raise Violation("a message with other keys than its kind has")
    for key, kind in shape.items():
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if type(message[key]) not in kinds:
            raise Violation(f"a message whose {key!r} is of another type")


def _check_done(message: dict[str, Any]) -> None:
    error = message["error"]
    if error is not None:
        _exactly(error, _ERROR)
        if error["line"] is not None and not 0 < error["line"] < _MOST:
            raise Violation("a line that cannot be")
    if not 0 <= message["chars"] < _MOST:
        raise Violation("a length that cannot be")
    if not all(type(note) is str for note in message["notes"]):
        raise Violation("a note that is no text")


def _check_pairs(layers: list[Any]) -> None:
    for pair in layers:
        if type(pair) is not list or [type(part) for part in pair] != [str, str]:
            raise Violation("a layer that is no pair of texts")


def check_depth(value: Any, depth: int = 0) -> None:
    """Refuse arguments nested so deep that the host's own functions could stumble."""
    if depth > _MAX_DEPTH:
        raise Violation("arguments nested too deeply")
    if type(value) is list:
        for item in value:
            check_depth(item, depth + 1)
    elif type(value) is dict:
        for item in value.values():
            check_depth(item, depth + 1)


def encode(message: dict[str, Any]) -> bytes:
    """Return the frame of a message. Raises ValueError or RecursionError for what is no JSON."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = text.encode("utf-8", "surrogatepass")
    return len(body).to_bytes(4, "big") + body


class Pipe:
    """The host's side of the pipe. Its descriptors belong to the process object."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._poll = select.poll()
        self._poll.register(reading, select.POLLIN | select.POLLHUP)
        os.set_blocking(writing, False)
        self._room = select.poll()
        self._room.register(writing, select.POLLOUT | select.POLLERR)

    def send(self, frame: bytes, deadline: float) -> None:
        """Send a frame. Raises Closed if the child has gone, Silence if it does not read."""
        view = memoryview(frame)
        while view:
            if not self._room.poll(_milliseconds(deadline)):
                raise Silence
            try:
                view = view[os.write(self._writing, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise Closed from None

    def receive(self, deadline: float) -> dict[str, Any]:
        """Return the next message. Raises Violation, Silence at the deadline, Closed at the end."""
        size = int.from_bytes(self._read(4, deadline), "big")
        if size > MAX_FRAME:
            raise Violation(f"a message of {size:,} bytes")
        return parse(self._read(size, deadline))

    def _read(self, size: int, deadline: float) -> bytes:
        parts = []
        while size:
            if not self._poll.poll(_milliseconds(deadline)):
                raise Silence
            part = os.read(self._reading, min(size, _CHUNK))
            if not part:
                raise Closed
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _milliseconds(deadline: float) -> float:
    return max(0.0, (deadline - time.monotonic()) * 1000)
