"""Lines: the Python line that wrote each instruction (.debug_line).

A line table is a program for a small machine whose registers are an address and
a line, and whose opcodes move both and add a row.  Each routine is a sequence of
its own, since what lies between routines belongs to no line.

A row is written where the line changes: the instructions of ``frame()`` or of a
macro share the line that called it.  Most rows take one byte, a special opcode:

    opcode = OPCODES + (line's step - LINE_LEAST) + LINE_RANGE * (instructions passed)
"""

from __future__ import annotations

from struct import pack

from svc0.a64 import Routine

from ..layout import Program
from .numbers import counted, sized, sleb, uleb

__all__ = ["line_table"]

LINE_LEAST, LINE_RANGE = -5, 14
ADVANCE_PC, ADVANCE_LINE = 2, 3
OPERANDS = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])  # of the standard opcodes 1 to 12
OPCODES = len(OPERANDS) + 1
END_SEQUENCE, SET_ADDRESS = bytes([1]), bytes([2])

PATH, DIRECTORY = 1, 2  # kinds of content (DW_LNCT_…)
STRING, UDATA = 8, 15  # forms (DW_FORM_…)


def line_table(program: Program, source: str, root: str, routines: list[Routine]) -> bytes:
    """The table of one Python file."""
    rows = b"".join(sequence(program, routine) for routine in routines)
    return sized(pack("<HBB", 5, 8, 0) + header(source, root) + rows)


def header(source: str, root: str) -> bytes:
    """What the opcodes mean, and the file; from its own length on."""
    folders = bytes([1, PATH, STRING, 1]) + string(root)
    file = string(source) + uleb(0)
    files = bytes([2, PATH, STRING, DIRECTORY, UDATA, 2]) + file * 2  # as file 0 and as file 1
    basics = pack("<BBBbBB", 4, 1, 1, LINE_LEAST, LINE_RANGE, OPCODES)
    return sized(basics + OPERANDS + folders + files)


def string(text: str) -> bytes:
    return text.encode() + b"\0"


def extended(content: bytes) -> bytes:
    """An opcode that says how long it is."""
    return b"\0" + counted(content)


def sequence(program: Program, routine: Routine) -> bytes:
    """The rows of one routine."""
    rows = extended(SET_ADDRESS + pack("<Q", program.addresses[routine]))
    line, passed = 1, 0
    for n, instruction in enumerate(program.listings[routine].instructions):
        if n == 0 or instruction.line != line:
            rows += row(instruction.line - line, passed)
            line, passed = instruction.line, 0
        passed += 1
    return rows + bytes([ADVANCE_PC]) + uleb(passed) + extended(END_SEQUENCE)


def row(lines: int, instructions: int) -> bytes:
    """Go on by so many lines and instructions, and add a row."""
    if LINE_LEAST <= lines < LINE_LEAST + LINE_RANGE:
        opcode = OPCODES + lines - LINE_LEAST + LINE_RANGE * instructions
        if opcode < 256:
            return bytes([opcode])
        return bytes([ADVANCE_PC]) + uleb(instructions) + row(lines, 0)
    return bytes([ADVANCE_LINE]) + sleb(lines) + row(0, instructions)
