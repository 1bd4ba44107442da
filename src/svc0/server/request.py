"""Requests: the request line and the header fields, judged line by line.

A line is judged when its LF is there and not before, so what a head means does
not depend on how it was cut into packets.  Every byte is looked at twice: once
for the LF, 16 bytes a step, and once for what may stand there, 16 bytes a step.
Nothing is copied: a ``Request`` holds offsets into the input.

        ┌───────── empty line, at most EMPTY_LINES_MAX
        ▼    │
    START ───┴── request line ──► FIELDS ── empty line ──► complete
                                   ▲    │
                                   └────┘ header field

``parse`` goes as far as the received bytes allow, and can be called again when
there are more.  RFC 9112, sections 2 to 5.
"""

from collections.abc import Iterable
from enum import IntEnum

from svc0.a64 import *

from .connection import Buffer, Request
from .limits import EMPTY_LINES_MAX, FIELDS_MAX, HEAD_MAX, LINE_MAX
from .methods import UNKNOWN, parse_method
from .text import equal_folded, find_byte, token_length, trim, value_length, visible_length

INCOMPLETE = 0
COMPLETE = 1


class Phase(IntEnum):
    """Which line comes next."""

    START = 0
    FIELDS = 1
    BEYOND = 2  # none: the head was read whole, in one pass (head.py)


class Kind(IntEnum):
    """The header fields that mean something to us."""

    HOST = 1
    CONTENT_LENGTH = 2
    TRANSFER_ENCODING = 3
    EXPECT = 4
    CONNECTION = 5
    IF_NONE_MATCH = 6
    IF_MODIFIED_SINCE = 7
    RANGE = 8
    IF_RANGE = 9
    IF_MATCH = 10
    IF_UNMODIFIED_SINCE = 11
    ACCEPT = 12
    REFERER = 13
    USER_AGENT = 14

    @property
    def field(self) -> bytes:
        """The field's name, in lower case."""
        return self.name.replace("_", "-").lower().encode()


assert len(Kind) < Request.firsts.count, "kinds are places in the table of firsts"
assert len(Kind) < 32, "and bits of a word"


# --- the names of fields ----------------------------------------------------------

SLOTS, SLOT = 32, 32


def slot_of(name: bytes, first: int, last: int) -> int:
    """Where a name stands in the table: a hash of its length and of both its ends."""
    return (len(name) + first * (name[0] | 0x20) + last * (name[-1] | 0x20)) % SLOTS


def perfect(names: Iterable[bytes]) -> tuple[int, int]:
    """Factors for which no two names share a slot."""
    names = list(names)
    for first in range(1, 16):
        for last in range(1, 16):
            if len({slot_of(name, first, last) for name in names}) == len(names):
                return first, last
    raise AssertionError("no factors keep the names apart: use more slots")


FIRST, LAST = perfect(kind.field for kind in Kind)
NAME_SIZE, NAME_KIND = 30, 31  # in a slot, behind the name


def name_table() -> bytes:
    """The slots: a name in lower case, its length, its kind; all zeros where there is none."""
    table = bytearray(SLOTS * SLOT)
    for kind in Kind:
        name, at = kind.field, slot_of(kind.field, FIRST, LAST) * SLOT
        assert len(name) <= NAME_SIZE, "the name ends before its length is kept"
        table[at : at + len(name)] = name
        table[at + NAME_SIZE], table[at + NAME_KIND] = len(name), kind
    return bytes(table)


NAMES = Data(name_table(), align=32)


@routine
def field_kind(name: x0, length: x1) -> w0:
    """Which Kind of field has this name, of at least one byte, in any case; 0: none of ours.

    >>> field_kind(b"Host", 4), field_kind(b"hOSt", 4), field_kind(b"Hosts", 5)
    (1, 1, 0)
    """
    slot, char, factor = x9, x10, x11
    none = label()

    ldrb(char.w, [name])
    orr(char.w, char.w, 0x20)
    mov(factor.w, FIRST)
    madd(slot.w, char.w, factor.w, length.w)
    add(char, name, length)
    ldurb(char.w, [char, -1])
    orr(char.w, char.w, 0x20)
    mov(factor.w, LAST)
    madd(slot.w, char.w, factor.w, slot.w)
    and_(slot, slot, SLOTS - 1)

    adr(x2, NAMES)
    add(x2, x2, slot, lsl(5))
    ldrb(w3, [x2, NAME_SIZE])
    cmp(x3, length)
    b.ne(none)
    with frame(x19):
        ldrb(w19, [x2, NAME_KIND])
        bl(equal_folded)
        mul(w0, w0, w19)  # 1 or 0 times the kind
    ret()

    here(none)
    mov(w0, 0)
    ret()


assert SLOT == 1 << 5


# --- lines ------------------------------------------------------------------------

MORE = -1
BAD_REQUEST = -400
TOO_LARGE = -431


@routine
def next_line(buffer: x0, limit: x1, beyond: x2) -> tuple[x0, x1]:
    """The next line of the input: its length without CRLF, and its address.

    Its LF must lie before ``limit``, an offset into the input.  The cursor moves
    behind it.  The length is MORE if the LF has not come yet, ``beyond`` if it will
    not come before the limit, -400 if no CR comes before it.
    """
    of, begin, end, most, late = x19, x20, x21, x22, x23
    missing, bare = label(), label()

    with frame(of, begin, end, most, late) as leave:
        mov(of, buffer)
        mov(most, limit)
        mov(late, beyond)
        ldr(begin.w, [of, Buffer.scanned])
        ldr(end.w, [of, Buffer.received])
        cmp(end, most)
        csel(end, end, most, Condition.lo)
        subs(x1, end, begin)
        csel(x1, x1, xzr, Condition.hi)
        add(x0, of, begin)
        add(x0, x0, Buffer.input)
        mov(w2, ord("\n"))
        bl(find_byte)
        tbnz(x0, 63, missing)

        add(x9, begin, x0)  # where the LF is
        add(x10, x9, 1)
        ldr(x11.w, [of, Buffer.cursor])
        str_(x10.w, [of, Buffer.cursor])
        str_(x10.w, [of, Buffer.scanned])
        add(x1, of, x11)
        add(x1, x1, Buffer.input)
        subs(x0, x9, x11)
        b.eq(bare)
        sub(x0, x0, 1)
        ldrb(w12, [x1, x0])
        cmp(w12, ord("\r"))
        b.eq(leave)

        here(bare)
        mov(x0, BAD_REQUEST)
        b(leave)

        here(missing)
        str_(end.w, [of, Buffer.scanned])
        mov(x1, 0)
        mov(x0, MORE)
        cmp(end, most)
        csel(x0, late, x0, Condition.hs)
    ret()


def incomplete_or(status: X) -> None:
    """Write: x0 = INCOMPLETE where next_line left MORE, else minus the status that it left."""
    cmn(status, -MORE)
    csel(x0, xzr, status, Condition.eq)


assert INCOMPLETE == 0


# --- the request line -------------------------------------------------------------

PROTOCOL = int.from_bytes(b"HTTP/", "little")


@routine
def judge_request_line(buffer: x0, line: x1, length: x2) -> x0:
    """Take a request line apart: 0, or -400, -501 or -505.

    Leaves method, version and target in the buffer's Request; the method also when
    the version or the method itself is refused, since HEAD never has a body.
    """
    of, text, left, method_size, target_size, minor = x19, x20, x21, x22, x23, x24
    bad = label()

    with frame(of, text, left, method_size, target_size, minor) as leave:
        mov(of, buffer)
        mov(text, line)
        mov(left, length)
        sub(x9, text, of)
        sub(x9, x9, int(Buffer.input))
        str_(w9, [of, Buffer.request.line])
        str_(left.w, [of, Buffer.request.line_size])

        mov(x0, text)
        mov(x1, left)
        bl(token_length)
        cbz(x0, bad)
        cmp(x0, left)
        b.hs(bad)
        ldrb(w9, [text, x0])
        cmp(w9, ord(" "))
        b.ne(bad)
        mov(method_size, x0)

        add(x0, text, method_size)
        add(x0, x0, 1)
        sub(x1, left, method_size)
        sub(x1, x1, 1)
        bl(visible_length)
        cbz(x0, bad)
        mov(target_size, x0)

        add(x9, method_size, target_size)
        add(x9, x9, 1)
        add(x0, text, x9)
        sub(x1, left, x9)
        bl(parse_version)
        mov(minor, x0)
        cmn(minor, -BAD_REQUEST)
        b.eq(bad)

        ldr(w9, [of, Buffer.request.line])
        add(w9, w9, method_size.w)
        add(w9, w9, 1)
        str_(w9, [of, Buffer.request.target])
        str_(target_size.w, [of, Buffer.request.target_size])
        mov(x0, text)
        mov(x1, method_size)
        bl(parse_method)
        strb(w0, [of, Buffer.request.method])
        mov(w9, w0)
        mov(x0, minor)
        tbnz(x0, 63, leave)
        strb(w0, [of, Buffer.request.minor])
        mov(x10, -501)
        cmp(w9, UNKNOWN)
        csel(x0, x10, xzr, Condition.eq)
        b(leave)

        here(bad)
        mov(x0, BAD_REQUEST)
    ret()


@routine
def parse_version(text: x0, length: x1) -> x0:
    """The minor version behind a target, as far as it matters: 0 or 1; else -400 or -505.

    >>> [parse_version(text, len(text)) for text in (b" HTTP/1.0", b" HTTP/1.9", b" HTTP/2.0", b"")]
    [0, 1, -505, -400]
    """
    version, major, minor, point = x9, x10, x11, x12
    bad = label()

    cmp(length, len(" HTTP/1.1"))
    b.ne(bad)
    ldrb(w13, [text])
    cmp(w13, ord(" "))
    b.ne(bad)
    ldur(version, [text, 1])
    and_(x13, version, (1 << 40) - 1)
    mov(x14, PROTOCOL)
    cmp(x13, x14)
    b.ne(bad)
    ubfx(major, version, 40, 8)
    ubfx(point, version, 48, 8)
    ubfx(minor, version, 56, 8)
    cmp(point, ord("."))
    b.ne(bad)
    sub(major.w, major.w, ord("0"))
    sub(minor.w, minor.w, ord("0"))
    cmp(major.w, 9)  # unsigned: a byte below "0" has wrapped around
    b.hi(bad)
    cmp(minor.w, 9)
    b.hi(bad)

    cmp(minor.w, 0)
    cset(x0, Condition.ne)
    mov(x13, -505)
    cmp(major.w, 1)
    csel(x0, x0, x13, Condition.eq)
    ret()

    here(bad)
    mov(x0, BAD_REQUEST)
    ret()


assert PROTOCOL < 1 << 40


# --- header fields ----------------------------------------------------------------


@routine
def take_field(line: x0, length: x1) -> tuple[x0, x1, x2]:
    """Take a field line apart: its Kind (0: none of ours), and address and length of its value.

    The value still has the whitespace around it.  The kind is -400 for a line that
    is no field: no name, no colon right behind it, or a byte that may not stand there.
    """
    text, left, kind = x19, x20, x21
    bad = label()

    with frame(text, left, kind) as leave:
        mov(text, line)
        mov(left, length)
        bl(token_length)
        cbz(x0, bad)
        cmp(x0, left)
        b.hs(bad)
        ldrb(w9, [text, x0])
        cmp(w9, ord(":"))
        b.ne(bad)

        mov(x1, x0)
        mov(x0, text)
        add(text, text, x1)
        add(text, text, 1)
        sub(left, left, x1)
        sub(left, left, 1)
        bl(field_kind)
        mov(kind.w, w0)
        mov(x0, text)
        mov(x1, left)
        bl(value_length)
        mov(x1, text)
        mov(x2, left)
        cmp(x0, left)
        mov(x0, kind)
        b.eq(leave)

        here(bad)
        mov(x0, BAD_REQUEST)
        mov(x1, 0)
        mov(x2, 0)
    ret()


@routine
def judge_field(buffer: x0, line: x1, length: x2) -> x0:
    """Take a header field apart: 0, or -400; a field of ours is remembered in the Request."""
    of, kind = x19, x20
    done = label()

    with frame(of, kind) as leave:
        mov(of, buffer)
        mov(x0, line)
        mov(x1, length)
        bl(take_field)
        tbnz(x0, 63, leave)
        cbz(x0, done)
        mov(kind, x0)
        mov(x0, x1)
        mov(x1, x2)
        bl(trim)
        mov(x2, kind)
        mov(x3, of)
        bl(remember_field)

        here(done)
        mov(x0, 0)
    ret()


@routine
def remember_field(value: x0, size: x1, kind: x2, buffer: x3) -> None:
    """Remember where a value is; there is room for FIELDS_MAX."""
    entry, mask, seen, at, count = x9, w10, w11, x12, x13
    again = label()

    sub(entry, value, buffer)
    sub(entry, entry, int(Buffer.input))
    orr(entry, entry, size, lsl(32))
    mov(mask, 1)
    lsl(mask, mask, kind.w)
    ldr(seen, [buffer, Buffer.request.seen])
    tst(seen, mask)
    b.ne(again)
    orr(seen, seen, mask)
    str_(seen, [buffer, Buffer.request.seen])
    add(at, buffer, Buffer.request.firsts)
    str_(entry, [at, kind, lsl(3)])
    ret()

    here(again)
    ldr(seen, [buffer, Buffer.request.repeated])
    orr(seen, seen, mask)
    str_(seen, [buffer, Buffer.request.repeated])
    ldr(count.w, [buffer, Buffer.request.further])
    add(at, buffer, Buffer.request.table)
    lsl(kind, kind, 16)
    orr(entry, entry, kind)
    str_(entry, [at, count, lsl(3)])
    add(count.w, count.w, 1)
    str_(count.w, [buffer, Buffer.request.further])
    ret()


@routine
def field_value(buffer: x0, kind: w1, after: x2) -> tuple[x0, x1, x2]:
    """The value of the next field of a kind: its address, its length, and where to go on.

    ``after`` is 0 to begin with, then what was left in x2; the address is 0 when
    there are no more.
    """
    known, entry, at = x9, x10, x11
    again, found, none = label(), label(), label()

    cbnz(after, again)
    ldr(w9, [buffer, Buffer.request.seen])
    lsr(w9, w9, kind)
    mov(after, 1)
    tbz(w9, 0, none)
    add(at, buffer, Buffer.request.firsts)
    ldr(entry, [at, kind, uxtw(3)])
    b(found)

    here(again)  # after n fields of the table of others comes n + 1
    ldr(known.w, [buffer, Buffer.request.further])
    cmp(after, known)
    b.hi(none)
    add(at, buffer, Buffer.request.table)
    sub(x12, after, 1)
    ldr(entry, [at, x12, lsl(3)])
    add(after, after, 1)
    ubfx(w12, entry.w, 16, 8)
    cmp(w12, kind)
    b.ne(again)

    here(found)
    and_(x12, entry, 0xFFFF)
    add(x0, buffer, Buffer.input)
    add(x0, x0, x12)
    lsr(x1, entry, 32)
    ret()

    here(none)
    mov(x0, 0)
    mov(x1, 0)
    ret()


@routine
def only_value(buffer: x0, kind: w1) -> tuple[x0, x1]:
    """The value of a field that came exactly once: its address and its length; else address 0."""
    none = label()

    ldr(w9, [buffer, Buffer.request.repeated])
    lsr(w9, w9, kind)
    tbnz(w9, 0, none)
    mov(x2, 0)
    b(field_value)

    here(none)
    mov(x0, 0)
    mov(x1, 0)
    ret()


# --- the head ---------------------------------------------------------------------


@routine
def parse(buffer: x0) -> x0:
    """Judge the lines that are there: COMPLETE, INCOMPLETE, or minus the status that refuses."""
    of = x19
    beyond = label()

    ldrb(w9, [buffer, Buffer.request.phase])
    cmp(w9, Phase.BEYOND)
    b.eq(beyond)
    with frame(of) as leave:
        mov(of, buffer)
        bl(parse_start)
        tbnz(x0, 63, leave)
        cbz(x0, leave)
        mov(x0, of)
        bl(parse_fields)
    ret()

    here(beyond)
    mov(x0, COMPLETE)
    ret()


@routine
def parse_start(buffer: x0) -> x0:
    """Judge empty lines and the request line, unless that is done: as ``parse``."""
    of = x19
    fields, skip, no_line, bad = label(), label(), label(), label()

    with frame(of) as leave:
        mov(of, buffer)
        ldrb(w9, [of, Buffer.request.phase])
        cbnz(w9, fields)

        again = here()
        ldr(w1, [of, Buffer.cursor])
        add(x1, x1, LINE_MAX)
        mov(x0, of)
        mov(x2, -414)
        bl(next_line)
        tbnz(x0, 63, no_line)
        cbz(x0, skip)
        mov(x2, x0)
        mov(x0, of)
        bl(judge_request_line)
        tbnz(x0, 63, leave)
        mov(w9, Phase.FIELDS)
        strb(w9, [of, Buffer.request.phase])

        here(fields)
        mov(x0, COMPLETE)
        b(leave)

        here(skip)
        ldrb(w9, [of, Buffer.request.empty_lines])
        cmp(w9, EMPTY_LINES_MAX)
        b.hs(bad)
        add(w9, w9, 1)
        strb(w9, [of, Buffer.request.empty_lines])
        b(again)

        here(no_line)
        incomplete_or(x0)
        b(leave)

        here(bad)
        mov(x0, BAD_REQUEST)
    ret()


assert Phase.START == 0


@routine
def parse_fields(buffer: x0) -> x0:
    """Judge header fields and the empty line behind them: as ``parse``."""
    of = x19
    complete, no_line, too_many = label(), label(), label()

    with frame(of) as leave:
        mov(of, buffer)

        again = here()
        ldr(w1, [of, Buffer.request.line])
        mov(x9, HEAD_MAX)
        add(x1, x1, x9)
        mov(x0, of)
        mov(x2, TOO_LARGE)
        bl(next_line)
        tbnz(x0, 63, no_line)
        cbz(x0, complete)
        ldr(w9, [of, Buffer.request.field_count])
        cmp(w9, FIELDS_MAX)
        b.hs(too_many)
        add(w9, w9, 1)
        str_(w9, [of, Buffer.request.field_count])
        mov(x2, x0)
        mov(x0, of)
        bl(judge_field)
        cbz(x0, again)
        b(leave)

        here(complete)
        ldr(w9, [of, Buffer.cursor])
        str_(w9, [of, Buffer.request.head_end])
        mov(x0, COMPLETE)
        b(leave)

        here(no_line)
        incomplete_or(x0)
        b(leave)

        here(too_many)
        mov(x0, TOO_LARGE)
    ret()
