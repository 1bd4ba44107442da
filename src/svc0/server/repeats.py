"""Repeats: fields that a client sends again as they were, which need not be read again.

A client says much the same with each request; browsers say it in 700 bytes, of which only the
target is new, and what kind of file is wanted: of a page, its pictures and its scripts, one each.
So what was found in the fields of a large head is kept, with their bytes, in a place that the
connection has for as many bytes (and shares with others: there are few places).  When as many come
again behind a request line, they are compared, and if they are the same, so is their meaning.

    GET /style.css HTTP/1.1\\r\\n      read anew
    Host: …\\r\\n  …  \\r\\n\\r\\n          compared with what stands in the connection's Repeat

All bytes are compared, wherever the first other one is: how long it takes says nothing of what
somebody else's cookie is.  If one differs, those that were kept are forgotten, and the new ones are
read as ever.  Only every fourth head that is new is kept: so who never says the same again hardly
pays for it.
"""

from svc0.a64 import *

from .connection import STOP, Buffer, Connection, Request

PLACES_BITS, PLACE_BITS = 7, 11
PLACES, PLACE = 1 << PLACES_BITS, 1 << PLACE_BITS
"""How many a worker has, and the bytes of one.  Neighbours have others, and so have neighbouring
sizes."""

WORTH = 256
"""Bytes of a head from which on its fields are kept, and looked for."""

BLOCK = 64
"""Bytes that are compared at a step."""

PATIENCE = 4
"""Every so many heads that are new are kept."""


class Repeat(Struct):
    """The fields of a head, and what was found in them."""

    text_size: u32  # of the fields, up to the end of the head; 0: none are kept
    seen: u32  # as in a Request,
    firsts: u64 = array(Request.firsts.count)  # and where they are, from the first field on
    others: u32  # large heads that came and were others
    text: u8 = array(PLACE - 12 - 8 * Request.firsts.count)


FIELDS_ROOM = sizeof(Repeat.text) - STOP
"""Bytes of fields that are kept; the last step of the copy may go beyond."""


class Repeats(Struct):
    """Those of a worker."""

    places: Repeat = array(PLACES)


REPEATS = Bss(Repeats, align=64)
assert sizeof(Repeat) == PLACE
assert Repeat.seen == Repeat.text_size + 4
assert Connection.size % 32 == 16, "neighbours have different places"


def find_repeat(place: X, size: X) -> None:
    """Macro: where the connection in x27 keeps fields of this size; x6 is lost."""
    adr(place, REPEATS)
    eor(x6, size, x27, lsr(4))
    ubfiz(x6, x6, PLACE_BITS, PLACES_BITS)
    add(place, place, x6)


def compare_block(one: X, other: X) -> None:
    """Macro: step over a block of both; v2 keeps what differs, v16 to v23 are lost."""
    ld1((v16.b16, v17.b16, v18.b16, v19.b16), [one], BLOCK)
    ld1((v20.b16, v21.b16, v22.b16, v23.b16), [other], BLOCK)
    for mine, its in (v16, v20), (v17, v21), (v18, v22), (v19, v23):
        eor(mine.b16, mine.b16, its.b16)
    for into, more in (v16, v17), (v18, v19), (v16, v18), (v2, v16):
        orr(into.b16, into.b16, more.b16)


def place_all(places: X, into: X, offset: X) -> None:
    """Macro: note where each field is, which is so far behind where it was; both are stepped over.

    Those that did not come are moved, too: nobody looks for them.  v2 and v16 to v19 are lost.
    """
    row = v16.d2, v17.d2, v18.d2, v19.d2

    dup(v2.d2, offset)
    for _ in range(0, Request.firsts.count, 8):
        ld1(row, [places], BLOCK)
        for pair in row:
            add(pair, pair, v2.d2)
        st1(row, [into], BLOCK)


assert Request.firsts.count % 8 == 0


def recall(at: X, seen: W, missed: Label) -> None:
    """Macro: step over fields that are the same as those that are kept; or go where they are not.

    ``at`` is where they begin, and then the head's end; ``seen`` is what is in them, and where is
    noted.  x0 is the buffer, x17 its input, w9 where the head begins; x5 to x7, x12, x14 and what
    compare_block uses are lost.
    """
    offset, ours, place, left, theirs = x5, x6, x7, x12, x14
    same = label()

    ldr(w12, [x0, Buffer.received])
    sub(w14, w12, w9)
    cmp(w14, WORTH)
    b.lo(missed)
    sub(offset, at, x17)
    sub(w14, w12, offset.w)
    find_repeat(place, x14)
    ldr(left.w, [place, Repeat.text_size])
    cbz(left, missed)
    cmp(w14, left.w)
    b.ne(missed)  # more may be another request

    mov(theirs, at)
    add(ours, place, int(Repeat.text))
    movi(v2.b16, 0)
    sub(left, left, BLOCK)
    again = here()
    compare_block(ours, theirs)
    subs(left, left, BLOCK)
    b.hs(again)
    add(ours, ours, left)  # the last one overlaps the one before
    add(theirs, theirs, left)
    compare_block(ours, theirs)
    umaxp(v2.s4, v2.s4, v2.s4)
    fmov(x12, v2.d)
    cbz(x12, same)
    str_(wzr, [place, Repeat.text_size])
    b(missed)

    here(same)
    ldp(w12, seen, [place, Repeat.text_size])
    add(at, at, x12)
    add(ours, place, int(Repeat.firsts))
    add(x7, x0, int(Buffer.request.firsts))
    place_all(ours, x7, offset)


def remember(seen: W, done: Label) -> None:
    """Macro: keep the fields of a large head that was read, if they fit, at every fourth time.

    If not, go on as done.  x11 is where the head ends in the input, and not lost; nor is x12 where
    it goes on as done.  x0 is the buffer, x17 its input; x1, x5 to x7, x12, x14, x15, v0 and v1 are
    lost.
    """
    offset, theirs, place, end, size, ours = x5, x6, x7, x11, x14, x15

    cbz(seen, done)
    ldp(w5, w14, [x0, Buffer.request.line])
    add(w5, w5, w14)
    add(w5, w5, len("\r\n"))
    sub(size, end, offset)
    find_repeat(place, size)
    ldr(w6, [place, Repeat.others])
    add(w6, w6, 1)
    str_(w6, [place, Repeat.others])
    tst(w6, PATIENCE - 1)
    b.ne(done)
    sub(x6, size, BLOCK)
    cmp(x6, FIELDS_ROOM - BLOCK)
    b.hi(done)
    stp(size.w, seen, [place, Repeat.text_size])

    add(theirs, x17, offset)
    add(ours, place, int(Repeat.text))
    again = here()
    ldp(v0.q, v1.q, [theirs], STOP)
    stp(v0.q, v1.q, [ours], STOP)
    subs(size, size, STOP)
    b.hi(again)

    add(ours, place, int(Repeat.firsts))
    add(theirs, x0, int(Buffer.request.firsts))
    mov(w12, seen)
    again = here()
    rbit(w14, w12)
    clz(w14, w14)
    ldr(x1, [theirs, x14, lsl(3)])
    sub(x1, x1, offset)
    str_(x1, [ours, x14, lsl(3)])
    sub(w14, w12, 1)
    and_(w12, w12, w14)
    cbnz(w12, again)
