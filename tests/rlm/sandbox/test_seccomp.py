"""The system-call filter, run by a small interpreter: also the table of the machine we have not."""

from __future__ import annotations

import struct

import pytest

from rlm_gate.rlm.sandbox import seccomp
from rlm_gate.rlm.sandbox.seccomp import AARCH64, X86_64, Table

ALLOW, KILL, EPERM = 0x7FFF0000, 0x80000000, 0x00050001
TABLES = pytest.mark.parametrize("table", [X86_64, AARCH64], ids=["x86_64", "aarch64"])


def decide(table: Table, number: int, *arguments: int, arch: int | None = None) -> int:
    """Run the filter on one system call, as the kernel's classic BPF machine does."""
    given = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    call = struct.pack("IIQ6Q", number, table.arch if arch is None else arch, 0, *given)
    steps = list(struct.iter_unpack("HBBI", seccomp.program(table)))
    value, at = 0, 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == 0x06:
            return int(operand)
        if code == 0x20:
            value = struct.unpack_from("I", call, operand)[0]
        else:
            test = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}
            at += if_true if test[code] else if_false


@TABLES
def test_computing_is_allowed(table: Table) -> None:
    assert {decide(table, number) for number in table.allowed} == {ALLOW}


@TABLES
def test_leaving_kills(table: Table) -> None:
    assert {decide(table, number) for number in table.killed} == {KILL}


@TABLES
def test_everything_else_is_refused(table: Table) -> None:
    checked = {table.read, table.write, table.mmap, table.mprotect}
    others = set(range(460)) - {*table.allowed, *table.killed, *checked}
    assert {decide(table, number) for number in others} == {EPERM}


@TABLES
def test_only_the_pipe_is_read_and_written(table: Table) -> None:
    assert decide(table, table.read, 0) == ALLOW
    assert decide(table, table.write, 1) == ALLOW
    for descriptor in (1, 2, 3, 0xFFFFFFFF):
        assert decide(table, table.read, descriptor) == EPERM
    for descriptor in (0, 2, 3):
        assert decide(table, table.write, descriptor) == EPERM


@TABLES
def test_memory_is_of_no_file_and_never_executable(table: Table) -> None:
    anonymous = 0xFFFFFFFF
    assert decide(table, table.mmap, 0, 4096, 3, 0x22, anonymous) == ALLOW
    assert decide(table, table.mmap, 0, 4096, 7, 0x22, anonymous) == EPERM
    assert decide(table, table.mmap, 0, 4096, 4, 0x22, anonymous) == EPERM
    assert decide(table, table.mmap, 0, 4096, 1, 2, 0) == EPERM
    assert decide(table, table.mprotect, 0, 4096, 3) == ALLOW
    assert decide(table, table.mprotect, 0, 4096, 5) == EPERM


@TABLES
def test_another_architecture_kills(table: Table) -> None:
    """A 32-bit call has other numbers: the table would be read wrongly."""
    assert decide(table, table.read, 0, arch=0x40000003) == KILL


def test_the_x32_numbers_kill() -> None:
    assert decide(X86_64, 0x40000000 | X86_64.read, 0) == KILL


@TABLES
def test_no_number_stands_in_two_lists(table: Table) -> None:
    checked = {table.read, table.write, table.mmap, table.mprotect}
    assert not {*table.allowed} & {*table.killed}
    assert not checked & {*table.allowed, *table.killed}
