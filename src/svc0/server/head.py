"""Heads as nearly all of them are: read whole, in one pass, without a byte that is looked at twice.

``read_head`` knows what a common head looks like: GET or HEAD, HTTP/1.1, each field that means
something to us once, one space before its value.  Whatever is not like that, or not whole, or
wrong, it leaves to ``request.parse``, which judges line by line, and alone decides what a request
is refused for.  So a head that is read here means what it would mean there, and sooner.

A line costs a step for its name, or two for a long one, and one for each 16 bytes of its value:

    Accept-Language: en-US,en;q=0.5\\r\\n
    └─ token ─────┘:└ visible or space ┘└ what stops it must be this

Few names are ours, so most are told apart by one bit of a word: that of their size and last letter.
Behind it stands a table, where the size and the last letters lead to the row of the same name.
No step asks where the input ends: behind what was received stand zeros (``STOP``), which may stand
in no head and stop every step.
"""

from collections.abc import Iterable

from svc0.a64 import *

from .connection import STOP, Buffer
from .limits import FIELDS_MAX, HEAD_MAX, LINE_MAX
from .methods import Method
from .repeats import FIELDS_ROOM, WORTH, recall, remember
from .request import Kind, Phase
from .text import LOWER, STEP, TOKEN, Z

# --- the names that are looked for ----------------------------------------------------

ROWS, ROW = 32, 32
PIECE = 5
"""Bits of a name's third and second but last byte that find its row, together with its size."""

BIT, PLACE, TAG = 24, 28, 30
"""In a row: the kind as a bit, where in a Buffer its value is noted, and the name's ``tag``."""

LAST = 15
"""In a name's last three bytes, as a number: where five bits of its last letter begin, and a 0."""

LOGGED = frozenset((Kind.REFERER, Kind.USER_AGENT))
"""Fields that only the longer formats of the log have a use for."""


def tag(name: bytes) -> int:
    """What a step finds of a name's size: four bits for each byte, but one."""
    return 4 * len(name) - 1


def ending(name: bytes) -> int:
    """A name's last three bytes, as a number; upper and lower case differ in bits 5, 13, and 21."""
    return int.from_bytes(name[-3:], "little")


def mark(name: bytes) -> int:
    """The bit of a name, which it shares with others of its size and last letter, and more."""
    return tag(name) - (ending(name) >> LAST) & 63


def marks(kinds: Iterable[Kind]) -> int:
    """The bits of all that are looked for, as a word."""
    return sum(1 << bit for bit in {mark(kind.field) for kind in kinds})


NAMES = marks(Kind)
FEW_NAMES = marks(set(Kind) - LOGGED)
assert not FEW_NAMES & marks(LOGGED), "those that are not looked for are not found"
assert all(mark(kind.field.upper()) == mark(kind.field) for kind in Kind)


def row_of(name: bytes, first: int) -> int:
    """The row of a name: some bits of its end, and its size."""
    return (ending(name) >> first & (1 << PIECE) - 1) ^ tag(name) >> 2


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


def table(kinds: Iterable[Kind]) -> bytes:
    """The rows: a name in lower case, and what is to be known of it; zeros where there is none."""
    rows = bytearray(ROWS * ROW)
    for kind in kinds:
        name, at = kind.field, row_of(kind.field, FIRST) * ROW
        assert len(name) <= BIT, "a name ends before what is known of it"
        rows[at : at + len(name)] = name
        rows[at + BIT : at + PLACE] = (1 << kind).to_bytes(4, "little")
        place = int(Buffer.request.firsts) + 8 * kind
        rows[at + PLACE : at + TAG] = place.to_bytes(2, "little")
        rows[at + TAG] = tag(name)
    return bytes(rows)


assert all(len(kind.field) < 2 * STEP for kind in Kind), "two steps see a whole name"
assert ord(" ") == LOWER, "what folds a name is what values are compared with"
assert ROW == 1 << 5

# --- what the lines are made of -------------------------------------------------------

PLAIN = bytes(0xFF * (0x21 <= byte <= 0x7E and byte not in b'?#"\\') for byte in range(128))
"""Which bytes of a target do not end its path, may stand there, and are logged as they are."""

TOKENS = bytes(0xFF * (byte in TOKEN) for byte in range(128))
"""Which bytes may stand in a name; none above may."""

VERSION = b"HTTP/1.1"
HEAD = int.from_bytes(b"HEAD", "little")
CRLF = int.from_bytes(b"\r\n", "little")
PRINTED = 0x7E - 0x20


def read(method: Method) -> int:
    """What a Request begins with when its head was read: phase, method, minor version."""
    return Phase.BEYOND | method << 8 | 1 << 16


assert Buffer.request.method == Buffer.request.phase + 1
assert Buffer.request.minor == Buffer.request.phase + 2

TABLES = Data(
    b"GET " + read(Method.GET).to_bytes(4, "little") + VERSION + PLAIN + TOKENS + table(Kind),
    align=STEP,
)
"""All of it, in the order in which it is needed."""


# --- a pass over a head ---------------------------------------------------------------


@routine
def read_head(buffer: x0, names: x1, connection: x27) -> tuple[x0, x1]:
    """Read a head in one pass: where its target is, and the size of that up to a question mark.

    ``names`` says which fields are looked for: NAMES, or FEW_NAMES.  The head begins at the
    buffer's ``start``, of which nothing has been read yet, and STOP zeros stand behind what was
    received.  Fields that the connection has sent before are recalled (repeats.py).  Address 0 says
    that it is not as most are, or not whole: then nothing is noted, and it has to be read closely.
    """
    at, end, target, path, rows = x2, x6, x8, x10, x15
    start, word, seen, crlf = w9, w13, w3, w16
    other, found, query, fields, new, empty = (label() for _ in range(6))
    large, recalled, whole, closely = (label() for _ in range(4))

    add(x17, buffer, Buffer.input)
    ldr(start, [buffer, Buffer.start])
    add(at, x17, start.x)
    adr(rows, TABLES)  # and then what stands behind it, as it is used up
    ldp(x11, x16, [rows], 16)
    ldr(w12, [at])
    lsr(word.x, x11, 32)
    add(target, at, len("GET "))
    cmp(w12, w11)
    b.ne(other)

    here(found)
    load_table(rows)
    movi(v4.b16, 64)
    mov(end, target)
    find_stop(end)
    sub(path, end, target)
    ldrb(w12, [end])
    cmp(w12, ord("?"))
    b.eq(query)

    here(fields)  # what stopped the target is a space, or nothing that may stand there
    end_line(target, end, closely)
    recall(at, seen, new)
    b(recalled)

    here(new)
    load_table(rows)
    movi(v5.b16, ord(" "))
    movi(v6.b16, PRINTED)
    mov(seen, 0)
    read_fields(seen, rows, empty, closely)

    here(empty)  # the empty line, or what may not stand there
    ldrh(w12, [at])
    cmp(w12, crlf)
    b.ne(closely)
    sub(w12, at.w, w17)
    add(w12, w12, len("\r\n"))
    sub(w14, w12, start)
    cmp(w14, WORTH)
    b.hs(large)

    here(whole)
    stp(w12, w12, [buffer, Buffer.cursor])
    str_(w12, [buffer, Buffer.request.head_end])
    str_(seen, [buffer, Buffer.request.seen])
    str_(word, [buffer, int(Buffer.request.phase)])
    mov(x0, target)
    mov(x1, path)
    ret()

    here(large)
    cmp(w14, HEAD_MAX)
    b.hi(closely)
    mov(w11, w12)
    remember(seen, whole)
    mov(w12, w11)
    b(whole)

    here(recalled)
    sub(w12, at.w, w17)
    b(whole)

    here(other)
    mov(w11, HEAD)
    ldrb(w14, [at, len("HEAD")])
    mov(word, read(Method.HEAD))
    sub(w14, w14, ord(" "))
    add(target, at, len("HEAD "))
    cmp(w12, w11)
    ccmp(w14, 0, 0, Condition.eq)
    b.eq(found)

    here(closely)
    stp(wzr, wzr, [buffer, Buffer.request.line])
    stp(wzr, wzr, [buffer, Buffer.request.target])
    mov(x0, 0)
    mov(x1, 0)
    ret()

    here(query)
    add(end, end, 1)
    find_stop(end)
    ldrb(w12, [end])
    cmp(w12, ord("?"))
    b.eq(query)
    b(fields)


# The parts of read_head share its registers: x0 is the buffer, x1 the names, x2 where the next line
# begins, w9 where the head does, w13 the Request's first word, w16 a CRLF, x17 the input; x5, x6,
# x12, x14, v0, v1 and v7 are lost.  v4 to v6 hold 64s, spaces, and what is printed, counted from
# there; v16 to v23 a table.

assert Buffer.scanned == Buffer.cursor + 4
assert Buffer.request.line_size == Buffer.request.line + 4
assert Buffer.request.target_size == Buffer.request.target + 4
assert LINE_MAX + FIELDS_ROOM <= HEAD_MAX, "fields that are kept make no head too large"
assert STOP == 2 * STEP, "a name's two steps begin before the zeros and end in them"


def load_table(at: X) -> None:
    """Macro: v16 to v23 hold a table of what bytes below 0x80 may stand there; at steps over it."""
    ld1((v16.b16, v17.b16, v18.b16, v19.b16), [at], 64)
    ld1((v20.b16, v21.b16, v22.b16, v23.b16), [at], 64)


def classify() -> None:
    """Macro: x12 has four bits for each byte of v0, ones if the table has it."""
    tbl(v1.b16, (v16.b16, v17.b16, v18.b16, v19.b16), v0.b16)
    sub(v7.b16, v0.b16, v4.b16)
    tbx(v1.b16, (v20.b16, v21.b16, v22.b16, v23.b16), v7.b16)
    shrn(v1.b8, v1.h8, 4)
    fmov(x12, v1.d)


def find_stop(at: X) -> None:
    """Macro: at = the first byte from there on that the table does not have."""
    look = here()
    ldr(v0.q, [at], STEP)
    classify()
    mvn(x12, x12)
    cbz(x12, look)
    rbit(x12, x12)
    clz(x12, x12)
    sub(at, at, STEP)
    add(at, at, x12, lsr(2))


def end_line(target: X, end: X, closely: Label) -> None:
    """Macro: the request line ends behind its target, as it should, and is noted.

    w12 is what stopped the target; x16 the version, and then a CRLF.
    """
    cmp(w12, ord(" "))
    ldur(x14, [end, 1])
    ccmp(x14, x16, 0, Condition.eq)
    ldurh(w14, [end, len(" HTTP/1.1")])
    mov(w16, CRLF)
    ccmp(w14, w16, 0, Condition.eq)
    b.ne(closely)
    sub(x5, end, target)
    cbz(x5, closely)
    add(end, end, len(" HTTP/1.1\r\n"))
    sub(x14, end, x2)
    cmp(x14, LINE_MAX)
    b.hi(closely)
    sub(w14, w14, len("\r\n"))
    stp(w9, w14, [x0, Buffer.request.line])
    sub(x14, target, x17)
    stp(w14, w5, [x0, Buffer.request.target])
    mov(x2, end)


def read_fields(seen: W, rows: X, empty: Label, closely: Label) -> None:
    """Macro: go over all fields, to what begins without a name; those that are ours are noted."""
    at, count, size, end, row, colon = x2, w4, x5, x6, x7, w11
    field, value, maybe, ours, long, long_one = (label() for _ in range(6))

    mov(count, FIELDS_MAX)
    mov(colon, ord(":"))

    here(field)
    ldr(v0.q, [at])
    measure_name(size, empty)
    add(end, at, size, lsr(2))  # its last byte
    ldur(w12, [end, -2])
    cmp(colon, w12, lsr(24))
    b.ne(long)
    seek_name(size, maybe)

    here(value)
    skip_value(at, end, closely)
    subs(count, count, 1)
    b.hs(field)
    b(closely)

    here(maybe)
    find_row(row, rows, size, value)
    same_name(row, size, value)

    here(ours)
    note_value(row, seen, closely)
    subs(count, count, 1)
    b.hs(field)
    b(closely)

    here(long)  # a name of more than 16 bytes, or no colon behind it
    cmp(size, tag(b"." * STEP))
    b.ne(closely)
    ldr(v0.q, [at, STEP])
    measure_name(size, closely)
    add(end, at, size, lsr(2))
    add(end, end, STEP)
    ldur(w12, [end, -2])
    add(size, size, 4 * STEP)
    cmp(colon, w12, lsr(24))
    b.ne(closely)
    seek_name(size, long_one)
    b(value)

    here(long_one)
    find_row(row, rows, size, value)
    same_long_name(row, size, value)
    b(ours)


def measure_name(size: X, none: Label) -> None:
    """Macro: the tag of the name that v0 begins with; or go where there is none."""
    classify()
    tbz(x12, 0, none)
    rbit(x12, x12)
    cls(size, x12)


def seek_name(size: X, maybe: Label) -> None:
    """Macro: go on if a name is none of those that are looked for; w12 is how it ends."""
    sub(w14, size.w, w12, lsr(LAST))
    lsr(x14, x1, x14)
    tbnz(x14, 0, maybe)


def find_row(row: X, rows: X, size: X, no: Label) -> None:
    """Macro: the row where a name would be; or go where it has none of this size."""
    ubfx(w14, w12, FIRST, PIECE)
    eor(w14, w14, size.w, lsr(2))
    add(row, rows, x14, lsl(5))
    ldrb(w14, [row, TAG])
    cmp(w14, size.w)
    b.ne(no)


def same_name(row: X, size: X, no: Label) -> None:
    """Macro: go on if the name in v0 is that of a row."""
    ldr(v1.q, [row])
    orr(v0.b16, v0.b16, v5.b16)
    cmeq(v1.b16, v0.b16, v1.b16)
    shrn(v1.b8, v1.h8, 4)
    fmov(x12, v1.d)
    mvn(x12, x12)
    mvn(w14, size.w)
    lsl(x12, x12, x14)  # what is behind the name does not count
    cbnz(x12, no)


def same_long_name(row: X, size: X, no: Label) -> None:
    """Macro: go on if the name of 16 bytes or more from x2 to x6 is that of a row."""
    ldr(v0.q, [x2])
    ldur(v1.q, [x6, 1 - STEP])
    orr(v0.b16, v0.b16, v5.b16)
    orr(v1.b16, v1.b16, v5.b16)
    add(x12, row, size, lsr(2))
    ldr(v7.q, [row])
    cmeq(v0.b16, v0.b16, v7.b16)
    ldur(v7.q, [x12, 1 - STEP])
    cmeq(v1.b16, v1.b16, v7.b16)
    and_(v0.b16, v0.b16, v1.b16)
    shrn(v0.b8, v0.h8, 4)
    fmov(x12, v0.d)
    cmn(x12, 1)
    b.ne(no)


def note_value(row: X, seen: W, closely: Label) -> None:
    """Macro: note where the value of a field is; or go where it came before, or is not plain.

    Plain is one space before it, none behind, and something between.
    """
    at, begin, end = x2, x5, x6

    ldr(w12, [row, BIT])
    tst(seen, w12)
    b.ne(closely)
    orr(seen, seen, w12)
    add(begin, end, len("=: "))
    skip_value(at, end, closely)
    ldurb(w12, [begin, -1])
    ldrb(w14, [begin])
    ldurb(end.w, [at, -len("=\r\n")])
    cmp(w12, ord(" "))
    ccmp(w14, w12, Z, Condition.eq)
    ccmp(end.w, w12, Z, Condition.hi)
    b.ls(closely)
    sub(x14, begin, x17)
    sub(x12, at, begin)
    sub(w12, w12, len("\r\n"))
    ldrh(end.w, [row, PLACE])
    add(end, x0, end)
    stp(w14, w12, [end])


def skip_value(at: X, end: X, closely: Label) -> None:
    """Macro: at = behind a value and its CRLF; or go where it has what does not belong there.

    ``end`` is the last byte of its name.
    """
    more, odd, done = label(), label(), label()

    look = here()
    ldr(v0.q, pre[end, len("=:")])
    find_unprinted()
    rbit(x12, x12)
    clz(x12, x12)
    add(at, end, x12, lsr(2))
    ldrh(w12, [at], len("\r\n"))
    cmp(w12, w16)
    b.eq(done)
    fmov(x12, v0.d)
    cbz(x12, more)

    here(odd)
    sub(end, at, len("=\r\n"))  # a tab, or what is not ASCII, may stand in a value too
    ldrb(w12, [end, 1])
    cmp(w12, ord("\t"))
    b.eq(look)
    cmp(w12, 0x80)
    b.hs(look)
    b(closely)

    here(more)
    ldr(v0.q, pre[end, STEP])
    find_unprinted()
    cbz(x12, more)
    rbit(x12, x12)
    clz(x12, x12)
    add(at, end, x12, lsr(2))
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
