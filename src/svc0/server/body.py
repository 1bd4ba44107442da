"""Bodies of requests: read, judged and dropped, so that the next request can be found.

A body is at ``head_end`` in the input, piece by piece: what was dropped makes
room for the next piece.  Chunks (RFC 9112, 7.1) go round like this:

    SIZE ──► DATA ──► CR ──► LF ──► SIZE …
      └ 0 ──► TRAILER ── empty line ──► done
"""

from enum import IntEnum

from svc0.a64 import *

from .connection import Buffer
from .framing import Framing
from .limits import BODY_MAX, CHUNK_LINE_MAX, TRAILER_MAX
from .request import (
    BAD_REQUEST,
    COMPLETE,
    INCOMPLETE,
    TOO_LARGE,
    Kind,
    incomplete_or,
    next_line,
    take_field,
)
from .text import Z, parse_hex, value_length


class Chunk(IntEnum):
    """Where in a chunked body we are."""

    SIZE = 0
    DATA = 1
    CR = 2
    LF = 3
    TRAILER = 4


@routine
def drop(buffer: x0) -> x0:
    """Drop what is there of a body: COMPLETE, INCOMPLETE, or minus the status that refuses it."""
    chunked = label()

    ldrb(w9, [buffer, Buffer.request.framing])
    cmp(w9, Framing.CHUNKED)
    b.eq(chunked)
    b(drop_data)

    here(chunked)
    b(drop_chunks)


@routine
def drop_data(buffer: x0) -> x0:
    """Drop up to ``body_left`` bytes: COMPLETE when none are left, else INCOMPLETE."""
    left, cursor, there = x9, x10, x11

    ldr(left, [buffer, Buffer.request.body_left])
    ldr(cursor.w, [buffer, Buffer.cursor])
    ldr(there.w, [buffer, Buffer.received])
    sub(there, there, cursor)
    cmp(there, left)
    csel(there, there, left, Condition.lo)
    add(cursor, cursor, there)
    sub(left, left, there)
    str_(cursor.w, [buffer, Buffer.cursor])
    str_(cursor.w, [buffer, Buffer.scanned])
    str_(left, [buffer, Buffer.request.body_left])
    cmp(left, 0)
    cset(x0, Condition.eq)
    ret()


assert COMPLETE == 1
assert INCOMPLETE == 0


@routine
def drop_chunks(buffer: x0) -> x0:
    """Drop what is there of a chunked body: as ``drop``."""
    of, state = x19, w20
    again, data, line_end, trailer, more = (label() for _ in range(5))

    with frame(of, state.x) as leave:
        mov(of, buffer)

        here(again)
        ldrb(state, [of, Buffer.request.chunk])
        mov(x0, of)
        cmp(state, Chunk.DATA)
        b.eq(data)
        cmp(state, Chunk.TRAILER)
        b.eq(trailer)
        cmp(state, Chunk.CR)
        b.hs(line_end)
        bl(chunk_size)
        cmp(x0, COMPLETE)
        b.eq(again)
        b(leave)

        here(trailer)
        bl(drop_trailer)
        b(leave)

        here(data)
        bl(drop_data)
        cbz(x0, leave)
        mov(w9, Chunk.CR)
        strb(w9, [of, Buffer.request.chunk])
        b(again)

        # CR and LF after the data, each judged as it comes.
        here(line_end)
        ldr(w9, [of, Buffer.cursor])
        ldr(w10, [of, Buffer.received])
        cmp(w9, w10)
        b.hs(more)
        add(x11, of, x9)
        add(x11, x11, Buffer.input)
        ldrb(w12, [x11])
        add(w9, w9, 1)
        str_(w9, [of, Buffer.cursor])
        str_(w9, [of, Buffer.scanned])
        cmp(state, Chunk.CR)
        mov(w13, ord("\r"))
        mov(w14, ord("\n"))
        csel(w13, w13, w14, Condition.eq)
        mov(w14, Chunk.LF)
        csel(w14, w14, wzr, Condition.eq)
        strb(w14, [of, Buffer.request.chunk])
        cmp(w12, w13)
        b.eq(again)
        mov(x0, BAD_REQUEST)
        b(leave)

        here(more)
        mov(x0, INCOMPLETE)
    ret()


assert Chunk.SIZE == 0, "wzr is the state after LF"


@routine
def chunk_size(buffer: x0) -> x0:
    """Read the line before a chunk: COMPLETE, INCOMPLETE, -400; -413 if the body is too large."""
    of, line, left, size = x19, x20, x21, x22
    no_line, bad, too_large = label(), label(), label()

    with frame(of, line, left, size) as leave:
        mov(of, buffer)
        ldr(w1, [of, Buffer.cursor])
        add(x1, x1, CHUNK_LINE_MAX)
        mov(x2, BAD_REQUEST)
        bl(next_line)
        tbnz(x0, 63, no_line)
        mov(left, x0)
        mov(line, x1)
        mov(x0, line)
        mov(x1, left)
        bl(parse_hex)
        cbz(x1, bad)
        mov(size, x0)
        add(x0, line, x1)
        sub(x1, left, x1)
        bl(extension_valid)
        cbz(w0, bad)

        tbnz(size, 63, too_large)
        ldr(x9, [of, Buffer.request.body_total])
        add(x9, x9, size)
        mov(x10, BODY_MAX)
        cmp(x9, x10)
        b.hi(too_large)
        str_(x9, [of, Buffer.request.body_total])
        str_(size, [of, Buffer.request.body_left])
        cmp(size, 0)
        mov(w9, Chunk.DATA)
        mov(w10, Chunk.TRAILER)
        csel(w9, w9, w10, Condition.ne)
        strb(w9, [of, Buffer.request.chunk])
        mov(x0, COMPLETE)
        b(leave)

        here(no_line)
        incomplete_or(x0)
        b(leave)

        here(bad)
        mov(x0, BAD_REQUEST)
        b(leave)

        here(too_large)
        mov(x0, -413)
    ret()


@routine
def extension_valid(text: x0, length: x1) -> w0:
    """1 if this may stand behind a chunk's size: nothing, or blanks, ``;`` and text; else 0.

    >>> extension_valid(b"", 0), extension_valid(b" ;a=b", 5), extension_valid(b" ", 1)
    (1, 1, 0)
    """
    end, char = x9, w10
    yes, no, blanks = label(), label(), label()

    cbz(length, yes)
    add(end, text, length)

    here(blanks)
    cmp(text, end)
    b.hs(no)
    ldrb(char, [text], 1)
    cmp(char, ord(" "))
    ccmp(char, ord("\t"), Z, Condition.ne)
    b.eq(blanks)
    cmp(char, ord(";"))
    b.ne(no)
    with frame(x19):
        mov(x0, text)
        sub(x1, end, text)
        mov(x19, x1)
        bl(value_length)
        cmp(x0, x19)
        cset(w0, Condition.eq)
    ret()

    here(yes)
    mov(w0, 1)
    ret()

    here(no)
    mov(w0, 0)
    ret()


@routine
def drop_trailer(buffer: x0) -> x0:
    """Judge and drop the trailer section: COMPLETE, INCOMPLETE, or -400 or -431."""
    of, cursor = x19, x20
    no_line, done = label(), label()

    with frame(of, cursor) as leave:
        mov(of, buffer)

        again = here()
        ldr(cursor.w, [of, Buffer.cursor])
        ldr(w9, [of, Buffer.request.trailer])
        mov(x10, TRAILER_MAX)
        sub(x10, x10, x9)
        add(x1, cursor, x10)
        mov(x0, of)
        mov(x2, TOO_LARGE)
        bl(next_line)
        tbnz(x0, 63, no_line)
        ldr(w9, [of, Buffer.cursor])
        sub(w9, w9, cursor.w)
        ldr(w10, [of, Buffer.request.trailer])
        add(w10, w10, w9)
        str_(w10, [of, Buffer.request.trailer])
        cbz(x0, done)
        mov(x9, x0)
        mov(x0, x1)
        mov(x1, x9)
        bl(take_field)
        tbnz(x0, 63, leave)
        cmp(x0, Kind.HOST)
        ccmp(x0, Kind.CONTENT_LENGTH, Z, Condition.ne)
        ccmp(x0, Kind.TRANSFER_ENCODING, Z, Condition.ne)
        b.ne(again)
        mov(x0, BAD_REQUEST)
        b(leave)

        here(done)
        mov(x0, COMPLETE)
        b(leave)

        here(no_line)
        incomplete_or(x0)
    ret()
