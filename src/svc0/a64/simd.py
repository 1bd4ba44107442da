"""Advanced SIMD: many bytes at once.

Vectors are written with their arrangement, ``cmeq(v2.b16, v0.b16, v1.b16)``; an element
is ``v0.b[3]``, a scalar is ``d0`` or ``v0.d``.  Registers one after the other are a tuple:
``ld1((v0.b16, v1.b16), [x0], 32)``.  Names that end in 2 work on upper halves.

Mnemonics that general registers have too (add, and, mov, mul, neg, rev32, …) have
their vector rows in integer.py, beside the others; ldr and its kin are in memory.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, TypeVar, overload

from .errors import EncodingError
from .memory import stepping
from .mnemonic import Form, Mnemonic
from .operands import Address, General, Memory, Number, Operand, Role, Shift
from .registers import WZR, ZR, B, D, H, Lane, Q, S, Vector, W, X
from .vectors import (
    B_ONLY,
    BHS,
    BHSD,
    FULL,
    HS,
    NARROW,
    WIDE,
    ByElement,
    Byte,
    ByteMask,
    Bytes,
    ByteShift,
    Element,
    ElementRun,
    Run,
    Scalars,
    Table,
    Vectors,
    Zero,
    imm5_of,
    immh_and_immb,
    immh_and_immb_right,
)

# fmt: off
__all__ = [
    "abs_", "addhn", "addhn2", "addp", "addv", "aesd", "aese", "aesimc", "aesmc", "bcax", "bif", "bit_",
    "bsl", "cmeq", "cmge", "cmgt", "cmhi", "cmhs", "cmle", "cmlt", "cmtst", "cnt", "dup", "eor3", "ext",
    "fmov", "ins", "ld1", "ld1r", "ld2", "ld2r", "ld3", "ld3r", "ld4", "ld4r", "mla", "mls", "movi",
    "msl", "mvni", "pmul", "pmull", "pmull2", "raddhn", "raddhn2", "rax1", "rev64", "rshrn",
    "rshrn2", "rsubhn", "rsubhn2", "saba", "sabal", "sabal2", "sabd", "sabdl", "sabdl2", "sadalp",
    "saddl", "saddl2", "saddlp", "saddlv", "saddw", "saddw2", "sha1c", "sha1h", "sha1m", "sha1p",
    "sha1su0", "sha1su1", "sha256h", "sha256h2", "sha256su0", "sha256su1", "sha512h", "sha512h2",
    "sha512su0", "sha512su1", "shadd", "shl", "shll", "shll2", "shrn", "shrn2", "shsub", "sli", "smax",
    "smaxp", "smaxv", "smin", "sminp", "sminv", "smlal", "smlal2", "smlsl", "smlsl2", "smov", "smull2",
    "sqabs", "sqadd", "sqdmulh", "sqneg", "sqrdmulh", "sqrshl", "sqrshrn", "sqrshrn2", "sqrshrun",
    "sqrshrun2", "sqshl", "sqshlu", "sqshrn", "sqshrn2", "sqshrun", "sqshrun2", "sqsub", "sqxtn",
    "sqxtn2", "sqxtun", "sqxtun2", "srhadd", "sri", "srshl", "srshr", "srsra", "sshl", "sshll", "sshll2",
    "sshr", "ssra", "ssubl", "ssubl2", "ssubw", "ssubw2", "st1", "st2", "st3", "st4", "subhn", "subhn2",
    "suqadd", "sxtl", "sxtl2", "tbl", "tbx", "trn1", "trn2", "uaba", "uabal", "uabal2", "uabd", "uabdl",
    "uabdl2", "uadalp", "uaddl", "uaddl2", "uaddlp", "uaddlv", "uaddw", "uaddw2", "uhadd", "uhsub",
    "umax", "umaxp", "umaxv", "umin", "uminp", "uminv", "umlal", "umlal2", "umlsl", "umlsl2", "umov",
    "umull2", "uqadd", "uqrshl", "uqrshrn", "uqrshrn2", "uqshl", "uqshrn", "uqshrn2", "uqsub", "uqxtn",
    "uqxtn2", "urhadd", "urshl", "urshr", "ursra", "ushl", "ushll", "ushll2", "ushr", "usqadd", "usra",
    "usubl", "usubl2", "usubw", "usubw2", "uxtl", "uxtl2", "uzp1", "uzp2", "xar", "xtn", "xtn2", "zip1",
    "zip2",
]
# fmt: on

Scalar: TypeAlias = B | H | S | D | Q
A = TypeVar("A", Vector, B, H, S, D, Q)
Registers: TypeAlias = Vector | tuple[Vector, ...]
Elements: TypeAlias = Lane | tuple[Lane, ...]
BHSD_SCALARS = "b h s d"


# --- two vectors in, one out ------------------------------------------------------


class Three(Mnemonic):
    """d = n op m, element by element; some rows also read d."""

    def __call__(self, d: A, n: A, m: A) -> None:
        self.write(d, n, m)


def same(u: int, opcode: str, arrangements: str, scalars: str = "", role: Role = "w") -> list[Form]:
    """Three vectors (or scalars) of the same arrangement."""
    forms = [Form(f"0 Q {u} 01110 size 1 Rm {opcode} 1 Rn Rd", Vectors("Rd", arrangements, role), Vectors("Rn", arrangements), Vectors("Rm", arrangements))]  # fmt: skip
    if scalars:
        forms += [Form(f"01 {u} 11110 size 1 Rm {opcode} 1 Rn Rd", Scalars("Rd", scalars, role), Scalars("Rn", scalars), Scalars("Rm", scalars))]  # fmt: skip
    return forms


def bitwise(u: int, which: str, role: Role = "w") -> list[Form]:
    """Three vectors as so many bits."""
    return [Form(f"0 Q {u} 01110 {which} 1 Rm 00011 1 Rn Rd", Vectors("Rd", B_ONLY, role), Vectors("Rn", B_ONLY), Vectors("Rm", B_ONLY))]  # fmt: skip


# fmt: off
shadd, uhadd = Three("shadd", same(0, "00000", BHS)), Three("uhadd", same(1, "00000", BHS))
srhadd, urhadd = Three("srhadd", same(0, "00010", BHS)), Three("urhadd", same(1, "00010", BHS))
shsub, uhsub = Three("shsub", same(0, "00100", BHS)), Three("uhsub", same(1, "00100", BHS))
sqadd, uqadd = Three("sqadd", same(0, "00001", BHSD, BHSD_SCALARS)), Three("uqadd", same(1, "00001", BHSD, BHSD_SCALARS))
sqsub, uqsub = Three("sqsub", same(0, "00101", BHSD, BHSD_SCALARS)), Three("uqsub", same(1, "00101", BHSD, BHSD_SCALARS))
sshl, ushl = Three("sshl", same(0, "01000", BHSD, "d")), Three("ushl", same(1, "01000", BHSD, "d"))
srshl, urshl = Three("srshl", same(0, "01010", BHSD, "d")), Three("urshl", same(1, "01010", BHSD, "d"))
sqrshl, uqrshl = Three("sqrshl", same(0, "01011", BHSD, BHSD_SCALARS)), Three("uqrshl", same(1, "01011", BHSD, BHSD_SCALARS))
smax, umax = Three("smax", same(0, "01100", BHS)), Three("umax", same(1, "01100", BHS))
smin, umin = Three("smin", same(0, "01101", BHS)), Three("umin", same(1, "01101", BHS))
sabd, uabd = Three("sabd", same(0, "01110", BHS)), Three("uabd", same(1, "01110", BHS))
saba, uaba = Three("saba", same(0, "01111", BHS, role="rw")), Three("uaba", same(1, "01111", BHS, role="rw"))
smaxp, umaxp = Three("smaxp", same(0, "10100", BHS)), Three("umaxp", same(1, "10100", BHS))
sminp, uminp = Three("sminp", same(0, "10101", BHS)), Three("uminp", same(1, "10101", BHS))
mla, mls = Three("mla", same(0, "10010", BHS, role="rw")), Three("mls", same(1, "10010", BHS, role="rw"))
cmtst, pmul = Three("cmtst", same(0, "10001", BHSD, "d")), Three("pmul", same(1, "10011", B_ONLY))
cmhi, cmhs = Three("cmhi", same(1, "00110", BHSD, "d")), Three("cmhs", same(1, "00111", BHSD, "d"))
sqdmulh, sqrdmulh = Three("sqdmulh", same(0, "10110", HS, "h s")), Three("sqrdmulh", same(1, "10110", HS, "h s"))
bsl, bit_, bif = Three("bsl", bitwise(1, "01", "rw")), Three("bit", bitwise(1, "10", "rw")), Three("bif", bitwise(1, "11", "rw"))
# fmt: on


class CompareElements(Mnemonic):
    """d = all ones where the comparison holds, else zeros; with m, or with the number 0."""

    def __call__(self, d: A, n: A, m: A | int) -> None:
        self.write(d, n, m)


def with_zero(u: int, opcode: str) -> list[Form]:
    """Comparisons with the number zero."""
    return [
        Form(f"0 Q {u} 01110 size 10000 {opcode} 10 Rn Rd", Vectors("Rd", BHSD), Vectors("Rn", BHSD), Zero()),
        Form(f"01 {u} 11110 size 10000 {opcode} 10 Rn Rd", Scalars("Rd", "d"), Scalars("Rn", "d"), Zero()),
    ]  # fmt: skip


cmeq = CompareElements("cmeq", same(1, "10001", BHSD, "d") + with_zero(0, "01001"))
cmgt = CompareElements("cmgt", same(0, "00110", BHSD, "d") + with_zero(0, "01000"))
cmge = CompareElements("cmge", same(0, "00111", BHSD, "d") + with_zero(1, "01000"))
cmle, cmlt = CompareElements("cmle", with_zero(1, "01001")), CompareElements("cmlt", with_zero(0, "01010"))  # fmt: skip


class AddPairs(Mnemonic):
    """d = the sums of neighbours, of n and then of m; or the sum of both halves of n."""

    forms = [
        *same(0, "10111", BHSD),
        Form("01 0 11110 size 11000 11011 10 Rn Rd", Scalars("Rd", "d"), Vectors("Rn", "d2")),
    ]

    @overload
    def __call__(self, d: Vector, n: Vector, m: Vector) -> None: ...
    @overload
    def __call__(self, d: D, n: Vector) -> None: ...
    def __call__(self, d: Vector | D, n: Vector, m: Vector | None = None) -> None:
        self.write(d, n, m)


addp = AddPairs("addp")


# --- one vector in ------------------------------------------------------------------


class Two(Mnemonic):
    """d = op n, element by element."""

    def __call__(self, d: A, n: A) -> None:
        self.write(d, n)


def misc(u: int, opcode: str, arrangements: str, scalars: str = "", role: Role = "w") -> list[Form]:
    """Two vectors (or scalars) of the same arrangement."""
    forms = [Form(f"0 Q {u} 01110 size 10000 {opcode} 10 Rn Rd", Vectors("Rd", arrangements, role), Vectors("Rn", arrangements))]  # fmt: skip
    if scalars:
        forms += [Form(f"01 {u} 11110 size 10000 {opcode} 10 Rn Rd", Scalars("Rd", scalars, role), Scalars("Rn", scalars))]  # fmt: skip
    return forms


def pairs(u: int, opcode: str, role: Role = "w") -> list[Form]:
    """Neighbours, added up to elements of twice the width."""
    return [Form(f"0 Q {u} 01110 size 10000 {opcode} 10 Rn Rd", Vectors("Rd", "h4 h8 s2 s4 d1 d2", role, up=1), Vectors("Rn", BHS))]  # fmt: skip


rev64, cnt = Two("rev64", misc(0, "00000", BHS)), Two("cnt", misc(0, "00101", B_ONLY))
abs_, sqabs, sqneg = Two("abs", misc(0, "01011", BHSD, "d")), Two("sqabs", misc(0, "00111", BHSD, BHSD_SCALARS)), Two("sqneg", misc(1, "00111", BHSD, BHSD_SCALARS))  # fmt: skip
suqadd, usqadd = Two("suqadd", misc(0, "00011", BHSD, BHSD_SCALARS, "rw")), Two("usqadd", misc(1, "00011", BHSD, BHSD_SCALARS, "rw"))  # fmt: skip
saddlp, uaddlp = Two("saddlp", pairs(0, "00010")), Two("uaddlp", pairs(1, "00010"))
sadalp, uadalp = Two("sadalp", pairs(0, "00110", "rw")), Two("uadalp", pairs(1, "00110", "rw"))


class Across(Mnemonic):
    """d = one number of all elements of n: their sum, the largest or the smallest."""

    def __call__(self, d: Scalar, n: Vector) -> None:
        self.write(d, n)


def across(u: int, opcode: str, up: int = 0) -> list[Form]:
    """A scalar of all elements; ``up=1`` where it is twice as wide."""
    kinds = "h h s s d" if up else "b b h h s"
    return [Form(f"0 Q {u} 01110 size 11000 {opcode} 10 Rn Rd", Scalars("Rd", kinds, up=up), Vectors("Rn", "b8 b16 h4 h8 s4"))]  # fmt: skip


addv = Across("addv", across(0, "11011"))
saddlv, uaddlv = Across("saddlv", across(0, "00011", 1)), Across("uaddlv", across(1, "00011", 1))
smaxv, umaxv = Across("smaxv", across(0, "01010")), Across("umaxv", across(1, "01010"))
sminv, uminv = Across("sminv", across(0, "11010")), Across("uminv", across(1, "11010"))


class Narrow(Mnemonic):
    """d = the lower half of each element of n; names that end in 2 fill the upper half of d."""

    def __call__(self, d: A, n: A) -> None:
        self.write(d, n)


def narrowing(u: int, opcode: str, upper: int, *, scalars: bool = False) -> list[Form]:
    """Elements of half the width; the upper half of d keeps the lower one."""
    forms = [Form(f"0 Q {u} 01110 size 10000 {opcode} 10 Rn Rd", Vectors("Rd", NARROW[upper], "rw" if upper else "w"), Vectors("Rn", WIDE, up=1, half=False))]  # fmt: skip
    if scalars:
        forms += [Form(f"01 {u} 11110 size 10000 {opcode} 10 Rn Rd", Scalars("Rd", "b h s"), Scalars("Rn", "h s d", up=1))]  # fmt: skip
    return forms


class NarrowScalars(Mnemonic):
    """The same with limits: what does not fit becomes the nearest that does; of scalars too."""

    @overload
    def __call__(self, d: Vector, n: Vector) -> None: ...
    @overload
    def __call__(self, d: B | H | S, n: H | S | D) -> None: ...
    def __call__(self, d: Vector | B | H | S, n: Vector | H | S | D) -> None:
        self.write(d, n)


# fmt: off
xtn, xtn2 = Narrow("xtn", narrowing(0, "10010", 0)), Narrow("xtn2", narrowing(0, "10010", 1))
sqxtn, sqxtn2 = NarrowScalars("sqxtn", narrowing(0, "10100", 0, scalars=True)), Narrow("sqxtn2", narrowing(0, "10100", 1))
uqxtn, uqxtn2 = NarrowScalars("uqxtn", narrowing(1, "10100", 0, scalars=True)), Narrow("uqxtn2", narrowing(1, "10100", 1))
sqxtun, sqxtun2 = NarrowScalars("sqxtun", narrowing(1, "10010", 0, scalars=True)), Narrow("sqxtun2", narrowing(1, "10010", 1))
# fmt: on


# --- shifts by a number ---------------------------------------------------------------


class ShiftElements(Mnemonic):
    """d = each element of n, shifted by a number."""

    def __call__(self, d: A, n: A, amount: int) -> None:
        self.write(d, n, amount)


def shifting(u: int, opcode: str, scalars: str = "", role: Role = "w", *, right: bool) -> list[Form]:  # fmt: skip
    """Shifts that keep the width."""
    finish = immh_and_immb_right if right else immh_and_immb
    forms = [Form(f"0 Q {u} 011110 immh4 immb3 {opcode} 1 Rn Rd", Vectors("Rd", BHSD, role), Vectors("Rn", BHSD), ByElement(BHSD, right=right), finish=finish)]  # fmt: skip
    if scalars:
        forms += [Form(f"01 {u} 111110 immh4 immb3 {opcode} 1 Rn Rd", Scalars("Rd", scalars, role), Scalars("Rn", scalars), ByElement(scalars, right=right), finish=finish)]  # fmt: skip
    return forms


def shifting_down(u: int, opcode: str, upper: int, *, scalars: bool = False) -> list[Form]:
    """Shifts to the right that halve the width."""
    forms = [Form(f"0 Q {u} 011110 immh4 immb3 {opcode} 1 Rn Rd", Vectors("Rd", NARROW[upper], "rw" if upper else "w"), Vectors("Rn", WIDE, up=1, half=False), ByElement(NARROW[upper], right=True), finish=immh_and_immb_right)]  # fmt: skip
    if scalars:
        forms += [Form(f"01 {u} 111110 immh4 immb3 {opcode} 1 Rn Rd", Scalars("Rd", "b h s"), Scalars("Rn", "h s d", up=1), ByElement("b h s", right=True), finish=immh_and_immb_right)]  # fmt: skip
    return forms


def shifting_up(u: int, upper: int) -> list[Form]:
    """Shifts to the left that double the width."""
    return [Form(f"0 Q {u} 011110 immh4 immb3 10100 1 Rn Rd", Vectors("Rd", WIDE, up=1, half=False), Vectors("Rn", NARROW[upper]), ByElement(NARROW[upper]), finish=immh_and_immb)]  # fmt: skip


def extending(u: int, upper: int) -> list[Form]:
    """The same by nothing."""
    return [Form(f"0 Q {u} 011110 immh4 000 10100 1 Rn Rd", Vectors("Rd", WIDE, up=1, half=False), Vectors("Rn", NARROW[upper]), finish=lambda fields: fields | {"immh4": 1 << fields["size"]})]  # fmt: skip


class ShiftNarrow(Mnemonic):
    """d = each element of n shifted to the right, of which the lower half stays."""

    def __call__(self, d: Vector, n: Vector, amount: int) -> None:
        self.write(d, n, amount)


class ShiftNarrowScalars(Mnemonic):
    """The same with limits, of scalars too."""

    @overload
    def __call__(self, d: Vector, n: Vector, amount: int) -> None: ...
    @overload
    def __call__(self, d: B | H | S, n: H | S | D, amount: int) -> None: ...
    def __call__(self, d: Vector | B | H | S, n: Vector | H | S | D, amount: int) -> None:
        self.write(d, n, amount)


class ShiftLong(ShiftNarrow):
    """d = each element of n, extended to twice its width, and shifted to the left."""


class ExtendLong(Mnemonic):
    """d = each element of n, extended to twice its width."""

    def __call__(self, d: Vector, n: Vector) -> None:
        self.write(d, n)


class ShiftLongMost(ShiftNarrow):
    """d = each element of n as the upper half of one of twice its width."""

    def __init__(self, name: str, upper: int) -> None:
        self.forms = [Form("0 Q 1 01110 size 10000 10011 10 Rn Rd", Vectors("Rd", wide, up=1, half=False), Vectors("Rn", narrow), Number("shift", bits, bits)) for wide, narrow, bits in zip(WIDE.split(), NARROW[upper].split(), (8, 16, 32), strict=True)]  # fmt: skip
        super().__init__(name)


class ShiftByEither(Mnemonic):
    """d = each element of n, shifted to the left by a number, or by each element of m, within limits."""

    def __call__(self, d: A, n: A, m: A | int) -> None:
        self.write(d, n, m)


# fmt: off
sshr, ushr = ShiftElements("sshr", shifting(0, "00000", "d", right=True)), ShiftElements("ushr", shifting(1, "00000", "d", right=True))
ssra, usra = ShiftElements("ssra", shifting(0, "00010", "d", "rw", right=True)), ShiftElements("usra", shifting(1, "00010", "d", "rw", right=True))
srshr, urshr = ShiftElements("srshr", shifting(0, "00100", "d", right=True)), ShiftElements("urshr", shifting(1, "00100", "d", right=True))
srsra, ursra = ShiftElements("srsra", shifting(0, "00110", "d", "rw", right=True)), ShiftElements("ursra", shifting(1, "00110", "d", "rw", right=True))
sri, sli = ShiftElements("sri", shifting(1, "01000", "d", "rw", right=True)), ShiftElements("sli", shifting(1, "01010", "d", "rw", right=False))
shl, sqshlu = ShiftElements("shl", shifting(0, "01010", "d", right=False)), ShiftElements("sqshlu", shifting(1, "01100", BHSD_SCALARS, right=False))
sqshl = ShiftByEither("sqshl", shifting(0, "01110", BHSD_SCALARS, right=False) + same(0, "01001", BHSD, BHSD_SCALARS))
uqshl = ShiftByEither("uqshl", shifting(1, "01110", BHSD_SCALARS, right=False) + same(1, "01001", BHSD, BHSD_SCALARS))
shrn, shrn2 = ShiftNarrow("shrn", shifting_down(0, "10000", 0)), ShiftNarrow("shrn2", shifting_down(0, "10000", 1))
rshrn, rshrn2 = ShiftNarrow("rshrn", shifting_down(0, "10001", 0)), ShiftNarrow("rshrn2", shifting_down(0, "10001", 1))
sqshrn, sqshrn2 = ShiftNarrowScalars("sqshrn", shifting_down(0, "10010", 0, scalars=True)), ShiftNarrow("sqshrn2", shifting_down(0, "10010", 1))
uqshrn, uqshrn2 = ShiftNarrowScalars("uqshrn", shifting_down(1, "10010", 0, scalars=True)), ShiftNarrow("uqshrn2", shifting_down(1, "10010", 1))
sqrshrn, sqrshrn2 = ShiftNarrowScalars("sqrshrn", shifting_down(0, "10011", 0, scalars=True)), ShiftNarrow("sqrshrn2", shifting_down(0, "10011", 1))
uqrshrn, uqrshrn2 = ShiftNarrowScalars("uqrshrn", shifting_down(1, "10011", 0, scalars=True)), ShiftNarrow("uqrshrn2", shifting_down(1, "10011", 1))
sqshrun, sqshrun2 = ShiftNarrowScalars("sqshrun", shifting_down(1, "10000", 0, scalars=True)), ShiftNarrow("sqshrun2", shifting_down(1, "10000", 1))
sqrshrun, sqrshrun2 = ShiftNarrowScalars("sqrshrun", shifting_down(1, "10001", 0, scalars=True)), ShiftNarrow("sqrshrun2", shifting_down(1, "10001", 1))
sshll, sshll2 = ShiftLong("sshll", shifting_up(0, 0)), ShiftLong("sshll2", shifting_up(0, 1))
ushll, ushll2 = ShiftLong("ushll", shifting_up(1, 0)), ShiftLong("ushll2", shifting_up(1, 1))
sxtl, sxtl2 = ExtendLong("sxtl", extending(0, 0)), ExtendLong("sxtl2", extending(0, 1))
uxtl, uxtl2 = ExtendLong("uxtl", extending(1, 0)), ExtendLong("uxtl2", extending(1, 1))
shll, shll2 = ShiftLongMost("shll", 0), ShiftLongMost("shll2", 1)
# fmt: on


# --- widening and narrowing sums and products -------------------------------------------


class ThreeVectors(Mnemonic):
    """d = n op m, where not all have elements of the same width."""

    def __call__(self, d: Vector, n: Vector, m: Vector) -> None:
        self.write(d, n, m)


def lengthening(u: int, opcode: str, upper: int, role: Role = "w") -> list[Form]:
    """Results of twice the width."""
    return [Form(f"0 Q {u} 01110 size 1 Rm {opcode} 00 Rn Rd", Vectors("Rd", WIDE, role, up=1, half=False), Vectors("Rn", NARROW[upper]), Vectors("Rm", NARROW[upper]))]  # fmt: skip


def widening(u: int, opcode: str, upper: int) -> list[Form]:
    """n is as wide as the result, m half of that."""
    return [Form(f"0 Q {u} 01110 size 1 Rm {opcode} 00 Rn Rd", Vectors("Rd", WIDE, up=1, half=False), Vectors("Rn", WIDE, up=1, half=False), Vectors("Rm", NARROW[upper]))]  # fmt: skip


def halving(u: int, opcode: str, upper: int) -> list[Form]:
    """The upper halves of results; the upper half of d keeps the lower one."""
    return [Form(f"0 Q {u} 01110 size 1 Rm {opcode} 00 Rn Rd", Vectors("Rd", NARROW[upper], "rw" if upper else "w"), Vectors("Rn", WIDE, up=1, half=False), Vectors("Rm", WIDE, up=1, half=False))]  # fmt: skip


def polynomial(upper: int) -> list[Form]:
    """Products without carries: of bytes, and (with the cryptographic extension) of doublewords."""
    return [
        Form("0 Q 0 01110 size 1 Rm 1110 00 Rn Rd", Vectors("Rd", "h8", up=1, half=False), Vectors("Rn", ("b8", "b16")[upper]), Vectors("Rm", ("b8", "b16")[upper])),
        Form("0 Q 0 01110 size 1 Rm 1110 00 Rn Rd", Vectors("Rd", "q1", up=1, half=False), Vectors("Rn", ("d1", "d2")[upper]), Vectors("Rm", ("d1", "d2")[upper])),
    ]  # fmt: skip


# fmt: off
saddl, saddl2 = ThreeVectors("saddl", lengthening(0, "0000", 0)), ThreeVectors("saddl2", lengthening(0, "0000", 1))
uaddl, uaddl2 = ThreeVectors("uaddl", lengthening(1, "0000", 0)), ThreeVectors("uaddl2", lengthening(1, "0000", 1))
ssubl, ssubl2 = ThreeVectors("ssubl", lengthening(0, "0010", 0)), ThreeVectors("ssubl2", lengthening(0, "0010", 1))
usubl, usubl2 = ThreeVectors("usubl", lengthening(1, "0010", 0)), ThreeVectors("usubl2", lengthening(1, "0010", 1))
saddw, saddw2 = ThreeVectors("saddw", widening(0, "0001", 0)), ThreeVectors("saddw2", widening(0, "0001", 1))
uaddw, uaddw2 = ThreeVectors("uaddw", widening(1, "0001", 0)), ThreeVectors("uaddw2", widening(1, "0001", 1))
ssubw, ssubw2 = ThreeVectors("ssubw", widening(0, "0011", 0)), ThreeVectors("ssubw2", widening(0, "0011", 1))
usubw, usubw2 = ThreeVectors("usubw", widening(1, "0011", 0)), ThreeVectors("usubw2", widening(1, "0011", 1))
sabdl, sabdl2 = ThreeVectors("sabdl", lengthening(0, "0111", 0)), ThreeVectors("sabdl2", lengthening(0, "0111", 1))
uabdl, uabdl2 = ThreeVectors("uabdl", lengthening(1, "0111", 0)), ThreeVectors("uabdl2", lengthening(1, "0111", 1))
sabal, sabal2 = ThreeVectors("sabal", lengthening(0, "0101", 0, "rw")), ThreeVectors("sabal2", lengthening(0, "0101", 1, "rw"))
uabal, uabal2 = ThreeVectors("uabal", lengthening(1, "0101", 0, "rw")), ThreeVectors("uabal2", lengthening(1, "0101", 1, "rw"))
smlal, smlal2 = ThreeVectors("smlal", lengthening(0, "1000", 0, "rw")), ThreeVectors("smlal2", lengthening(0, "1000", 1, "rw"))
umlal, umlal2 = ThreeVectors("umlal", lengthening(1, "1000", 0, "rw")), ThreeVectors("umlal2", lengthening(1, "1000", 1, "rw"))
smlsl, smlsl2 = ThreeVectors("smlsl", lengthening(0, "1010", 0, "rw")), ThreeVectors("smlsl2", lengthening(0, "1010", 1, "rw"))
umlsl, umlsl2 = ThreeVectors("umlsl", lengthening(1, "1010", 0, "rw")), ThreeVectors("umlsl2", lengthening(1, "1010", 1, "rw"))
smull2, umull2 = ThreeVectors("smull2", lengthening(0, "1100", 1)), ThreeVectors("umull2", lengthening(1, "1100", 1))
addhn, addhn2 = ThreeVectors("addhn", halving(0, "0100", 0)), ThreeVectors("addhn2", halving(0, "0100", 1))
subhn, subhn2 = ThreeVectors("subhn", halving(0, "0110", 0)), ThreeVectors("subhn2", halving(0, "0110", 1))
raddhn, raddhn2 = ThreeVectors("raddhn", halving(1, "0100", 0)), ThreeVectors("raddhn2", halving(1, "0100", 1))
rsubhn, rsubhn2 = ThreeVectors("rsubhn", halving(1, "0110", 0)), ThreeVectors("rsubhn2", halving(1, "0110", 1))
pmull, pmull2 = ThreeVectors("pmull", polynomial(0)), ThreeVectors("pmull2", polynomial(1))
# fmt: on


# --- putting elements elsewhere -----------------------------------------------------------


class Permute(Mnemonic):
    """d = elements of n and of m: the even (1) or odd (2) ones, halves interleaved, or transposed."""

    forms = [Form("0 Q 001110 size 0 Rm 0 opcode3 10 Rn Rd", Vectors("Rd", BHSD), Vectors("Rn", BHSD), Vectors("Rm", BHSD))]  # fmt: skip

    def __call__(self, d: Vector, n: Vector, m: Vector) -> None:
        self.write(d, n, m)


uzp1, uzp2 = Permute("uzp1", opcode3=0b001), Permute("uzp2", opcode3=0b101)
trn1, trn2 = Permute("trn1", opcode3=0b010), Permute("trn2", opcode3=0b110)
zip1, zip2 = Permute("zip1", opcode3=0b011), Permute("zip2", opcode3=0b111)


class ExtractBytes(Mnemonic):
    """d = the bytes of m:n from some byte of n up."""

    forms = [
        Form("0 0 101110 00 0 Rm 0 imm4 0 Rn Rd", Vectors("Rd", "b8"), Vectors("Rn", "b8"), Vectors("Rm", "b8"), Number("imm4", 0, 7)),
        Form("0 1 101110 00 0 Rm 0 imm4 0 Rn Rd", Vectors("Rd", "b16"), Vectors("Rn", "b16"), Vectors("Rm", "b16"), Number("imm4", 0, 15)),
    ]  # fmt: skip

    def __call__(self, d: Vector, n: Vector, m: Vector, byte: int) -> None:
        self.write(d, n, m, byte)


class LookUp(Mnemonic):
    """d = the bytes of a table of one to four registers whose numbers are in m; others are 0, or stay (tbx)."""

    def __init__(self, name: str, op: int, role: Role) -> None:
        self.forms = [Form(f"0 Q 001110 000 Rm 0 {count - 1:02b} {op} 00 Rn Rd", Vectors("Rd", B_ONLY, role), Table(count), Vectors("Rm", B_ONLY)) for count in (1, 2, 3, 4)]  # fmt: skip
        super().__init__(name)

    def __call__(self, d: Vector, table: Registers, m: Vector) -> None:
        self.write(d, table, m)


ext, tbl, tbx = ExtractBytes("ext"), LookUp("tbl", 0, "w"), LookUp("tbx", 1, "rw")


class Duplicate(Mnemonic):
    """Every element of d = a general register, or one element of n."""

    forms = [
        Form("0 Q 0 01110000 imm5 0 0000 1 Rn Rd", Vectors("Rd", BHSD), Element("Rn", "b b h h s s d", imm5_of)),
        Form("0 Q 0 01110000 imm5 0 0001 1 Rn Rd", Vectors("Rd", BHS), General("Rn", 32), finish=lambda fields: fields | {"imm5": 1 << fields["size"]}),
        Form("0 1 0 01110000 01000 0 0001 1 Rn Rd", Vectors("Rd", "d2"), General("Rn", 64)),
        Form("01 0 11110000 imm5 0 0000 1 Rn Rd", Scalars("Rd", "b h s d"), Element("Rn", "b h s d", imm5_of)),
    ]  # fmt: skip

    @overload
    def __call__(self, d: Vector, n: W | X | WZR | ZR | Lane) -> None: ...
    @overload
    def __call__(self, d: B | H | S | D, n: Lane) -> None: ...
    def __call__(self, d: Vector | B | H | S | D, n: W | X | WZR | ZR | Lane) -> None:
        self.write(d, n)


def insert_forms() -> Iterator[Form]:
    """One element of d = one of n, or a general register; the others stay."""
    yield Form("0 1 1 01110000 imm5 0 imm4 1 Rn Rd", Element("Rd", "b h s d", imm5_of, "rw"), Element("Rn", "b h s d", lambda size, index: {"imm4": index << size}))  # fmt: skip
    yield Form("0 1 0 01110000 imm5 0 0011 1 Rn Rd", Element("Rd", "b h s", imm5_of, "rw"), General("Rn", 32))  # fmt: skip
    yield Form("0 1 0 01110000 imm5 0 0011 1 Rn Rd", Element("Rd", "d", imm5_of, "rw"), General("Rn", 64))  # fmt: skip


class Insert(Mnemonic):
    """One element of d = an element of n, or a general register; the others stay."""

    forms = list(insert_forms())

    def __call__(self, d: Lane, n: W | X | WZR | ZR | Lane) -> None:
        self.write(d, n)


class MoveUnsigned(Mnemonic):
    """A general register = an element, extended with zeros."""

    forms = [
        Form("0 0 0 01110000 imm5 0 0111 1 Rn Rd", General("Rd", 32), Element("Rn", "b h s", imm5_of)),
        Form("0 1 0 01110000 imm5 0 0111 1 Rn Rd", General("Rd", 64), Element("Rn", "d", imm5_of)),
    ]  # fmt: skip

    def __call__(self, d: W | X | WZR | ZR, n: Lane) -> None:
        self.write(d, n)


class MoveSigned(MoveUnsigned):
    """A general register = an element, with its sign extended."""

    forms = [
        Form("0 0 0 01110000 imm5 0 0101 1 Rn Rd", General("Rd", 32), Element("Rn", "b h", imm5_of)),
        Form("0 1 0 01110000 imm5 0 0101 1 Rn Rd", General("Rd", 64), Element("Rn", "b h s", imm5_of)),
    ]  # fmt: skip


def upper_only(size: int, index: int) -> dict[str, int]:
    """fmov knows only the upper doubleword."""
    if index != 1:
        raise EncodingError(f".d[1] fits here, not .d[{index}]")
    return {}


class MoveBits(Mnemonic):
    """The bits of a scalar and of a general register, as they are."""

    forms = [
        Form("0 00 11110 00 1 00 110 000000 Rn Rd", General("Rd", 32), Scalars("Rn", "s")),
        Form("0 00 11110 00 1 00 111 000000 Rn Rd", Scalars("Rd", "s"), General("Rn", 32)),
        Form("1 00 11110 01 1 00 110 000000 Rn Rd", General("Rd", 64), Scalars("Rn", "d")),
        Form("1 00 11110 01 1 00 111 000000 Rn Rd", Scalars("Rd", "d"), General("Rn", 64)),
        Form("1 00 11110 10 1 01 110 000000 Rn Rd", General("Rd", 64), Element("Rn", "d", upper_only)),
        Form("1 00 11110 10 1 01 111 000000 Rn Rd", Element("Rd", "d", upper_only, "rw"), General("Rn", 64)),
        Form("0 00 11110 00 1 0000 00 10000 Rn Rd", Scalars("Rd", "s"), Scalars("Rn", "s")),
        Form("0 00 11110 01 1 0000 00 10000 Rn Rd", Scalars("Rd", "d"), Scalars("Rn", "d")),
    ]  # fmt: skip

    @overload
    def __call__(self, d: W | WZR, n: S) -> None: ...
    @overload
    def __call__(self, d: X | ZR, n: D | Lane) -> None: ...
    @overload
    def __call__(self, d: S, n: W | WZR | S) -> None: ...
    @overload
    def __call__(self, d: D, n: X | ZR | D) -> None: ...
    @overload
    def __call__(self, d: Lane, n: X | ZR) -> None: ...
    def __call__(
        self, d: W | WZR | X | ZR | S | D | Lane, n: W | WZR | X | ZR | S | D | Lane
    ) -> None:
        self.write(d, n)


dup, ins, fmov = Duplicate("dup"), Insert("ins"), MoveBits("fmov")
umov, smov = MoveUnsigned("umov"), MoveSigned("smov")


# --- numbers ------------------------------------------------------------------------------


def byte_at(bits: int, box: str, op: int, role: Role = "w") -> Form:
    """A byte at some place of each halfword or word."""
    amounts, names = (range(0, bits, 8), "h4 h8" if bits == 16 else "s2 s4")
    return Form(f"0 Q {op} 0111100000 abc3 {box} 01 defgh5 Rd", Vectors("Rd", names, role), Byte(), ByteShift("lsl", amounts, lambda n: {"at1": n, "at2": n}))  # fmt: skip


def byte_and_ones(op: int) -> Form:
    """A byte followed by 8 or 16 ones in each word."""
    return Form(f"0 Q {op} 0111100000 abc3 110 at1 01 defgh5 Rd", Vectors("Rd", "s2 s4"), Byte(), ByteShift("msl", (8, 16), lambda n: {"at1": n}))  # fmt: skip


def msl(amount: int) -> Shift:
    """How ``movi`` and ``mvni`` shift ones in: ``movi(v0.s4, 0x12, msl(8))`` is 0x12ff."""
    return Shift("msl", amount)


class MoveNumber(Mnemonic):
    """Each element of d = a number: a byte, shifted (and, for mvni, complemented); or a mask of bytes."""

    @overload
    def __call__(self, d: Vector, value: int, shift: Shift | None = None) -> None: ...
    @overload
    def __call__(self, d: D, value: int) -> None: ...
    def __call__(self, d: Vector | D, value: int, shift: Shift | None = None) -> None:
        self.write(d, value, shift)


movi = MoveNumber("movi", [
    Form("0 Q 0 0111100000 abc3 1110 01 defgh5 Rd", Vectors("Rd", B_ONLY), Byte()),
    byte_at(16, "10 at1 0", 0),
    byte_at(32, "0 at2 0", 0),
    byte_and_ones(0),
    Form("0 0 1 0111100000 abc3 1110 01 defgh5 Rd", Scalars("Rd", "d"), ByteMask()),
    Form("0 1 1 0111100000 abc3 1110 01 defgh5 Rd", Vectors("Rd", "d2"), ByteMask()),
])  # fmt: skip
mvni = MoveNumber("mvni", [byte_at(16, "10 at1 0", 1), byte_at(32, "0 at2 0", 1), byte_and_ones(1)])


# --- memory -------------------------------------------------------------------------------


class Structures(Mnemonic):
    """Load or store registers, their elements taken in turns; all of them, or one of each."""

    def __call__(
        self, t: Registers | Elements, address: Address, step: int | X | None = None
    ) -> None:
        self.write(t, address, step, effect=stepping(address, step))


def with_steps(post: str, t: Operand, lengths: list[int]) -> Iterator[Form]:
    """The three ways to an address: as it is, and stepped afterwards by all that is moved, or by a register."""
    still = post.replace("P", "0").replace("MMMMM", "00000")
    yield Form(still, t, Memory())
    stepped = post.replace("P", "1")
    yield Form(stepped.replace("MMMMM", "11111"), t, Memory(step=True), Bytes(lengths))
    yield Form(stepped.replace("MMMMM", "Rm"), t, Memory(step=True), General("Rm", 64, zero=False))


def whole(load: int, count: int, opcode: str, arrangements: str) -> Iterator[Form]:
    """All elements of some registers."""
    t = Run("Rt", count, arrangements, "w" if load else "r")
    lengths = [count * (16 if name in FULL else 8) for name in arrangements.split()]
    return with_steps(f"0 Q 001100 P {load} 0 MMMMM {opcode} size Rn Rt", t, lengths)


def one_of_each(load: int, count: int) -> Iterator[Form]:
    """One element of each of some registers, which keep the others."""
    r, high = (count - 1) & 1, (count - 1) >> 1
    for bits, tail in (8, f"00{high} S size"), (16, f"01{high} S size1 0"), (32, f"10{high} S 00"), (64, f"10{high} 0 01"):  # fmt: skip
        t = ElementRun("Rt", count, bits, "rw" if load else "r")
        yield from with_steps(f"0 Q 001101 P {load} {r} MMMMM {tail} Rn Rt", t, [count * bits // 8])


def to_all(count: int) -> Iterator[Form]:
    """One structure, given to all elements of some registers."""
    r, high = (count - 1) & 1, (count - 1) >> 1
    for bits, names in (8, B_ONLY), (16, "h4 h8"), (32, "s2 s4"), (64, "d1 d2"):
        t = Replicated("Rt", count, names)
        yield from with_steps(
            f"0 Q 001101 P 1 {r} MMMMM 11{high} 0 size Rn Rt", t, [count * bits // 8]
        )


class Replicated(Run):
    """Registers all of whose elements become the same."""

    def __init__(self, field: str, count: int, arrangements: str) -> None:
        super().__init__(field, count, arrangements, "w")

    def shape(self, first: Vector) -> dict[str, int]:
        return super().shape(first) | {"bytes": self.count * first.bits // 8}


def structures(load: int, count: int) -> list[Form]:
    """What ld1 to ld4 and st1 to st4 have: whole registers, then single elements."""
    if count == 1:
        opcodes = {1: "0111", 2: "1010", 3: "0110", 4: "0010"}
        rows = [
            row for n, opcode in opcodes.items() for row in whole(load, n, opcode, f"{BHS} d1 d2")
        ]
    else:
        rows = list(whole(load, count, {2: "1000", 3: "0100", 4: "0000"}[count], BHSD))
    return rows + list(one_of_each(load, count))


# fmt: off
ld1, st1 = Structures("ld1", structures(1, 1)), Structures("st1", structures(0, 1))
ld2, st2 = Structures("ld2", structures(1, 2)), Structures("st2", structures(0, 2))
ld3, st3 = Structures("ld3", structures(1, 3)), Structures("st3", structures(0, 3))
ld4, st4 = Structures("ld4", structures(1, 4)), Structures("st4", structures(0, 4))
ld1r, ld2r = Structures("ld1r", to_all(1)), Structures("ld2r", to_all(2))
ld3r, ld4r = Structures("ld3r", to_all(3)), Structures("ld4r", to_all(4))
# fmt: on


# --- cryptography -------------------------------------------------------------------------


def sha(box: str, kinds: tuple[str, str, str]) -> Form:
    """A round of a hash: three operands, each a scalar (q, s) or a vector, of which d is read too."""
    d, n, m = kinds

    def operand(field: str, kind: str, role: Role) -> Operand:
        if len(kind) == 1:
            return Scalars(field, kind, role, alike=False)
        return Vectors(field, kind, role, alike=False)

    return Form(box, operand("Rd", d, "rw"), operand("Rn", n, "r"), operand("Rm", m, "r"))


class Round(Mnemonic):
    """A step of AES or of SHA: see the manual."""

    def __call__(self, d: Vector | S | Q, n: Vector | S | Q, m: Vector | None = None) -> None:
        self.write(d, n, m)


class FourVectors(Mnemonic):
    """d = n xor m xor a (eor3), or n xor (m and not a) (bcax)."""

    forms = [Form("110011100 op2 Rm 0 Ra Rn Rd", Vectors("Rd", "b16"), Vectors("Rn", "b16"), Vectors("Rm", "b16"), Vectors("Ra", "b16"))]  # fmt: skip

    def __call__(self, d: Vector, n: Vector, m: Vector, a: Vector) -> None:
        self.write(d, n, m, a)


def aes(opcode: str, role: Role) -> list[Form]:
    """One step of AES on one block."""
    return [Form(f"0100111000 10100 {opcode} 10 Rn Rd", Vectors("Rd", "b16", role), Vectors("Rn", "b16"))]  # fmt: skip


# fmt: off
aese, aesd, aesmc, aesimc = Round("aese", aes("00100", "rw")), Round("aesd", aes("00101", "rw")), Round("aesmc", aes("00110", "w")), Round("aesimc", aes("00111", "w"))
sha1c, sha1p = Round("sha1c", [sha("01011110000 Rm 0 000 00 Rn Rd", ("q", "s", "s4"))]), Round("sha1p", [sha("01011110000 Rm 0 001 00 Rn Rd", ("q", "s", "s4"))])
sha1m, sha1su0 = Round("sha1m", [sha("01011110000 Rm 0 010 00 Rn Rd", ("q", "s", "s4"))]), Round("sha1su0", [sha("01011110000 Rm 0 011 00 Rn Rd", ("s4", "s4", "s4"))])
sha256h, sha256h2 = Round("sha256h", [sha("01011110000 Rm 0 100 00 Rn Rd", ("q", "q", "s4"))]), Round("sha256h2", [sha("01011110000 Rm 0 101 00 Rn Rd", ("q", "q", "s4"))])
sha256su1, sha512su1 = Round("sha256su1", [sha("01011110000 Rm 0 110 00 Rn Rd", ("s4", "s4", "s4"))]), Round("sha512su1", [sha("11001110011 Rm 1 000 10 Rn Rd", ("d2", "d2", "d2"))])
sha512h, sha512h2 = Round("sha512h", [sha("11001110011 Rm 1 000 00 Rn Rd", ("q", "q", "d2"))]), Round("sha512h2", [sha("11001110011 Rm 1 000 01 Rn Rd", ("q", "q", "d2"))])
sha1h, sha1su1 = Round("sha1h", [Form("0101111000 10100 00000 10 Rn Rd", Scalars("Rd", "s"), Scalars("Rn", "s"))]), Round("sha1su1", [Form("0101111000 10100 00001 10 Rn Rd", Vectors("Rd", "s4", "rw"), Vectors("Rn", "s4"))])
sha256su0, sha512su0 = Round("sha256su0", [Form("0101111000 10100 00010 10 Rn Rd", Vectors("Rd", "s4", "rw"), Vectors("Rn", "s4"))]), Round("sha512su0", [Form("1100111011000000 100000 Rn Rd", Vectors("Rd", "d2", "rw"), Vectors("Rn", "d2"))])
eor3, bcax = FourVectors("eor3", op2=0b00), FourVectors("bcax", op2=0b01)
rax1 = ThreeVectors("rax1", [Form("11001110011 Rm 1 000 11 Rn Rd", Vectors("Rd", "d2"), Vectors("Rn", "d2"), Vectors("Rm", "d2"))])
# fmt: on


class XorRotate(Mnemonic):
    """d = each doubleword of n xor m, rotated to the right."""

    forms = [Form("11001110100 Rm imm6 Rn Rd", Vectors("Rd", "d2"), Vectors("Rn", "d2"), Vectors("Rm", "d2"), Number("imm6", 0, 63))]  # fmt: skip

    def __call__(self, d: Vector, n: Vector, m: Vector, amount: int) -> None:
        self.write(d, n, m, amount)


xar = XorRotate("xar")
