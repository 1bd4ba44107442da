"""ELF: a static, position-independent executable for AArch64 Linux."""

from __future__ import annotations

from struct import pack

from svc0.a64 import Routine

from .layout import PAGE_MAX, Program, lay_out

__all__ = ["elf", "executable"]

HEADER, PROGRAM_HEADER = 64, 56
R, W, X = 4, 2, 1
PT_LOAD, PT_NOTE, PT_GNU_STACK, PT_GNU_PROPERTY = 1, 4, 0x6474E551, 0x6474E553

PROPERTY = pack("<III4sIIII", 4, 16, 5, b"GNU\0", 0xC000_0000, 4, 3, 0)
"""The note that says: landing pads (BTI, 1) and signed return addresses (PAC, 2) all over."""

HEADERS = HEADER + 6 * PROGRAM_HEADER + len(PROPERTY)


def elf(entry: Routine) -> bytes:
    """The executable whose first instruction is the entry's."""
    return executable(lay_out(entry, "linux", headers=HEADERS))


def executable(program: Program) -> bytes:
    """The file: headers and constants, then text; zeros take no room."""
    constants, text, zeros = program.segments
    note = HEADER + 6 * PROGRAM_HEADER
    segments = [
        (PT_LOAD, R, 0, 0, constants.size, constants.size, PAGE_MAX),
        (PT_LOAD, R | X, text.offset, text.address, text.size, text.size, PAGE_MAX),
        (PT_LOAD, R | W, 0, zeros.address, 0, zeros.size, PAGE_MAX),
        (PT_NOTE, R, note, note, len(PROPERTY), len(PROPERTY), 8),
        (PT_GNU_PROPERTY, R, note, note, len(PROPERTY), len(PROPERTY), 8),
        (PT_GNU_STACK, R | W, 0, 0, 0, 0, 16),
    ]
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + pack(
        "<HHIQQQIHHHHHH", 3, 183, 1, program.addresses[program.entry], HEADER, 0, 0,
        HEADER, PROGRAM_HEADER, len(segments), 64, 0, 0,
    )  # fmt: skip
    for kind, rights, offset, address, size, memory, align in segments:
        head += pack("<IIQQQQQQ", kind, rights, offset, address, address, size, memory, align)
    head += PROPERTY
    assert len(head) == HEADERS, "the layout left exactly this room"
    file = head + constants.content[len(head) :]
    return file.ljust(text.offset, b"\0") + text.content
