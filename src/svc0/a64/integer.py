"""Arithmetic, logic, moves, shifts and comparisons on general registers.

A class is a shape of the manual, an instance is a mnemonic.  Two names differ
from the manual's, because Python has them already: ``and_`` and ``str_``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations, product
from typing import Any, TypeVar, overload

from . import parts
from .encoding import bitmask_fields
from .errors import EncodingError
from .listing import listing
from .mnemonic import Form, Mnemonic, sizes
from .operands import (
    Bitmask,
    Complement,
    Condition,
    Extend,
    Extended,
    General,
    InPage,
    LowBits,
    MoveShift,
    Number,
    Shift,
    Shifted,
    ShiftedNumber,
    Stacked,
    When,
)
from .platforms import settled
from .registers import SP, WZR, ZR, B, D, H, Lane, S, Vector, W, X, wzr, xzr
from .vectors import (
    B_ONLY,
    BH,
    BHS,
    BHSD,
    NARROW,
    WIDE,
    Byte,
    ByteShift,
    Element,
    Scalars,
    Vectors,
    imm4_of,
    imm5_of,
)

# fmt: off
__all__ = [
    "adc", "adcs", "add", "adds", "and_", "ands", "asr", "bfc", "bfi", "bfm", "bfxil", "bic", "bics", "ccmn",
    "ccmp", "cinc", "cinv", "cls", "clz", "cmn", "cmp", "cneg", "crc32b", "crc32cb", "crc32ch", "crc32cw",
    "crc32cx", "crc32h", "crc32w", "crc32x", "csel", "cset", "csetm", "csinc", "csinv", "csneg", "eon", "eor",
    "extr", "lsl", "lsr", "madd", "mneg", "mov", "movk", "movn", "movz", "msub", "mul", "mvn", "neg",
    "negs", "ngc", "ngcs", "orn", "orr", "rbit", "rev", "rev16", "rev32", "ror", "sbc", "sbcs", "sbfiz",
    "sbfm", "sbfx", "sdiv", "smaddl", "smnegl", "smsubl", "smulh", "smull", "sub", "subs", "sxtb", "sxth",
    "sxtw", "sxtx", "tst", "ubfiz", "ubfm", "ubfx", "udiv", "umaddl", "umnegl", "umsubl", "umulh", "umull",
    "uxtb", "uxth", "uxtw", "uxtx",
]
# fmt: on

R = TypeVar("R", X, W)
A = TypeVar("A", Vector, D)
AnyZero = ZR | WZR


# --- sums and differences -----------------------------------------------------


class AddSub(Mnemonic):
    """d = n + m, or n - m; m may be a number, or a register that is shifted or extended."""

    forms = [
        *sizes(lambda b: Form("sf op S 100010 sh imm12 Rn Rd", General("Rd", b, stack=True), General("Rn", b, stack=True), ShiftedNumber())),
        *sizes(lambda b: Form("sf op S 01011 shift 0 Rm imm6 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), Shifted(b))),
        *sizes(lambda b: Form("sf op S 01011 001 Rm option imm3 Rn Rd", General("Rd", b, stack=True), General("Rn", b, stack=True), General("Rm", b), Stacked(b))),
        *sizes(lambda b: Form("sf op S 01011 001 Rm option imm3 Rn Rd", General("Rd", b, stack=True), General("Rn", b, stack=True), General("Rm", 32), Extended(32))),
        Form("1 op S 01011 001 Rm option imm3 Rn Rd", General("Rd", 64, stack=True), General("Rn", 64, stack=True), General("Rm", 64), Extended(64)),
        Form("0 Q op 01110 size 1 Rm 10000 1 Rn Rd", Vectors("Rd", BHSD), Vectors("Rn", BHSD), Vectors("Rm", BHSD)),
        Form("01 op 11110 size 1 Rm 10000 1 Rn Rd", Scalars("Rd", "d"), Scalars("Rn", "d"), Scalars("Rm", "d")),
    ]  # fmt: skip

    @overload
    def __call__(
        self,
        d: R | SP | AnyZero,
        n: R | SP | AnyZero,
        m: X | W | AnyZero | int | LowBits,
        how: Shift | Extend | None = None,
    ) -> None: ...
    @overload
    def __call__(self, d: A, n: A, m: A) -> None: ...
    def __call__(self, d: Any, n: Any, m: Any, how: Shift | Extend | None = None) -> None:
        self.write(d, n, m, how)


class Add(AddSub):
    """d = n + m; m may also be the low bits of a place's address, after ``adrp``."""

    forms = [
        *AddSub.forms,
        Form("1 op S 100010 0 imm12 Rn Rd", General("Rd", 64, stack=True), General("Rn", 64, stack=True), InPage()),
    ]  # fmt: skip


class AddSubFlags(Mnemonic):
    """d = n + m, or n - m, and the flags are set."""

    forms = [
        *sizes(lambda b: Form("sf op S 100010 sh imm12 Rn Rd", General("Rd", b), General("Rn", b, stack=True), ShiftedNumber())),
        *sizes(lambda b: Form("sf op S 01011 shift 0 Rm imm6 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), Shifted(b))),
        *sizes(lambda b: Form("sf op S 01011 001 Rm option imm3 Rn Rd", General("Rd", b), General("Rn", b, stack=True), General("Rm", b), Stacked(b))),
        *sizes(lambda b: Form("sf op S 01011 001 Rm option imm3 Rn Rd", General("Rd", b), General("Rn", b, stack=True), General("Rm", 32), Extended(32))),
        Form("1 op S 01011 001 Rm option imm3 Rn Rd", General("Rd", 64), General("Rn", 64, stack=True), General("Rm", 64), Extended(64)),
    ]  # fmt: skip

    def __call__(
        self, d: R | AnyZero, n: R | SP | AnyZero, m: X | W | AnyZero | int, how: Shift | Extend | None = None
    ) -> None:  # fmt: skip
        self.write(d, n, m, how)


class Compare(Mnemonic):
    """The flags of n - m, or n + m, and nothing else of it."""

    forms = [
        *sizes(lambda b: Form("sf op S 100010 sh imm12 Rn 11111", General("Rn", b, stack=True), ShiftedNumber())),
        *sizes(lambda b: Form("sf op S 01011 shift 0 Rm imm6 Rn 11111", General("Rn", b), General("Rm", b), Shifted(b))),
        *sizes(lambda b: Form("sf op S 01011 001 Rm option imm3 Rn 11111", General("Rn", b, stack=True), General("Rm", b), Stacked(b))),
        *sizes(lambda b: Form("sf op S 01011 001 Rm option imm3 Rn 11111", General("Rn", b, stack=True), General("Rm", 32), Extended(32))),
        Form("1 op S 01011 001 Rm option imm3 Rn 11111", General("Rn", 64, stack=True), General("Rm", 64), Extended(64)),
    ]  # fmt: skip

    def __call__(
        self, n: R | SP | AnyZero, m: R | W | AnyZero | int, how: Shift | Extend | None = None
    ) -> None:
        self.write(n, m, how)


add, adds = Add("add", op=0, S=0), AddSubFlags("adds", op=0, S=1)
sub, subs = AddSub("sub", op=1, S=0), AddSubFlags("subs", op=1, S=1)
cmp, cmn = Compare("cmp", op=1, S=1), Compare("cmn", op=0, S=1)


class Negate(Mnemonic):
    """d = -m."""

    forms = [
        *sizes(lambda b: Form("sf 1 0 01011 shift 0 Rm imm6 11111 Rd", General("Rd", b), General("Rm", b), Shifted(b))),
        Form("0 Q 1 01110 size 10000 01011 10 Rn Rd", Vectors("Rd", BHSD), Vectors("Rn", BHSD)),
        Form("01 1 11110 size 10000 01011 10 Rn Rd", Scalars("Rd", "d"), Scalars("Rn", "d")),
    ]  # fmt: skip

    @overload
    def __call__(self, d: R | AnyZero, m: R | AnyZero, how: Shift | None = None) -> None: ...
    @overload
    def __call__(self, d: A, m: A) -> None: ...
    def __call__(self, d: Any, m: Any, how: Shift | None = None) -> None:
        self.write(d, m, how)


class NegateFlags(Mnemonic):
    """d = -m, and the flags are set."""

    forms = sizes(lambda b: Form("sf 1 S 01011 shift 0 Rm imm6 11111 Rd", General("Rd", b), General("Rm", b), Shifted(b)))  # fmt: skip

    def __call__(self, d: R | AnyZero, m: R | AnyZero, how: Shift | None = None) -> None:
        self.write(d, m, how)


neg, negs = Negate("neg"), NegateFlags("negs", S=1)


class WithCarry(Mnemonic):
    """d = n + m + carry, or n - m - not carry."""

    forms = sizes(lambda b: Form("sf op S 11010000 Rm 000000 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), reads=parts.FLAGS))  # fmt: skip

    def __call__(self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero) -> None:
        self.write(d, n, m)


class NegateWithCarry(Mnemonic):
    """d = -m - not carry."""

    forms = sizes(lambda b: Form("sf op S 11010000 Rm 000000 11111 Rd", General("Rd", b), General("Rm", b), reads=parts.FLAGS))  # fmt: skip

    def __call__(self, d: R | AnyZero, m: R | AnyZero) -> None:
        self.write(d, m)


adc, adcs = WithCarry("adc", op=0, S=0), WithCarry("adcs", op=0, S=1)
sbc, sbcs = WithCarry("sbc", op=1, S=0), WithCarry("sbcs", op=1, S=1)
ngc, ngcs = NegateWithCarry("ngc", op=1, S=0), NegateWithCarry("ngcs", op=1, S=1)


# --- logic --------------------------------------------------------------------


class Logical(Mnemonic):
    """d = n op m, bit by bit; m may be a bitmask, or a register that is shifted."""

    forms = [
        *sizes(lambda b: Form("sf opc 100100 N immr6 imms6 Rn Rd", General("Rd", b, stack=True), General("Rn", b), Bitmask(b))),
        *sizes(lambda b: Form("sf opc 01010 shift 0 Rm imm6 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), Shifted(b, 4))),
        Form("0 Q U 01110 which2 1 Rm 00011 1 Rn Rd", Vectors("Rd", B_ONLY), Vectors("Rn", B_ONLY), Vectors("Rm", B_ONLY)),
    ]  # fmt: skip

    @overload
    def __call__(
        self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero | int, how: Shift | None = None
    ) -> None: ...
    @overload
    def __call__(self, d: Vector, n: Vector, m: Vector) -> None: ...
    def __call__(self, d: Any, n: Any, m: Any, how: Shift | None = None) -> None:
        self.write(d, n, m, how)


def byte_forms(op: int) -> list[Form]:
    """A byte at some place of each halfword or word of d: set there (orr), or cleared (bic)."""
    return [
        Form(f"0 Q {op} 0111100000 abc3 10 at1 1 01 defgh5 Rd", Vectors("Rd", "h4 h8", "rw"), Byte(), ByteShift("lsl", (0, 8), lambda n: {"at1": n})),
        Form(f"0 Q {op} 0111100000 abc3 0 at2 1 01 defgh5 Rd", Vectors("Rd", "s2 s4", "rw"), Byte(), ByteShift("lsl", (0, 8, 16, 24), lambda n: {"at2": n})),
    ]  # fmt: skip


class LogicalOr(Mnemonic):
    """d = n or m, bit by bit; of a vector also a byte in each halfword or word of d."""

    forms = [*Logical.forms, *byte_forms(0)]

    @overload
    def __call__(
        self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero | int, how: Shift | None = None
    ) -> None: ...
    @overload
    def __call__(self, d: Vector, n: Vector, m: Vector) -> None: ...
    @overload
    def __call__(self, d: Vector, n: int, m: Shift | None = None) -> None: ...
    def __call__(self, d: Any, n: Any, m: Any = None, how: Shift | None = None) -> None:
        self.write(d, n, m, how)


class LogicalFlags(Mnemonic):
    """d = n and m, and the flags N and Z are set."""

    forms = [
        *sizes(lambda b: Form("sf opc 100100 N immr6 imms6 Rn Rd", General("Rd", b), General("Rn", b), Bitmask(b), writes=parts.FLAGS)),
        *sizes(lambda b: Form("sf opc 01010 shift 0 Rm imm6 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), Shifted(b, 4), writes=parts.FLAGS)),
    ]  # fmt: skip

    def __call__(
        self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero | int, how: Shift | None = None
    ) -> None:
        self.write(d, n, m, how)


class Test(Mnemonic):
    """The flags of n and m, and nothing else of it."""

    __test__ = False
    forms = [
        *sizes(lambda b: Form("sf 11 100100 N immr6 imms6 Rn 11111", General("Rn", b), Bitmask(b), writes=parts.FLAGS)),
        *sizes(lambda b: Form("sf 11 01010 shift 0 Rm imm6 Rn 11111", General("Rn", b), General("Rm", b), Shifted(b, 4), writes=parts.FLAGS)),
    ]  # fmt: skip

    def __call__(self, n: R | AnyZero, m: R | AnyZero | int, how: Shift | None = None) -> None:
        self.write(n, m, how)


class LogicalNot(Mnemonic):
    """d = n op not m, bit by bit."""

    forms = sizes(lambda b: Form("sf opc 01010 shift 1 Rm imm6 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), Shifted(b, 4)))  # fmt: skip

    def __call__(
        self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero, how: Shift | None = None
    ) -> None:
        self.write(d, n, m, how)


class LogicalNotAny(Mnemonic):
    """d = n op not m, bit by bit, of vectors too."""

    forms = [
        *LogicalNot.forms,
        Form("0 Q 0 01110 which2 1 Rm 00011 1 Rn Rd", Vectors("Rd", B_ONLY), Vectors("Rn", B_ONLY), Vectors("Rm", B_ONLY)),
    ]  # fmt: skip

    @overload
    def __call__(
        self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero, how: Shift | None = None
    ) -> None: ...
    @overload
    def __call__(self, d: Vector, n: Vector, m: Vector) -> None: ...
    def __call__(self, d: Any, n: Any, m: Any, how: Shift | None = None) -> None:
        self.write(d, n, m, how)


class BitClearAny(Mnemonic):
    """d = n and not m, bit by bit; of a vector also a byte in each halfword or word of d."""

    forms = [*LogicalNotAny.forms, *byte_forms(1)]

    @overload
    def __call__(
        self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero, how: Shift | None = None
    ) -> None: ...
    @overload
    def __call__(self, d: Vector, n: Vector, m: Vector) -> None: ...
    @overload
    def __call__(self, d: Vector, n: int, m: Shift | None = None) -> None: ...
    def __call__(self, d: Any, n: Any, m: Any = None, how: Shift | None = None) -> None:
        self.write(d, n, m, how)


class LogicalNotFlags(LogicalNot):
    """d = n and not m, and the flags N and Z are set."""

    forms = sizes(lambda b: Form("sf opc 01010 shift 1 Rm imm6 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), Shifted(b, 4), writes=parts.FLAGS))  # fmt: skip


class Not(Mnemonic):
    """d = not m."""

    forms = [
        *sizes(lambda b: Form("sf 01 01010 shift 1 Rm imm6 11111 Rd", General("Rd", b), General("Rm", b), Shifted(b, 4))),
        Form("0 Q 1 01110 00 10000 00101 10 Rn Rd", Vectors("Rd", B_ONLY), Vectors("Rn", B_ONLY)),
    ]  # fmt: skip

    @overload
    def __call__(self, d: R | AnyZero, m: R | AnyZero, how: Shift | None = None) -> None: ...
    @overload
    def __call__(self, d: Vector, m: Vector) -> None: ...
    def __call__(self, d: Any, m: Any, how: Shift | None = None) -> None:
        self.write(d, m, how)


and_, eor = Logical("and", opc=0, U=0, which2=0), Logical("eor", opc=2, U=1, which2=0)
orr = LogicalOr("orr", opc=1, U=0, which2=2)
ands, tst = LogicalFlags("ands", opc=3), Test("tst")
bic, orn = BitClearAny("bic", opc=0, which2=1), LogicalNotAny("orn", opc=1, which2=3)
eon = LogicalNot("eon", opc=2)
bics, mvn = LogicalNotFlags("bics", opc=3), Not("mvn")


# --- moves --------------------------------------------------------------------


class MoveWide(Mnemonic):
    """Set d to 16 bits at some halfword (movz), or to the complement of that (movn)."""

    forms = sizes(lambda b: Form("sf opc 100101 hw imm16 Rd", General("Rd", b), Number("imm16", 0, 0xFFFF), MoveShift(b)))  # fmt: skip

    def __call__(self, d: R | AnyZero, value: int, shift: Shift | None = None) -> None:
        self.write(d, value, shift)


class MoveKeep(MoveWide):
    """Set one halfword of d, and keep the others."""

    forms = sizes(lambda b: Form("sf opc 100101 hw imm16 Rd", General("Rd", b, "rw"), Number("imm16", 0, 0xFFFF), MoveShift(b)))  # fmt: skip


movz, movn, movk = MoveWide("movz", opc=2), MoveWide("movn", opc=0), MoveKeep("movk", opc=3)


class Move(Mnemonic):
    """d = n; a number takes the shortest sequence of movz, movn, orr and movk that makes it."""

    forms = [
        *sizes(lambda b: Form("sf 01 01010 000 Rm 000000 11111 Rd", General("Rd", b), General("Rm", b))),
        *sizes(lambda b: Form("sf 00 100010 0000000000000 Rn Rd", General("Rd", b, stack=True), General("Rn", b, stack=True))),
        Form("0 Q 0 01110 10 1 Rm 00011 1 Rn Rd", Vectors("Rd", B_ONLY), Vectors("Rn", B_ONLY), finish=lambda fields: fields | {"Rm": fields["Rn"]}),
        Form("0 1 1 01110000 imm5 0 imm4 1 Rn Rd", Element("Rd", "b h s d", imm5_of, "rw"), Element("Rn", "b h s d", imm4_of)),
        Form("0 1 0 01110000 imm5 0 0011 1 Rn Rd", Element("Rd", "b h s", imm5_of, "rw"), General("Rn", 32)),
        Form("0 1 0 01110000 imm5 0 0011 1 Rn Rd", Element("Rd", "d", imm5_of, "rw"), General("Rn", 64)),
        Form("0 0 0 01110000 imm5 0 0111 1 Rn Rd", General("Rd", 32), Element("Rn", "s", imm5_of)),
        Form("0 1 0 01110000 imm5 0 0111 1 Rn Rd", General("Rd", 64), Element("Rn", "d", imm5_of)),
        Form("01 0 11110000 imm5 0 0000 1 Rn Rd", Scalars("Rd", "b h s d"), Element("Rn", "b h s d", imm5_of)),
    ]  # fmt: skip

    @overload
    def __call__(self, d: R | SP | AnyZero, n: R | SP | AnyZero | int) -> None: ...
    @overload
    def __call__(self, d: Vector, n: Vector) -> None: ...
    @overload
    def __call__(self, d: Lane, n: Lane | X | W | AnyZero) -> None: ...
    @overload
    def __call__(self, d: X | W | AnyZero | B | H | S | D, n: Lane) -> None: ...
    def __call__(self, d: Any, n: Any) -> None:
        if isinstance(n, int):
            if not isinstance(d, X | W):
                raise EncodingError(f"mov {d}, #{n}: a number goes to x0 to x30 or w0 to w30")
            return move_number(d, settled(n, listing().platform))
        self.write(d, n)


mov = Move("mov")


def move_number(d: X | W, number: int) -> None:
    """Write the shortest sequence that leaves a number in a register."""
    if not -(1 << d.bits - 1) <= number < 1 << d.bits:
        raise EncodingError(f"mov {d}, {number:#x}: {d.bits} bits are too few for it")
    mask, changed = shortest(number % (1 << d.bits), d.bits)
    words = [number >> at & 0xFFFF for at in range(0, d.bits, 16)]
    if mask in (0, (1 << d.bits) - 1):
        first, *changed = changed or [0]
        start, word = (movn, words[first] ^ 0xFFFF) if mask else (movz, words[first])
        start.write(d, word, lsl(16 * first) if first else None)
    else:
        orr.write(d, xzr if d.bits == 64 else wzr, mask)
    for at in changed:
        movk.write(d, words[at], lsl(16 * at) if at else None)


@lru_cache(maxsize=4096)
def shortest(number: int, bits: int) -> tuple[int, list[int]]:
    """The number to start from (zeros, ones or a bitmask), and the halfwords to put in then.

    A halfword that is to be put in afterwards may be anything before; of all that would make a bitmask of the
    others, zeros, ones or one of the others is always among them.
    """
    words = [number >> at & 0xFFFF for at in range(0, bits, 16)]
    zeros, ones = words.count(0), words.count(0xFFFF)
    fill = 0xFFFF if ones > zeros else 0
    plain = [at for at, word in enumerate(words) if word != fill]
    for count in range(len(plain) - 1):
        for changed in combinations(range(len(words)), count):
            for others in product({0, 0xFFFF, *words}, repeat=count):
                near = number
                for at, other in zip(changed, others, strict=True):
                    near ^= (words[at] ^ other) << 16 * at
                if bitmask_fields(near, bits):
                    return near, list(changed)
    return (1 << bits) - 1 if fill else 0, plain


# --- shifts, bit fields and extensions ----------------------------------------


class BitField(Mnemonic):
    """The instruction behind the shifts, extensions and bit fields."""

    forms = sizes(lambda b: Form("sf opc 100110 N=sf immr6 imms6 Rn Rd", General("Rd", b), General("Rn", b), Number("immr6", 0, b - 1), Number("imms6", 0, b - 1)))  # fmt: skip

    def __call__(self, d: R | AnyZero, n: R | AnyZero, r: int, s: int) -> None:
        self.write(d, n, r, s)


class BitFieldMove(BitField):
    """The instruction behind the insertions: it keeps the other bits of d."""

    forms = sizes(lambda b: Form("sf opc 100110 N=sf immr6 imms6 Rn Rd", General("Rd", b, "rw"), General("Rn", b), Number("immr6", 0, b - 1), Number("imms6", 0, b - 1)))  # fmt: skip


sbfm, ubfm, bfm = BitField("sbfm", opc=0), BitField("ubfm", opc=2), BitFieldMove("bfm", opc=1)


def lsb_and_width(fields: dict[str, int], bits: int) -> dict[str, int]:
    """immr and imms of a field that is taken out: its lowest and its highest bit."""
    width = fields.pop("width")
    return fields | {"imms6": fields["immr6"] + fits_width(fields["immr6"], width, bits) - 1}


def insert_at(fields: dict[str, int], bits: int) -> dict[str, int]:
    """immr and imms of a field that is put in: the turn that brings it there, its width - 1."""
    width, lsb = fields.pop("width"), fields["immr6"]
    fits_width(lsb, width, bits)
    return fields | {"immr6": -lsb % bits, "imms6": width - 1}


def fits_width(lsb: int, width: int, bits: int) -> int:
    """The width, if the field ends inside of the register."""
    if lsb + width > bits:
        raise EncodingError(f"a field of {width} bits at {lsb} ends beyond {bits} bits")
    return width


class BitRange(Mnemonic):
    """A field of n, so many bits from the lowest up: taken out, or moved there."""

    finish = staticmethod(lsb_and_width)

    def __init__(self, name: str, *, keeps: bool = False, **bits: int) -> None:
        self.forms = sizes(lambda b: Form("sf opc 100110 N=sf immr6 imms6 Rn Rd", General("Rd", b, "rw" if keeps else "w"), General("Rn", b), Number("immr6", 0, b - 1), Number("width", 1, b), finish=lambda fields: self.finish(fields, b)))  # fmt: skip
        super().__init__(name, **bits)

    def __call__(self, d: R | AnyZero, n: R | AnyZero, lsb: int, width: int) -> None:
        self.write(d, n, lsb, width)


class BitInsert(BitRange):
    """The lowest bits of n, put at some place of d."""

    finish = staticmethod(insert_at)


class BitClear(Mnemonic):
    """Clear some bits of d."""

    forms = sizes(lambda b: Form("sf 01 100110 N=sf immr6 imms6 11111 Rd", General("Rd", b, "rw"), Number("immr6", 0, b - 1), Number("width", 1, b), finish=lambda fields: insert_at(fields, b)))  # fmt: skip

    def __call__(self, d: X | W, lsb: int, width: int) -> None:
        self.write(d, lsb, width)


ubfx, sbfx = BitRange("ubfx", opc=2), BitRange("sbfx", opc=0)
bfxil = BitRange("bfxil", keeps=True, opc=1)
ubfiz, sbfiz = BitInsert("ubfiz", opc=2), BitInsert("sbfiz", opc=0)
bfi, bfc = BitInsert("bfi", keeps=True, opc=1), BitClear("bfc")


class ShiftInstruction(Mnemonic):
    """d = n shifted by a number or by the low bits of a register; alone, ``lsl(3)`` is an operand."""

    def __init__(
        self, name: str, register: int, place: Callable[[int, int], dict[str, int]] | None
    ) -> None:
        self.forms = sizes(lambda b: Form("sf 00 11010110 Rm 0010 op2 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b)))  # fmt: skip
        if place:
            self.forms += sizes(lambda b: Form(f"sf {0 if name == 'asr' else 1}0 100110 N=sf immr6 imms6 Rn Rd", General("Rd", b), General("Rn", b), Complement(0, b - 1, lambda n: place(n, b), "shift")))  # fmt: skip
        else:
            self.forms += sizes(lambda b: Form("sf 00 100111 N=sf 0 Rm imms6 Rn Rd", General("Rd", b), General("Rn", b), Complement(0, b - 1, lambda n: {"imms6": n}, "shift"), finish=lambda fields: fields | {"Rm": fields["Rn"]}))  # fmt: skip
        super().__init__(name, op2=register)

    @overload
    def __call__(self, d: int, /) -> Shift: ...
    @overload
    def __call__(self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero | int, /) -> None: ...
    def __call__(
        self, d: R | AnyZero | int, n: R | AnyZero | None = None, m: R | AnyZero | int = 0, /
    ) -> Shift | None:
        if isinstance(d, int):
            return Shift(self.name, d)
        self.write(d, n, m)
        return None


lsl = ShiftInstruction("lsl", 0, lambda n, b: {"immr6": -n % b, "imms6": b - 1 - n})
lsr = ShiftInstruction("lsr", 1, lambda n, b: {"immr6": n, "imms6": b - 1})
asr = ShiftInstruction("asr", 2, lambda n, b: {"immr6": n, "imms6": b - 1})
ror = ShiftInstruction("ror", 3, None)


class Extract(Mnemonic):
    """d = the bits of n:m from some bit of m up."""

    forms = sizes(lambda b: Form("sf 00 100111 N=sf 0 Rm imms6 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), Number("imms6", 0, b - 1)))  # fmt: skip

    def __call__(self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero, lsb: int) -> None:
        self.write(d, n, m, lsb)


extr = Extract("extr")


class ExtendInstruction(Mnemonic):
    """d = the low bits of n, extended; alone, or with a number, ``sxtw(3)`` is an operand."""

    def __init__(self, name: str, bits: int, *, signed: bool) -> None:
        opc = "00" if signed else "10"
        wide = [(32, "0", "0")] if bits < 32 else []
        wide += [(64, "1", "1")] if signed else []
        self.forms = [Form(f"{sf} {opc} 100110 {n} 000000 {bits - 1:06b} Rn Rd", General("Rd", d), General("Rn", 32)) for d, sf, n in wide]  # fmt: skip
        super().__init__(name)

    @overload
    def __call__(self, amount: int | None = None, /) -> Extend: ...
    @overload
    def __call__(self, d: X | W | AnyZero, n: W | WZR, /) -> None: ...
    def __call__(
        self, d: X | W | AnyZero | int | None = None, n: W | WZR | None = None, /
    ) -> Extend | None:
        if d is None or isinstance(d, int):
            return Extend(self.name, d)
        self.write(d, n)
        return None


uxtb, uxth = ExtendInstruction("uxtb", 8, signed=False), ExtendInstruction("uxth", 16, signed=False)
sxtb, sxth = ExtendInstruction("sxtb", 8, signed=True), ExtendInstruction("sxth", 16, signed=True)
sxtw = ExtendInstruction("sxtw", 32, signed=True)


def uxtw(amount: int | None = None) -> Extend:
    """The low half of an index or a last register, extended with zeros."""
    return Extend("uxtw", amount)


def uxtx(amount: int | None = None) -> Extend:
    """All of a last register: how a sum with the stack pointer spells a shift."""
    return Extend("uxtx", amount)


def sxtx(amount: int | None = None) -> Extend:
    """All of an index, as a signed number."""
    return Extend("sxtx", amount)


# --- products and quotients ---------------------------------------------------


class MultiplyAdd(Mnemonic):
    """d = a + n * m, or a - n * m."""

    forms = sizes(lambda b: Form("sf 00 11011000 Rm minus Ra Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), General("Ra", b)))  # fmt: skip

    def __call__(self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero, a: R | AnyZero) -> None:
        self.write(d, n, m, a)


class Multiply(Mnemonic):
    """d = n * m."""

    forms = [
        *sizes(lambda b: Form("sf 00 11011000 Rm 0 11111 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b))),
        Form("0 Q 0 01110 size 1 Rm 10011 1 Rn Rd", Vectors("Rd", BHS), Vectors("Rn", BHS), Vectors("Rm", BHS)),
    ]  # fmt: skip

    @overload
    def __call__(self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero) -> None: ...
    @overload
    def __call__(self, d: Vector, n: Vector, m: Vector) -> None: ...
    def __call__(self, d: Any, n: Any, m: Any) -> None:
        self.write(d, n, m)


class MultiplyNegate(Mnemonic):
    """d = -(n * m)."""

    forms = sizes(lambda b: Form("sf 00 11011000 Rm 1 11111 Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b)))  # fmt: skip

    def __call__(self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero) -> None:
        self.write(d, n, m)


class MultiplyAddLong(Mnemonic):
    """d = a + n * m, or a - n * m, of halves into a whole."""

    forms = [Form("1 00 11011 U 01 Rm minus Ra Rn Rd", General("Rd", 64), General("Rn", 32), General("Rm", 32), General("Ra", 64))]  # fmt: skip

    def __call__(self, d: X | ZR, n: W | WZR, m: W | WZR, a: X | ZR) -> None:
        self.write(d, n, m, a)


class MultiplyLong(Mnemonic):
    """d = n * m, of halves into a whole; or of the lower half of vectors."""

    forms = [
        Form("1 00 11011 U 01 Rm 0 11111 Rn Rd", General("Rd", 64), General("Rn", 32), General("Rm", 32)),
        Form("0 Q U 01110 size 1 Rm 1100 00 Rn Rd", Vectors("Rd", WIDE, up=1, half=False), Vectors("Rn", NARROW[0]), Vectors("Rm", NARROW[0])),
    ]  # fmt: skip

    @overload
    def __call__(self, d: X | ZR, n: W | WZR, m: W | WZR) -> None: ...
    @overload
    def __call__(self, d: Vector, n: Vector, m: Vector) -> None: ...
    def __call__(self, d: Any, n: Any, m: Any) -> None:
        self.write(d, n, m)


class MultiplyNegateLong(Mnemonic):
    """d = -(n * m), of halves into a whole."""

    forms = [Form("1 00 11011 U 01 Rm 1 11111 Rn Rd", General("Rd", 64), General("Rn", 32), General("Rm", 32))]  # fmt: skip

    def __call__(self, d: X | ZR, n: W | WZR, m: W | WZR) -> None:
        self.write(d, n, m)


class MultiplyHigh(Mnemonic):
    """d = the upper 64 bits of n * m."""

    forms = [Form("1 00 11011 U 10 Rm 0 11111 Rn Rd", General("Rd", 64), General("Rn", 64), General("Rm", 64))]  # fmt: skip

    def __call__(self, d: X | ZR, n: X | ZR, m: X | ZR) -> None:
        self.write(d, n, m)


madd, msub = MultiplyAdd("madd", minus=0), MultiplyAdd("msub", minus=1)
mul, mneg = Multiply("mul"), MultiplyNegate("mneg")
smaddl, smsubl = MultiplyAddLong("smaddl", U=0, minus=0), MultiplyAddLong("smsubl", U=0, minus=1)
umaddl, umsubl = MultiplyAddLong("umaddl", U=1, minus=0), MultiplyAddLong("umsubl", U=1, minus=1)
smull, smnegl = MultiplyLong("smull", U=0), MultiplyNegateLong("smnegl", U=0)
umull, umnegl = MultiplyLong("umull", U=1), MultiplyNegateLong("umnegl", U=1)
smulh, umulh = MultiplyHigh("smulh", U=0), MultiplyHigh("umulh", U=1)


class Divide(Mnemonic):
    """d = n / m, towards zero; by zero it is zero."""

    forms = sizes(lambda b: Form("sf 00 11010110 Rm 00001 signed Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b)))  # fmt: skip

    def __call__(self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero) -> None:
        self.write(d, n, m)


udiv, sdiv = Divide("udiv", signed=0), Divide("sdiv", signed=1)


# --- bits and checksums -------------------------------------------------------


class Bits(Mnemonic):
    """d = n with its bits or bytes turned around, or counted from the top; of vectors, in each element."""

    @overload
    def __call__(self, d: R | AnyZero, n: R | AnyZero) -> None: ...
    @overload
    def __call__(self, d: Vector, n: Vector) -> None: ...
    def __call__(self, d: Any, n: Any) -> None:
        self.write(d, n)


class Reverse(Mnemonic):
    """d = n with all its bytes turned around."""

    forms = [
        Form("0 10 1101011000000 000010 Rn Rd", General("Rd", 32), General("Rn", 32)),
        Form("1 10 1101011000000 000011 Rn Rd", General("Rd", 64), General("Rn", 64)),
    ]

    def __call__(self, d: R | AnyZero, n: R | AnyZero) -> None:
        self.write(d, n)


class ReverseWords(Mnemonic):
    """d = n with the bytes of each word turned around."""

    forms = [
        Form("1 10 1101011000000 000010 Rn Rd", General("Rd", 64), General("Rn", 64)),
        Form("0 Q 1 01110 size 10000 00000 10 Rn Rd", Vectors("Rd", BH), Vectors("Rn", BH)),
    ]

    @overload
    def __call__(self, d: X | ZR, n: X | ZR) -> None: ...
    @overload
    def __call__(self, d: Vector, n: Vector) -> None: ...
    def __call__(self, d: Any, n: Any) -> None:
        self.write(d, n)


rbit = Bits("rbit", [
    *sizes(lambda b: Form("sf 10 1101011000000 000000 Rn Rd", General("Rd", b), General("Rn", b))),
    Form("0 Q 1 01110 01 10000 00101 10 Rn Rd", Vectors("Rd", B_ONLY), Vectors("Rn", B_ONLY)),
])  # fmt: skip
rev16 = Bits("rev16", [
    *sizes(lambda b: Form("sf 10 1101011000000 000001 Rn Rd", General("Rd", b), General("Rn", b))),
    Form("0 Q 0 01110 00 10000 00001 10 Rn Rd", Vectors("Rd", B_ONLY), Vectors("Rn", B_ONLY)),
])  # fmt: skip
clz = Bits("clz", [
    *sizes(lambda b: Form("sf 10 1101011000000 000100 Rn Rd", General("Rd", b), General("Rn", b))),
    Form("0 Q 1 01110 size 10000 00100 10 Rn Rd", Vectors("Rd", BHS), Vectors("Rn", BHS)),
])  # fmt: skip
cls = Bits("cls", [
    *sizes(lambda b: Form("sf 10 1101011000000 000101 Rn Rd", General("Rd", b), General("Rn", b))),
    Form("0 Q 0 01110 size 10000 00100 10 Rn Rd", Vectors("Rd", BHS), Vectors("Rn", BHS)),
])  # fmt: skip
rev, rev32 = Reverse("rev"), ReverseWords("rev32")


class Checksum(Mnemonic):
    """d = the CRC-32 n, gone on with the bytes of m."""

    def __init__(self, name: str, *, castagnoli: int, size: int) -> None:
        bits = 64 if size == 3 else 32
        self.forms = [Form("sf1 00 11010110 Rm 010 C sz2 Rn Rd", General("Rd", 32), General("Rn", 32), General("Rm", bits))]  # fmt: skip
        super().__init__(name, sf1=int(bits == 64), C=castagnoli, sz2=size)

    def __call__(self, d: W | WZR, n: W | WZR, m: X | W | AnyZero) -> None:
        self.write(d, n, m)


crc32b, crc32h = Checksum("crc32b", castagnoli=0, size=0), Checksum("crc32h", castagnoli=0, size=1)
crc32w, crc32x = Checksum("crc32w", castagnoli=0, size=2), Checksum("crc32x", castagnoli=0, size=3)
crc32cb, crc32ch = (
    Checksum("crc32cb", castagnoli=1, size=0),
    Checksum("crc32ch", castagnoli=1, size=1),
)
crc32cw, crc32cx = (
    Checksum("crc32cw", castagnoli=1, size=2),
    Checksum("crc32cx", castagnoli=1, size=3),
)


# --- conditions ---------------------------------------------------------------


class Select(Mnemonic):
    """d = n if the condition holds; if not, m — or what the name makes of m."""

    forms = sizes(lambda b: Form("sf op 0 11010100 Rm cond 0 more Rn Rd", General("Rd", b), General("Rn", b), General("Rm", b), When()))  # fmt: skip

    def __call__(
        self, d: R | AnyZero, n: R | AnyZero, m: R | AnyZero, condition: Condition
    ) -> None:
        self.write(d, n, m, condition)


class SelectSelf(Mnemonic):
    """d = what the name makes of n if the condition holds, else n."""

    forms = sizes(lambda b: Form("sf op 0 11010100 Rm cond 0 more Rn Rd", General("Rd", b), General("Rn", b), When(inverted=True), finish=lambda fields: fields | {"Rm": fields["Rn"]}))  # fmt: skip

    def __call__(self, d: R | AnyZero, n: R | AnyZero, condition: Condition) -> None:
        self.write(d, n, condition)


class SelectBit(Mnemonic):
    """d = 1 (cset) or all ones (csetm) if the condition holds, else 0."""

    forms = sizes(lambda b: Form("sf op 0 11010100 11111 cond 0 more 11111 Rd", General("Rd", b), When(inverted=True)))  # fmt: skip

    def __call__(self, d: X | W | AnyZero, condition: Condition) -> None:
        self.write(d, condition)


csel, csinc = Select("csel", op=0, more=0), Select("csinc", op=0, more=1)
csinv, csneg = Select("csinv", op=1, more=0), Select("csneg", op=1, more=1)
cinc, cinv, cneg = (
    SelectSelf("cinc", op=0, more=1),
    SelectSelf("cinv", op=1, more=0),
    SelectSelf("cneg", op=1, more=1),
)
cset, csetm = SelectBit("cset", op=0, more=1), SelectBit("csetm", op=1, more=0)


class CompareIf(Mnemonic):
    """The flags of a comparison if the condition holds, else those that are given: N 8, Z 4, C 2, V 1."""

    forms = [
        *sizes(lambda b: Form("sf op 1 11010010 Rm cond 00 Rn 0 nzcv4", General("Rn", b), General("Rm", b), Number("nzcv4", 0, 15), When(), writes=parts.FLAGS)),
        *sizes(lambda b: Form("sf op 1 11010010 imm5 cond 10 Rn 0 nzcv4", General("Rn", b), Number("imm5", 0, 31), Number("nzcv4", 0, 15), When(), writes=parts.FLAGS)),
    ]  # fmt: skip

    def __call__(
        self, n: R | AnyZero, m: R | AnyZero | int, nzcv: int, condition: Condition
    ) -> None:
        self.write(n, m, nzcv, condition)


ccmn, ccmp = CompareIf("ccmn", op=0), CompareIf("ccmp", op=1)
