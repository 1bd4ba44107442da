"""Macros: short sequences that many routines write.  Each is a verb, and writes where it stands."""

from functools import cache

from svc0.a64 import *

STEP = 16


@cache
def constant(text: bytes) -> Data:
    """A constant, padded so that it can be loaded 16 bytes at a time."""
    return Data(text.ljust(-(-len(text) // STEP) * STEP, b"\0"), align=STEP)


def put(out: X, text: bytes) -> None:
    """Write a constant at ``out`` and step over it; up to 15 bytes behind it are overwritten too.

    Uses x9 and v0.
    """
    adr(x9, constant(text))
    for at in range(0, len(text), STEP):
        ldr(v0.q, [x9, at])
        str_(v0.q, [out, at])
    add(out, out, len(text))


def point(d: X, base: X, field: int) -> None:
    """d = the address of a field, however far from the start of its struct."""
    assert d is not base, "the offset would overwrite the base"
    if field < 4096:
        add(d, base, field)
    else:
        mov(d, int(field))
        add(d, base, d)
        if isinstance(field, Field):
            within(d, field)
