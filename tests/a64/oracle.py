"""Two other readers of A64: GNU as, which knows text, and Capstone, which knows words.

They share nothing with svc0 or with each other.  Each row of each mnemonic makes up operands; its
words are compared with what GNU as makes of its text, and with what GNU as makes of the text that
Capstone reads in them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from svc0.a64.mnemonic import MNEMONICS, Mnemonic, Row
from svc0.a64.operands import LowBits, PageOf, To
from svc0.a64.places import Label, Place

ARCHITECTURE = "armv8.5-a+crypto+sha3+crc+lse+rng+rcpc+sb+bf16+i8mm+sm4+dotprod"
BASE = 0x1_0000_0000
"""Where the words lie: far enough from zero for every place to have an address."""


@dataclass(frozen=True)
class Case:
    """One instruction: where it is, its text for GNU as, and the word that svc0 makes."""

    mnemonic: Mnemonic
    row: Row
    address: int
    text: str
    word: int
    values: tuple[Any, ...]


def cases(
    rows: Iterable[tuple[Mnemonic, Row]], count: int, random: Random, base: int = BASE
) -> Iterator[Case]:
    """So many operand sets for each row, one after the other in memory."""
    address = base
    for mnemonic, row in rows:
        to = next((operand for operand in row.operands if isinstance(operand, To)), None)
        distances = to.distances(random) if to else None
        for values in examples(mnemonic, row, count, random):
            fields = row.fill(values)
            if to and distances:
                target = address + next(distances)
                if isinstance(to, PageOf):
                    target &= ~0xFFF
                values = tuple(named(value, target, address) for value in values)
                fields |= row.reach(address, target, Label())
            word = row.diagram.encode(fields)
            yield Case(mnemonic, row, address, row.show(mnemonic.name, values), word, values)
            address += 4


def examples(mnemonic: Mnemonic, row: Row, count: int, random: Random) -> Iterator[tuple[Any, ...]]:
    """Operands for which the mnemonic chooses this row, and not one before it."""
    made = row.examples(random)
    for _ in range(100 * count):
        values = next(made)
        if mnemonic.choose(values)[0] is row:
            yield values
            count -= 1
        if not count:
            return
    raise AssertionError(f"{mnemonic} {row.syntax} is never chosen")


def every_row() -> list[tuple[Mnemonic, Row]]:
    """All encodings there are."""
    return [(mnemonic, row) for mnemonic in MNEMONICS.values() for row in mnemonic.rows]


def named(value: object, target: int, address: int) -> object:
    """A place that is called what GNU as knows it by: so far from here."""
    if not isinstance(value, Label | LowBits):
        return value
    place = Place()
    place.name = f".{target - address:+d}"
    return LowBits(place) if isinstance(value, LowBits) else place


def assemble(lines: Iterable[str], folder: Path, base: int = BASE) -> list[int]:
    """The words that GNU as and ld make of some lines; complaints are AssertionErrors."""
    source, object_, image, words = (folder / f"all.{kind}" for kind in ("s", "o", "elf", "bin"))
    source.write_text("\n".join([".global _start", "_start:", *lines, ""]))
    prefix = "aarch64-linux-gnu-"
    run([f"{prefix}as", f"-march={ARCHITECTURE}", "-o", object_, source])
    run([f"{prefix}ld", f"-Ttext={base:#x}", "-o", image, object_])
    run([f"{prefix}objcopy", "-O", "binary", "-j", ".text", image, words])
    content = words.read_bytes()
    return [int.from_bytes(content[at : at + 4], "little") for at in range(0, len(content), 4)]


def run(command: list[str | Path]) -> None:
    """Run a program that has nothing to say."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = "\n".join(done.stderr.splitlines()[:40])
    assert done.returncode == 0, complaints


def read_back(made: Iterable[Case]) -> Iterator[str]:
    """What Capstone reads in each word, as assembly; where it reads nothing, an empty string."""
    import capstone

    reader: Any = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
    for case in made:
        found = list(reader.disasm_lite(case.word.to_bytes(4, "little"), case.address, 1))
        text = f"{found[0][2]} {found[0][3]}".strip() if found else ""
        if (
            case.row.place and "lo12" not in case.text
        ):  # Capstone says where, GNU as wants to know how far
            start, _, target = text.rpartition("#")
            text = f"{start}.{int(target, 16) - case.address:+d}"
        yield text
