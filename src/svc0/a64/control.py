"""Branches, calls and the way into the kernel.

Labels are made by ``label()`` and ``here()``; routines are places too, so that
``bl(parse)`` calls one and ``b(parse)`` goes on as one.
"""

from __future__ import annotations

from . import parts
from .errors import AssemblyError
from .listing import Routine, listing
from .mnemonic import Effect, Form, Mnemonic
from .operands import Condition, General, Number, To
from .places import Label
from .registers import W, X, x30

# fmt: off
__all__ = [
    "b", "bl", "blr", "br", "brk", "cbnz", "cbz", "ret", "svc", "tbnz", "tbz", "udf",
]
# fmt: on


def label_only(mnemonic: Mnemonic, place: object) -> Label:
    """A place in this routine; going on as another one has to be said."""
    if not isinstance(place, Label):
        raise AssemblyError(f"{mnemonic} goes to a label: put b({place}) or bl({place}) there")
    return place


def routine_only(mnemonic: Mnemonic, place: object) -> Routine:
    """A routine, whose contract a call needs."""
    if not isinstance(place, Routine):
        raise AssemblyError(f"{mnemonic} calls a @routine, not {place!r}")
    return place


class BranchIf(Mnemonic):
    """Branch if the flags say so."""

    forms = [Form("01010100 simm19 0 cond", To("simm19"))]

    def __init__(self, condition: Condition) -> None:
        super().__init__(f"b.{condition.name}", cond=condition)

    def __call__(self, place: Label) -> None:
        self.write(label_only(self, place))


class Branch(Mnemonic):
    """``b(again)`` branches; ``b.eq(done)`` and its kin branch if the flags say so."""

    forms = [Form("0 00101 simm26", To("simm26"))]
    eq, ne = BranchIf(Condition.eq), BranchIf(Condition.ne)
    hs, lo = BranchIf(Condition.hs), BranchIf(Condition.lo)
    hi, ls = BranchIf(Condition.hi), BranchIf(Condition.ls)
    ge, lt = BranchIf(Condition.ge), BranchIf(Condition.lt)
    gt, le = BranchIf(Condition.gt), BranchIf(Condition.le)
    mi, pl = BranchIf(Condition.mi), BranchIf(Condition.pl)
    vs, vc = BranchIf(Condition.vs), BranchIf(Condition.vc)

    def __call__(self, place: Label | Routine) -> None:
        if isinstance(place, Label):
            return self.write(place, effect=Effect(ends=True))
        self.write(place, effect=going_on_as(routine_only(self, place)))


def going_on_as(callee: Routine) -> Effect:
    """A tail call: the callee returns to our caller, so it must leave what we promised."""
    page = listing()
    if page.framed:
        raise AssemblyError(f"b {callee} inside of a frame(): leave it first")
    caller = page.routine
    if callee.returns:
        if not caller.returns:
            raise AssemblyError(f"{caller} never returns, but {callee} does")
        missing = [r for r in caller.results if parts.read(r) & ~leaves(callee)]
        if missing:
            raise AssemblyError(f"{caller} promises {missing[0]}, which {callee} does not leave")
        harmed = callee.given_back & parts.KEPT & ~caller.given_back
        if harmed:
            name = parts.names(harmed)[0]
            raise AssemblyError(f"{callee} changes {name}, which {caller} must keep for its caller")
    return Effect(reads=parts.read(*callee.parameters.values()) | parts.RETURN_ADDRESS, ends=True)


class CompareBranch(Mnemonic):
    """Branch if t is zero, or if it is not."""

    forms = [
        Form("0 011010 op simm19 Rt", General("Rt", 32), To("simm19")),
        Form("1 011010 op simm19 Rt", General("Rt", 64), To("simm19")),
    ]

    def __call__(self, t: W | X, place: Label) -> None:
        self.write(t, label_only(self, place))


class BitNumber(Number):
    """The number of a bit; its highest bit stands apart from the others."""

    def place(self, value: int) -> dict[str, int]:
        return {"high": value >> 5, "imm5": value & 31}


class BitBranch(Mnemonic):
    """Branch if one bit of t is zero, or if it is not."""

    forms = [
        Form("high 011011 op imm5 simm14 Rt", General("Rt", 32), BitNumber("bit", 0, 31), To("simm14")),
        Form("high 011011 op imm5 simm14 Rt", General("Rt", 64), BitNumber("bit", 0, 63), To("simm14")),
    ]  # fmt: skip

    def __call__(self, t: W | X, bit: int, place: Label) -> None:
        self.write(t, bit, label_only(self, place))


b = Branch("b")
cbz, cbnz = CompareBranch("cbz", op=0), CompareBranch("cbnz", op=1)
tbz, tbnz = BitBranch("tbz", op=0), BitBranch("tbnz", op=1)


# --- calls ----------------------------------------------------------------------


def leaves(callee: Routine) -> int:
    """What a routine promises to set: all of an x, the low half of a w."""
    return parts.read(*callee.results)


def calling(callee: Routine, clobbers: int) -> Effect:
    """A call reads the parameters, and leaves nothing of the clobbered but the results."""
    return Effect(
        reads=parts.read(*callee.parameters.values()),
        writes=leaves(callee),
        clobbers=clobbers | callee.given_back,
        ends=not callee.returns,
    )


def call_effect(callee: Routine) -> Effect:
    """A call from here: only inside of a frame() is the return address safe."""
    page = listing()
    if page.routine.returns and not page.framed:
        raise AssemblyError(f"bl {callee} would lose the return address; open a frame() first")
    return calling(callee, parts.SCRATCH | parts.written(x30) | parts.RETURN_ADDRESS)


class Call(Mnemonic):
    """Call a routine."""

    forms = [Form("1 00101 simm26", To("simm26"))]

    def __call__(self, callee: Routine) -> None:
        self.write(callee, effect=call_effect(routine_only(self, callee)))


class CallThrough(Mnemonic):
    """Call a routine by its address; ``like`` is one with the same contract."""

    forms = [Form("1101011 0001 11111 000000 Rn 00000", General("Rn", 64))]

    def __call__(self, address: X, like: Routine) -> None:
        self.write(address, effect=call_effect(routine_only(self, like)))


class BranchThrough(Mnemonic):
    """Branch to an address, which is that of one of these labels; each begins with ``bti(j)``."""

    forms = [Form("1101011 0000 11111 000000 Rn 00000", General("Rn", 64))]

    def __call__(self, address: X, *labels: Label) -> None:
        if not labels:
            raise AssemblyError(f"br {address}: name the labels it may go to")
        self.write(address, effect=Effect(also=labels, ends=True))


bl, blr, br = Call("bl"), CallThrough("blr"), BranchThrough("br")


class Return(Mnemonic):
    """Return to the caller, with the results that the signature names."""

    forms = [Form("1101011 0010 11111 000000 11110 00000")]

    def __call__(self) -> None:
        page = listing()
        if page.framed:
            raise AssemblyError("ret inside of a frame(): branch to its label instead")
        if not page.routine.returns:
            raise AssemblyError(
                f"ret in {page.routine}, whose signature says that it never returns"
            )
        results = parts.read(*page.routine.results)
        self.write(effect=Effect(reads=results | parts.RETURN_ADDRESS, ends=True))


ret = Return("ret")


class Stop(Mnemonic):
    """Stop, and let the kernel have a look."""

    def __init__(self, name: str, box: str) -> None:
        self.forms = [Form(box, Number("imm16", 0, 0xFFFF))]
        super().__init__(name)


class Trap(Stop):
    """Nothing goes on after it."""

    def __call__(self, number: int) -> None:
        self.write(number, effect=Effect(ends=True))


class SupervisorCall(Stop):
    """Call the kernel, which keeps to the contract of a routine; ``leaves`` may be the flags besides."""

    def __call__(self, number: int, contract: Routine, clobbers: int, leaves: int = 0) -> None:
        effect = calling(contract, clobbers)
        self.write(
            number,
            effect=Effect(effect.reads, effect.writes | leaves, clobbers, ends=effect.ends),
        )


svc = SupervisorCall("svc", "11010100 000 imm16 000 01")
brk, udf = Trap("brk", "11010100 001 imm16 000 00"), Trap("udf", "0000000000000000 imm16")
