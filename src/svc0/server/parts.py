"""Parts: the answer to a Range of a file that is kept, made in one go (RFC 9110 14).

    request            Range: bytes=100-199        of 1000
                                    └──┬──┘            │
    head   206 … Content-Length: 100 … Content-Range: bytes 100-199/1000
           └┬┘ └┬┘               └┬┘ └┬┘
            │   └──── the kept ───┼───┘  head of 200 has the rest: Date, type, entity-tag …
            └──── written here ───┘

What is asked for is mostly what is answered, so the range is copied as it came, and only numbers
that did not come are written.  This holds because zeros in front go the long way, as does whatever
else is not plainly one range: several, spaces, other units (ranges.py).  How Content-Range ends is
kept with the file, up from the number of its last byte (keeping.py).

The answer is one piece, in the output of the connection's buffer, and waits there as those do that
lie in the cache: the next one is made behind it.
"""

from svc0.a64 import *
from svc0.kernel.structs import IoVector

from .cache import HEAD_ROOM, SHELVES, SLACK, SLASH, Entry
from .connection import Buffer, Connection
from .limits import OUTPUT_MAX
from .log import TAIL_MAX
from .macros import point
from .mime import CONTENT_TYPES
from .ranges import UNIT
from .request import Kind
from .response import BEFORE_DATE, CONTENT_RANGE, DATE_SIZE, refuse
from .status import SLOTS, STATUSES
from .text import PAIRS, STEP
from .workspace import Facts, Workspace

PART_MAX = 4096
"""Bytes of a part that is copied: that takes a third of what the long way would take more, and
several find room in the output.  What is larger is sent from where it lies."""
assert PART_MAX < 10**4, "four digits"

DIGITS_MAX = 8
"""Digits of both numbers, if they are as long: no more can be a number that is too large."""

assert 10 ** (2 * DIGITS_MAX) < 2**63

RANGE_MAX = len(UNIT) + 2 * DIGITS_MAX + len("-")

BLOCK = 4 * STEP
BLOCKS = v0.b16, v1.b16, v2.b16, v3.b16

LINE_OF_200, LINE = (STATUSES[SLOTS[status]].line[:-1] for status in (200, 206))
assert len(LINE_OF_200) == STEP, "the second half of the other lies where this one did"

LEAD = 2 * STEP - len(LINE)
"""Bytes in front of a head, so that steps of 16 end with its status line."""

BEFORE = b": " + UNIT
"""What stands before a range: one word.  Other spellings go the long way."""
assert len(BEFORE) == 8

DASH, END, OTHER = -1, -2, -128
"""What stands behind a number, as DIGITS have it: so that one bit tells it from a digit."""

KNOWN = {ord("-"): DASH, ord("\r"): END} | {ord("0") + digit: digit for digit in range(10)}
DIGITS = bytes(KNOWN.get(byte, OTHER) & 0xFF for byte in range(256))
"""What each byte of a range is."""

LAST_OF_FIELDS = b"\r\nAccept-Ranges: bytes"
TAIL = b'" 206 '
TEXTS = Data(
    DIGITS
    + BEFORE
    + (10).to_bytes(8, "little")
    + bytes(LEAD)
    + LINE
    + (LAST_OF_FIELDS + CONTENT_RANGE)[-2 * STEP :]
    + TAIL.ljust(8, b"\0")
    + (100).to_bytes(8, "little"),
    align=STEP,
)
"""The digits, and what else is compared, calculated with or written; two words of it at a time."""
BEFORE_AT = len(DIGITS)
LINE_AT, RANGE_AT, TAIL_AT = BEFORE_AT + STEP, BEFORE_AT + 3 * STEP, BEFORE_AT + 5 * STEP
assert len(TEXTS) == TAIL_AT + STEP

LENGTH_END = len(LINE) - len(LINE_OF_200) + 4
"""Where a length of four digits ends in the head of a part, from where it begins in that of 200."""

TO_LENGTH = LINE_OF_200 + b"\n" + BEFORE_DATE + b"\r\nContent-Type: \r\nContent-Length: "
OPENING = 3 * BLOCK
"""Bytes that are copied of the head of the whole file, so that all up to the length is there."""
assert len(TO_LENGTH) + DATE_SIZE + max(map(len, CONTENT_TYPES.values())) <= OPENING

FIELDS = b"\r\nLast-Modified: \r\nETag: " + LAST_OF_FIELDS
VALIDATORS = 2 * BLOCK
"""Bytes that are copied of what stands behind the length."""
assert len(FIELDS) + DATE_SIZE + sizeof(Facts.etag) <= VALIDATORS <= SLACK
assert 2 * BLOCK <= SLACK

PART_ROOM = HEAD_ROOM + PART_MAX
"""Bytes for an answer, and for what the steps that write it write behind it."""
assert 2 * STEP + OPENING + VALIDATORS + 4 * STEP + 2 * BLOCK < HEAD_ROOM, (
    "two blocks more than a head is there, too, behind a file that is kept"
)


# --- numbers --------------------------------------------------------------------------


def read_number(value: X, at: X, behind: X, ten: X, none: Label) -> Label:
    """Macro: the number that ``at`` begins with, and what DIGITS have of the byte behind it.

    ``at`` moves behind that byte.  Go where no number is, or where it begins with a zero, which is
    for ``read_zero``.  x9 is DIGITS.  Leaves where it is done.
    """
    done = label()

    ldrb(value.w, [at], 1)
    ldrsb(value.w, [x9, value])
    cmp(value.w, 0)
    b.le(none)
    ldrb(behind.w, [at], 1)
    ldrsb(behind.w, [x9, behind])
    tbnz(behind.w, 31, done)

    more = here()
    madd(value, value, ten, behind)
    ldrb(behind.w, [at], 1)
    ldrsb(behind.w, [x9, behind])
    tbz(behind.w, 31, more)

    here(done)
    return done


def read_zero(value: X, at: X, behind: X, done: Label, none: Label) -> None:
    """Macro: what is behind a zero, with which no number but zero begins; or go where none is."""
    tbnz(value.w, 31, none)
    ldrb(behind.w, [at], 1)
    ldrsb(behind.w, [x9, behind])
    b(done)


def make_number(number: X, pairs: X, hundred: X, digits: int) -> None:
    """Macro: the text of a number of up to four or six digits, in x11.

    It is not zero if it has four at most.  Leaves in x10 eight times how many digits it has less
    than it could; x12 and, for six digits, x13 are lost.
    """
    udiv(x11, number, hundred)
    msub(x12, x11, hundred, number)
    ldrh(w12, [pairs, x12, lsl(1)])
    if digits == 6:
        udiv(x10, x11, hundred)
        msub(x13, x10, hundred, x11)
        ldrh(w13, [pairs, x13, lsl(1)])
        ldrh(w11, [pairs, x10, lsl(1)])
        orr(x11, x11, x13, lsl(16))
    else:
        ldrh(w11, [pairs, x11, lsl(1)])
    orr(x11, x11, x12, lsl(8 * (digits - 2)))
    eor(x10, x11, 0x3030303030303030)
    if digits == 6:
        orr(x10, x10, 1 << 8 * (digits - 1))  # zero has a digit too
    rbit(x10, x10)
    clz(x10, x10)
    and_(x10, x10, 0x38)
    lsr(x11, x11, x10)


def nothing() -> None:
    """Macro: what says that there is no answer."""
    for register in (x0, x1, x2, x3, x4, x5):
        mov(register, 0)


def check_range(dash: X, end: X, shown: X, no: Label) -> None:
    """Macro: go on if a range has its dash, ends where it should, and is not too long."""
    cmn(dash.w, -DASH)
    ccmn(end.w, -END, 0, Condition.eq)
    ccmp(shown, RANGE_MAX, C, Condition.eq)
    b.hi(no)


C = 2
"""The flags of what is not below, as ``ccmp`` leaves them where it does not compare."""


# --- what is asked for ------------------------------------------------------------------


@routine
def take_part(
    entry: x0, buffer: x19, connection: x27, worker: x28
) -> tuple[x0, x1, x2, x3, x4, x5]:
    """Answer a GET of an entry's file with the one Range that came: as ``choose_answer``.

    The first is 0 if the range is not for here, its part is too large, or there is no room because
    others wait: then nothing was done.
    """
    first, last, total, end_size, shown, size = x1, x2, x3, x4, x5, x6
    at, dash, char, texts, ten = x7, x8, x10, x9, x15
    text, end = v4, v5
    tail, hundred, pairs = x14, x16, x17
    zero, zero_last, zero_suffix, suffix, open_, other, numbered = (label() for _ in range(7))
    measured, sized, placed, others, beyond, no = (label() for _ in range(6))
    all_of_it, zero_read = label(), label()

    ldr(shown, [buffer, int(Buffer.request.firsts) + 8 * Kind.RANGE])
    adr(texts, TEXTS)
    add(at, buffer, shown.w, uxtw())
    lsr(shown, shown, 32)  # with the unit
    add(at, at, int(Buffer.input) + len(UNIT))
    ldp(x10, ten, [texts, BEFORE_AT])
    ldur(x11, [at, -len(BEFORE)])
    ldr(text.q, [at])
    ldp(total.w, end_size.w, [entry, Entry.kept])
    cmp(x10, x11)
    b.ne(no)
    first_read = read_number(first, at, dash, ten, zero)
    last_read = read_number(last, at, char, ten, zero_last)
    sub(size, last, first)
    cmp(size, PART_MAX)
    ccmp(last, total, C, Condition.lo)
    ccmn(dash.w, -DASH, 0, Condition.lo)
    ccmn(char.w, -END, 0, Condition.eq)
    ccmp(shown, RANGE_MAX, C, Condition.eq)
    b.hi(other)
    add(size, size, 1)
    ldur(end.q, [entry, int(Entry.end) + SLASH])

    here(measured)
    adr(pairs, PAIRS)
    ldp(tail, hundred, [texts, TAIL_AT])
    make_number(size, pairs, hundred, 4)

    here(sized)
    point(x8, buffer, int(Buffer.output) + STEP)
    within(x8, Buffer.output)
    ldr(w12, [worker, Workspace.queued])
    cbnz(w12, others)

    here(placed)
    write_head(entry, texts, text, shown, end, end_size)
    write_part(first, size)
    put_tail(tail, ten)
    mov(x5, 206)
    ret()

    here(zero)
    read_zero(first, at, dash, first_read, suffix)

    here(zero_last)
    read_zero(last, at, char, last_read, open_)

    here(open_)  # the first as it came, with the dash
    check_range(dash, last, shown, no)
    cmp(first, total)
    b.hs(beyond)
    sub(size, total, first)
    cmp(size, PART_MAX)
    b.hi(no)
    load_end(end, end_size, entry, behind=len("-"))
    b(measured)

    here(suffix)
    read_number(size, at, char, ten, zero_suffix)
    check_range(first, char, shown, no)
    subs(first, total, size)
    b.lo(all_of_it)
    cmp(size, PART_MAX)
    b.hi(no)
    sub(at, at, shown)
    mov(x8, 8 * (len(UNIT + b"-") + 4))
    sub(x8, x8, shown, lsl(3))
    adr(pairs, PAIRS)
    ldp(tail, hundred, [texts, TAIL_AT])
    show_end(first, text, shown, end, end_size, entry)
    mov(x10, x8)
    ldur(w11, [at, len(UNIT)])  # how many there are, as it came
    b(sized)

    here(zero_suffix)
    read_zero(size, at, char, zero_read, no)
    here(zero_read)
    check_range(first, char, shown, no)
    b(beyond)

    here(all_of_it)
    cbz(total, no)
    mov(first, 0)
    b(numbered)

    here(other)  # too much of it, or more than there is
    check_range(dash, char, shown, no)
    cmp(last, total)
    b.lo(no)
    cmp(first, last)
    b.hi(no)
    cmp(first, total)
    b.hs(beyond)

    here(numbered)
    sub(size, total, first)
    cmp(size, PART_MAX)
    b.hi(no)
    adr(pairs, PAIRS)
    mov(hundred, 100)
    show_end(first, text, shown, end, end_size, entry)
    b(measured)

    here(others)
    find_room(x8, w12, no)
    b(placed)

    here(beyond)
    ldrb(w9, [entry, Entry.shelf])
    cbz(w9, no)
    b(refuse_part)

    here(no)
    nothing()
    ret()


def load_end(end: V, end_size: X, entry: X, behind: int = 0) -> None:
    """Macro: how Content-Range ends, from the dash on or behind it; x10 and x11 are lost.

    ``end_size`` grows by what stands before the slash.
    """
    ldrb(w10, [entry, Entry.last_size])
    sub(x11, entry, x10)
    ldur(end.q, [x11, int(Entry.end) + SLASH + behind])
    add(end_size, end_size, x10)
    if behind:
        sub(end_size, end_size, behind)


def show_end(first: X, text: V, shown: X, end: V, end_size: X, entry: X) -> None:
    """Macro: what Content-Range says of a part from there to the end; x10 to x13 are lost."""
    make_number(first, x17, x16, 6)
    fmov(text.d, x11)
    mov(shown, len(UNIT) + 6)
    sub(shown, shown, x10, lsr(3))
    load_end(end, end_size, entry)


assert max(shelf.room for shelf in SHELVES.values()) < 10**5
assert len("12345-12345") <= STEP <= TAIL_MAX
assert Entry.end_size == Entry.kept + 4


# --- what is answered -------------------------------------------------------------------


def copy_blocks(out: X, text: X, size: int) -> None:
    """Macro: copy blocks, and step over them.  Uses v0 to v3."""
    for _ in range(0, size, BLOCK):
        ld1(BLOCKS, [text], BLOCK)
        st1(BLOCKS, [out], BLOCK)


def write_head(entry: X, texts: X, text: V, shown: X, end: V, end_size: X) -> None:
    """Macro: the head of a part, in x0 and up to x8, where there is room for the head of 200.

    Its Content-Length is in x11, as ``make_number`` leaves it.  It says that it is what is in
    ``text``, and goes on as in ``end``; ``shown`` is larger than the one, and ``end_size`` smaller
    than the other, by the size of the unit.  Leaves in x13 where what is kept of the file begins;
    x2, x3, x7 and x12 are lost.
    """
    out, answer, length_end, rest, rest_size, rest_end = x8, x12, x2, x3, x7, x7

    ldp(answer, x13, [entry, Entry.answer])
    ldp(length_end.w, rest_size.w, [entry, Entry.length_end])
    ldr(rest, [entry, Entry.rest])
    copy_blocks(out, answer, OPENING)
    ldp(v0.q, v1.q, [texts, LINE_AT])
    stp(v0.q, v1.q, [out, -OPENING - STEP])
    sub(x0, out, OPENING + STEP - LEAD)
    add(out, x0, length_end)
    stur(x11, [out, -4])
    sub(out, out, x10, lsr(3))

    add(rest_end, out, rest_size)
    copy_blocks(out, rest, VALIDATORS)
    ldp(v0.q, v1.q, [texts, RANGE_AT])
    stp(v0.q, v1.q, [rest_end, -2 * STEP])
    str_(text.q, [rest_end])
    add(out, rest_end, shown)
    stur(end.q, [out, -len(UNIT)])
    add(out, out, end_size)


def write_part(first: X, size: X) -> None:
    """Macro: the bytes behind the head, two blocks at a step; x1 and x2 are both sizes then.

    x8, x13, ``size`` and v0 to v3 are lost.
    """
    sub(x2, x8, x0)
    add(x13, x13, first)
    add(x1, x2, size)

    again = here()
    copy_blocks(x8, x13, 2 * BLOCK)
    subs(size, size, 2 * BLOCK)
    b.hi(again)


def put_tail(tail: X, ten: X) -> None:
    """Macro: how the log's line ends: address and size, with the number that is in x10 and x11."""
    add(x3, x28, Workspace.tail)
    str_(tail, [x3])
    stur(w11, [x3, len(TAIL)])
    sub(x4, ten, x10, lsr(3))


assert len(TAIL) + 4 == 10
assert Entry.body == Entry.answer + 8
assert Entry.rest_size == Entry.length_end + 4


def find_room(out: X, count: W, no: Label) -> None:
    """Macro: out = where an answer can be made while so many wait, given where the first is.

    That is behind the last of those that were made, too; or go where there is no room left.  x2,
    x3, x7, x13 and x16 are lost.
    """
    at, size, place, most, between = x2, x3, x7, x13, x16
    again, found, done = label(), label(), label()

    sub(out, out, STEP)
    add(at, x28, Workspace.vector)
    add(at, at, count, uxtw(4))
    mov(most, OUTPUT_MAX)

    here(again)
    ldp(place, size, pre[at, -IoVector.size])
    sub(between, place, out)
    cmp(between, most)
    b.lo(found)
    subs(count, count, 1)
    b.ne(again)
    b(done)

    here(found)
    add(place, place, size)
    sub(between, place, out)
    mov(most, OUTPUT_MAX - PART_ROOM)
    cmp(between, most)
    b.hi(no)
    mov(out, place)

    here(done)
    add(out, out, STEP)


@routine
def refuse_part(entry: x0, connection: x27, worker: x28) -> tuple[x0, x1, x2, x3, x4, x5]:
    """Make the answer that there is no such part (416): as ``choose_answer``.

    The first is 0 if others wait, which may lie where it would be.
    """
    others = label()

    ldr(w9, [worker, Workspace.queued])
    cbnz(w9, others)
    with frame():
        ldr(x9, [entry, Entry.facts.total])
        str_(x9, [worker, Workspace.facts.total])
        mov(w0, 416)
        bl(refuse)
        ldp(x0, x9, [connection, Connection.out])
        ldr(x10, [connection, Connection.sent])
        sub(x1, x9, x0)
        sub(x2, x1, x10)
        str_(x9, [connection, Connection.out])  # it is not the connection's
        mov(x3, 0)
        mov(x4, 0)
        mov(x5, 416)
    ret()

    here(others)
    nothing()
    ret()


assert Connection.out_end == Connection.out + 8
assert IoVector.length == IoVector.base + 8
assert IoVector.size == 1 << 4
