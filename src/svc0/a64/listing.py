"""Listings: what a routine's Python writes down when it runs.

A routine is a Python function each of whose calls writes one instruction.
The function runs once for each platform with a Listing open, and every
instruction lands there with the line it came from and the names that line
had for its registers.  Mistakes that one line can make are refused at that
line; mistakes that take a path to make are found afterwards, in contract.py.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Never, NoReturn, get_args, get_origin

from . import parts
from .errors import AssemblyError
from .places import Label, Place
from .platforms import Platform, on
from .registers import Part, Register, V, Vector, W, X, x29

if TYPE_CHECKING:
    from .mnemonic import Row
    from .notes import Note

__all__ = ["Routine", "chosen", "here", "label", "routine"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its encoding, what it does to registers, where it was written."""

    name: str
    row: Row
    operands: tuple[Any, ...]
    fields: dict[str, int]
    reads: int
    writes: int
    clobbers: int
    to: Place | Label | None  # where a branch goes, or what an address is of
    also: tuple[Label, ...]  # where else an indirect branch may go
    ends: bool  # nothing falls through
    sp: int  # how far the stack pointer moves
    line: int
    names: dict[str, Register]

    @property
    def text(self) -> str:
        """The instruction as the manual's assembly language writes it."""
        return self.row.show(self.name, self.operands)

    def encode(self, address: int, target: int | None) -> int:
        """The 32 bits, once it is known where everything lies."""
        if self.to is None:
            return self.row.diagram.encode(self.fields)
        assert target is not None
        return self.row.diagram.encode(self.fields | self.row.reach(address, target, self.to))


@dataclass
class Listing:
    """The instructions of one routine for one platform."""

    routine: Routine
    platform: Platform
    instructions: list[Instruction] = field(default_factory=list[Instruction])
    labels: set[Label] = field(default_factory=set[Label])
    saved: int = parts.NOTHING  # parts kept by the open frame
    framed: bool = False  # whether a frame keeps the return address
    room: int = 0  # bytes at sp that are the open frame's
    moving_sp: bool = False  # true only while frame() writes
    notes: list[tuple[int, Note]] = field(
        default_factory=list["tuple[int, Note]"]
    )  # svc0.a64.notes

    @property
    def given(self) -> int:
        """The parts that the caller hands over in parameters."""
        return parts.read(*self.routine.parameters.values())

    def __str__(self) -> str:
        marks = {label.index: f"{label}:\n" for label in self.labels}
        lines = (f"{marks.get(n, '')}    {i.text}" for n, i in enumerate(self.instructions))
        return "\n".join([f"{self.routine}:", *lines])

    def write(self, instruction: Instruction) -> None:
        """Take one more instruction, unless it touches what is not the routine's."""
        touched = instruction.writes | instruction.reads
        if touched & parts.PLATFORM:
            raise AssemblyError(f"{instruction.text}: x18 belongs to the platform")
        if not self.moving_sp:
            self.refuse_stack(instruction)
        harmed = instruction.writes & (parts.KEPT | parts.KEPT_VECTORS) & ~self.saved
        if harmed and self.routine.returns and not self.moving_sp:
            harmed &= ~self.routine.given_back
            if harmed & parts.KEPT_VECTORS:
                name = parts.names(harmed)[0]
                raise AssemblyError(
                    f"{instruction.text}: {name} belongs to the caller; use v0 to v7 or v16 to v31"
                )
            if harmed:
                name = parts.names(harmed)[0]
                raise AssemblyError(
                    f"{instruction.text}: {name} belongs to the caller; save it in frame()"
                )
        self.instructions.append(instruction)

    def note(self, note: Note) -> None:
        """Remember what is true before the next instruction."""
        self.notes.append((len(self.instructions), note))

    def refuse_stack(self, instruction: Instruction) -> None:
        """Refuse what reaches out of the frame(): it alone moves sp and x29, and knows its room."""
        if instruction.writes & parts.STACK:
            raise AssemblyError(f"{instruction.text}: only frame() moves the stack pointer")
        if self.framed and instruction.writes & parts.written(x29):
            raise AssemblyError(f"{instruction.text}: x29 belongs to the frame()")
        if not self.framed and not self.routine.returns:
            return  # what is on the stack of the first routine is the kernel's gift
        for operand, value in zip(instruction.row.operands, instruction.operands, strict=False):
            for first, last in operand.on_stack(value):
                if not 0 <= first <= last <= self.room:
                    raise AssemblyError(
                        f"{instruction.text}: the frame() has {self.room} bytes of room, not {last}"
                        if first >= 0
                        else f"{instruction.text}: what is below sp may change at any time"
                    )


_open: ContextVar[Listing] = ContextVar("the listing being written")


def listing() -> Listing:
    """The listing being written."""
    try:
        return _open.get()
    except LookupError:
        raise AssemblyError("an instruction was written outside of a @routine") from None


def where(page: Listing) -> tuple[int, dict[str, Register]]:
    """The line of the routine being run, and what it calls its registers; labels get named."""
    code = page.routine.body.__code__
    frame: FrameType | None = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    while frame and frame.f_code is not code:
        frame = frame.f_back
    assert frame, "instructions are written by the routine's own Python"
    names: dict[str, Register] = {}
    owner: dict[tuple[bool, int], str] = {}
    for name, value in frame.f_locals.items():
        if isinstance(value, Label):
            value.name = name
        elif isinstance(value, X | W | V | Part | Vector):
            if isinstance(value, Vector | Part):
                value = value.register if isinstance(value, Vector) else value.v
            names[name] = value
            first = owner.setdefault((isinstance(value, V), value.number), name)
            if first != name:
                raise AssemblyError(
                    f"{first} and {name} are both register {value.number}; del one of them"
                )
    return frame.f_lineno, names


def label() -> Label:
    """A place further down: branch to it now, put it down with ``here(it)``."""
    return Label()


def here(place: Label | None = None) -> Label:
    """Put a label down at this point, or make one here: ``again = here()``."""
    page, place = listing(), place or Label()
    if place.index is not None:
        raise AssemblyError(f"label {place} is put down twice")
    if page.notes and page.notes[-1][0] == len(page.instructions):
        raise AssemblyError("a note right before a label would be true for who comes by the label")
    place.index = len(page.instructions)
    page.labels.add(place)
    return place


class Routine(Place):
    """A routine: its signature is its contract, its body writes its instructions."""

    runner: Callable[..., Any] | None = None
    """What calling a routine does: set by whoever can run instructions."""

    def __init__(self, body: Callable[..., Any]) -> None:
        self.body = self.__wrapped__ = body
        self.name, self.__doc__, self.__module__ = body.__name__, body.__doc__, body.__module__
        self.__qualname__ = body.__qualname__
        self.__name__ = body.__name__
        outside = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        while outside.f_back and outside.f_globals is globals():
            outside = outside.f_back
        signature = inspect.get_annotations(body, locals=outside.f_locals, eval_str=True)
        result = signature.pop("return", None)
        self.parameters: dict[str, Register] = signature
        """What it takes: names and the registers they come in."""
        self.results: tuple[Register, ...] = (
            get_args(result)
            if get_origin(result) is tuple
            else (result,)
            if isinstance(result, Register)
            else ()
        )
        """The registers it leaves its results in."""
        self.returns = result not in (Never, NoReturn)
        """Whether it comes back at all: not if its signature says Never."""
        self.given_back = parts.written(*self.results)
        self.refuse_signature()

    def refuse_signature(self) -> None:
        """Refuse a signature that no call could keep to."""
        signature = {"parameters": [*self.parameters.values()], "results": [*self.results]}
        for role, registers in signature.items():
            owners: dict[tuple[bool, int], Register] = {}
            for register in registers:
                if not isinstance(register, X | W | V):
                    self.refuse(f"{register!r} in the signature is no register")
                if not isinstance(register, V) and register.number in (18, 29, 30):
                    self.refuse(f"{register} is not for {role}: use x0 to x17 or x19 to x28")
                other = owners.setdefault((isinstance(register, V), register.number), register)
                if other is not register or registers.count(register) > 1:
                    self.refuse(f"{other} and {register} in the {role} are one register")

    def refuse(self, what: str) -> Never:
        """Refuse the routine, at its first line."""
        raise AssemblyError(f"{self.first_line}: {self.name}: {what}")

    @property
    def first_line(self) -> str:
        """Where the routine begins, for messages."""
        return self.at(self.body.__code__.co_firstlineno)

    @property
    def file(self) -> str:
        """The Python file it is written in."""
        return self.body.__code__.co_filename

    def listing(self, platform: Platform = "linux") -> Listing:
        """What the body writes for one platform; each mistake is an AssemblyError with its line."""
        page = Listing(self, platform)
        token = _open.set(page)
        try:
            with on(platform):
                self.body(**self.parameters)
        except AssemblyError as error:
            error.args = (self.blame(error),)
            raise
        finally:
            _open.reset(token)
        if page.framed:
            raise AssemblyError(f"{self.first_line}: a frame() is left open")
        return page

    def blame(self, error: AssemblyError) -> str:
        """The message with the file and line of this routine's body that led to it."""
        message = str(error)
        traceback, line = error.__traceback__, None
        while traceback:
            if traceback.tb_frame.f_code is self.body.__code__:
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        return message if line is None else f"{self.at(line)}: {message}"

    def at(self, line: int) -> str:
        """How a line of this routine is called in messages: ``text.py:67``."""
        return f"{Path(self.file).name}:{line}"

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Run it in the emulator, as if it were a Python function."""
        if _open.get(None):
            raise AssemblyError(f"a routine calls another with bl({self}), not {self}()")
        if Routine.runner is None:
            raise AssemblyError(f"to run {self}, import svc0.machine: it knows how")
        return Routine.runner(self, *arguments, **options)

    def __repr__(self) -> str:
        return self.name


def routine(body: Callable[..., Any]) -> Routine:
    """Make an assembly routine of a function that writes instructions."""
    return Routine(body)


class Chosen(Routine):
    """One name for a routine that each platform has its own of; made by ``chosen``."""

    def __init__(self, routines: Mapping[Platform, Routine]) -> None:
        first, *others = routines.values()
        super().__init__(first.body)
        self.routines = routines
        for other in others:
            contracts = [(r.parameters, r.results, r.returns) for r in (first, other)]
            if contracts[0] != contracts[1]:
                self.refuse(f"{other.first_line} has another contract, and is to stand for it")

    def on(self, platform: Platform) -> Routine:
        """The routine there."""
        return self.routines[platform]


def chosen(*, linux: Routine, macos: Routine) -> Routine:
    """A routine by platform, both with the same contract: ``bl`` it, or call it from Python."""
    return Chosen({"linux": linux, "macos": macos})
