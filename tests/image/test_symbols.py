"""Symbols: an address in the words of the source."""

from __future__ import annotations

from typing import Never

import pytest

from svc0 import machine
from svc0.a64 import *
from svc0.image.elf import HEADERS, elf
from svc0.image.layout import Program, lay_out
from svc0.image.symbols import Symbols
from svc0.machine.emulator import Emulator
from tests.image import sample

BIAS = 0x55_5000_0000


@pytest.fixture(scope="module")
def program() -> Program:
    return lay_out(sample.start)


@pytest.mark.parametrize("bias", [0, BIAS])
def test_every_instruction_is_located(program: Program, bias: int) -> None:
    symbols = Symbols(program, bias)
    for address, spot in program.spots.items():
        said = symbols.locate(address + bias)
        assert said is not None
        assert said.startswith(f"sample.py:{spot.instruction.line}: {spot.routine}")
        assert said.endswith(spot.instruction.text)
        assert symbols.locate(address + bias + 3) is not None


def test_data_are_located(program: Program) -> None:
    symbols = Symbols(program, BIAS)
    at = symbols.address("GREETING")
    assert at == program.addresses[sample.GREETING] + BIAS
    assert symbols.locate(at) == "GREETING"
    assert symbols.locate(at + 4) == "GREETING+4"
    assert symbols.name(symbols.address("POOL") + 65536) == "POOL+65536"


def test_elsewhere_is_nothing(program: Program) -> None:
    symbols = Symbols(program, BIAS)
    for address in (0, BIAS + program.zeros.address + program.zeros.size, 2**64 - 1):
        assert symbols.locate(address) is None
    last = program.text.address + program.text.size
    assert symbols.locate(BIAS + last) is None
    with pytest.raises(KeyError):
        symbols.address("nobody")


def test_routines_and_spots_are_in_order(program: Program) -> None:
    symbols = Symbols(program)
    listed = list(symbols.routines())
    assert [start for start, _, _ in listed] == sorted(start for start, _, _ in listed)
    assert sum(size for _, size, _ in listed) == 4 * len(list(symbols.spots()))
    assert listed[0][2] is sample.start


def test_a_machine_tells_a_fault_with_them() -> None:
    @routine
    def crash() -> Never:
        mov(x9, 0)
        ldr(x10, [x9])
        sample.leave_with(0)

    symbols: machine.Symbols = Symbols(lay_out(crash, headers=HEADERS))
    process = Emulator(symbols).process(elf(crash), ["crash"])
    with pytest.raises(machine.Fault, match=r"test_symbols.py:\d+: crash\+4: ldr x10, \[x9\]"):
        process.run()
