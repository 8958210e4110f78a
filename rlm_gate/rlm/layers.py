"""The layers of the sandbox: what each stops, how to get a missing one, and the level they make."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from dataclasses import dataclass

STRICT, REDUCED = "strict", "reduced"
_LINUX_KERNEL = "run on Linux, natively or in a container"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. ``why`` says why it is missing, ``remedy`` what to do about that."""

    name: str
    applied: bool
    stops: str
    why: str = ""
    remedy: str = ""


_TABLE: dict[str, tuple[str, str]] = {
    "host-memory": (
        "other processes of the same user reading keys from the gate's memory and environment",
        _LINUX_KERNEL,
    ),
    "own-process": (
        "a crash of the interpreter, planted modules, inherited variables and files",
        "run on Linux or macOS",
    ),
    "imports": ("loading any module after the start", "report this as a bug"),
    "descriptors": ("use of files and sockets the gate has open", "report this as a bug"),
    "identity": (
        "acting as root",
        "run the gate as a normal user, or allow setuid (CAP_SETUID) in the container",
    ),
    "dumpable": ("core dumps, and being traced by siblings", _LINUX_KERNEL),
    "parent-death": ("outliving the gate", _LINUX_KERNEL),
    "no-new-privileges": ("gaining rights by set-uid programs", _LINUX_KERNEL),
    "memory": ("using up the machine's memory", "run on Linux: macOS ignores the limit"),
    "cpu": ("using up the processor for ever, core dumps", "run on Linux or macOS"),
    "processes": ("fork bombs", "run the gate as a normal user: root is exempt from this limit"),
    "files": ("opening, creating or filling any file", "run on Linux or macOS"),
    "network": ("making a socket", "run on Linux, where the limits on files cover sockets"),
    "landlock": (
        "reaching any file, TCP port or abstract socket",
        "use Linux 5.13 or newer; in a container use the runtime's current default profile",
    ),
    "seccomp": (
        "every system call but memory, time and the pipe; an attempt to leave kills at once",
        "use Linux on x86_64 with CONFIG_SECCOMP_FILTER, and no profile that forbids filters",
    ),
    "audit-hook": ("casual escapes where the kernel's layers are missing", "report this as a bug"),
    "policy": (
        "the attack in the language: only reviewed syntax, attributes by exact type, no modules",
        "install RestrictedPython 9",
    ),
}


def host_layer() -> tuple[str, str]:
    """Make this process non-dumpable, so that its memory and environment are its own."""
    if sys.platform != "linux":
        return "host-memory", "only Linux has it"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    held = libc.prctl(3, 0, 0, 0, 0) == 0  # PR_GET_DUMPABLE
    return "host-memory", "" if held else "refused by the kernel"


def describe(report: Iterable[tuple[str, str]]) -> tuple[Layer, ...]:
    """Return the layers in their order, outermost first."""
    missing = dict(report)
    return tuple(
        Layer(name, not why, stops, why, remedy if why else "")
        for name, (stops, remedy) in _TABLE.items()
        for why in (missing.get(name, "not reported"),)
    )


def level(layers: Iterable[Layer]) -> str:
    """Return "strict" if the layers are enough against hostile code, else "reduced".

    Enough is: seccomp, or Landlock and no network; with limits on memory, time and files, in a
    process of its own that cannot import.
    """
    applied = {layer.name for layer in layers if layer.applied}
    base = {"own-process", "imports", "descriptors", "memory", "cpu", "files", "policy"}
    wall = "seccomp" in applied or {"landlock", "network"} <= applied
    return STRICT if base <= applied and wall else REDUCED
