"""The system-call filter: classic BPF built by hand, so that no package is needed.

Allowed is what a computing process needs. Opening and asking get EPERM, for a late import must not
kill; what only an escape would call (network, processes, other processes' memory) kills at once.
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass

_ALLOW, _KILL, _EPERM = 0x7FFF0000, 0x80000000, 0x00050001
_LOAD, _EQUAL, _AT_LEAST, _AND_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_PROT_EXEC = 4
_X32 = 0x40000000


@dataclass(frozen=True, slots=True)
class Table:
    """System-call numbers of one architecture. ``limited`` are allowed with checked arguments."""

    arch: int
    allowed: tuple[int, ...]
    killed: tuple[int, ...]
    read: int
    write: int
    mmap: int
    mprotect: int


# Numbers: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and uapi/asm-generic/unistd.h.
X86_64 = Table(
    arch=0xC000003E,
    # munmap brk rt_sigprocmask rt_sigreturn madvise getitimer setitimer exit mremap futex
    # restart_syscall clock_gettime exit_group
    allowed=(11, 12, 14, 15, 28, 36, 38, 60, 25, 202, 219, 228, 231),
    # socket connect accept sendto sendmsg bind listen socketpair clone fork vfork execve kill
    # ptrace io_setup mount init_module keyctl unshare perf_event_open process_vm_*
    # setns finit_module seccomp bpf execveat userfaultfd io_uring_* pidfd_* clone3 kexec add_key
    killed=(
        *(41, 42, 43, 44, 46, 49, 50, 53, 56, 57, 58, 59, 62, 101, 206, 165, 175, 250),
        *(272, 298, 310, 311, 308, 313, 317, 321, 322, 323, 425, 426, 427, 424, 434, 438, 435),
        *(246, 248, 249, 288, 323, 161, 155, 169, 440),
    ),
    read=0,
    write=1,
    mmap=9,
    mprotect=10,
)
AARCH64 = Table(  # not run: no such machine was at hand
    arch=0xC00000B7,
    allowed=(215, 214, 135, 139, 233, 102, 103, 93, 216, 98, 128, 113, 94),
    killed=(
        *(198, 203, 202, 206, 211, 200, 201, 199, 220, 221, 129, 117, 0, 40, 105, 219),
        *(97, 241, 270, 271, 268, 273, 277, 280, 281, 282, 425, 426, 427, 424, 434, 438, 435),
        *(104, 217, 218, 242, 51, 41, 142, 440),
    ),
    read=63,
    write=64,
    mmap=222,
    mprotect=226,
)
TABLES = {"x86_64": X86_64, "AMD64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}


def program(table: Table) -> bytes:
    """Return the filter as ``struct sock_filter`` entries."""
    code = [
        _step(_LOAD, _ARCH),
        _step(_EQUAL, table.arch, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if table is X86_64:
        code += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL)]
    for numbers, answer in ((table.allowed, _ALLOW), (table.killed, _KILL)):
        for number in numbers:
            code += [_step(_EQUAL, number, 0, 1), _step(_RETURN, answer)]
    code += _descriptor(table.read, 0) + _descriptor(table.write, 1)
    code += _not_executable(table.mprotect) + _anonymous(table.mmap)
    code.append(_step(_RETURN, _EPERM))
    return b"".join(code)


def install(libc: ctypes.CDLL, machine: str) -> bool:
    """Put the filter in force. Say False where the kernel or this architecture has none."""
    table = TABLES.get(machine)
    if table is None:
        return False
    code = program(table)
    buffer = ctypes.create_string_buffer(code, len(code))
    fprog = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    header = ctypes.create_string_buffer(fprog, len(fprog))
    pointer = ctypes.c_void_p(ctypes.addressof(header))
    return bool(libc.prctl(22, 2, pointer, 0, 0) == 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _low(argument: int) -> bytes:
    return _step(_LOAD, _ARGUMENT + 8 * argument)


def _checked(number: int, body: list[bytes]) -> list[bytes]:
    """Run ``body`` for one system call; it decides, or falls through to EPERM."""
    return [_step(_EQUAL, number, 0, len(body) + 1), *body, _step(_RETURN, _EPERM)]


def _descriptor(number: int, descriptor: int) -> list[bytes]:
    return _checked(
        number,
        [_low(0), _step(_EQUAL, descriptor, 0, 1), _step(_RETURN, _ALLOW)],
    )


def _not_executable(number: int) -> list[bytes]:
    return _checked(number, [_low(2), _step(_AND_SET, _PROT_EXEC, 1, 0), _step(_RETURN, _ALLOW)])


def _anonymous(number: int) -> list[bytes]:
    """Allow memory of no file: not executable, and descriptor -1."""
    return _checked(
        number,
        [
            _low(2),
            _step(_AND_SET, _PROT_EXEC, 3, 0),
            _low(4),
            _step(_EQUAL, 0xFFFFFFFF, 0, 1),
            _step(_RETURN, _ALLOW),
        ],
    )
