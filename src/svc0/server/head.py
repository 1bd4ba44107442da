"""Heads as nearly all of them are: read whole, in one pass, without a byte that is looked at twice.

``read_head`` knows what a common head looks like: GET or HEAD, HTTP/1.1, each field that means
something to us once, one space before its value.  Whatever is not like that, or not whole, or
wrong, it leaves to ``request.parse``, which judges line by line, and alone decides what a request
is refused for.  So a head that is read here means what it would mean there, and sooner.

A line costs a step for its name, or two for a long one, and one for each 16 bytes of its value:

    Accept-Language: en-US,en;q=0.5\\r\\n
    └─ token ─────┘:└ visible or space ┘└ what stops it must be this

A name is ours if the row of a table where its size and its last bytes lead has the same name.
No step asks where the input ends: behind what was received stand zeros (``STOP``), which may stand
in no head and stop every step.
"""

from collections.abc import Iterable

from svc0.a64 import *

from .connection import STOP, Buffer
from .limits import FIELDS_MAX, HEAD_MAX, LINE_MAX
from .methods import Method
from .request import Kind, Phase
from .text import LOWER, STEP, TOKEN, Z

# --- the names that are looked for ----------------------------------------------------

ROWS, ROW = 32, 32
PIECE = 5
"""Bits of a name's third and second but last byte that find its row, together with its size."""

BIT, PLACE, TAG = 24, 28, 30
"""In a row: the kind as a bit, where in a Buffer its value is noted, and four times the size."""

NO_NAME = 1
"""Where the size would be in a row without a name: four times no size, not even that of none."""

LOGGED = frozenset((Kind.REFERER, Kind.USER_AGENT))
"""Fields that only the longer formats of the log have a use for."""


def row_of(name: bytes, first: int) -> int:
    """The row of a name: some bits of its end, and its size."""
    end = int.from_bytes(name[-3:], "little")
    return (end >> first & (1 << PIECE) - 1) ^ len(name)


def perfect(names: Iterable[bytes]) -> int:
    """Which bits are to be taken so that no two names share a row; upper and lower case do not."""
    names = list(names)
    for first in range(16):
        rows = {row_of(name, first) for name in names}
        folded = {row_of(name.upper(), first) for name in names}
        if len(rows) == len(names) and rows == folded and max(rows) < ROWS:
            return first
    raise AssertionError("no bits keep the names apart: use more rows")


FIRST = perfect(kind.field for kind in Kind)


def table(kinds: Iterable[Kind]) -> Data:
    """The rows: a name in lower case, and what is to be known of it; zeros where there is none."""
    rows = bytearray(ROWS * ROW)
    rows[TAG::ROW] = bytes([NO_NAME]) * ROWS
    for kind in kinds:
        name, at = kind.field, row_of(kind.field, FIRST) * ROW
        assert len(name) <= BIT, "a name ends before what is known of it"
        rows[at : at + len(name)] = name
        rows[at + BIT : at + PLACE] = (1 << kind).to_bytes(4, "little")
        place = int(Buffer.request.firsts) + 8 * kind
        rows[at + PLACE : at + TAG] = place.to_bytes(2, "little")
        rows[at + TAG] = 4 * len(name)
    return Data(bytes(rows), align=ROW)


NAMES = table(Kind)
FEW_NAMES = table(set(Kind) - LOGGED)
assert all(len(kind.field) < 2 * STEP for kind in Kind), "two steps see a whole name"

TOKENS = Data((0xFF * (byte in TOKEN) for byte in range(128)), align=STEP)
"""Which bytes may stand in a name; none above may."""
assert ord(" ") == LOWER, "what folds a name is what values are compared with"

PLAIN = Data(
    (0xFF * (0x21 <= byte <= 0x7E and byte not in b'?#"\\') for byte in range(128)), align=STEP
)
"""Which bytes of a target do not end its path, may stand there, and are logged as they are."""

VERSION = Data(b"HTTP/1.1\r\n")
GET, HEAD = (int.from_bytes(word, "little") for word in (b"GET ", b"HEAD"))
CRLF = int.from_bytes(b"\r\n", "little")
PRINTED = 0x7E - 0x20


def read(method: Method) -> int:
    """What a Request begins with when its head was read: phase, method, minor version."""
    return Phase.BEYOND | method << 8 | 1 << 16


assert Buffer.request.method == Buffer.request.phase + 1
assert Buffer.request.minor == Buffer.request.phase + 2


# --- a pass over a head ---------------------------------------------------------------


@routine
def read_head(buffer: x0, names: x1) -> tuple[x0, x1]:
    """Read a head in one pass: 1, and the size of its target up to a question mark.

    ``names`` is one of the two tables above.  The head begins at the buffer's ``start``, of which
    nothing has been read yet, and STOP zeros stand behind what was received.  0 says that it is not
    as most are, or not whole: then nothing is remembered, and it has to be read closely.
    """
    at, seen, count, size, end, row, path = x2, w3, w4, x5, x6, x7, x10
    upper, space, printed = v4, v5, v6
    head, target, field, other, query, more, closely = (label() for _ in range(7))
    known, ours, value, complete, end_of_target, end_of_query = (label() for _ in range(6))

    add(x17, buffer, Buffer.input)
    ldr(w9, [buffer, Buffer.start])
    add(at, x17, x9)

    # The method, and the target: up to what is not visible, or a question mark.
    mov(w11, GET)
    ldr(w12, [at])
    mov(w13, read(Method.GET))
    mov(x14, len("GET "))
    cmp(w12, w11)
    b.ne(head)
    here(target)
    add(row, at, x14)  # where the target begins
    mov(end, row)
    adr(x15, PLAIN)
    load_table(x15)
    movi(upper.b16, 64)
    look = here()
    ldr(v0.q, [end], STEP)
    run_length(x12)
    add(path, end, x12, lsr(2))
    cmp(x12, 4 * STEP)
    b.eq(look)
    sub(end, path, STEP)
    sub(path, end, row)
    ldrb(w12, [end])
    cmp(w12, ord("?"))
    b.eq(query)

    here(end_of_target)  # what stopped it is a space, or nothing that may stand there
    cmp(w12, ord(" "))
    adr(x14, VERSION)
    ldur(x15, [end, 1])
    ldr(x16, [x14])
    ccmp(x15, x16, 0, Condition.eq)
    ldurh(w15, [end, len(" HTTP/1.1")])
    mov(w16, CRLF)
    ccmp(w15, w16, 0, Condition.eq)
    b.ne(closely)
    sub(size, end, row)
    cbz(size, closely)
    add(x12, x17, x9)
    add(end, end, len(" HTTP/1.1"))
    sub(x14, end, x12)  # how long the request line is
    add(x15, x14, len("\r\n"))
    cmp(x15, LINE_MAX)
    b.hi(closely)
    stp(w9, w14, [buffer, Buffer.request.line])
    sub(x12, row, x17)
    stp(w12, size.w, [buffer, Buffer.request.target])
    add(at, end, len("\r\n"))

    # The fields.
    adr(x12, TOKENS)
    load_table(x12)
    movi(space.b16, 0x20)
    movi(printed.b16, PRINTED)
    mov(seen, 0)
    mov(count, FIELDS_MAX)
    mov(w11, ord(":"))
    mov(w9, ord(" "))

    here(field)
    ldr(v0.q, [at])
    run_length(size)
    add(end, at, size, lsr(2))
    ldur(w12, [end, -3])
    cmp(w11, w12, lsr(24))
    b.ne(other)
    find_row(row, w12, size)
    b.eq(known)
    cbz(size, closely)  # a colon without a name

    here(value)
    skip_value(at, end, closely)
    subs(count, count, 1)
    b.hs(field)
    b(closely)

    here(known)
    ldr(v1.q, [row])
    orr(v0.b16, v0.b16, space.b16)
    cmeq(v1.b16, v0.b16, v1.b16)
    shrn(v1.b8, v1.h8, 4)
    fmov(x12, v1.d)
    mvn(x12, x12)
    rbit(x12, x12)
    clz(x12, x12)
    cmp(x12, size)
    b.lo(value)  # it only looks like it

    here(ours)
    ldr(w12, [row, BIT])
    tst(seen, w12)
    b.ne(closely)
    orr(seen, seen, w12)
    ldrb(w12, [end, 1])
    cmp(w12, w9)
    cinc(end, end, Condition.eq)
    add(size, end, 1)
    skip_value(at, end, closely)
    ldrb(w12, [size])
    ldurb(w15, [at, -3])
    cmp(w12, w9)
    ccmp(w15, w9, Z, Condition.hi)
    b.ls(closely)  # more space than one, or nothing between
    sub(x15, at, size)
    sub(x14, size, x17)
    ldrh(w12, [row, PLACE])
    sub(x15, x15, len("\r\n"))
    add(x12, buffer, x12)
    stp(w14, w15, [x12])
    subs(count, count, 1)
    b.hs(field)
    b(closely)

    here(other)  # no colon: a name of 16 bytes or more, or none at all
    cbz(size, complete)
    cmp(size, 4 * STEP)
    b.ne(closely)
    ldr(v0.q, [at, STEP])
    run_length(size)
    add(end, at, size, lsr(2))
    add(end, end, STEP)
    cmp(size, 4 * STEP)
    b.eq(closely)
    add(size, size, 4 * STEP)
    ldur(w12, [end, -3])
    cmp(w11, w12, lsr(24))
    b.ne(closely)
    find_row(row, w12, size)
    b.ne(value)
    ldr(v0.q, [at])
    ldur(v1.q, [end, -STEP])
    orr(v0.b16, v0.b16, space.b16)
    orr(v1.b16, v1.b16, space.b16)
    add(x12, row, size, lsr(2))
    ldr(v7.q, [row])
    ldur(v24.q, [x12, -STEP])
    cmeq(v0.b16, v0.b16, v7.b16)
    cmeq(v1.b16, v1.b16, v24.b16)
    and_(v0.b16, v0.b16, v1.b16)
    shrn(v0.b8, v0.h8, 4)
    fmov(x12, v0.d)
    cmn(x12, 1)
    b.eq(ours)
    b(value)

    here(complete)
    ldrh(w12, [at])
    cmp(w12, w16)
    b.ne(closely)
    sub(x12, at, x17)
    add(x12, x12, len("\r\n"))
    ldr(w14, [buffer, Buffer.start])
    sub(w14, w12, w14)
    cmp(w14, HEAD_MAX)
    b.hi(closely)
    stp(w12, w12, [buffer, Buffer.cursor])
    str_(w12, [buffer, Buffer.request.head_end])
    str_(seen, [buffer, Buffer.request.seen])
    str_(w13, [buffer, int(Buffer.request.phase)])
    mov(x0, 1)
    mov(x1, path)
    ret()

    here(head)
    mov(w11, HEAD)
    ldrb(w15, [at, len("HEAD")])
    mov(w13, read(Method.HEAD))
    sub(w15, w15, ord(" "))
    mov(x14, len("HEAD "))
    cmp(w12, w11)
    ccmp(w15, 0, 0, Condition.eq)
    b.eq(target)
    here(closely)
    stp(wzr, wzr, [buffer, Buffer.request.line])
    stp(wzr, wzr, [buffer, Buffer.request.target])
    mov(x0, 0)
    mov(x1, 0)
    ret()

    here(query)
    ldr(v0.q, pre[end, 1])  # behind a question mark
    run_length(x12)
    add(end, end, x12, lsr(2))
    cmp(x12, 4 * STEP)
    b.eq(more)

    here(end_of_query)
    ldrb(w12, [end])
    cmp(w12, ord("?"))
    b.eq(query)
    b(end_of_target)

    here(more)
    ldr(v0.q, [end])
    run_length(x12)
    add(end, end, x12, lsr(2))
    cmp(x12, 4 * STEP)
    b.eq(more)
    b(end_of_query)


assert Buffer.scanned == Buffer.cursor + 4
assert Buffer.request.line_size == Buffer.request.line + 4
assert Buffer.request.target_size == Buffer.request.target + 4
assert ROW == 1 << 5
assert STOP == 2 * STEP, "a name's two steps begin before the zeros and end in them"


def load_table(at: X) -> None:
    """Macro: v16 to v23 hold a table of what bytes below 0x80 may stand somewhere; at is lost."""
    ld1((v16.b16, v17.b16, v18.b16, v19.b16), [at], 64)
    ld1((v20.b16, v21.b16, v22.b16, v23.b16), [at])


def run_length(size: X) -> None:
    """Macro: four times how many bytes of v0 from the first on the table has, up to 16.

    v4 holds 64s: the half of the table; v1 and v7 are lost.
    """
    tbl(v1.b16, (v16.b16, v17.b16, v18.b16, v19.b16), v0.b16)
    sub(v7.b16, v0.b16, v4.b16)
    tbx(v1.b16, (v20.b16, v21.b16, v22.b16, v23.b16), v7.b16)
    shrn(v1.b8, v1.h8, 4)
    fmov(size, v1.d)
    mvn(size, size)
    rbit(size, size)
    clz(size, size)


def find_row(row: X, last: W, size: X) -> None:
    """Macro: the row where a name would be, and equal if it has a name of this size (times four).

    ``last`` are the name's last three bytes and the colon; x14 is lost.
    """
    ubfx(w14, last, FIRST, PIECE)
    eor(w14, w14, size.w, lsr(2))
    add(row, x1, x14, lsl(5))
    ldrb(w14, [row, TAG])
    cmp(w14, size.w)


def skip_value(at: X, colon: X, closely: Label) -> None:
    """Macro: at = behind a value and its CRLF; or go where it has what does not belong there.

    ``colon`` is what stands before the value, and is lost; v5 holds spaces, v6 what is printed,
    counted from there; x12 and v0 are lost.
    """
    more, odd, done = label(), label(), label()

    look = here()
    ldr(v0.q, pre[colon, 1])
    find_unprinted()
    rbit(x12, x12)
    clz(x12, x12)
    add(at, colon, x12, lsr(2))
    ldrh(w12, [at], len("\r\n"))
    cmp(w12, w16)
    b.eq(done)
    fmov(x12, v0.d)
    cbz(x12, more)

    here(odd)
    sub(colon, at, len("\r\n"))  # a tab, or what is not ASCII, may stand in a value too
    ldrb(w12, [colon])
    cmp(w12, ord("\t"))
    b.eq(look)
    cmp(w12, 0x80)
    b.hs(look)
    b(closely)

    here(more)
    ldr(v0.q, pre[colon, STEP])
    find_unprinted()
    cbz(x12, more)
    rbit(x12, x12)
    clz(x12, x12)
    add(at, colon, x12, lsr(2))
    ldrh(w12, [at], len("\r\n"))
    cmp(w12, w16)
    b.ne(odd)

    here(done)


def find_unprinted() -> None:
    """Macro: x12 has four bits for each byte of v0, ones if it is not printed; so has v0 then."""
    sub(v0.b16, v0.b16, v5.b16)
    cmhi(v0.b16, v0.b16, v6.b16)
    shrn(v0.b8, v0.h8, 4)
    fmov(x12, v0.d)
