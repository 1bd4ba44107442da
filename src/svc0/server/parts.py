"""Parts: the answer to a Range of a file that is kept, made in one go (RFC 9110 14).

    request            Range: bytes=100-199        of 1000
                                    └──┬──┘            │
    head   206 … Content-Length: 100 … Content-Range: bytes 100-199/1000
           └┬┘ └┬┘               └┬┘ └┬┘
            │   └──── the kept ───┼───┘  head of 200 has the rest: Date, type, entity-tag …
            └──── written here ───┘

What is asked for is mostly what is answered, so the range is copied as it came, and only numbers
that did not come are written.  This holds because zeros in front go the long way, as does whatever
else is not plainly one range: several, spaces, other units (ranges.py).

The answer is one piece, in the output of the connection's buffer, and waits there as those do that
lie in the cache: the next one is made behind it.
"""

from svc0.a64 import *
from svc0.kernel.structs import IoVector

from .cache import HEAD_ROOM, SHELVES, SLACK, Entry
from .connection import Buffer, Connection
from .limits import OUTPUT_MAX
from .log import TAIL_MAX
from .macros import point
from .mime import CONTENT_TYPES
from .ranges import UNIT
from .request import Kind
from .response import BEFORE_DATE, DATE_SIZE, refuse
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

BLOCK = 4 * STEP
BLOCKS = v0.b16, v1.b16, v2.b16, v3.b16

LINE_OF_200, LINE = (STATUSES[SLOTS[status]].line[:-1] for status in (200, 206))
assert len(LINE_OF_200) == STEP, "the second half of the other lies where this one did"

LEAD = 2 * STEP - len(LINE)
"""Bytes in front of a head, so that steps of 16 end with its status line."""

BEFORE = b": " + UNIT
"""What stands before a range: one word.  Other spellings go the long way."""
assert len(BEFORE) == 8

CONTENT_RANGE = b"\r\nContent-Range: bytes "
TAIL = b'" 206 '
END = b"\r\n\r\n"
TEXTS = Data(
    bytes(LEAD)
    + LINE
    + CONTENT_RANGE.ljust(2 * STEP, b"\0")
    + BEFORE
    + (10).to_bytes(8, "little")
    + TAIL.ljust(8, b"\0")
    + END.ljust(8, b"\0"),
    align=STEP,
)
"""The status line, and what else is written or compared; two words of it at a time."""
RANGE_AT, BEFORE_AT, TAIL_AT = 2 * STEP, 4 * STEP, 5 * STEP

TO_LENGTH = LINE_OF_200 + b"\n" + BEFORE_DATE + b"\r\nContent-Type: \r\nContent-Length: "
OPENING = 3 * BLOCK
"""Bytes that are copied of the head of the whole file, so that all up to the length is there."""
assert len(TO_LENGTH) + DATE_SIZE + max(map(len, CONTENT_TYPES.values())) <= OPENING

FIELDS = b"\r\nLast-Modified: \r\nETag: \r\nAccept-Ranges: bytes"
VALIDATORS = 2 * BLOCK
"""Bytes that are copied of what stands behind the length."""
assert len(FIELDS) + DATE_SIZE + sizeof(Facts.etag) <= VALIDATORS <= SLACK
assert BLOCK <= SLACK

PART_ROOM = HEAD_ROOM + PART_MAX
"""Bytes for an answer, and for what the steps that write it write behind it."""
assert 2 * STEP + OPENING + VALIDATORS + 4 * STEP + BLOCK < HEAD_ROOM, (
    "a block more than a head is there, too, behind a file that is kept"
)


# --- numbers --------------------------------------------------------------------------


def read_number(value: X, at: X, behind: X, ten: X, none: Label) -> None:
    """Macro: the number behind ``at``, which moves to what stands behind it; or go where none is.

    That byte is loaded, too.  Nothing but zero begins with a zero.  x9 is lost.
    """
    more, done = label(), label()

    ldrb(behind.w, pre[at, 1])
    sub(value.w, behind.w, ord("0"))
    cmp(value.w, 9)
    b.hi(none)
    ldrb(behind.w, pre[at, 1])
    cbz(value, done)
    sub(w9, behind.w, ord("0"))
    cmp(w9, 9)
    b.hi(done)

    more = here()
    madd(value, value, ten, x9)
    ldrb(behind.w, pre[at, 1])
    sub(w9, behind.w, ord("0"))
    cmp(w9, 9)
    b.ls(more)

    here(done)


def put_number(out: X, number: X, pairs: X, hundred: X, digits: int, at: int = 0) -> None:
    """Macro: write a number of up to four or six digits ``at`` bytes from ``out``, and step over.

    It is not zero if it has four at most.  Leaves its text in x9, and in x10 eight times how many
    digits it has less than it could; x11 and x12 are lost.  Eight bytes are written.
    """
    udiv(x11, number, hundred)
    msub(x9, x11, hundred, number)
    ldrh(w9, [pairs, x9, lsl(1)])
    if digits == 6:
        udiv(x10, x11, hundred)
        msub(x12, x10, hundred, x11)
        ldrh(w12, [pairs, x12, lsl(1)])
        ldrh(w11, [pairs, x10, lsl(1)])
        orr(x12, x11, x12, lsl(16))
    else:
        ldrh(w12, [pairs, x11, lsl(1)])
    orr(x9, x12, x9, lsl(8 * (digits - 2)))
    eor(x10, x9, 0x3030303030303030)
    if digits == 6:
        orr(x10, x10, 1 << 8 * (digits - 1))  # zero has a digit too
    rbit(x10, x10)
    clz(x10, x10)
    and_(x10, x10, 0x38)
    lsr(x9, x9, x10)
    stur(x9, [out, at])
    add(out, out, digits + at) if digits + at >= 0 else sub(out, out, -digits - at)
    sub(out, out, x10, lsr(3))


def nothing() -> None:
    """Macro: what says that there is no answer."""
    for register in (x0, x1, x2, x3, x4, x5):
        mov(register, 0)


def check_end(size: X, text: X, at: X, char: X, no: Label) -> None:
    """Macro: the size of a range that ends here; or go where it does not, or is too long."""
    sub(size, at, text)
    cmp(char.w, ord("\r"))
    ccmp(size, 2 * DIGITS_MAX + len("-"), 2, Condition.eq)
    b.hi(no)


# --- what is asked for ------------------------------------------------------------------


@routine
def take_part(
    entry: x0, buffer: x19, connection: x27, worker: x28
) -> tuple[x0, x1, x2, x3, x4, x5]:
    """Answer a GET of an entry's file with the one Range that came: as ``choose_answer``.

    The first is 0 if the range is not for here, or its part is too large: then nothing was done.
    """
    first, last, text, shown, size, head = x1, x2, x3, x4, x5, x8
    at, char, ten, total, out, pairs, hundred = x6, x7, x13, x14, x15, x16, x17
    suffix, open_, other, numbered, to_end, beyond, no = (label() for _ in range(7))

    ldr(text.w, [buffer, int(Buffer.request.firsts) + 8 * Kind.RANGE])
    adr(x10, TEXTS)
    add(text, text, buffer)
    add(text, text, int(Buffer.input) + len(UNIT))
    ldp(x9, ten, [x10, BEFORE_AT])
    ldur(x10, [text, -len(BEFORE)])
    sub(at, text, 1)
    cmp(x9, x10)
    b.ne(no)
    ldp(w9, head.w, [entry, Entry.answer_size])
    sub(total, x9, head)  # none, if it is the file that is kept
    read_number(first, at, char, ten, suffix)
    cmp(char.w, ord("-"))
    b.ne(no)
    read_number(last, at, char, ten, open_)
    check_end(shown, text, at, char, no)
    sub(size, last, first)
    cmp(size, PART_MAX)
    ccmp(last, total, C, Condition.lo)
    b.hs(other)
    add(size, size, 1)
    add(first, first, head)
    b(write_part)

    here(open_)  # the first as it came, with the dash
    check_end(shown, text, at, char, no)
    cmp(first, total)
    b.hs(beyond)
    ldr(v0.q, [text])
    add(text, worker, Workspace.tail)
    str_(v0.q, [text])
    add(out, text, shown)
    adr(pairs, PAIRS)
    mov(hundred, 100)
    b(to_end)

    here(suffix)
    cmp(char.w, ord("-"))
    b.ne(no)
    read_number(last, at, char, ten, no)
    check_end(shown, text, at, char, no)
    cbz(last, beyond)
    cbz(total, no)
    subs(first, total, last)
    csel(first, first, xzr, Condition.hs)

    here(numbered)
    add(text, worker, Workspace.tail)
    mov(out, text)
    adr(pairs, PAIRS)
    mov(hundred, 100)
    put_number(out, first, pairs, hundred, 6)
    mov(w9, ord("-"))
    strb(w9, [out], 1)

    here(to_end)
    sub(size, total, first)
    cmp(size, PART_MAX)
    b.hi(no)
    sub(last, total, 1)
    put_number(out, last, pairs, hundred, 6)
    sub(shown, out, text)
    add(first, first, head)
    b(write_part)

    here(other)  # too much of it, or more than there is
    cmp(last, total)
    b.lo(no)
    cmp(first, last)
    b.hi(no)
    cmp(first, total)
    b.lo(numbered)

    here(beyond)
    ldrb(w9, [entry, Entry.shelf])
    cbz(w9, no)
    b(refuse_part)

    here(no)
    nothing()
    ret()


C = 2
"""The flags of what is not below, as ``ccmp`` leaves them where it does not compare."""

assert Entry.head_size == Entry.answer_size + 4
assert max(shelf.room for shelf in SHELVES.values()) < 10**5
assert len("12345-12345") <= STEP <= TAIL_MAX


# --- what is answered -------------------------------------------------------------------


def copy_blocks(out: X, text: X, size: int) -> None:
    """Macro: copy blocks, and step over them.  Uses v0 to v3."""
    for _ in range(0, size, BLOCK):
        ld1(BLOCKS, [text], BLOCK)
        st1(BLOCKS, [out], BLOCK)


def copy_some(out: X, text: X, size: X) -> None:
    """Macro: copy so many bytes, one at least, by blocks: all three are lost.  Uses v0 to v3."""
    again = here()
    copy_blocks(out, text, BLOCK)
    subs(size, size, BLOCK)
    b.hi(again)


def put_tail(tail: X, size: X, begin: X) -> None:
    """Macro: how the log's line ends: address and size, behind what ``put_number`` left last."""
    add(tail, x28, Workspace.tail)
    str_(begin, [tail])
    stur(w9, [tail, len(TAIL)])
    mov(size, len(TAIL) + 4)
    sub(size, size, x10, lsr(3))


@routine
def write_part(
    entry: x0, begin: x1, text: x3, shown: x4, size: x5, buffer: x19, worker: x28
) -> tuple[x0, x1, x2, x3, x4, x5]:
    """Make the answer: so many bytes from one of an entry's answer on, and a text that says which.

    As ``choose_answer``; the first is 0 if there is no room, because others wait.
    """
    length_at, answer, at, out, fields_at, fields_end = x2, x6, x7, x8, x13, x14
    texts, pairs, hundred = x15, x16, x17
    placed, others, no = (label() for _ in range(3))

    point(out, buffer, int(Buffer.output) + STEP)
    within(out, Buffer.output)
    ldr(w9, [worker, Workspace.queued])
    cbnz(w9, others)

    here(placed)  # the head of 200, up to the length, and another status line over its own
    ldr(answer, [entry, Entry.answer])
    mov(at, answer)
    copy_blocks(out, at, OPENING)
    adr(texts, TEXTS)
    ldp(v0.q, v1.q, [texts])
    stp(v0.q, v1.q, [out, -OPENING - STEP])
    ldr(length_at.w, [entry, Entry.length_at])
    ldp(fields_at.w, fields_end.w, [entry, Entry.fields_at])
    sub(x0, out, OPENING + STEP - LEAD)
    add(out, out, length_at)
    adr(pairs, PAIRS)
    mov(hundred, 100)
    put_number(out, size, pairs, hundred, 4, at=-OPENING)

    add(at, answer, fields_at)
    sub(fields_end, fields_end, fields_at)
    add(fields_end, out, fields_end)
    copy_blocks(out, at, VALIDATORS)
    ldp(v0.q, v1.q, [texts, RANGE_AT])
    stp(v0.q, v1.q, [fields_end])
    ldr(v0.q, [text])
    stur(v0.q, [fields_end, len(CONTENT_RANGE)])
    add(out, fields_end, shown)
    add(at, answer, length_at)
    ldur(x11, [at, -len(" ")])  # the file's size
    orr(x11, x11, SPACE_TO_SLASH)
    stur(x11, [out, len(CONTENT_RANGE)])
    sub(fields_at, fields_at, length_at)
    add(out, out, fields_at)
    ldp(x11, x12, [texts, TAIL_AT])
    stur(w12, [out, len(CONTENT_RANGE + b"/")])
    add(out, out, len(CONTENT_RANGE + b"/" + END))

    sub(x2, out, x0)
    add(at, answer, begin)
    add(x1, x2, size)

    copy_some(out, at, size)
    put_tail(x3, x4, x11)
    mov(x5, 206)
    ret()

    here(others)
    find_room(out, no)
    b(placed)

    here(no)
    nothing()
    ret()


def find_room(out: X, no: Label) -> None:
    """Macro: out = where an answer can be made while w9 others wait, given where the first is.

    That is behind the last of those that were made, too; or go where there is no room left.  x10
    to x14 are lost.
    """
    at, size, place, most = x10, x11, x12, x13
    again, found, done = label(), label(), label()

    sub(out, out, STEP)
    add(at, x28, Workspace.vector)
    add(at, at, x9, lsl(4))
    mov(most, OUTPUT_MAX)

    here(again)
    ldp(place, size, pre[at, -IoVector.size])
    sub(x14, place, out)
    cmp(x14, most)
    b.lo(found)
    subs(w9, w9, 1)
    b.ne(again)
    b(done)

    here(found)
    add(place, place, size)
    sub(x14, place, out)
    mov(most, OUTPUT_MAX - PART_ROOM)
    cmp(x14, most)
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
SPACE_TO_SLASH = 0x0F
assert ord(" ") | SPACE_TO_SLASH == ord("/")
assert IoVector.length == IoVector.base + 8
assert IoVector.size == 1 << 4
assert Entry.fields_end == Entry.fields_at + 4
