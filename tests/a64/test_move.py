"""`mov` of any number: it leaves that number, in as few instructions as can be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import EncodingError, Routine, W, X, mov, routine, w0, x0
from svc0.a64.encoding import bitmask_fields
from svc0.a64.listing import Instruction

words = st.one_of(
    st.sampled_from([0, 1, 0xFF, 0xFF00, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF]), st.integers(0, 0xFFFF)
)
wide = st.lists(words, min_size=4, max_size=4).map(
    lambda w: sum(n << 16 * at for at, n in enumerate(w))
)
narrow = st.lists(words, min_size=2, max_size=2).map(lambda w: w[0] | w[1] << 16)


def makes(d: X | W, number: int) -> Routine:
    """A routine that does nothing else."""

    @routine
    def one() -> None:
        mov(d, number)

    return one


def instructions(d: X | W, number: int) -> list[Instruction]:
    return makes(d, number).listing().instructions


def value(listing: list[Instruction], bits: int) -> int:
    """What the instructions leave, by what the manual says of them."""
    result = 0
    for i in listing:
        if i.name == "orr":
            number = int(i.operands[2]) % (1 << bits)
            assert bitmask_fields(number, bits)
            result = number
            continue
        at, word = 16 * i.fields["hw"], i.fields["imm16"]
        if i.name == "movk":
            result = result & ~(0xFFFF << at) | word << at
        else:
            result = word << at if i.name == "movz" else ~(word << at) % (1 << bits)
    return result


@given(wide)
def test_a_wide_number_is_made(number: int) -> None:
    assert value(instructions(x0, number), 64) == number


@given(narrow)
def test_a_narrow_number_is_made(number: int) -> None:
    assert value(instructions(w0, number), 32) == number


@given(st.integers(-(2**63), 2**64 - 1))
def test_a_number_may_be_negative(number: int) -> None:
    assert value(instructions(x0, number), 64) == number % 2**64


@given(wide)
def test_it_is_the_shortest(number: int) -> None:
    """One instruction, if one makes it; two, if one comes within a movk of it."""
    count = len(instructions(x0, number))
    assert count <= 4
    if one_is_enough(number, 64):
        assert count == 1
    elif any(one_is_enough(near, 64) for near in a_halfword_away(number)):
        assert count == 2
    else:
        assert count > 2


@given(narrow)
def test_a_narrow_one_takes_one_or_two(number: int) -> None:
    assert len(instructions(w0, number)) == (1 if one_is_enough(number, 32) else 2)


def one_is_enough(number: int, bits: int) -> bool:
    """Whether movz, movn or orr makes it."""
    ones = (1 << bits) - 1
    shifted = {number & 0xFFFF << at for at in range(0, bits, 16)}
    inverted = {~number & ones & 0xFFFF << at for at in range(0, bits, 16)}
    return (
        number in shifted or ~number & ones in inverted or bitmask_fields(number, bits) is not None
    )


def a_halfword_away(number: int) -> list[int]:
    """Numbers that differ in one halfword, with each run of bits in that one."""
    runs = {0, 0xFFFF}
    runs |= {((1 << n) - 1) << at & 0xFFFF for n in range(1, 16) for at in range(17 - n)}
    runs |= {run ^ 0xFFFF for run in runs} | {number >> at & 0xFFFF for at in range(0, 64, 16)}
    return [number & ~(0xFFFF << at) | run << at for at in range(0, 64, 16) for run in runs]


@pytest.mark.parametrize("at", [0, 16, 32, 48])
@pytest.mark.parametrize(
    "number",
    [0x00FF_00FF_00FF_00FF, 0x0000_FFFF_0000_1234, 0x1234_5678_1234_5678, 0xFFF0_0000_0000_0FFF],
)
def test_no_other_halfword_would_make_it_shorter(number: int, at: int) -> None:
    """All 65536 halfwords, not only those that are tried."""
    number = number & ~(0xFFFF << at) | 0xBEEF << at
    near = [number & ~(0xFFFF << at) | other << at for other in range(1 << 16)]
    if any(one_is_enough(n, 64) for n in near):
        assert len(instructions(x0, number)) <= 2


@pytest.mark.skipif(not shutil.which("aarch64-linux-gnu-as"), reason="there is no GNU as here")
def test_gnu_as_has_the_same_word_for_what_takes_one(tmp_path: Path) -> None:
    numbers = [
        0,
        1,
        0xFFFF,
        0x10000,
        2**64 - 1,
        2**63,
        0x5555_5555_5555_5555,
        0xFF00,
        2**32 - 1,
        0xFFFF_0000,
        0x00FF_FF00,
        ~0x1234_0000 % 2**64,
    ]
    numbers += [0xFFFF << at for at in range(0, 49, 16)] + [(1 << n) - 1 for n in range(1, 64)]
    words = [i.encode(0, None) for n in numbers for i in instructions(x0, n)]
    assert len(words) == len(numbers)
    (tmp_path / "a.s").write_text("".join(f"mov x0, #{n:#x}\n" for n in numbers))
    prefix = "aarch64-linux-gnu-"
    subprocess.run([f"{prefix}as", "-o", tmp_path / "a.o", tmp_path / "a.s"], check=True)
    subprocess.run(
        [f"{prefix}objcopy", "-O", "binary", "-j", ".text", tmp_path / "a.o", tmp_path / "a.bin"],
        check=True,
    )
    assert (tmp_path / "a.bin").read_bytes() == b"".join(w.to_bytes(4, "little") for w in words)


@pytest.mark.parametrize(
    ("d", "number"), [(w0, 1 << 32), (x0, 1 << 64), (x0, -(1 << 63) - 1), (w0, -(1 << 31) - 1)]
)
def test_a_number_that_is_too_large_is_refused(d: X | W, number: int) -> None:
    with pytest.raises(
        EncodingError, match=r"test_move\.py:\d+: mov \w\d, .*: \d\d bits are too few"
    ):
        instructions(d, number)
