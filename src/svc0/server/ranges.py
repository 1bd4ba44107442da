"""Ranges: which bytes of a file are asked for (RFC 9110 14).

One range is served; whatever is not exactly one range of bytes counts as if it
were not there, and the whole file is the answer.
"""

from svc0.a64 import *

from .text import TOO_LARGE, Z, parse_decimal

IGNORED = -1
UNSATISFIABLE = -2

UNIT = b"bytes="
UNIT_START, UNIT_END = (int.from_bytes(part, "little") for part in (UNIT[:4], UNIT[4:]))
START_FOLD, END_FOLD = 0x20202020, 0x0020
"""What makes lower case of "BYTE" and "S=": its letters have no other byte that becomes them."""
assert len(UNIT) == 6, "a word and a halfword"


@routine
def skip_unit(text: x0, length: x1) -> tuple[x0, x1]:
    """What comes after ``bytes=`` (in any case) and whitespace: address, length; or IGNORED, 0.

    >>> skip_unit(b"Bytes= 0-1", 10)[1], skip_unit(b"lines=0-1", 9)
    (3, (-1, 0))
    """
    char, expected = x9, x10
    space, done, other = label(), label(), label()

    subs(length, length, len(UNIT))
    b.lo(other)
    ldr(char.w, [text])
    orr(char.w, char.w, START_FOLD)
    mov(expected.w, UNIT_START)
    cmp(char.w, expected.w)
    b.ne(other)
    ldrh(char.w, [text, 4])
    orr(char.w, char.w, END_FOLD)
    mov(expected.w, UNIT_END)
    cmp(char.w, expected.w)
    b.ne(other)
    add(text, text, len(UNIT))

    here(space)
    cbz(length, done)
    ldrb(char.w, [text])
    cmp(char.w, ord(" "))
    ccmp(char.w, ord("\t"), Z, Condition.ne)
    b.ne(done)
    add(text, text, 1)
    sub(length, length, 1)
    b(space)

    here(done)
    ret()

    here(other)
    mov(x0, IGNORED)
    mov(x1, 0)
    ret()


@routine
def read_range(text: x0, length: x1) -> tuple[x0, x1, x2, x3]:
    """The two numbers of ``first-last`` and how many digits each has; IGNORED as the first if bad.

    >>> read_range(b"10-19", 5), read_range(b"-7", 2), read_range(b"1-2,3-4", 7)[0]
    ((10, 19, 2, 2), (0, 7, 0, 1), -1)
    """
    at, left, first, digits = x19, x20, x21, x22
    ignored = label()

    with frame(at, left, first, digits) as leave:
        mov(at, text)
        mov(left, length)
        bl(parse_decimal)
        cmn(x0, -TOO_LARGE)
        b.eq(ignored)
        mov(first, x0)
        mov(digits, x1)

        add(at, at, digits)
        subs(left, left, digits)
        b.eq(ignored)
        ldrb(w9, [at], 1)
        cmp(w9, ord("-"))
        b.ne(ignored)

        mov(x0, at)
        sub(x1, left, 1)
        mov(left, x1)
        bl(parse_decimal)
        cmn(x0, -TOO_LARGE)
        b.eq(ignored)
        cmp(x1, left)
        b.ne(ignored)  # more ranges, or anything else
        mov(x3, x1)
        mov(x1, x0)
        mov(x0, first)
        mov(x2, digits)
        b(leave)

        here(ignored)
        mov(x0, IGNORED)
        mov(x1, 0)
        mov(x2, 0)
        mov(x3, 0)

    ret()


@routine
def parse_range(text: x0, length: x1, size: x2) -> tuple[x0, x1]:
    """The first and last byte that a Range asks for of a file of so many bytes.

    The first is IGNORED if the field counts as absent, UNSATISFIABLE if no such
    byte is there; the last is 0 then.

    >>> parse_range(b"bytes=10-99", 11, 50), parse_range(b"bytes=-5", 8, 50)
    ((10, 49), (45, 49))
    >>> parse_range(b"bytes=50-", 9, 50)[0] == UNSATISFIABLE
    True
    >>> parse_range(b"bytes=-5", 8, 0)[0] == IGNORED
    True
    """
    whole, end = x19, x9
    suffix, cut, ignored, unsatisfiable = label(), label(), label(), label()

    with frame(whole) as leave:
        mov(whole, size)
        bl(skip_unit)
        tbnz(x0, 63, leave)
        bl(read_range)
        tbnz(x0, 63, leave)
        sub(end, whole, 1)
        cbz(x2, suffix)
        cbz(x3, cut)
        cmp(x0, x1)
        b.hi(ignored)
        cmp(x1, end)
        csel(end, x1, end, Condition.lt)

        here(cut)
        cmp(x0, whole)
        b.hs(unsatisfiable)
        mov(x1, end)
        b(leave)

        here(suffix)
        cbz(x3, ignored)
        cbz(x1, unsatisfiable)
        cbz(whole, ignored)  # satisfiable, but no Content-Range can say so (RFC 9110 14.4)
        subs(x0, whole, x1)
        csel(x0, x0, xzr, Condition.hs)
        b(cut)

        here(ignored)
        mov(x0, IGNORED)
        mov(x1, 0)
        b(leave)

        here(unsatisfiable)
        mov(x0, UNSATISFIABLE)
        mov(x1, 0)

    ret()
