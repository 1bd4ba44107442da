"""Hints, barriers and system registers: what user mode may say to the processor itself.

Of return addresses, ``frame()`` takes care: it signs them (paciasp) and checks the
signature (autiasp).  Signing one by hand loses it, as far as a contract can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from . import parts
from .mnemonic import Form, Mnemonic
from .operands import Fields, General, Number, Operand, Word, listed
from .registers import SP, ZR, X, x16, x17, x30

# fmt: off
__all__ = [
    "Barrier", "SystemRegister", "autda", "autdb", "autdza", "autdzb", "autia", "autia1716", "autiasp", "autiaz",
    "autib", "autib1716", "autibsp", "autibz", "autiza", "autizb", "bti", "cfinv", "clrex", "csdb", "dc", "dmb", "dsb", "hint",
    "ic", "isb", "mrs", "msr", "nop", "pacda", "pacdb", "pacdza", "pacdzb", "pacga", "pacia", "pacia1716", "paciasp",
    "paciaz", "pacib", "pacib1716", "pacibsp", "pacibz", "paciza", "pacizb", "sb", "sev", "sevl", "wfe", "wfi",
    "xpacd", "xpaci", "xpaclri", "yield_",
]
# fmt: on


# --- hints -----------------------------------------------------------------------------


class Hint(Mnemonic):
    """Does nothing on a processor that does not know it."""

    def __init__(self, name: str, number: int, *, reads: int = 0, writes: int = 0) -> None:
        box = f"1101010100 0 00 011 0010 {number:07b} 11111"
        super().__init__(name, [Form(box, reads=reads, writes=writes)])

    def __call__(self) -> None:
        self.write()


class HintNumber(Number):
    """The number of a hint; not of those that sign addresses, whose names say what they change."""

    SIGNING = (7, 8, 10, 12, 14, *range(24, 32))

    def __init__(self) -> None:
        super().__init__("imm7", 0, 127)

    def fields(self, value: int | None) -> Fields:
        if value in self.SIGNING:
            raise self.refuse("the name of a hint that changes registers", value)
        return super().fields(value)

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (-1, 128, *self.SIGNING)


class AnyHint(Mnemonic):
    """A hint by its number, for those without a name."""

    forms = [Form("1101010100 0 00 011 0010 imm7 11111", HintNumber())]

    def __call__(self, number: int) -> None:
        self.write(number)


class Landing(Hint):
    """Where indirect branches may land: ``bti.c()`` for calls, ``bti.j()`` for jumps, ``bti.jc()`` for both."""

    c, j, jc = Hint("bti c", 34), Hint("bti j", 36), Hint("bti jc", 38)


nop, yield_, csdb, bti, hint = Hint("nop", 0), Hint("yield", 1), Hint("csdb", 20), Landing("bti", 32), AnyHint("hint")  # fmt: skip
wfe, wfi, sev, sevl = Hint("wfe", 2), Hint("wfi", 3), Hint("sev", 4), Hint("sevl", 5)


# --- signed addresses ------------------------------------------------------------------


def signing(name: str, number: int) -> Hint:
    """Sign, check or strip the return address, with sp or zero as the context."""
    return Hint(name, number, reads=parts.read(x30), writes=parts.written(x30))


def signing_17(name: str, number: int) -> Hint:
    """Sign or check x17, with x16 as the context."""
    return Hint(name, number, reads=parts.read(x16, x17), writes=parts.written(x17))


class Sign(Mnemonic):
    """Sign (pac) or check (aut) an address, with another register as the context."""

    def __init__(self, name: str, opcode: int) -> None:
        super().__init__(name, [Form(f"1 1 0 11010110 00001 {opcode:06b} Rn Rd", General("Rd", 64, "rw"), General("Rn", 64, stack=True))])  # fmt: skip

    def __call__(self, d: X | ZR, n: X | SP) -> None:
        self.write(d, n)


class SignAlone(Mnemonic):
    """Sign, check or strip (xpac) an address, without a context."""

    def __init__(self, name: str, opcode: int) -> None:
        super().__init__(name, [Form(f"1 1 0 11010110 00001 {opcode:06b} 11111 Rd", General("Rd", 64, "rw"))])  # fmt: skip

    def __call__(self, d: X | ZR) -> None:
        self.write(d)


class SignAny(Mnemonic):
    """The upper half of d = a signature of n, with m as the context."""

    forms = [Form("1 0 0 11010110 Rm 001100 Rn Rd", General("Rd", 64), General("Rn", 64), General("Rm", 64, stack=True))]  # fmt: skip

    def __call__(self, d: X | ZR, n: X | ZR, m: X | SP) -> None:
        self.write(d, n, m)


# fmt: off
paciaz, paciasp, pacibz, pacibsp = signing("paciaz", 24), signing("paciasp", 25), signing("pacibz", 26), signing("pacibsp", 27)
autiaz, autiasp, autibz, autibsp = signing("autiaz", 28), signing("autiasp", 29), signing("autibz", 30), signing("autibsp", 31)
pacia1716, pacib1716 = signing_17("pacia1716", 8), signing_17("pacib1716", 10)
autia1716, autib1716 = signing_17("autia1716", 12), signing_17("autib1716", 14)
pacia, pacib, pacda, pacdb = Sign("pacia", 0), Sign("pacib", 1), Sign("pacda", 2), Sign("pacdb", 3)
autia, autib, autda, autdb = Sign("autia", 4), Sign("autib", 5), Sign("autda", 6), Sign("autdb", 7)
paciza, pacizb, pacdza, pacdzb = SignAlone("paciza", 8), SignAlone("pacizb", 9), SignAlone("pacdza", 10), SignAlone("pacdzb", 11)
autiza, autizb, autdza, autdzb = SignAlone("autiza", 12), SignAlone("autizb", 13), SignAlone("autdza", 14), SignAlone("autdzb", 15)
xpaci, xpacd, xpaclri = SignAlone("xpaci", 16), SignAlone("xpacd", 17), signing("xpaclri", 7)
pacga = SignAny("pacga")
# fmt: on


# --- barriers --------------------------------------------------------------------------


class Barrier(Word):
    """How far a barrier reaches (osh, nsh, ish, sy), and what it is about: loads (ld), stores (st), or both."""

    oshld = 1
    oshst = 2
    osh = 3
    nshld = 5
    nshst = 6
    nsh = 7
    ishld = 9
    ishst = 10
    ish = 11
    ld = 13
    st = 14
    sy = 15


class Reach(Operand):
    """What a barrier is about."""

    syntax = "<option>"

    def takes(self, value: object) -> bool:
        return isinstance(value, Barrier)

    def fields(self, value: Barrier) -> Fields:
        return {"CRm4": value}

    def examples(self, random: Random) -> Iterator[object]:
        while True:
            yield from Barrier


class MemoryBarrier(Mnemonic):
    """Keep memory accesses in order: ``dmb(Barrier.ish)``; dsb waits for them, too."""

    def __init__(self, name: str, opcode: str) -> None:
        super().__init__(name, [Form(f"1101010100 0 00 011 0011 CRm4 {opcode} 11111", Reach())])

    def __call__(self, option: Barrier) -> None:
        self.write(option)


class Alone(Mnemonic):
    """isb: see what instructions have become; clrex: watch nothing more; sb: do not speculate beyond."""

    def __init__(self, name: str, box: str, *, reads: int = 0, writes: int = 0) -> None:
        super().__init__(name, [Form(f"1101010100 0 00 {box} 11111", reads=reads, writes=writes)])

    def __call__(self) -> None:
        self.write()


dsb, dmb = MemoryBarrier("dsb", "100"), MemoryBarrier("dmb", "101")
isb, clrex, sb = Alone("isb", "011 0011 1111 110"), Alone("clrex", "011 0011 1111 010"), Alone("sb", "011 0011 0000 111")  # fmt: skip
cfinv = Alone("cfinv", "000 0100 0000 000", reads=parts.FLAGS, writes=parts.FLAGS)


# --- system registers --------------------------------------------------------------------


class SystemRegister(Word):
    """What user mode may read, and some of it write: o0, op1, CRn, CRm and op2, as in the manual."""

    nzcv = 0b1_011_0100_0010_000
    fpcr = 0b1_011_0100_0100_000
    fpsr = 0b1_011_0100_0100_001
    dit = 0b1_011_0100_0010_101
    ssbs = 0b1_011_0100_0010_110
    tpidr_el0 = 0b1_011_1101_0000_010
    tpidrro_el0 = 0b1_011_1101_0000_011
    cntfrq_el0 = 0b1_011_1110_0000_000
    cntvct_el0 = 0b1_011_1110_0000_010
    ctr_el0 = 0b1_011_0000_0000_001
    dczid_el0 = 0b1_011_0000_0000_111
    rndr = 0b1_011_0010_0100_000
    rndrrs = 0b1_011_0010_0100_001
    # Linux answers these for user mode, with what a program may use.
    midr_el1 = 0b1_000_0000_0000_000
    id_aa64pfr0_el1 = 0b1_000_0000_0100_000
    id_aa64isar0_el1 = 0b1_000_0000_0110_000
    id_aa64isar1_el1 = 0b1_000_0000_0110_001


WRITABLE = {SystemRegister[name] for name in ("nzcv", "fpcr", "fpsr", "dit", "ssbs", "tpidr_el0")}


class System(Operand):
    """A system register; nzcv is the flags, and random numbers set them."""

    def __init__(self, role: str) -> None:
        self.role, self.syntax = role, "<systemreg>"
        self.fitting = [r for r in SystemRegister if role == "r" or r in WRITABLE]

    def takes(self, value: object) -> bool:
        return isinstance(value, SystemRegister)

    def fields(self, value: SystemRegister) -> Fields:
        if value not in self.fitting:
            raise self.refuse(listed(r.name for r in self.fitting), value.name)
        return {"systemreg15": value}

    def reads(self, value: SystemRegister) -> int:
        return parts.FLAGS if self.role == "r" and value == SystemRegister.nzcv else parts.NOTHING

    def writes(self, value: SystemRegister) -> int:
        if self.role == "r":
            random = value in (SystemRegister.rndr, SystemRegister.rndrrs)
            return parts.FLAGS if random else parts.NOTHING
        return parts.FLAGS if value == SystemRegister.nzcv else parts.NOTHING

    def examples(self, random: Random) -> Iterator[object]:
        while True:
            yield from self.fitting

    def wrong(self, random: Random) -> Iterator[object]:
        return (r for r in SystemRegister if r not in self.fitting)


class ReadSystem(Mnemonic):
    """t = a system register."""

    forms = [Form("1101010100 1 1 systemreg15 Rt", General("Rt", 64, "w"), System("r"))]

    def __call__(self, t: X | ZR, register: SystemRegister) -> None:
        self.write(t, register)


class WriteSystem(Mnemonic):
    """A system register = t."""

    forms = [Form("1101010100 0 1 systemreg15 Rt", System("w"), General("Rt", 64, "r"))]

    def __call__(self, register: SystemRegister, t: X | ZR) -> None:
        self.write(register, t)


mrs, msr = ReadSystem("mrs"), WriteSystem("msr")


# --- caches ------------------------------------------------------------------------------


class CacheLine(Mnemonic):
    """Something done to the cache line of an address."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(name, [Form(f"1101010100 0 01 011 0111 {place} Rt", General("Rt", 64, "r"))])  # fmt: skip

    def __call__(self, address: X) -> None:
        self.write(address)


class DataCache:
    """``dc.zva(x0)`` fills a block with zeros; ``cvau``, ``cvac``, ``cvap`` clean a line, ``civac`` empties it too."""

    zva = CacheLine("dc zva,", "0100 001")
    cvac = CacheLine("dc cvac,", "1010 001")
    cvau = CacheLine("dc cvau,", "1011 001")
    cvap = CacheLine("dc cvap,", "1100 001")
    civac = CacheLine("dc civac,", "1110 001")


class InstructionCache:
    """``ic.ivau(x0)`` forgets a line of instructions."""

    ivau = CacheLine("ic ivau,", "0101 001")


dc, ic = DataCache(), InstructionCache()
