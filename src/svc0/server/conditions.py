"""Conditions: whether what a client has is what we would send (RFC 9110 8.8, 13).

A file's entity-tag is made of when it was last changed and how long it is.  As
long as that was just now, a further change could leave both as they are, so the
tag is weak: good enough for a cache that wants the same page, not for putting
parts of a file together.

    "176c1ad3ab1f6a80-2f1"       W/"176c1ad3ab1f6a80-2f1"
     mtime in ns      size
"""

from svc0.a64 import *

from .dates import parse_date
from .text import INVALID, Z, write_hex

ETAG_MAX = len('W/"-"') + 2 * len(f"{2**64 - 1:x}")
"""Bytes of the longest entity-tag that is written here."""

NANOSECONDS = 10**9

IN_ETAG = Data(byte == 0x21 or 0x23 <= byte <= 0x7E or byte >= 0x80 for byte in range(256))
"""Whether a byte may stand between the quotes of an entity-tag."""


@routine
def write_etag(out: x0, seconds: x1, nanoseconds: x2, size: x3, now: x4) -> x0:
    """Write a file's entity-tag, ETAG_MAX bytes at most; the address after it.

    It is weak if the file was changed less than two of the clock's seconds before
    now.  Times before the epoch count on from 2**64.

    >>> out = bytearray(7)
    >>> end = write_etag(out, 0, 171, 205, 2)
    >>> out
    bytearray(b'"ab-cd"')
    """
    length = x19
    strong = label()

    with frame(length):
        mov(length, size)
        add(x9, seconds, 1)
        cmp(x9, now)
        b.lt(strong)
        mov(w9, int.from_bytes(b"W/", "little"))
        strh(w9, [out], 2)

        here(strong)
        mov(w9, ord('"'))
        strb(w9, [out], 1)
        mov(x9, NANOSECONDS)
        madd(x1, seconds, x9, nanoseconds)
        bl(write_hex)
        mov(w9, ord("-"))
        strb(w9, [x0], 1)
        mov(x1, length)
        bl(write_hex)
        mov(w9, ord('"'))
        strb(w9, [x0], 1)

    ret()


@routine
def measure_etag(text: x0, length: x1) -> x0:
    """How many bytes the entity-tag takes that text starts with; INVALID if it starts with none.

    >>> measure_etag(b'W/"a,b", "c"', 12)
    7
    """
    at, char, table = x9, x10, x11
    opaque, broken = label(), label()

    mov(at, 0)
    cmp(length, len('W/""'))
    b.lo(opaque)
    ldrh(char.w, [text])
    mov(table.w, int.from_bytes(b"W/", "little"))
    cmp(char.w, table.w)
    b.ne(opaque)
    mov(at, 2)

    here(opaque)
    adr(table, IN_ETAG)
    cmp(at, length)
    b.hs(broken)
    ldrb(char.w, [text, at])
    cmp(char.w, ord('"'))
    b.ne(broken)

    again = here()
    add(at, at, 1)
    cmp(at, length)
    b.hs(broken)
    ldrb(char.w, [text, at])
    ldrb(w13, [table, char])
    cbnz(w13, again)
    cmp(char.w, ord('"'))
    b.ne(broken)
    add(x0, at, 1)
    ret()

    here(broken)
    mov(x0, INVALID)
    ret()


def take_weakness(etag: X, length: X, weak: W) -> None:
    """Macro: step over the ``W/`` of an entity-tag, and count it in ``weak``; x9 is lost."""
    strong = label()
    ldrb(w9, [etag])
    cmp(w9, ord("W"))
    b.ne(strong)
    add(etag, etag, 2)
    sub(length, length, 2)
    add(weak, weak, 1)
    here(strong)


@routine
def etags_match(theirs: x0, length: x1, ours: x2, our_length: x3, weakly: w4) -> w0:
    """1 if two entity-tags match, else 0: strongly, or weakly too (RFC 9110 8.8.3.2).

    Both are well-formed, so neither is empty.

    >>> etags_match(b'W/"a"', 5, b'"a"', 3, 1), etags_match(b'W/"a"', 5, b'"a"', 3, 0)
    (1, 0)
    """
    weak, char, our_char = w10, x11, x12
    compare, again, other, same = label(), label(), label(), label()

    mov(weak, 0)
    take_weakness(theirs, length, weak)
    take_weakness(ours, our_length, weak)
    cbz(weak, compare)
    cbz(weakly, other)

    here(compare)
    cmp(length, our_length)
    b.ne(other)

    here(again)
    cbz(length, same)
    sub(length, length, 1)
    ldrb(char.w, [theirs, length])
    ldrb(our_char.w, [ours, length])
    cmp(char.w, our_char.w)
    b.eq(again)

    here(other)
    mov(w0, 0)
    ret()

    here(same)
    mov(w0, 1)
    ret()


@routine
def etag_listed(list: x0, length: x1, etag: x2, etag_length: x3, weakly: w4) -> w0:
    """1 if an If-Match or If-None-Match has an entity-tag that matches ours, or is ``*``; else 0.

    INVALID if something came first that is none: fields after it do not count either.

    >>> etag_listed(b'W/"a", "b"', 10, b'"b"', 3, 0)
    1
    """
    rest, left, ours, our_length, weak_too, this, size = x19, x20, x21, x22, x23, x24, x25
    take, space, compare, broken = label(), label(), label(), label()

    with frame(rest, left, ours, our_length, weak_too, this, size) as leave:
        mov(rest, list)
        mov(left, length)
        mov(ours, etag)
        mov(our_length, etag_length)
        mov(weak_too.w, weakly)
        del list, length, etag, etag_length, weakly

        mov(w0, 1)
        cmp(left, 1)
        b.ne(take)
        ldrb(w9, [rest])
        cmp(w9, ord("*"))
        b.eq(leave)

        here(take)
        mov(w0, 0)
        cbz(left, leave)
        mov(this, rest)
        ldrb(w9, [rest], 1)
        sub(left, left, 1)
        cmp(w9, ord(","))
        b.eq(take)
        cmp(w9, ord(" "))
        ccmp(w9, ord("\t"), Z, Condition.ne)
        b.eq(take)
        mov(x0, this)
        add(x1, left, 1)
        bl(measure_etag)
        tbnz(x0, 63, broken)
        mov(size, x0)
        add(rest, this, size)
        add(left, left, 1)
        sub(left, left, size)

        here(space)
        cbz(left, compare)
        ldrb(w9, [rest], 1)
        sub(left, left, 1)
        cmp(w9, ord(" "))
        ccmp(w9, ord("\t"), Z, Condition.ne)
        b.eq(space)
        cmp(w9, ord(","))
        b.ne(broken)

        here(compare)
        mov(x0, this)
        mov(x1, size)
        mov(x2, ours)
        mov(x3, our_length)
        mov(w4, weak_too.w)
        bl(etags_match)
        cbz(w0, take)
        b(leave)

        here(broken)
        mov(w0, INVALID)

    ret()


@routine
def range_holds(text: x0, length: x1, etag: x2, etag_length: x3, modified: x4, now: x5) -> w0:
    """1 if an If-Range is about the file as it is now, else 0 (RFC 9110 13.1.5).

    An entity-tag must match strongly; a date must be that of Last-Modified, in
    seconds, and our entity-tag must be strong.

    >>> range_holds(b'"a"', 3, b'"a"', 3, 0, 9), range_holds(b'W/"a"', 5, b'W/"a"', 5, 0, 9)
    (1, 0)
    """
    value, size, ours, our_length, date, clock = x19, x20, x21, x22, x23, x24
    is_date = label()

    with frame(value, size, ours, our_length, date, clock) as leave:
        mov(value, text)
        mov(size, length)
        mov(ours, etag)
        mov(our_length, etag_length)
        mov(date, modified)
        mov(clock, now)
        del text, length, etag, etag_length, modified, now

        mov(x0, value)
        mov(x1, size)
        bl(measure_etag)
        cmp(x0, size)
        b.ne(is_date)
        mov(x0, value)
        mov(x1, size)
        mov(x2, ours)
        mov(x3, our_length)
        mov(w4, 0)
        bl(etags_match)
        b(leave)

        here(is_date)
        mov(x0, value)
        mov(x1, size)
        mov(x2, clock)
        bl(parse_date)  # what is no date is none that a file has
        ldrb(w9, [ours])
        cmp(w9, ord('"'))
        ccmp(x0, date, 0, Condition.eq)
        cset(w0, Condition.eq)

    ret()
