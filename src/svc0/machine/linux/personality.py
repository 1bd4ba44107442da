"""The personality itself: one call at a time, from registers to a result."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence

from .. import _linux as linux
from ..posix.table import Call
from ..process import Exit, Process
from . import (
    clocks,
    events,
    files,
    identity,
    mappings,
    processes,
    signals,
    sockets,
    start,
    watches,
)
from .dialect import LinuxDialect
from .table import CALLS

# Importing them has filled the table.
ROOMS = (clocks, events, files, identity, mappings, processes, signals, sockets, watches)
BY_NUMBER = CALLS.by_number(linux.CALLS)
NAMES = {number: name for name, number in linux.CALLS.items()}

# Those that Python cannot offer, and every program can do without.
KNOWN_TO_BE_MISSING = {
    linux.CALLS[name]
    for name in ("openat2", "seccomp", "rseq", "io_uring_setup", "landlock_create_ruleset")
}


class Linux:
    """The kernel's side of `svc #0`."""

    dialect = LinuxDialect()

    def start(
        self, process: Process, argv: Sequence[bytes], environment: Mapping[bytes, bytes]
    ) -> None:
        process.cpu.sp = start.lay_out_stack(process, argv, environment)

    def answer(self, process: Process) -> None:
        number, registers = process.cpu.call()
        number &= 0xFFFF_FFFF
        found = BY_NUMBER.get(number)
        if found is None:
            result = self._unknown(process, number)
            process.observe(NAMES.get(number, str(number)), registers, result)
        else:
            arguments = registers[: len(found.decoders)]
            try:
                result = self._answer(found, process, registers)
            except Exit:
                process.observe(found.name, arguments, 0)
                raise
            process.observe(found.name, arguments, result)
        process.cpu.answer(result)

    def _answer(self, found: Call, process: Process, registers: tuple[int, ...]) -> int:
        try:
            return found(process, registers)
        except OSError as error:
            return -guest_error(error.errno)
        except (OverflowError, ValueError):
            # A number so large that Python refuses it before the kernel can.
            return -linux.ERRORS["EINVAL"]

    def _unknown(self, process: Process, number: int) -> int:
        if number not in KNOWN_TO_BE_MISSING:
            process.complain(f"Linux call {number} is not emulated: answered ENOSYS")
        return -linux.ERRORS["ENOSYS"]


def guest_error(number: int | None) -> int:
    """By name, since numbers differ between kernels."""
    name = errno.errorcode.get(number or 0, "EIO")
    return linux.ERRORS.get(name, linux.ERRORS["EIO"])
