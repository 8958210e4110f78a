"""Shut the process in: each step is applied, then probed, and reported as it turned out.

Order matters: what forbids the others comes last. Nothing can be opened or imported afterwards.
"""

from __future__ import annotations

import builtins
import ctypes
import mmap
import os
import platform
import resource
import signal
import struct
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from rlm_gate.rlm.sandbox import seccomp

_LINUX = sys.platform == "linux"
_NOBODY = 65534
_MEBIBYTE = 1 << 20
_PR_SET_PDEATHSIG, _PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 1, 3, 4
_PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 38, 39
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_QUIET = frozenset({"compile", "exec", "builtins.id", "sys.unraisablehook"})
_QUIET_ATTRIBUTES = frozenset({"tb_frame", "f_code", "__defaults__", "__module__"})
"""What telling the line of an error reads, and making a named tuple sets."""
_CAPABILITY_VERSION = 0x20080522
TRIPPED = 97
"""The exit code of the audit hook."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the host asks for. ``skip`` names layers left out in the layer drill."""

    memory: int
    cpu_seconds: int
    parent: int
    skip: frozenset[str] = frozenset()


class Lockdown:
    """Apply the layers in order; ``report`` holds (name, "" or why it is missing)."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.report: list[tuple[str, str]] = []
        self._libc = ctypes.CDLL(None, use_errno=True)

    def apply(self) -> list[tuple[str, str]]:
        """Apply everything. Returns the report."""
        steps: tuple[tuple[str, Callable[[], str]], ...] = (
            ("imports", self._imports),
            ("descriptors", self._descriptors),
            ("identity", self._identity),
            ("dumpable", self._dumpable),
            ("parent-death", self._parent_death),
            ("no-new-privileges", self._no_new_privileges),
            ("memory", self._memory),
            ("landlock", self._landlock),
            ("cpu", self._cpu),
            ("processes", self._processes),
            ("files", self._files),
            ("network", self._network),
            ("seccomp", self._seccomp),
            ("audit-hook", self._audit_hook),
        )
        for name, step in steps:
            self.report.append((name, self._try(name, step)))
        return self.report

    def _try(self, name: str, step: Callable[[], str]) -> str:
        if name in self.wanted.skip:
            return "left out on purpose"
        try:
            return step()
        except OSError as error:
            return os.strerror(error.errno or 0)
        except ValueError as error:  # a limit the platform does not take
            return str(error)

    def _prctl(self, option: int, value: int) -> int:
        return int(self._libc.prctl(option, value, 0, 0, 0))

    # Each step returns "" when it holds, else why not.

    def _imports(self) -> str:
        warnings.filterwarnings("ignore")
        for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"):
            setattr(sys, name, None)
        sys.unraisablehook = _ignore
        sys.path.clear()
        sys.meta_path.clear()
        sys.path_hooks.clear()
        sys.path_importer_cache.clear()
        builtins.__import__ = _only_loaded(builtins.__import__)
        return ""

    def _descriptors(self) -> str:
        os.closerange(2, 4096)
        return ""

    def _identity(self) -> str:
        """Stop being root, where this process is; at least give root's capabilities up."""
        if os.geteuid() != 0:
            return ""
        try:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
        except OSError:  # a container without CAP_SETUID: be a root that may do nothing special
            if _LINUX:
                self._libc.capset(struct.pack("Ii", _CAPABILITY_VERSION, 0), bytes(24))
            raise
        return _must_fail(lambda: os.setuid(0), PermissionError)

    def _dumpable(self) -> str:
        if not _LINUX:
            return "only Linux has it"
        self._prctl(_PR_SET_DUMPABLE, 0)
        return "" if self._prctl(_PR_GET_DUMPABLE, 0) == 0 else "refused by the kernel"

    def _parent_death(self) -> str:
        if not _LINUX:
            return "only Linux has it"
        self._prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.wanted.parent:
            os._exit(0)
        return ""

    def _no_new_privileges(self) -> str:
        if not _LINUX:
            return "only Linux has it"
        self._prctl(_PR_SET_NO_NEW_PRIVS, 1)
        return "" if self._prctl(_PR_GET_NO_NEW_PRIVS, 0) == 1 else "refused by the kernel"

    def _landlock(self) -> str:
        """Deny every right to files and TCP that this kernel's Landlock knows, allow nothing."""
        if not _LINUX:
            return "only Linux has it"
        version = self._libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
        if version < 1:
            return "this kernel has no Landlock, or a container's profile forbids it"
        files = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
        rights = struct.pack("QQQ", (1 << files) - 1, 3, 3)
        size = 8 if version < 4 else 16 if version < 6 else 24
        ruleset = self._libc.syscall(_LANDLOCK_CREATE, rights, size, 0)
        if ruleset < 0 or self._libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) != 0:
            return os.strerror(ctypes.get_errno())
        os.close(ruleset)
        return _must_fail(lambda: os.open("/", os.O_RDONLY | os.O_DIRECTORY), PermissionError)

    def _memory(self) -> str:
        with open("/proc/self/statm", "rb") if _LINUX else open(os.devnull, "rb") as stat:  # noqa: PTH123 - one path, before the lock
            pages = (stat.read().split() or [b"0"])[0]
        limit = int(pages) * mmap.PAGESIZE + self.wanted.memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        return _must_fail(lambda: mmap.mmap(-1, self.wanted.memory + 64 * _MEBIBYTE), OSError)

    def _cpu(self) -> str:
        seconds = self.wanted.cpu_seconds
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        return ""

    def _processes(self) -> str:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        try:
            child = os.fork()
        except OSError:
            return ""
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return "root is exempt from the limit"

    def _files(self) -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (2, 2))
        return _must_fail(lambda: os.dup(0), OSError)

    def _network(self) -> str:
        """Nothing to apply: without a free descriptor there is no socket. Probe that."""
        made = self._libc.socket(2, 1, 0)
        if made < 0:
            return ""
        os.close(made)
        return "a socket could be made"

    def _seccomp(self) -> str:
        if not _LINUX:
            return "only Linux has it"
        if not seccomp.install(self._libc, platform.machine()):
            return "no filter for this architecture, or the kernel refuses filters"
        return _must_fail(lambda: os.open("/nowhere", os.O_RDONLY), PermissionError)

    def _audit_hook(self) -> str:
        quiet, known, leave = _QUIET, _QUIET_ATTRIBUTES, os._exit

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            if event in quiet:
                return
            if event.startswith("object.__") and arguments[1] in known:
                return
            if event == "open" and arguments[1] == "rb" and str(arguments[0]).startswith("<cell "):
                return  # the parser looks for the line of a SyntaxError: there is no such file
            leave(TRIPPED)

        sys.addaudithook(watch)
        return ""


def _only_loaded(load: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
    """Return an ``__import__`` for late imports of the library: what is not loaded is not there.

    Without it an unknown codec would set off the audit hook, which is for escapes.
    """

    def find(name: str, *others: Any, **named: Any) -> ModuleType:
        if name and name not in sys.modules:
            raise ImportError(f"{name} is not loaded")
        return load(name, *others, **named)

    return find


def _ignore(_unraisable: object) -> None:
    """Drop errors of finalizers: there is nowhere to print them."""


def _must_fail(act: Callable[[], object], how: type[OSError]) -> str:
    """Probe that an act is impossible."""
    try:
        made = act()
    except how:
        return ""
    if isinstance(made, int):
        os.close(made)
    elif isinstance(made, mmap.mmap):
        made.close()
    return "the probe went through"
