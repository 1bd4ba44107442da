"""Atomics: memory that others write too, and the order in which they see it.

Letters at the end of a name say what is kept in order: ``a`` (acquire) what comes
after, ``l`` (release) what came before, ``al`` both; then ``b`` and ``h`` say that a
byte or a halfword is moved.  Registers stand in the manual's order: ``ldadd(s, t, [n])``
adds s to memory and leaves what was there before in t.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TypeVar

from .mnemonic import Form, Mnemonic, apart
from .operands import Address, Fields, General, Memory, Operand
from .registers import WS, WZR, XS, ZR, Register, W, X

ORDERS = {"": (0, 0), "a": (1, 0), "l": (0, 1), "al": (1, 1)}
"""The endings of names, and the bits for acquire and release."""

# fmt: off
__all__ = [
    "cas", "casa", "casab", "casah", "casal", "casalb", "casalh", "casb", "cash", "casl", "caslb", "caslh",
    "casp", "caspa", "caspal", "caspl",
    "ldadd", "ldadda", "ldaddab", "ldaddah", "ldaddal", "ldaddalb", "ldaddalh", "ldaddb", "ldaddh", "ldaddl", "ldaddlb", "ldaddlh",
    "ldapr", "ldaprb", "ldaprh", "ldar", "ldarb", "ldarh", "ldaxp", "ldaxr", "ldaxrb", "ldaxrh",
    "ldclr", "ldclra", "ldclrab", "ldclrah", "ldclral", "ldclralb", "ldclralh", "ldclrb", "ldclrh", "ldclrl", "ldclrlb", "ldclrlh",
    "ldeor", "ldeora", "ldeorab", "ldeorah", "ldeoral", "ldeoralb", "ldeoralh", "ldeorb", "ldeorh", "ldeorl", "ldeorlb", "ldeorlh",
    "ldset", "ldseta", "ldsetab", "ldsetah", "ldsetal", "ldsetalb", "ldsetalh", "ldsetb", "ldseth", "ldsetl", "ldsetlb", "ldsetlh",
    "ldsmax", "ldsmaxa", "ldsmaxab", "ldsmaxah", "ldsmaxal", "ldsmaxalb", "ldsmaxalh", "ldsmaxb", "ldsmaxh", "ldsmaxl", "ldsmaxlb", "ldsmaxlh",
    "ldsmin", "ldsmina", "ldsminab", "ldsminah", "ldsminal", "ldsminalb", "ldsminalh", "ldsminb", "ldsminh", "ldsminl", "ldsminlb", "ldsminlh",
    "ldumax", "ldumaxa", "ldumaxab", "ldumaxah", "ldumaxal", "ldumaxalb", "ldumaxalh", "ldumaxb", "ldumaxh", "ldumaxl", "ldumaxlb", "ldumaxlh",
    "ldumin", "ldumina", "lduminab", "lduminah", "lduminal", "lduminalb", "lduminalh", "lduminb", "lduminh", "lduminl", "lduminlb", "lduminlh",
    "ldxp", "ldxr", "ldxrb", "ldxrh",
    "stadd", "staddb", "staddh", "staddl", "staddlb", "staddlh", "stclr", "stclrb", "stclrh", "stclrl", "stclrlb", "stclrlh",
    "steor", "steorb", "steorh", "steorl", "steorlb", "steorlh", "stlr", "stlrb", "stlrh", "stlxp", "stlxr", "stlxrb", "stlxrh",
    "stset", "stsetb", "stseth", "stsetl", "stsetlb", "stsetlh", "stsmax", "stsmaxb", "stsmaxh", "stsmaxl", "stsmaxlb", "stsmaxlh",
    "stsmin", "stsminb", "stsminh", "stsminl", "stsminlb", "stsminlh", "stumax", "stumaxb", "stumaxh", "stumaxl", "stumaxlb", "stumaxlh",
    "stumin", "stuminb", "stuminh", "stuminl", "stuminlb", "stuminlh", "stxp", "stxr", "stxrb", "stxrh",
    "swp", "swpa", "swpab", "swpah", "swpal", "swpalb", "swpalh", "swpb", "swph", "swpl", "swplb", "swplh",
]
# fmt: on

R = TypeVar("R", X | ZR, W | WZR)
AnyGeneral = X | W | ZR | WZR


def widths(size: str) -> list[tuple[int, str]]:
    """Bits of the register and the diagram's size, for names that end in b, in h, or in neither."""
    return {"b": [(32, "00")], "h": [(32, "01")], "": [(32, "10"), (64, "11")]}[size]


# --- exclusive: a load that watches, a store that happens if nobody else wrote -------------


class LoadAlone(Mnemonic):
    """Load a register: watching the address (x), in order (a)."""

    def __init__(self, name: str, box: str, size: str = "") -> None:
        super().__init__(name, [Form(f"{sz} {box} Rn Rt", General("Rt", bits, "w"), Memory()) for bits, sz in widths(size)])  # fmt: skip

    def __call__(self, t: AnyGeneral, address: Address) -> None:
        self.write(t, address)


class StoreOrdered(Mnemonic):
    """Store a register, after all that came before."""

    def __init__(self, name: str, size: str = "") -> None:
        super().__init__(name, [Form(f"{sz} 001000 100 11111 1 11111 Rn Rt", General("Rt", bits, "r"), Memory()) for bits, sz in widths(size)])  # fmt: skip

    def __call__(self, t: AnyGeneral, address: Address) -> None:
        self.write(t, address)


class StoreAlone(Mnemonic):
    """Store t if nobody else wrote there since the load; s = 0 if it was stored, else 1."""

    def __init__(self, name: str, ordered: int, size: str = "") -> None:
        super().__init__(name, [Form(f"{sz} 001000 000 Rs {ordered} 11111 Rn Rt", General("Rs", 32, "w"), General("Rt", bits, "r"), Memory(), finish=apart("Rs Rt", "Rs Rn")) for bits, sz in widths(size)])  # fmt: skip

    def __call__(self, s: W | WZR, t: AnyGeneral, address: Address) -> None:
        self.write(s, t, address)


class LoadPairAlone(Mnemonic):
    """Load two registers, watching the address."""

    def __init__(self, name: str, ordered: int) -> None:
        super().__init__(name, [Form(f"1 {sz} 001000 011 11111 {ordered} Rt2 Rn Rt", General("Rt", bits, "w"), General("Rt2", bits, "w"), Memory(), finish=apart("Rt Rt2")) for bits, sz in ((32, 0), (64, 1))])  # fmt: skip

    def __call__(self, t: R, t2: R, address: Address) -> None:
        self.write(t, t2, address)


class StorePairAlone(Mnemonic):
    """Store t and t2 if nobody else wrote there since the load; s = 0 if they were stored, else 1."""

    def __init__(self, name: str, ordered: int) -> None:
        super().__init__(name, [Form(f"1 {sz} 001000 001 Rs {ordered} Rt2 Rn Rt", General("Rs", 32, "w"), General("Rt", bits, "r"), General("Rt2", bits, "r"), Memory(), finish=apart("Rs Rt", "Rs Rt2", "Rs Rn")) for bits, sz in ((32, 0), (64, 1))])  # fmt: skip

    def __call__(self, s: W | WZR, t: R, t2: R, address: Address) -> None:
        self.write(s, t, t2, address)


# fmt: off
ldxr, ldxrb, ldxrh = (LoadAlone(f"ldxr{size}", "001000 010 11111 0 11111", size) for size in ("", "b", "h"))
ldaxr, ldaxrb, ldaxrh = (LoadAlone(f"ldaxr{size}", "001000 010 11111 1 11111", size) for size in ("", "b", "h"))
ldar, ldarb, ldarh = (LoadAlone(f"ldar{size}", "001000 110 11111 1 11111", size) for size in ("", "b", "h"))
ldapr, ldaprb, ldaprh = (LoadAlone(f"ldapr{size}", "111000 101 11111 1100 00", size) for size in ("", "b", "h"))
stlr, stlrb, stlrh = (StoreOrdered(f"stlr{size}", size) for size in ("", "b", "h"))
stxr, stxrb, stxrh = (StoreAlone(f"stxr{size}", 0, size) for size in ("", "b", "h"))
stlxr, stlxrb, stlxrh = (StoreAlone(f"stlxr{size}", 1, size) for size in ("", "b", "h"))
ldxp, ldaxp = LoadPairAlone("ldxp", 0), LoadPairAlone("ldaxp", 1)
stxp, stlxp = StorePairAlone("stxp", 0), StorePairAlone("stlxp", 1)
# fmt: on


# --- all at once: compare and swap, swap, and sums in memory --------------------------------


class CompareAndSwap(Mnemonic):
    """If memory holds s, store t there; s = what was there before."""

    def __init__(self, name: str, order: str, size: str) -> None:
        acquire, release = ORDERS[order]
        super().__init__(name, [Form(f"{sz} 0010001 {acquire} 1 Rs {release} 11111 Rn Rt", General("Rs", bits, "rw"), General("Rt", bits, "r"), Memory()) for bits, sz in widths(size)])  # fmt: skip

    def __call__(self, s: R, t: R, address: Address) -> None:
        self.write(s, t, address)


class Even(General):
    """The first of two registers next to each other: its number is even."""

    def __init__(self, field: str, bits: int, role: str) -> None:
        super().__init__(field, bits, "rw" if role == "rw" else "r", zero=False)
        self.last_example = 0

    def fields(self, value: Register) -> Fields:
        if value.number % 2:
            raise self.refuse("a register with an even number", value)
        return super().fields(value)

    def examples(self, random: Random) -> Iterator[object]:
        numbers = [n for n in range(0, 30, 2) if n != 18]
        while True:
            self.last_example = random.choice(numbers)
            yield (XS if self.bits == 64 else WS)[self.last_example]

    def wrong(self, random: Random) -> Iterator[object]:
        yield (XS if self.bits == 64 else WS)[5]


class Next(General):
    """The register after an even one."""

    def __init__(self, first: Even) -> None:
        super().__init__(f"{first.field}+1", first.bits, "rw" if first.role == "rw" else "r")
        self.first = first

    def examples(self, random: Random) -> Iterator[object]:
        while True:
            yield (XS if self.bits == 64 else WS)[self.first.last_example + 1]


def neighbours(fields: dict[str, int]) -> dict[str, int]:
    """Refuse registers that are not next to each other."""
    for field in ("Rs", "Rt"):
        if fields[f"{field}+1"] != fields[field] + 1:
            raise Operand.refuse("two registers next to each other", f"{fields[field]} and {fields[f'{field}+1']}")  # fmt: skip
    return fields


class CompareAndSwapPair(Mnemonic):
    """If memory holds s and s2, store t and t2 there; s and s2 = what was there before."""

    def __init__(self, name: str, order: str) -> None:
        acquire, release = ORDERS[order]
        forms: list[Form] = []
        for bits, sz in (32, 0), (64, 1):
            s, t = Even("Rs", bits, "rw"), Even("Rt", bits, "r")
            forms.append(Form(f"0 {sz} 0010000 {acquire} 1 Rs {release} 11111 Rn Rt", s, Next(s), t, Next(t), Memory(), finish=neighbours))  # fmt: skip
        super().__init__(name, forms)

    def __call__(self, s: R, s2: R, t: R, t2: R, address: Address) -> None:
        self.write(s, s2, t, t2, address)


class InMemory(Mnemonic):
    """Memory = memory op s; t = what was there before."""

    def __init__(self, name: str, operation: str, order: str, size: str) -> None:
        acquire, release = ORDERS[order]
        super().__init__(name, [Form(f"{sz} 111000 {acquire} {release} 1 Rs {operation} 00 Rn Rt", General("Rs", bits, "r"), General("Rt", bits, "w"), Memory()) for bits, sz in widths(size)])  # fmt: skip

    def __call__(self, s: R, t: R, address: Address) -> None:
        self.write(s, t, address)


class InMemoryOnly(Mnemonic):
    """Memory = memory op s."""

    def __init__(self, name: str, operation: str, order: str, size: str) -> None:
        _, release = ORDERS[order]
        super().__init__(name, [Form(f"{sz} 111000 0 {release} 1 Rs {operation} 00 Rn 11111", General("Rs", bits, "r"), Memory()) for bits, sz in widths(size)])  # fmt: skip

    def __call__(self, s: AnyGeneral, address: Address) -> None:
        self.write(s, address)


def orders(stem: str) -> list[tuple[str, str, str]]:
    """The names of a stem, with their order and their size: ldadd, ldaddb, ldaddh, ldadda, …"""
    return [(f"{stem}{order}{size}", order, size) for order in ORDERS for size in ("", "b", "h")]


def in_memory(stem: str, operation: str) -> Iterator[InMemory]:
    """All orders and sizes of one operation."""
    return (InMemory(name, operation, order, size) for name, order, size in orders(stem))


def in_memory_only(stem: str, operation: str) -> Iterator[InMemoryOnly]:
    """All sizes, in order or not, of one operation whose old value is not wanted."""
    return (InMemoryOnly(name, operation, order, size) for name, order, size in orders(stem) if order in ("", "l"))  # fmt: skip


# fmt: off
cas, casb, cash, casa, casab, casah, casl, caslb, caslh, casal, casalb, casalh = (CompareAndSwap(*name) for name in orders("cas"))
casp, caspa, caspl, caspal = (CompareAndSwapPair(f"casp{order}", order) for order in ORDERS)
ldadd, ldaddb, ldaddh, ldadda, ldaddab, ldaddah, ldaddl, ldaddlb, ldaddlh, ldaddal, ldaddalb, ldaddalh = in_memory("ldadd", "0 000")
ldclr, ldclrb, ldclrh, ldclra, ldclrab, ldclrah, ldclrl, ldclrlb, ldclrlh, ldclral, ldclralb, ldclralh = in_memory("ldclr", "0 001")
ldeor, ldeorb, ldeorh, ldeora, ldeorab, ldeorah, ldeorl, ldeorlb, ldeorlh, ldeoral, ldeoralb, ldeoralh = in_memory("ldeor", "0 010")
ldset, ldsetb, ldseth, ldseta, ldsetab, ldsetah, ldsetl, ldsetlb, ldsetlh, ldsetal, ldsetalb, ldsetalh = in_memory("ldset", "0 011")
ldsmax, ldsmaxb, ldsmaxh, ldsmaxa, ldsmaxab, ldsmaxah, ldsmaxl, ldsmaxlb, ldsmaxlh, ldsmaxal, ldsmaxalb, ldsmaxalh = in_memory("ldsmax", "0 100")
ldsmin, ldsminb, ldsminh, ldsmina, ldsminab, ldsminah, ldsminl, ldsminlb, ldsminlh, ldsminal, ldsminalb, ldsminalh = in_memory("ldsmin", "0 101")
ldumax, ldumaxb, ldumaxh, ldumaxa, ldumaxab, ldumaxah, ldumaxl, ldumaxlb, ldumaxlh, ldumaxal, ldumaxalb, ldumaxalh = in_memory("ldumax", "0 110")
ldumin, lduminb, lduminh, ldumina, lduminab, lduminah, lduminl, lduminlb, lduminlh, lduminal, lduminalb, lduminalh = in_memory("ldumin", "0 111")
swp, swpb, swph, swpa, swpab, swpah, swpl, swplb, swplh, swpal, swpalb, swpalh = in_memory("swp", "1 000")
stadd, staddb, staddh, staddl, staddlb, staddlh = in_memory_only("stadd", "0 000")
stclr, stclrb, stclrh, stclrl, stclrlb, stclrlh = in_memory_only("stclr", "0 001")
steor, steorb, steorh, steorl, steorlb, steorlh = in_memory_only("steor", "0 010")
stset, stsetb, stseth, stsetl, stsetlb, stsetlh = in_memory_only("stset", "0 011")
stsmax, stsmaxb, stsmaxh, stsmaxl, stsmaxlb, stsmaxlh = in_memory_only("stsmax", "0 100")
stsmin, stsminb, stsminh, stsminl, stsminlb, stsminlh = in_memory_only("stsmin", "0 101")
stumax, stumaxb, stumaxh, stumaxl, stumaxlb, stumaxlh = in_memory_only("stumax", "0 110")
stumin, stuminb, stuminh, stuminl, stuminlb, stuminlh = in_memory_only("stumin", "0 111")
# fmt: on
