"""Calling a routine from Python, on a machine that trusts nothing.

``parse_decimal(b"1024 bytes", 10)`` runs the routine's instructions in an
emulator.  Bytes are handed over flush against a page that is not there, so
reading one too many faults.  Every register the contract does not give is
poisoned, the upper half of a ``w`` parameter too; whatever the caller owns must
come back unharmed.  Results come back signed, since that is how routines say
-errno.  System calls go to a *kernel*: any Python callable, given the machine.

Machines are made once for each routine and used again, so that a call takes
well under a millisecond.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from unicorn import (
    UC_ARCH_ARM64,
    UC_HOOK_INTR,
    UC_MODE_ARM,
    UC_PROT_EXEC,
    UC_PROT_READ,
    UC_PROT_WRITE,
    arm64_const,
)
from unicorn.unicorn_py3 import Uc, UcError  # its bindings are half-typed: kept to few modules

from svc0.a64 import Data, Place, Platform, Register, Routine, V, W, X
from svc0.a64.registers import VS, XS
from svc0.image.layout import Program, lay_out

__all__ = ["CallError", "Caller", "Kernel", "call", "caller"]

PAGE = 0x1000
CODE, STACK, RETURN, ARENA = 0x100_0000, 0x800_0000, 0x900_0000, 0x1000_0000
STACK_SIZE = 0x1_0000
MOST_INSTRUCTIONS = 4_000_000

NUMBER = {r: getattr(arm64_const, f"UC_ARM64_REG_X{r.number}") for r in XS} | {
    v: getattr(arm64_const, f"UC_ARM64_REG_Q{v.number}") for v in VS
}
SP, PC, NZCV = (getattr(arm64_const, f"UC_ARM64_REG_{name}") for name in ("SP", "PC", "NZCV"))


class CallError(Exception):
    """The routine did what its contract, or the machine, does not allow."""


class Caller:
    """A processor and memory with one routine (and all it calls) in it."""

    def __init__(self, routine: Routine, platform: Platform = "linux") -> None:
        self.routine = routine
        self.program: Program = lay_out(routine, platform, base=CODE)
        self.uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        self.uc.ctl_set_cpu_model(arm64_const.UC_CPU_ARM64_MAX)
        self.kernel: Kernel | None = None
        self.failure: BaseException | None = None
        self.instructions = 0
        self._arena: list[tuple[int, int]] = []
        self._zeros_used = False
        rights = UC_PROT_READ, UC_PROT_READ | UC_PROT_EXEC, UC_PROT_READ | UC_PROT_WRITE
        for segment, protection in zip(self.program.segments, rights, strict=True):
            first, last = (
                segment.address // PAGE * PAGE,
                -(-(segment.address + segment.size) // PAGE) * PAGE,
            )
            if last > first:
                self.uc.mem_map(first, last - first, protection)
                self.uc.mem_write(segment.address, segment.content)
        self.uc.mem_map(STACK - STACK_SIZE, STACK_SIZE, UC_PROT_READ | UC_PROT_WRITE)
        self.uc.mem_map(RETURN, PAGE, UC_PROT_READ | UC_PROT_EXEC)
        self.uc.hook_add(UC_HOOK_INTR, self._enter_kernel)

    # --- what a kernel, and a test, may look at ------------------------------------

    def __getitem__(self, register: X | V) -> int:
        """What a register holds, unsigned."""
        return int(self.uc.reg_read(NUMBER[register]))

    def __setitem__(self, register: X | V, value: int) -> None:
        self.uc.reg_write(NUMBER[register], value % (1 << register.bits))

    @property
    def carry(self) -> bool:
        """The carry flag, by which Darwin tells a result from an error."""
        return bool(self.uc.reg_read(NZCV) >> 29 & 1)

    @carry.setter
    def carry(self, value: bool) -> None:
        flags = int(self.uc.reg_read(NZCV)) & ~(1 << 29)
        self.uc.reg_write(NZCV, flags | value << 29)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of memory; CallError if there is none."""
        try:
            return bytes(self.uc.mem_read(address, size))
        except UcError:
            raise CallError(f"there are no {size} bytes at {address:#x}") from None

    def write(self, address: int, content: bytes) -> None:
        """Put bytes into memory; CallError if there is none."""
        try:
            self.uc.mem_write(address, bytes(content))
        except UcError:
            raise CallError(f"there is no room for {len(content)} bytes at {address:#x}") from None

    def address(self, place: Place) -> int:
        """Where a routine, a constant or a variable lies."""
        return self.program.addresses[place]

    def place(self, content: bytes | bytearray, *, writable: bool = True) -> int:
        """Put bytes right before a page that is not there; their address."""
        pages = -(-max(len(content), 1) // PAGE) * PAGE
        start = self._arena[-1][0] + self._arena[-1][1] + PAGE if self._arena else ARENA
        self.uc.mem_map(start, pages, UC_PROT_READ | (UC_PROT_WRITE if writable else 0))
        self._arena.append((start, pages))
        address = start + pages - len(content)
        self.uc.mem_write(address, bytes(content))
        return address

    # --- a call ----------------------------------------------------------------------

    def reset(self) -> None:
        """Take away what the last call was given, and clear the variables."""
        for start, size in self._arena:
            self.uc.mem_unmap(start, size)
        self._arena.clear()
        zeros = self.program.zeros
        if zeros.size:
            self.uc.mem_write(zeros.address, bytes(zeros.size))

    def call(self, *arguments: Any, kernel: Kernel | None = None) -> Any:
        """Run the routine; numbers and bytes go in, a bytearray comes back as it was left."""
        parameters = list(self.routine.parameters.values())
        if len(arguments) != len(parameters):
            raise TypeError(
                f"{self.routine} takes {len(parameters)} registers, not {len(arguments)}"
            )
        poison = self._poison()
        buffers: dict[int, bytearray] = {}
        given: dict[Register, int] = {}
        for register, argument in zip(parameters, arguments, strict=True):
            value = argument
            if isinstance(argument, bytes | bytearray) and not isinstance(argument, Data):
                value = self.place(argument, writable=isinstance(argument, bytearray))
                if isinstance(argument, bytearray):
                    buffers[value] = argument
            elif isinstance(argument, Place):
                value = self.address(argument)
            self._give(register, int(value), poison)
            given[register] = int(value)
        self.kernel, self.failure = kernel, None
        self._run(self.address(self.routine))
        self._check_kept(poison)
        for address, buffer in buffers.items():
            buffer[:] = self.read(address, len(buffer))
        results = tuple(self._result(register) for register in self.routine.results)
        return results[0] if len(results) == 1 else results or None

    def _poison(self) -> dict[X | V, int]:
        """Fill every register with something nobody asked for."""
        words = struct.unpack("<31Q", random.randbytes(8 * 31))
        poison: dict[X | V, int] = dict(zip(XS, words, strict=True))
        poison[XS[30]] = RETURN
        for register, value in poison.items():
            self.uc.reg_write(NUMBER[register], value)
        for v in VS:
            poison[v] = random.getrandbits(128)
            self.uc.reg_write(NUMBER[v], poison[v])
        self.uc.reg_write(SP, STACK)
        self.uc.reg_write(NZCV, random.getrandbits(4) << 28)
        return poison

    def _give(self, register: Register, value: int, poison: dict[X | V, int]) -> None:
        """Put an argument into its register; the upper half of a w stays poisoned."""
        if isinstance(register, W):
            value = poison[register.x] >> 32 << 32 | value % (1 << 32)
            register = register.x
        assert isinstance(register, X | V), "parameters are general or vector registers"
        poison[register] = value % (1 << register.bits)
        self[register] = value

    def _result(self, register: Register) -> int:
        if isinstance(register, W):
            value, bits = self[register.x], 32
        else:
            assert isinstance(register, X | V), "results are general or vector registers"
            value, bits = self[register], register.bits
        value %= 1 << bits
        return value - (1 << bits) if value >> (bits - 1) and not isinstance(register, V) else value

    def _check_kept(self, poison: dict[X | V, int]) -> None:
        """The caller's registers must be as they were."""
        for register in XS[18:30]:
            if self[register] != poison[register] and register not in self.routine.results:
                raise CallError(f"{self.routine} did not preserve {register}")
        for v in VS[8:16]:
            if (self[v] ^ poison[v]) % (1 << 64):
                raise CallError(f"{self.routine} did not preserve {v}")
        if self.uc.reg_read(SP) != STACK:
            raise CallError(
                f"{self.routine} left sp {self.uc.reg_read(SP) - STACK:+d} from where it was"
            )

    def _run(self, start: int) -> None:
        try:
            self.uc.emu_start(start, RETURN, count=MOST_INSTRUCTIONS)
        except UcError as error:
            if self.failure is None:
                raise CallError(f"{self.where()}: {error}") from None
        if self.failure is not None:
            raise self.failure
        if self.uc.reg_read(PC) != RETURN:
            raise CallError(f"{self.where()}: still running after {MOST_INSTRUCTIONS} instructions")

    def _enter_kernel(self, *_: object) -> None:
        """A system call: what Python raises in a kernel is raised by the call of the routine."""
        try:
            if self.kernel is None:
                raise CallError(f"{self.where(-4)}: there is no kernel to call")
            self.kernel(self)
        except BaseException as error:
            self.failure = error
            self.uc.emu_stop()

    def where(self, offset: int = 0) -> str:
        """The line being run, its instruction, and the routine's own names with what they hold."""
        pc = int(self.uc.reg_read(PC)) + offset
        spot = self.program.spots.get(pc)
        if spot is None:
            return f"outside of the code, at {pc:#x}"
        named = {
            name: hex(self[register.x if isinstance(register, W) else register])
            for name, register in spot.instruction.names.items()
            if isinstance(register, X | W | V)
        }
        return f"{spot.line}: {spot.routine}: {spot.instruction.text} {named}"


Kernel = Callable[[Caller], None]

_callers: dict[tuple[Routine, Platform], Caller] = {}


@contextmanager
def caller(routine: Routine, platform: Platform = "linux") -> Generator[Caller, None, None]:
    """A machine for a routine, whose memory a test may look at; it is used again afterwards."""
    machine = _callers.pop((routine, platform), None) or Caller(routine, platform)
    try:
        yield machine
    finally:
        machine.reset()
        _callers[routine, platform] = machine


def call(
    routine: Routine, *arguments: Any, platform: Platform = "linux", kernel: Kernel | None = None
) -> Any:
    """Call a routine with numbers and bytes; a bytearray comes back as the routine left it.

    Results are signed integers: one, or a tuple; None if the routine promises none.
    Raises CallError for a fault, a register that was not preserved, or no end.
    """
    with caller(routine, platform) as machine:
        return machine.call(*arguments, kernel=kernel)
