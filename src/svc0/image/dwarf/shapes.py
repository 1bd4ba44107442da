"""Shapes: which attributes an entry has, and in which form (.debug_abbrev).

Every entry in .debug_info begins with the number of its shape; what follows are
its attributes in the shape's order.  The table here is what is written.
"""

from __future__ import annotations

from typing import Final

from .numbers import uleb

__all__ = ["CODES", "END_OF_CHILDREN", "shapes"]

# The numbers of the standard, as few as there are in use: DW_TAG_…, DW_AT_…, DW_FORM_….
ARRAY, ENUMERATION, PARAMETER, MEMBER, COMPILE_UNIT, STRUCTURE = 0x01, 0x04, 0x05, 0x0D, 0x11, 0x13
SUBRANGE, BASE_TYPE, ENUMERATOR, SUBPROGRAM, VARIABLE = 0x21, 0x24, 0x28, 0x2E, 0x34
LOCATION, NAME, BYTE_SIZE, STMT_LIST, LOW_PC, HIGH_PC = 0x02, 0x03, 0x0B, 0x10, 0x11, 0x12
LANGUAGE, COMP_DIR, CONST_VALUE, PRODUCER, COUNT = 0x13, 0x1B, 0x1C, 0x25, 0x37
MEMBER_LOCATION, DECL_FILE, DECL_LINE, ENCODING, EXTERNAL = 0x38, 0x3A, 0x3B, 0x3E, 0x3F
FRAME_BASE, TYPE, RANGES, NORETURN = 0x40, 0x49, 0x55, 0x87
ADDR, DATA1, DATA2, UDATA, STRP, REF4 = 0x01, 0x0B, 0x05, 0x0F, 0x0E, 0x13
SEC_OFFSET, EXPRLOC, FLAG_PRESENT = 0x17, 0x18, 0x19

ROUTINE = [
    (NAME, STRP), (EXTERNAL, FLAG_PRESENT), (DECL_FILE, UDATA), (DECL_LINE, UDATA),
    (LOW_PC, ADDR), (HIGH_PC, UDATA), (FRAME_BASE, EXPRLOC),
]  # fmt: skip
NAMED = [(NAME, STRP), (TYPE, REF4), (LOCATION, SEC_OFFSET)]
SHAPES: Final = {
    "unit": (COMPILE_UNIT, True, [
        (PRODUCER, STRP), (LANGUAGE, DATA2), (NAME, STRP), (COMP_DIR, STRP),
        (LOW_PC, ADDR), (RANGES, SEC_OFFSET), (STMT_LIST, SEC_OFFSET),
    ]),
    "routine": (SUBPROGRAM, True, ROUTINE),
    "routine without return": (SUBPROGRAM, True, [*ROUTINE, (NORETURN, FLAG_PRESENT)]),
    "parameter": (PARAMETER, False, NAMED),
    "variable": (VARIABLE, False, NAMED),
    "data": (VARIABLE, False, [
        (NAME, STRP), (EXTERNAL, FLAG_PRESENT), (TYPE, REF4), (LOCATION, EXPRLOC),
    ]),
    "number": (BASE_TYPE, False, [(NAME, STRP), (ENCODING, DATA1), (BYTE_SIZE, DATA1)]),
    "array": (ARRAY, True, [(TYPE, REF4)]),
    "count": (SUBRANGE, False, [(COUNT, UDATA)]),
    "struct": (STRUCTURE, True, [(NAME, STRP), (BYTE_SIZE, UDATA)]),
    "member": (MEMBER, False, [(NAME, STRP), (TYPE, REF4), (MEMBER_LOCATION, UDATA)]),
    "flags": (ENUMERATION, True, [(NAME, STRP), (TYPE, REF4), (BYTE_SIZE, DATA1)]),
    "flag": (ENUMERATOR, False, [(NAME, STRP), (CONST_VALUE, UDATA)]),
}  # fmt: skip
CODES: Final = {name: uleb(n) for n, name in enumerate(SHAPES, 1)}

END_OF_CHILDREN: Final = bytes(1)


def shapes() -> bytes:
    """The table of shapes."""
    table = b""
    for name, (tag, children, attributes) in SHAPES.items():
        table += CODES[name] + uleb(tag) + bytes([children])
        for attribute, form in attributes:
            table += uleb(attribute) + uleb(form)
        table += bytes(2)
    return table + bytes(1)
