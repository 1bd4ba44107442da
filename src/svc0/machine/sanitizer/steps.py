"""Steps: a block of instructions as what the sanitizer has to do when it runs.

A block is what the processor runs without a branch.  Where an instruction depends on what is in
registers (a load or a store, a conditional select, a system call) or a note says something, there
is a step, and the processor tells when it gets there; between two steps lies the flow of pointers
(flow.py), compiled.

    entered ──► flow ──► load x9 ──► flow ──► store x9 ──► flow ──► … the next block
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any, cast

from svc0.a64 import Field, Place, W, X, sp
from svc0.a64.listing import Instruction, Listing
from svc0.a64.notes import Note, Within
from svc0.image.layout import Program, Spot

from .flow import NUMBER, flow, slot
from .objects import Extent, owner
from .transfers import is_atomic, memory, transfers

__all__ = ["KEPT", "SAME", "Access", "Block", "Call", "Choice", "Names", "Noted", "Plan", "Step"]

CHOICES = ("csel", "csinc", "csneg")

KEPT, SAME, LITERAL = 32, 33, 34
"""Places behind the registers: what the frame keeps for the caller, what the last access was to,
and a place that is named."""

Flow = Callable[[list[Extent | None]], None]


class Step:
    """Something that happens at an instruction; ``then`` is the flow behind it."""

    __slots__ = ("next", "spot", "then")

    def __init__(self, spot: Spot) -> None:
        self.spot = spot
        self.then: Flow | None = None
        self.next: Step | None = None


class Access(Step):
    """Some bytes, loaded or stored through one register."""

    __slots__ = (
        *("again", "at", "base", "enters", "entry", "field", "leaves"),
        *("optional", "owner", "pointer", "register", "size", "stores"),
    )

    def __init__(self, spot: Spot, base: int, size: int, register: int, *, stores: bool) -> None:
        super().__init__(spot)
        self.base, self.size, self.stores = base, size, stores
        self.register = register
        """The register that is moved, or NUMBER where no address can be."""
        self.pointer = False
        """Whether it may be an address."""
        self.entry = spot.instruction.name == "ldrsw"
        """Whether it may be an entry of a table of offsets."""
        self.again = self.optional = False
        self.field: Field | None = None
        """What the instruction says it moves, ``at`` which offset of its ``owner``."""
        self.owner, self.at = "none", 0
        self.enters: tuple[int, int] | None = None
        """Bytes that a new frame keeps, and those of its room."""
        self.leaves = False

    def names(self, field: Field | None) -> None:
        """The instruction says which field it moves; the pieces of a vector are not fields."""
        if field is not None and self.size <= 8:
            self.field, self.owner, self.at = field, owner(field), int(field)


class Choice(Step):
    """One of two registers, by a condition."""

    __slots__ = ("condition", "d", "m", "n")

    def __init__(self, spot: Spot) -> None:
        super().__init__(spot)
        d, n, m, self.condition = spot.instruction.operands
        self.d, self.n, self.m = slot(d), slot(n), slot(m)
        if spot.instruction.name == "csneg":  # an address that is negated is none
            self.m = NUMBER


class Call(Step):
    """A system call."""

    __slots__ = ()


class Noted(Step):
    """What the sources say of memory (svc0.a64.notes)."""

    __slots__ = ("note",)

    def __init__(self, spot: Spot, note: Note) -> None:
        super().__init__(spot)
        self.note = note


class Block:
    """What to do while one block runs: the flow at its start, then its steps."""

    __slots__ = ("count", "first", "flow")

    def __init__(self, spots: Sequence[Spot], plan: Plan, names: Names) -> None:
        self.count = len(spots)
        self.first: Step | None = None
        last: Step | None = None
        lines: list[str] = []
        given: dict[str, Any] = {
            "lost": names.lost,
            "distance": names.distance,
            "total": names.total,
        }

        def name(value: object) -> str:
            given[called := f"c{len(given)}"] = (
                names.extent(value) if isinstance(value, Place) else value
            )
            return called

        flows: list[Flow | None] = []
        for spot in spots:
            for item in items(spot, plan, name):
                if isinstance(item, str):
                    lines.append(item)
                    continue
                flows.append(compiled(lines, given))
                lines = []
                if last is None:
                    self.first = item
                else:
                    last.next = item
                last = item
        flows.append(compiled(lines, given))
        self.flow, step = flows[0], self.first
        for each in flows[1:]:
            assert step, "there is a flow behind each step"
            step.then, step = each, step.next


@dataclass(frozen=True)
class Names:
    """What compiled flow calls, and what places are to it."""

    lost: Callable[[Spot], None]
    distance: Callable[[Extent | None, Extent, Spot], None]
    total: Callable[[Extent, Extent, Spot], Extent | None]
    extent: Callable[[Place], Extent | None]


def compiled(lines: Sequence[str], given: dict[str, Any]) -> Flow | None:
    """A function of lines; None where there are none."""
    if not lines:
        return None
    exec(code("\n    ".join(["def flow(t):", *lines])), given)
    return given.pop("flow")


@cache
def code(text: str) -> CodeType:
    """Compiled once, however many machines run the same."""
    return compile(text, "<flow>", "exec")


# --- one instruction ----------------------------------------------------------------


def items(spot: Spot, plan: Plan, name: Callable[[object], str]) -> Iterator[str | Step]:
    """Lines of flow, and steps, in the order in which they happen."""
    i = spot.instruction
    for note in plan.notes.get(spot.address, ()):
        if isinstance(note, Within):
            n = slot(note.register)
            yield f"t[{n}] = t[{n}] and t[{n}].narrowed({name(note.field)})"
        else:
            yield Noted(spot, note)
    if i.name in CHOICES and isinstance(i.operands[0], X):
        yield Choice(spot)
    elif i.name == "svc":
        yield Call(spot)
    elif (base := memory(i)) is not None:
        yield from accesses(spot, KEPT if spot.address in plan.kept else slot(base), plan)
    elif i.name.startswith("ldr") and isinstance(i.to, Place):
        yield f"t[{LITERAL}] = {name(i.to)}"
        yield from accesses(spot, LITERAL, plan)
    elif line := flow(i, lambda value: name(spot if value is i else value)):
        yield line


def accesses(spot: Spot, base: int, plan: Plan) -> Iterator[Access]:
    """One step for each register that is moved; a vector's bytes may come in several pieces."""
    i = spot.instruction
    if is_atomic(i):
        yield from atomic(spot, base)
        return
    stores, moved = i.name.startswith("st"), transfers(i)
    for n, (size, register) in enumerate(moved):
        general = register if isinstance(register, X | W) else None
        pointer = isinstance(general, X) and size == 8
        place = general.number if general and (pointer or not stores) else NUMBER
        step = Access(spot, SAME if n else base, size, place, stores=stores)
        step.pointer = pointer
        step.again = len(moved) > 1
        if n == 0:
            step.names(field_of(i))
            step.enters = plan.enters.get(spot.address)
        step.leaves = n + 1 == len(moved) and spot.address in plan.leaves
        yield step


def atomic(spot: Spot, base: int) -> Iterator[Access]:
    """A load, a store, both or neither: whichever happens is judged; no pointer is followed."""
    [(size, _)] = transfers(spot.instruction)
    for n, stores in enumerate((False, True)):
        step = Access(spot, SAME if n else base, size, NUMBER, stores=stores)
        step.optional = step.again = True
        yield step


def field_of(i: Instruction) -> Field | None:
    """The struct's field that an instruction names."""
    for operand in i.operands:
        if isinstance(operand, list) and len(cast("list[Any]", operand)) == 2:
            named = cast("list[Any]", operand)[1]
            return named if isinstance(named, Field) else None
    return None


# --- what a program says of itself --------------------------------------------------------


class Plan:
    """Of a program's instructions: which are a frame's, and which have notes."""

    def __init__(self, program: Program) -> None:
        self.kept: set[int] = set()
        """Those that store or load what a frame keeps for the caller."""
        self.enters: dict[int, tuple[int, int]] = {}
        """Those that open a frame: how many bytes it keeps, and how many its room has."""
        self.leaves: set[int] = set()
        """Those that close one."""
        self.notes: dict[int, list[Note]] = {}
        self.stops: list[int] = []
        """Those before which something is to be done that no load or store tells of."""
        for routine, page in program.listings.items():
            start = program.addresses[routine]
            self._mark(start, page)
            for index, note in page.notes:
                self.notes.setdefault(start + 4 * index, []).append(note)

    def _mark(self, start: int, page: Listing) -> None:
        code = page.instructions
        for n, i in enumerate(code):
            address = start + 4 * n
            if any(not isinstance(note, Within) for at, note in page.notes if at == n) or (
                i.name in CHOICES and isinstance(i.operands[0], X)
            ):
                self.stops.append(address)
            if i.name == "stp" and i.sp < 0:
                room = self._keep(start, code, n)
                self.enters[address] = -i.sp, room
            if i.name == "ldp" and i.sp > 0:
                self.leaves.add(address)
                self._keep(start, code, n)

    def _keep(self, start: int, code: Sequence[Instruction], n: int) -> int:
        """Mark a prologue from its first instruction on, or an epilogue from its last one back.

        How many bytes of room lie next to what it keeps.
        """
        step = 1 if code[n].sp < 0 else -1
        while memory(code[n]) is sp or (step == 1 and code[n].name == "mov"):
            self.kept.add(start + 4 * n)
            n += step
        return abs(code[n].sp) if code[n].name in ("sub", "add") else 0
