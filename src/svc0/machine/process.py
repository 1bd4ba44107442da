"""A process: a processor, its memory and its descriptors, from the first instruction to the last.

A process stops at each system call and asks its personality, which asks its world; then it goes
on.  It ends with a status, or with a `Fault`.  `step()` is one such round, for who wants to run
several.
"""

from __future__ import annotations

import errno
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, Protocol, TypeAlias

from svc0.image.layout import Program

from .cpu import Cause, Cpu, Stop
from .descriptors import Descriptors
from .dialect import Dialect
from .errors import Fault, MachineError, Symbols
from .executable import Executable
from .memory import EXECUTE, PAGE, READ, WRITE, Memory, page_up
from .sanitizer import Mistake, Sanitizer
from .sanitizer.engine import Engine
from .world import World

STACK_END, STACK_SIZE = 0x7F_FFFF_0000, 8 << 20
MOST_DESCRIPTORS = 1 << 20

SIGNALS = {
    Cause.MEMORY: signal.SIGSEGV,
    Cause.ILLEGAL: signal.SIGILL,
    Cause.BREAKPOINT: signal.SIGTRAP,
}

Observer: TypeAlias = Callable[[str, tuple[int, ...], int], None]


class Exit(BaseException):
    """The guest wants to end.  Not an Exception: nothing on the way may take it for a failure."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Personality(Protocol):
    """What knows one platform: its numbers, its structs, its start of a process."""

    @property
    def dialect(self) -> Dialect: ...
    def start(
        self, process: Process, argv: Sequence[bytes], environment: Mapping[bytes, bytes]
    ) -> None:
        """Lay out what the first instruction finds on its stack."""
        ...

    def answer(self, process: Process) -> None:
        """The processor has stopped behind an `svc`."""
        ...


class Process:
    """A guest."""

    def __init__(
        self,
        executable: Executable,
        personality: Personality,
        world: World,
        *,
        bias: int | None = None,
        symbols: Symbols | None = None,
        program: Program | None = None,
    ) -> None:
        """With the program that the image was made of, every access is judged (sanitizer)."""
        self.executable = executable
        self.personality, self.world, self.symbols = personality, world, symbols
        self.dialect = personality.dialect
        self.cpu = Cpu()
        self.memory = Memory(self.cpu, executable.page)
        self.descriptors = Descriptors(MOST_DESCRIPTORS)
        self.observers: list[Observer] = []
        self.bias = executable.bias if bias is None else bias
        self.heap = self.heap_end = page_up(self.bias + executable.end)
        self._complaints: set[str] = set()
        self._load()
        for file in world.standard():
            self.descriptors.add(file)
        self.sanitizer = self._sanitizer(program) if program else None

    def start(self, argv: Sequence[bytes], environment: Mapping[bytes, bytes]) -> None:
        self.memory.map(STACK_END - STACK_SIZE, STACK_SIZE, READ | WRITE, "stack")
        self.personality.start(self, argv, environment)
        self.cpu.pc = self.bias + self.executable.entry
        if self.sanitizer:
            self.sanitizer.stack(self.cpu.sp, STACK_END)
            self.memory.guard = self.sanitizer

    def run(self) -> int:
        """Until it ends; its status.  A fault is raised here, and in a forked process reported."""
        try:
            while True:
                self.step()
        except Exit as end:
            self.cpu.settle()
            if self.world.forked:
                self.world.exit(end.status)
            return end.status
        except Exception as error:
            if not self.world.forked:
                raise
            # What the parent's Python would do with it is no business of the child.
            known = isinstance(error, Fault)
            self.cpu.settle()
            self.world.complain(str(error) if known else traceback.format_exc())
            self.world.die(error.signal if known else signal.SIGABRT)
        finally:
            self.world.end()

    def step(self) -> None:
        """As far as the next system call, and that."""
        stop, sanitizer = self.cpu.run(), self.sanitizer
        try:
            if sanitizer and sanitizer.mistake:
                raise sanitizer.mistake
            if stop.cause is not Cause.CALL:
                self._fault(stop)
            self.personality.answer(self)
            if sanitizer:
                sanitizer.refuse_closed()
                sanitizer.answered()
        except Mistake as mistake:
            self.memory.guard = None
            self._raise(signal.SIGABRT, str(mistake), self.cpu.pc)

    def _sanitizer(self, program: Program) -> Sanitizer:
        """A judge of the image, which must be what the program says."""
        text, engine = program.text, Engine(self.cpu.engine, self.cpu.halt)
        if self.memory.read(self.bias + text.address, len(text.content)) != text.content:
            raise MachineError("the image is not made of the program that it is judged by")
        return Sanitizer(engine, program, self.bias)

    def observe(self, call: str, arguments: tuple[int, ...], result: int) -> None:
        for observer in self.observers:
            observer(call, arguments, result)

    def complain(self, line: str) -> None:
        """Say something about this guest to whoever runs it, once."""
        if line not in self._complaints:
            self._complaints.add(line)
            self.world.complain(line)

    def set_heap_end(self, end: int) -> int:
        """What brk does: the end of the heap, moved there if that can be."""
        if end >= self.heap:
            old, new = page_up(self.heap_end), page_up(end)
            if new > old:
                in_the_way = self.memory.region(new - 1) or self.memory.region(old)
                if in_the_way or new - self.heap > 1 << 32:
                    return self.heap_end
                self.memory.map(old, new - old, READ | WRITE, "heap")
            elif new < old:
                self.memory.unmap(new, old - new)
            self.heap_end = end
        return self.heap_end

    def _load(self) -> None:
        page = self.executable.page
        for piece in self.executable.pieces():
            address = self.bias + piece.address
            start, end = address // page * page, -(-(address + piece.size) // page) * page
            self.memory.map(start, end - start, piece.permissions, piece.name)
            self.memory.load(address, piece.content)
            if piece.permissions & EXECUTE:
                self.cpu.watch(address, piece.content)

    def _fault(self, stop: Stop) -> NoReturn:
        word = self._word(self.cpu.pc)
        reason = stop.detail or {
            Cause.ILLEGAL: "an instruction that this processor does not have",
            Cause.BREAKPOINT: f"brk #{(word or 0) >> 5 & 0xFFFF}",
        }.get(stop.cause, stop.cause.value)
        self._raise(SIGNALS[stop.cause], reason, self.cpu.pc)

    def fail(self, number: signal.Signals, reason: str) -> NoReturn:
        """The call that it has just made kills it."""
        self._raise(number, reason, self.cpu.pc - 4)

    def _raise(self, number: signal.Signals, reason: str, where: int) -> NoReturn:
        place, registers = self.place(where), self.cpu.registers()
        raise Fault(number, reason, where, place, self._word(where), registers)

    def _word(self, address: int) -> int | None:
        try:
            return self.memory.integer(address, 4)
        except OSError as error:
            if error.errno != errno.EFAULT:
                raise
            return None

    def place(self, address: int) -> str:
        """An address in the best words there are."""
        found = self.symbols.locate(address - self.bias) if self.symbols else None
        if found:
            return found
        region = self.memory.region(address)
        if region is None:
            return f"{address:#x}"
        letters = "".join(
            letter if region.permissions >> bit & 1 else "-" for bit, letter in enumerate("rwx")
        )
        return f"{address:#x} ({region.name} + {address - region.start:#x}, {letters})"


assert STACK_END % PAGE == STACK_SIZE % PAGE == 0
