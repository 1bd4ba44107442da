"""What rows say they read and write, against what a processor does.

Each row is run twice, on two states that agree in what it says it reads and in nothing else.  What
it says it writes must then be the same, and everything else must be as it was: so whoever trusts
the contract of a routine trusts what Unicorn did, not what somebody typed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from typing import Any, cast

import pytest
from unicorn import UC_ARCH_ARM64, UC_MODE_ARM, UC_PROT_ALL, arm64_const
from unicorn.unicorn_py3 import Uc, UcError

from svc0.a64 import W, X
from svc0.a64 import parts as p
from svc0.a64.mnemonic import MNEMONICS, Mnemonic, Row
from svc0.a64.operands import General, PreIndexed
from svc0.a64.vectors import OfVectors

from .oracle import every_row, examples

SEED = int(os.environ.get("SVC0_SEED", "0"))
EXAMPLES = int(os.environ.get("SVC0_EXAMPLES", "2"))
CODE, MEMORY, MIDDLE, SIZE = 0x10_0000, 0x100_0000, 0x100_2000, 0x1_0000
MOST = (1 << 64) - 1

REGISTERS = [getattr(arm64_const, f"UC_ARM64_REG_X{n}") for n in range(31)]
VECTORS = [getattr(arm64_const, f"UC_ARM64_REG_Q{n}") for n in range(32)]
SP_, FLAGS = arm64_const.UC_ARM64_REG_SP, arm64_const.UC_ARM64_REG_NZCV

CLREX = 0xD503_3F5F
"""Before each: what is watched for exclusive stores would be a state of its own."""

NOT_RUN = {
    "brk": "stops",
    "udf": "stops",
    "svc": "enters the kernel",
    "wfe": "waits",
    "wfi": "waits",
    "yield": "waits",
    "mrs": "has its own test",
    "msr": "has its own test",
    "ret": "goes elsewhere",
    "br": "goes elsewhere",
    "blr": "goes elsewhere",
    "pacga": "is not known to Unicorn's processor",
    "dc zva,": "writes as much memory as the processor likes",
}


def runs(mnemonic: Mnemonic, row: Row) -> bool:
    """Whether a row does something to registers that can be looked at."""
    return not row.place and mnemonic.name not in NOT_RUN


class State:
    """What registers hold."""

    def __init__(self, random: Random) -> None:
        self.x = [random.getrandbits(64) for _ in range(31)]
        self.v = [random.getrandbits(128) for _ in range(32)]
        self.flags = random.getrandbits(4)
        self.sp = MIDDLE

    def known(self, other: State, parts: int) -> State:
        """The other state, but with these parts of this one."""
        for n in range(31):
            low, high = parts >> n & 1, parts >> n + p.UPPER & 1
            mask = (0xFFFF_FFFF if low else 0) | (MOST ^ 0xFFFF_FFFF if high else 0)
            other.x[n] = self.x[n] & mask | other.x[n] & ~mask
        for n in range(32):
            if parts >> n + p.VECTOR & 1:
                other.v[n] = self.v[n]
        if parts & p.FLAGS:
            other.flags = self.flags
        return other

    def differs(self, other: State, parts: int) -> list[str]:
        """Which of these parts are not the same."""
        found: list[str] = []
        for n in range(31):
            low, high = parts >> n & 1, parts >> n + p.UPPER & 1
            mask = (0xFFFF_FFFF if low else 0) | (MOST ^ 0xFFFF_FFFF if high else 0)
            if (self.x[n] ^ other.x[n]) & mask:
                found.append(f"x{n}")
        found += [
            f"v{n}" for n in range(32) if parts >> n + p.VECTOR & 1 and self.v[n] != other.v[n]
        ]
        if parts & p.FLAGS and self.flags != other.flags:
            found.append("the flags")
        return found


class Machine:
    """A processor that runs one instruction at a time."""

    def __init__(self) -> None:
        self.uc: Any = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        self.uc.ctl_set_cpu_model(arm64_const.UC_CPU_ARM64_MAX)
        self.uc.mem_map(CODE, 0x10_0000, UC_PROT_ALL)
        self.uc.mem_map(MEMORY, SIZE, UC_PROT_ALL)
        self.next = CODE
        self.content = Random(1).randbytes(SIZE)

    def run(self, word: int, state: State) -> tuple[State, bytes]:
        """What an instruction makes of a state, and of memory."""
        address, self.next = self.next, self.next + 8
        uc = self.uc
        uc.mem_write(address, CLREX.to_bytes(4, "little") + word.to_bytes(4, "little"))
        uc.mem_write(MEMORY, self.content)
        uc.reg_write_batch(
            [*zip(REGISTERS, state.x, strict=True), *zip(VECTORS, state.v, strict=True)]
        )
        uc.reg_write(SP_, state.sp)
        uc.reg_write(FLAGS, state.flags << 28)
        uc.emu_start(address, address + 8, count=2)
        after = State(Random(0))
        after.x = list(uc.reg_read_batch(REGISTERS))
        after.v = list(uc.reg_read_batch(VECTORS))
        after.sp, after.flags = uc.reg_read(SP_), uc.reg_read(FLAGS) >> 28
        return after, bytes(uc.mem_read(MEMORY, SIZE))


def aim(state: State, values: tuple[Any, ...], random: Random) -> None:
    """Let the addresses in some operands be where memory is."""
    for value in values:
        address = [value.base] if isinstance(value, PreIndexed) else value
        if not isinstance(address, list):
            continue
        base, *index = cast("list[Any]", address)
        if isinstance(base, X):
            state.x[base.number] = MIDDLE
        for register in index[:1]:
            if isinstance(register, X | W):
                high = random.getrandbits(32) << 32 if isinstance(register, W) else 0
                state.x[register.number] = high | random.randrange(64) * 16


def judged(
    machine: Machine, mnemonic: Mnemonic, row: Row, random: Random, count: int = EXAMPLES
) -> Iterator[str]:
    """What a row says about registers that is not so."""
    left = count
    for values in examples(mnemonic, row, count * 8, random):
        reads, writes = row.reads, row.writes
        for operand, value in zip(row.operands, values, strict=False):
            reads |= operand.reads(value)
            writes |= operand.writes(value)
        word = row.diagram.encode(row.fill(values))
        one = State(random)
        aim(one, values, random)
        two = one.known(State(random), reads)
        text = row.show(mnemonic.name, values)
        try:
            one_after, one_memory = machine.run(word, one)
        except UcError:
            continue  # the index is also the base, or the like
        try:
            two_after, two_memory = machine.run(word, two)
        except UcError as error:
            yield f"{text}: works on what it says it reads, but then: {error}"
            return
        everything = (1 << 97) - 1
        for name in one_after.differs(one, everything & ~writes):
            yield f"{text}: writes {name} without saying so"
        for name in one_after.differs(two_after, writes):
            yield f"{text}: {name} comes from something that it does not say it reads"
        if one_memory != two_memory:
            yield f"{text}: what it stores comes from something that it does not say it reads"
        if one_after.sp != one.sp and not writes & p.STACK:
            yield f"{text}: moves sp without saying so"
        left -= 1
        if not left:
            return
    yield f"{mnemonic} {row.syntax}: never ran"


def test_instructions_read_and_write_what_they_say() -> None:
    random, machine = Random(SEED), Machine()
    rows = [(mnemonic, row) for mnemonic, row in every_row() if runs(mnemonic, row)]
    assert [what for each in rows for what in judged(machine, *each, random)] == []


@pytest.mark.parametrize("name", ["add", "mla", "ldr", "ldadd", "csel", "bfi"])
def test_a_wrong_declaration_would_be_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above has teeth: an instruction that hides what it reads or writes is found."""
    mnemonic = MNEMONICS[name]
    row = mnemonic.rows[0]
    registers = [o for o in row.operands if isinstance(o, General | OfVectors)]
    assert registers
    for operand in registers:
        monkeypatch.setattr(operand, "role", "")
        assert list(judged(Machine(), mnemonic, row, Random(SEED), 40))
        monkeypatch.undo()
