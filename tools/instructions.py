"""docs/instructions.md, from the rows of the assembler: `python -m tools.instructions`.

A test keeps the two the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from svc0.a64.mnemonic import MNEMONICS, Mnemonic, Row  # (all of a64 comes with it)

PAGE = Path(__file__).parent.parent / "docs" / "instructions.md"

OPENING = """\
# Instructions

What svc0 can write, from the rows that it writes with: {mnemonics} mnemonics, {rows} encodings.
This page is made by `python -m tools.instructions`; [how to add one](adding-an-instruction.md) is a
page of its own.

A diagram is the 32 bits from the top down, as the Arm manual draws them: digits are fixed, `R…` is
the number of a register, digits after a name count its bits (`imm12`), and `simm…` is signed. Every
row is compared with GNU as and with Capstone, and run in an emulator to see that it reads and
writes what it says (`tests/a64/`).
"""

ROOMS = {
    "integer": "Arithmetic, logic and moves",
    "memory": "Loads, stores and addresses",
    "control": "Branches and calls",
    "simd": "Advanced SIMD",
    "atomics": "Atomics",
    "system": "Hints, barriers and system registers",
}


def page() -> str:
    """All of it."""
    rows = sum(len(mnemonic.rows) for mnemonic in MNEMONICS.values())
    parts = [OPENING.format(mnemonics=len(MNEMONICS), rows=rows)]
    for room, title in ROOMS.items():
        parts.append(f"\n## {title}\n")
        parts += shapes(room)
    return "".join(parts)


def shapes(room: str) -> Iterator[str]:
    """Each shape of a room, and the mnemonics that have it."""
    kinds: dict[type[Mnemonic], list[Mnemonic]] = {}
    for mnemonic in MNEMONICS.values():
        if type(mnemonic).__module__ == f"svc0.a64.{room}":
            kinds.setdefault(type(mnemonic), []).append(mnemonic)
    for kind, mnemonics in kinds.items():
        about = " ".join((kind.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")
        yield f"\n### {', '.join(f'`{m.name}`' for m in sorted(mnemonics, key=str))}\n\n{about}\n\n"
        yield "| mnemonic | operands | diagram |\n| --- | --- | --- |\n"
        for mnemonic in sorted(mnemonics, key=str):
            for row in mnemonic.rows:
                yield f"| `{mnemonic.name}` | {operands(row)} | `{diagram(row)}` |\n"


def operands(row: Row) -> str:
    """What stands after the mnemonic, as the manual writes it."""
    return f"`{row.syntax}`".replace("|", "\\|") if row.operands else ""


def diagram(row: Row) -> str:
    """The diagram with the bits put in that tell this mnemonic from others of its shape."""
    tokens: list[str] = []
    for token in row.diagram.text.split():
        if token in row.bits:
            width = row.diagram.fields[token][1]
            token = f"{row.bits[token]:0{width}b}"
        tokens.append(token)
    return " ".join(tokens)


def main() -> None:
    """Write the page."""
    text = page()
    PAGE.write_text(text)
    sys.stdout.write(f"{PAGE}: {len(text.splitlines())} lines\n")


if __name__ == "__main__":
    main()
