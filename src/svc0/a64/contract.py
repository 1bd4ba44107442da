"""Contracts: what a routine's signature promises, proved along every path.

A forward data-flow analysis: what is sure to be set before each instruction is
what every way to it has set.  At the start that is the parameters and the
return address; a call leaves only its results.  Sets are integers (parts.py),
so the meet of two ways is one ``&``, and the whole server takes a tenth of a second.

Found here is what takes a path to find; what one line can do wrong (an operand
without an encoding, a register that is the caller's, x18, a lost return
address, two names for one register, a field of another width) is refused at
that line, in listing.py, mnemonic.py and operands.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import parts
from .listing import Instruction, Listing
from .places import Label
from .registers import V, x30

__all__ = ["check"]


@dataclass(frozen=True)
class State:
    """What is sure before an instruction: parts that are set, and how far sp has moved."""

    sure: int
    sp: int


def check(page: Listing) -> list[str]:
    """The ways a listing breaks its routine's contract, as ``file:line: instruction: what``."""
    if not page.instructions:
        return [f"{page.routine.first_line}: {page.routine} is empty"]
    return labels_missing(page) + pads_missing(page) or Walk(page).broken


def complaint(page: Listing, n: int, what: str) -> str:
    """One complaint: the place, the instruction, what is wrong."""
    instruction = page.instructions[n]
    return f"{page.routine.at(instruction.line)}: {instruction.text}: {what}"


def goals(instruction: Instruction) -> list[Label]:
    """The labels an instruction may go to."""
    to = [instruction.to] if isinstance(instruction.to, Label) else []
    return to + list(instruction.also)


def labels_missing(page: Listing) -> list[str]:
    """Complaints about labels that were never put down in this routine."""
    return [
        complaint(page, n, f"label {to} is never put down")
        for n, instruction in enumerate(page.instructions)
        for to in goals(instruction)
        if to not in page.labels
    ] + [
        f"{page.routine.at(page.instructions[-1].line)}: label {label}: nothing follows it"
        for label in page.labels
        if label.index == len(page.instructions)
    ]


def pads_missing(page: Listing) -> list[str]:
    """Complaints about labels that an indirect branch goes to, and that have no landing pad (BTI)."""
    return [
        complaint(page, n, f"goes to {to}, which must begin with bti.j()")
        for n, instruction in enumerate(page.instructions)
        for to in instruction.also
        if to.index is not None and page.instructions[to.index].name not in ("bti j", "bti jc")
    ]


class Walk:
    """One walk over all ways through a listing, and the complaints about it."""

    def __init__(self, page: Listing) -> None:
        self.page, self.code = page, page.instructions
        self.before: list[State | None] = [None] * len(self.code)
        self.broken: list[str] = []
        self.follow()
        self.judge()

    def follow(self) -> None:
        """Find what is sure before each instruction."""
        self.before[0] = State(self.page.given | parts.RETURN_ADDRESS, 0)
        work = [0]
        while work:
            n = work.pop()
            state, instruction = self.before[n], self.code[n]
            assert state, "only instructions that are reached are put to work"
            after = State(
                state.sure & ~instruction.clobbers & ~returned(instruction) | instruction.writes,
                state.sp + instruction.sp,
            )
            following = [] if instruction.ends or n + 1 == len(self.code) else [n + 1]
            following += [to.index for to in goals(instruction) if to.index is not None]
            work += [m for m in following if self.meets(n, m, after)]

    def meets(self, n: int, m: int, after: State) -> bool:
        """Let a way from n arrive at m; whether m knows less than before."""
        old = self.before[m]
        if old and old.sp != after.sp:
            self.complain(n, f"goes on with sp {after.sp:+}, where other ways have it {old.sp:+}")
            return False
        new = State(after.sure if old is None else old.sure & after.sure, after.sp)
        self.before[m] = new
        return new != old

    def judge(self) -> None:
        """Complain about every instruction that assumes what is not sure."""
        reached = True
        for n, (state, instruction) in enumerate(zip(self.before, self.code, strict=True)):
            if state is None:
                if reached:
                    self.complain(n, "nothing gets here")
                reached = False
                continue
            reached = True
            self.judge_reads(n, instruction, instruction.reads & ~state.sure)
            if (state.sp + instruction.sp) % 16:
                self.complain(n, "sp is not a multiple of 16 after this")
            if instruction.reads & parts.RETURN_ADDRESS and state.sp:
                self.complain(n, f"returns with sp {state.sp:+}")
            if n + 1 == len(self.code) and not instruction.ends:
                self.complain(n, "runs off the end of the routine")

    def judge_reads(self, n: int, instruction: Instruction, missing: int) -> None:
        """Complain about what is read but not set on every way."""
        for name in parts.names(missing):
            what = "the flags are" if name == "the flags" else f"{called(name, instruction)} is"
            self.complain(n, f"{what} not set on every way to here")
        if missing & parts.RETURN_ADDRESS:
            self.complain(n, "the return address was lost on some way to here")

    def complain(self, n: int, what: str) -> None:
        """Once for each thing that is wrong."""
        if (said := complaint(self.page, n, what)) not in self.broken:
            self.broken.append(said)


def returned(instruction: Instruction) -> int:
    """Writing x30 in any way but a frame's loses the address to return to."""
    lost = instruction.writes & parts.written(x30)
    return parts.RETURN_ADDRESS if lost and not instruction.writes & parts.RETURN_ADDRESS else 0


def called(part: str, instruction: Instruction) -> str:
    """A register as the routine calls it: ``count (x10)``.  A part that is missing of an x shows as x."""
    number, vector = int(part[1:]), part[0] == "v"
    for name, register in instruction.names.items():
        if register.number == number and isinstance(register, V) == vector:
            return f"{name} ({part})"
    return part
