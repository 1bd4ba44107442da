"""The personality itself: one call at a time, from registers to a result, and to carry."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence

from .. import _darwin as darwin
from ..posix.table import Call, signed
from ..process import Exit, Process
from . import clocks, events, files, mappings, processes, signals, sockets, start, traps
from .dialect import DarwinDialect
from .failures import guest_error
from .table import CALLS, Two

# Importing them has filled the table.
ROOMS = (clocks, events, files, mappings, processes, signals, sockets)
BY_NUMBER = CALLS.by_number(darwin.CALLS) | CALLS.by_number(darwin.NOCANCEL)
NAMES = {number: name for name, number in (darwin.CALLS | darwin.OTHER_CALLS).items()}


class Darwin:
    """The kernel's side of `svc #0x80`, whatever number it is given."""

    def __init__(self) -> None:
        self.dialect = DarwinDialect()

    def start(
        self, process: Process, argv: Sequence[bytes], environment: Mapping[bytes, bytes]
    ) -> None:
        start.begin(process, argv, environment)

    def answer(self, process: Process) -> None:
        """Negative numbers are Mach's; zero is a call whose number is in x0."""
        number, registers = process.cpu.darwin_call()
        number = signed(number, 32)
        if number < 0:
            self._trap(process, number, registers)
            return
        number &= 0xFFFF
        if number == 0:
            number, registers = registers[0] & 0xFFFF, (*registers[1:], 0)
        found = BY_NUMBER.get(number)
        if found is None:
            self._unknown(process, number, registers)
        else:
            self._answer(found, process, registers)

    def _answer(self, found: Call, process: Process, registers: tuple[int, ...]) -> None:
        arguments = registers[: len(found.decoders)]
        try:
            result = found(process, registers)
        except Exit:
            process.observe(found.name, arguments, 0)
            raise
        except OSError as error:
            self._fail(process, found.name, arguments, guest_error(error))
        except (OverflowError, ValueError):
            # A number so large that Python refuses it before the kernel can.
            self._fail(process, found.name, arguments, darwin.ERRORS["EINVAL"])
        else:
            process.observe(found.name, arguments, result)
            second = result.second if isinstance(result, Two) else 0
            process.cpu.answer_darwin(result, second, failed=False)

    def _fail(self, process: Process, name: str, arguments: tuple[int, ...], number: int) -> None:
        process.observe(name, arguments, -number)
        process.cpu.answer_darwin(number, 0, failed=True)

    def _unknown(self, process: Process, number: int, registers: tuple[int, ...]) -> None:
        """ENOSYS, and SIGSYS to whoever neither ignores nor blocks it."""
        name = NAMES.get(number)
        words = f"call {number} ({name}) is not emulated" if name else f"there is no call {number}"
        world = process.world
        if not world.ignores(signal.SIGSYS) and signal.SIGSYS not in world.blocked:
            process.fail(signal.SIGSYS, f"Darwin kills with SIGSYS: {words}")
        process.complain(f"Darwin {words}: answered ENOSYS")
        self._fail(process, name or str(number), registers, darwin.ERRORS["ENOSYS"])

    def _trap(self, process: Process, number: int, registers: tuple[int, ...]) -> None:
        """Only x0 is the result, and no return keeps x18."""
        if number not in traps.BY_NUMBER:
            process.fail(signal.SIGSYS, f"Mach trap {number} is not emulated")
        name, trap = traps.BY_NUMBER[number]
        result = trap(process, registers)
        process.observe(name, (), result)
        process.cpu[0] = result
        process.cpu[18] = 0
