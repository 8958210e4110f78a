"""The child's end of the pipe: length-prefixed JSON on descriptors 0 and 1. It trusts the host."""

from __future__ import annotations

import json
import os
from typing import Any

READ, WRITE = 0, 1
MAX_FRAME = 8 << 20
"""Most bytes of a frame the host accepts; it kills a child that announces more."""
MAX_CONTAINERS = 1 << 20
"""Most opening brackets in a frame the host accepts: empty lists cost 27 times their text."""
_CHUNK = 1 << 16


class TooLarge(ValueError):
    """A message that the host would refuse. Nothing of it was sent."""


def encode(message: dict[str, Any]) -> bytes:
    """Return the frame of a message. Raises TooLarge before the host has to kill for it."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = text.encode("utf-8", "surrogatepass")
    if len(body) > MAX_FRAME or body.count(b"[") + body.count(b"{") > MAX_CONTAINERS:
        raise TooLarge(f"{len(body):,} bytes are too many for one call; send less at once")
    return len(body).to_bytes(4, "big") + body


def send(frame: bytes) -> None:
    """Write a whole frame."""
    view = memoryview(frame)
    while view:
        view = view[os.write(WRITE, view) :]


def receive() -> dict[str, Any]:
    """Read the next frame; end the process when the host has gone."""
    size = int.from_bytes(_read(4), "big")
    message = json.loads(_read(size).decode("utf-8", "surrogatepass"))
    if not isinstance(message, dict):
        os._exit(0)
    return message


def _read(size: int) -> bytes:
    parts = []
    while size:
        part = os.read(READ, min(size, _CHUNK))
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
