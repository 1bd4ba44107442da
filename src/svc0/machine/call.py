"""Calling a routine from Python, on a machine that trusts nothing.

``parse_decimal(b"1024 bytes", 10)`` runs the routine's instructions in an
emulator.  Around them the machine looks like this:

    bytes        in read-only pages; a bytearray in writable ones, and it comes back as it was left
                     … poison | content | a page that is not there
    parameters   in the registers of the signature; the upper half of a ``w`` is poisoned
    registers    everything else, vectors and flags too: random numbers
    stack        64 KiB of which the top page is poisoned, pages that are not there around it
    variables    Bss, all zeros in the beginning
    kernel       any Python callable; without one a system call is an error

So what a routine reads and was not given is never the same twice; one byte too
many faults, and one too few is found afterwards, as is a register of the caller's
(x18 to x29, sp, the low halves of v8 to v15) that did not come back unharmed.
A mistake of the routine is a ``CallError`` that says where: the line of Python,
the instruction, the routine's own names and what they hold.

Machines are made once for each routine and used again: that is what makes a call
cost a fraction of a millisecond.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import random
import struct
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from unicorn import (
    UC_ARCH_ARM64,
    UC_HOOK_INTR,
    UC_HOOK_MEM_INVALID,
    UC_MODE_ARM,
    UC_PROT_EXEC,
    UC_PROT_READ,
    UC_PROT_WRITE,
    arm64_const,
)
from unicorn.unicorn_py3 import Uc, UcError  # its bindings are half-typed: kept to few modules

from svc0.a64 import Place, Platform, Register, Routine, Struct, V, W, X
from svc0.a64.platforms import current, on, settled
from svc0.a64.registers import VS, XS, x0, x1, x8, x16, x18
from svc0.image.layout import Program, lay_out

from .coverage import watch_program
from .cpu import ACCESSES, STOPS, UNDEFINED, Batch, Cause
from .sanitizer import Mistake, Sanitizer
from .sanitizer.engine import Engine

__all__ = ["CallError", "Caller", "Kernel", "call", "caller"]

PAGE = 0x1000
CODE, STACK, RETURN, ARENA = 0x100_0000, 0x800_0000, 0x900_0000, 0x1000_0000
STACK_SIZE = 0x1_0000
EDGE = 64
"""Bytes before a bytearray that must not change."""

MOST_INSTRUCTIONS = 4_000_000

NUMBER = {r: getattr(arm64_const, f"UC_ARM64_REG_X{r.number}") for r in XS} | {
    v: getattr(arm64_const, f"UC_ARM64_REG_Q{v.number}") for v in VS
}
SP, PC, NZCV = (getattr(arm64_const, f"UC_ARM64_REG_{name}") for name in ("SP", "PC", "NZCV"))

KEPT, KEPT_VECTORS = range(18, 30), range(8, 16)
ERRNO_MAX = 4095
AT_SP, AT_NZCV, AT_PC = 31, 32, 32
"""Where those stand in a batch, behind x0 to x30."""


class CallError(Exception):
    """The routine did what its contract, or the machine, does not allow."""


class Kernel(Protocol):
    """What answers system calls: a function of the machine that made one.

    ``machine.number`` is the number of the call; its arguments are in x0 and on.  The result
    goes to ``machine.answer``, an error as ``-Errno.…``, which is this platform's in here.
    Memory is read with ``machine.read`` and written with ``machine.write``.  What it raises, the
    call of the routine raises: so a test fails inside of a kernel as anywhere, and so a call
    ends that never returns.

        def no_room(machine: Caller) -> None:
            assert machine.number == calls.write.numbers["linux"]
            machine.answer(-Errno.ENOSPC)
    """

    def __call__(self, machine: Caller, /) -> None: ...


class Caller:
    """A processor and memory with one routine (and all it calls) in it.

    What a call is given and what it leaves in variables stays until ``reset``, so that one
    call can go on where another ended.
    """

    sanitized = True
    """Whether every access is judged; else the pages around bytes are all that refuses one."""

    def __init__(self, routine: Routine, platform: Platform = "linux") -> None:
        self.routine = routine
        self.program: Program = lay_out(routine, platform, base=CODE)
        self.uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        self.uc.ctl_set_cpu_model(arm64_const.UC_CPU_ARM64_MAX)
        self.kernel: Kernel | None = None
        self.failure: BaseException | None = None
        general = [NUMBER[x] for x in XS]
        self._given = Batch(self.uc, [*general, SP, NZCV])
        self._given_vectors = Batch(self.uc, [NUMBER[v] for v in VS], words=2)
        self._left = Batch(self.uc, [*general, SP, PC])
        self._left_vectors = Batch(self.uc, [NUMBER[VS[n]] for n in KEPT_VECTORS], words=2)
        self._arena: list[tuple[int, int]] = []
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
        self.uc.hook_add(UC_HOOK_INTR, self._interrupted)
        self.uc.hook_add(UC_HOOK_MEM_INVALID, self._refused)
        self.watch = watch_program(self.uc, self.program)
        self.sanitizer = (
            Sanitizer(Engine(self.uc, self.uc.emu_stop), self.program, most=MOST_INSTRUCTIONS)
            if self.sanitized
            else None
        )
        self._in_kernel = False

    # --- what a kernel, and a test, may look at ------------------------------------

    def __getitem__(self, register: X | W | V) -> int:
        """What a register holds, unsigned."""
        whole = register.x if isinstance(register, W) else register
        return int(self.uc.reg_read(NUMBER[whole])) % (1 << register.bits)

    def __setitem__(self, register: X | W | V, value: int) -> None:
        """Let a register hold a number; writing a ``w`` clears the upper half, as always."""
        whole = register.x if isinstance(register, W) else register
        self.uc.reg_write(NUMBER[whole], value % (1 << register.bits))

    @property
    def number(self) -> int:
        """Which system call is made, as the platform numbers them."""
        return self[x8 if self.program.platform == "linux" else x16]

    def answer(self, result: int, second: int = 0) -> None:
        """Leave the result of a system call, or -errno, as the platform's kernel would.

        Linux writes x0 alone.  Darwin always writes x1 too, clears x18, and says with the carry
        flag whether x0 is a result or an error.
        """
        result = int(result)
        if self.program.platform == "linux":
            self[x0] = result
            return
        failed = -ERRNO_MAX <= result < 0
        self[x0], self[x1], self[x18] = abs(result) if failed else result, second, 0
        self._given.values[18] = 0  # so that is what the routine has to keep now
        self.carry = failed

    @property
    def carry(self) -> bool:
        """The carry flag, by which Darwin tells a result from an error."""
        return bool(self.uc.reg_read(NZCV) >> 29 & 1)

    @carry.setter
    def carry(self, value: bool) -> None:
        flags = int(self.uc.reg_read(NZCV)) & ~(1 << 29)
        self.uc.reg_write(NZCV, flags | value << 29)

    def read(self, address: int, size: int, *, found_at: int | None = None) -> bytes:
        """Bytes of memory; CallError if there is none, or if a kernel must not read it.

        A kernel that was led there by an address in memory says where it found that.
        """
        if self.sanitizer and self._in_kernel:
            if found_at is not None:
                self.sanitizer.follows(found_at)
            self.sanitizer.reads(address, size)
        try:
            return bytes(self.uc.mem_read(address, size))
        except UcError:
            raise CallError(f"there are no {size} bytes at {address:#x}") from None

    def write(self, address: int, content: bytes | bytearray) -> None:
        """Put bytes into memory; CallError if there is none, or if a kernel must not write it."""
        if self.sanitizer:
            self.sanitizer.writes(address, bytes(content), by_kernel=self._in_kernel)
        try:
            self.uc.mem_write(address, bytes(content))
            if address in self.program.text:
                self.uc.ctl_flush_tb()  # else what ran once would run again as it was
                self.trust()
        except UcError:
            raise CallError(f"there is no room for {len(content)} bytes at {address:#x}") from None

    def trust(self) -> None:
        """Judge accesses no more: what runs is not what was assembled, or there is a lot of it."""
        if self.sanitizer:
            self.sanitizer.retire()
            self.sanitizer = None

    def address(self, place: Place) -> int:
        """Where a place lies; CallError if the routine neither calls nor mentions it."""
        if place not in self.program.addresses:
            raise CallError(f"{self.routine} does not reach {place!r}, so it has no address here")
        return self.program.addresses[place]

    def place(
        self,
        content: bytes | bytearray,
        *,
        writable: bool = True,
        name: str = "",
        kind: type[Struct] | None = None,
    ) -> int:
        """Put bytes right before a page that is not there; their address.

        What they are called, or the struct that they are, is for what the sanitizer has to say.
        """
        pages = -(-max(len(content), 1) // PAGE) * PAGE
        start = self._arena[-1][0] + self._arena[-1][1] + PAGE if self._arena else ARENA
        self.uc.mem_map(start, pages, UC_PROT_READ | (UC_PROT_WRITE if writable else 0))
        self._arena.append((start, pages))
        address = start + pages - len(content)
        edge = random.randbytes(min(EDGE, address - start))
        self.uc.mem_write(address - len(edge), edge + content)
        if self.sanitizer:
            name = name or (kind.__name__ if kind else "what was placed")
            self.sanitizer.begin(name, address, bytes(content), kind)
        return address

    def forget(self, address: int, size: int) -> None:
        """Let bytes be there that nobody has written: to load one of them is a mistake."""
        if self.sanitizer:
            self.sanitizer.shadow.unset(address, address + size)

    # --- a call ----------------------------------------------------------------------

    def reset(self) -> None:
        """Take away what the last call was given, and clear the variables."""
        for start, size in self._arena:
            self.uc.mem_unmap(start, size)
        self._arena.clear()
        if self.sanitizer:
            self.sanitizer.reset()
        zeros = self.program.zeros
        if zeros.size:
            self.uc.mem_write(zeros.address, bytes(zeros.size))

    def call(self, *arguments: Any, kernel: Kernel | None = None) -> Any:
        """Run the routine; numbers, bytes and places go in, a bytearray comes back as it was left.

        Numbers are signed or unsigned; those that do not fit their register are a ValueError.
        """
        routine = self.routine
        if len(arguments) != len(routine.parameters):
            names = ", ".join(routine.parameters)
            count = len(routine.parameters)
            raise TypeError(f"{routine} takes {count} arguments ({names}), not {len(arguments)}")
        arguments = settled([*arguments], self.program.platform)
        self._poison()
        buffers: list[Handed] = []
        for (name, register), argument in zip(routine.parameters.items(), arguments, strict=True):
            if isinstance(argument, Place):
                value = self.address(argument)
            elif isinstance(argument, bytes | bytearray):
                value = self.place(argument, writable=isinstance(argument, bytearray), name=name)
                if isinstance(argument, bytearray):
                    buffers.append(Handed(self, name, argument, value))
            else:
                value = fitting(f"{routine}: {name} ({register})", register, argument)
            self._give(register, value)
        self._given.write()
        self._given_vectors.write()
        self.kernel, self.failure = kernel, None
        self._run(self.address(routine))
        self._check_kept()
        for buffer in buffers:
            buffer.take_back()
        results = tuple(self._result(register) for register in routine.results)
        return results[0] if len(results) == 1 else results or None

    def _poison(self) -> None:
        """Let every register, and the stack, hold something nobody asked for."""
        given, vectors = self._given.values, self._given_vectors.values
        given[:] = struct.unpack(f"<{len(given)}Q", random.randbytes(8 * len(given)))
        vectors[:] = struct.unpack(f"<{len(vectors)}Q", random.randbytes(8 * len(vectors)))
        given[30], given[AT_SP], given[AT_NZCV] = RETURN, STACK, random.getrandbits(4) << 28
        self.uc.mem_write(STACK - PAGE, random.randbytes(PAGE))

    def _give(self, register: Register, value: int) -> None:
        """Put an argument into its register; the upper half of a w stays poisoned."""
        n = register.number
        if isinstance(register, V):
            vectors = self._given_vectors.values
            vectors[2 * n], vectors[2 * n + 1] = value % (1 << 64), value >> 64 & (1 << 64) - 1
        elif isinstance(register, W):
            given = self._given.values
            given[n] = given[n] >> 32 << 32 | value % (1 << 32)
        else:
            self._given.values[n] = value % (1 << 64)

    def _result(self, register: Register) -> int:
        """Signed, since that is how routines say -errno; a vector is not."""
        if isinstance(register, V):
            return self[register]
        value = self._left.values[register.number] % (1 << register.bits)
        return value - (1 << register.bits) if value >> register.bits - 1 else value

    def _check_kept(self) -> None:
        """The caller's registers must be as they were."""
        given, left = self._given.values, self._left.values
        for n in KEPT:
            if left[n] != given[n] and not any(
                isinstance(result, X | W) and result.number == n for result in self.routine.results
            ):
                raise CallError(f"{self.routine} did not preserve {XS[n]}")
        self._left_vectors.read()
        for at, n in enumerate(KEPT_VECTORS):
            if self._left_vectors.values[2 * at] != self._given_vectors.values[2 * n]:
                raise CallError(f"{self.routine} did not preserve d{n}")
        if left[AT_SP] != STACK:
            raise CallError(f"{self.routine} left sp {left[AT_SP] - STACK:+d} from where it was")

    def _run(self, start: int) -> None:
        if self.watch:
            self.watch.begin()
        if self.sanitizer:
            given = [r.number for r in self.routine.parameters.values() if isinstance(r, X)]
            self.sanitizer.start({n: self._given.values[n] for n in given})
        try:
            self.uc.emu_start(start, RETURN, count=0 if self.sanitizer else MOST_INSTRUCTIONS)
        except UcError as error:
            if self.failure is None and not (self.sanitizer and self.sanitizer.mistake):
                raise CallError(f"{self.where()}: {error}{self.named()}") from None
        if self.sanitizer and self.sanitizer.mistake:
            raise CallError(str(self.sanitizer.mistake))
        if self.failure is not None:
            raise self.failure
        self._left.read()
        if self._left.values[AT_PC] != RETURN:
            raise CallError(
                f"{self.where()}: still running after {MOST_INSTRUCTIONS:,} instructions"
                f"{self.named()}"
            )

    def _interrupted(self, _uc: Uc, exception: int, _data: Any) -> None:
        """A system call, or a trap.  What Python raises in a kernel is raised by the call."""
        stop = STOPS.get(exception, UNDEFINED)
        if self.sanitizer and self.sanitizer.mistake:
            return  # it has stopped already
        try:
            if stop.cause is not Cause.CALL:
                raise CallError(f"{self.where()}: {stop.cause.value}{self.named()}")
            if self.kernel is None:
                raise CallError(f"{self.where(-4)}: there is no kernel to call{self.named(-4)}")
            self._in_kernel = True
            with on(self.program.platform):
                self.kernel(self)
            if self.sanitizer:
                self.sanitizer.answered()
        except Mistake as mistake:
            self.failure = CallError(f"{mistake}{self.named(-4)}")
            self.uc.emu_stop()
        except BaseException as error:
            self.failure = error
            self.uc.emu_stop()
        finally:
            self._in_kernel = False

    def _refused(
        self, _uc: Uc, access: int, address: int, size: int, _value: int, _data: Any
    ) -> bool:
        """Memory that is not there, or not for this."""
        if self.sanitizer and not self.sanitizer.mistake:
            self.sanitizer.judge(address, size)  # it may know what the address was to be
        what = ACCESSES.get(access, "access to {}").format(f"{address % (1 << 64):#x}")
        self.failure = CallError(f"{self.where()}: {what}{self.named()}")
        return False

    def where(self, offset: int = 0) -> str:
        """The line being run: ``text.py:67: parse_decimal: ldrb w11, [x0, x10]``."""
        pc = int(self.uc.reg_read(PC)) + offset
        spot = self.program.spots.get(pc)
        if spot is None:
            return f"{self.routine}: outside of the code, at {pc:#x}"
        return f"{spot.line}: {spot.routine}: {spot.instruction.text}"

    def named(self, offset: int = 0) -> str:
        """The names that the line being run has for registers, and what they hold."""
        spot = self.program.spots.get(int(self.uc.reg_read(PC)) + offset)
        names = spot.instruction.names.items() if spot else ()
        held = [
            f"{name} = {self[register]:#x}"
            for name, register in names
            if isinstance(register, X | W | V)
        ]
        return f" ({', '.join(held)})" if held else ""


class Handed:
    """A bytearray that a routine was handed, and the bytes before it."""

    def __init__(self, machine: Caller, name: str, content: bytearray, address: int) -> None:
        self.machine, self.name, self.content, self.address = machine, name, content, address
        self.size = len(content)
        self.edge = machine.read(*self.before)

    @property
    def before(self) -> tuple[int, int]:
        """Address and size of the bytes before it that lie in the same page."""
        size = min(EDGE, self.address % PAGE if self.size else PAGE)
        return self.address - size, size

    def take_back(self) -> None:
        """Let the bytearray be as the routine left it; CallError if it wrote before it."""
        if self.machine.read(*self.before) != self.edge:
            raise CallError(f"{self.machine.routine} wrote before the start of {self.name}")
        self.content[:] = self.machine.read(self.address, self.size)


def fitting(what: str, register: Register, number: object) -> int:
    """A number that fits a register, signed or unsigned; else an error that says what did not."""
    if not isinstance(number, int):
        raise TypeError(f"{what} takes a number, bytes or a place, not {number!r}")
    if not -(1 << register.bits - 1) <= number < 1 << register.bits:
        raise ValueError(f"{what} has {register.bits} bits, too few for {number:#x}")
    return number


_callers: dict[tuple[Routine, Platform], Caller] = {}


@contextmanager
def caller(routine: Routine, platform: Platform | None = None) -> Generator[Caller, None, None]:
    """A machine for a routine, whose memory a test may look at; it is used again afterwards.

    The platform is the one given, else the one whose scope this is, else Linux.
    """
    platform = platform or current("linux")
    routine = settled(routine, platform)
    machine = _callers.pop((routine, platform), None) or Caller(routine, platform)
    try:
        yield machine
    finally:
        machine.reset()
        _callers[routine, platform] = machine


def call(
    routine: Routine,
    *arguments: Any,
    platform: Platform | None = None,
    kernel: Kernel | None = None,
) -> Any:
    """Call a routine with numbers, bytes and places; a bytearray comes back as the routine left it.

    Results are signed integers: one, or a tuple; None if the routine promises none.
    Raises CallError for a fault, a register that was not preserved, or no end.
    """
    with caller(routine, platform) as machine:
        return machine.call(*arguments, kernel=kernel)
