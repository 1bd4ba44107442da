"""Framing: whether a head may stand, and how the body behind it is laid out.

A request whose length two readers could understand differently is how requests
are smuggled past a proxy, so everything doubtful is refused: two lengths, a
length beside chunks, a coding we do not know (RFC 9112, sections 6 and 11.2).
"""

from enum import IntEnum

from svc0.a64 import *

from .connection import Buffer
from .limits import BODY_MAX
from .methods import Method
from .request import BAD_REQUEST, Kind, field_value, only_value
from .target import host_valid, split
from .text import DIGITS_MAX, Z, equal_folded, next_element, parse_decimal


class Framing(IntEnum):
    """How a request's body is laid out."""

    NONE = 0
    LENGTH = 1
    CHUNKED = 2


CHUNKED = Data(b"chunked")
CONTINUE = Data(b"100-continue")


@routine
def judge(buffer: x0) -> x0:
    """Judge a whole head: 0, or minus the status that refuses it.

    Leaves in the Request how its body is laid out, whether the client waits for a
    sign to send it, and where path and query of its target are.
    """
    of = x19

    with frame(of) as leave:
        mov(of, buffer)
        for part in judge_host, judge_length, judge_coding, judge_expect, judge_target:
            mov(x0, of)
            bl(part)
            tbnz(x0, 63, leave)

        # Only a head that is right in everything else is too large for its body.
        ldr(x9, [of, Buffer.request.body_left])
        mov(x10, BODY_MAX)
        mov(x0, -413)
        cmp(x9, x10)
        csel(x0, x0, xzr, Condition.hi)
    ret()


@routine
def judge_host(buffer: x0) -> x0:
    """Exactly one Host, or none in HTTP/1.0, and a valid one: 0, or -400 (RFC 9112, 3.2)."""
    none, bad = label(), label()

    ldr(w9, [buffer, Buffer.request.seen])
    tbz(w9, Kind.HOST, none)
    ldr(w9, [buffer, Buffer.request.repeated])
    tbnz(w9, Kind.HOST, bad)
    with frame():
        mov(w1, Kind.HOST)
        bl(only_value)
        mov(w2, 1)
        bl(host_valid)
        cmp(w0, 0)
        mov(x9, BAD_REQUEST)
        csel(x0, x9, xzr, Condition.eq)
    ret()

    here(none)
    ldrb(w9, [buffer, Buffer.request.minor])
    mov(x0, 0)
    cbnz(w9, bad)
    ret()

    here(bad)
    mov(x0, BAD_REQUEST)
    ret()


@routine
def all_digits(text: x0, length: x1) -> w0:
    """1 if there is at least one byte, and all are digits; else 0.

    >>> all_digits(b"0123456789", 10), all_digits(b"12a", 3), all_digits(b"", 0)
    (1, 0, 0)
    """
    end, digit = x9, w10
    no = label()

    add(end, text, length)
    cbz(length, no)

    again = here()
    ldrb(digit, [text], 1)
    sub(digit, digit, ord("0"))
    cmp(digit, 9)
    b.hi(no)
    cmp(text, end)
    b.ne(again)
    mov(w0, 1)
    ret()

    here(no)
    mov(w0, 0)
    ret()


@routine
def judge_length(buffer: x0) -> x0:
    """Take Content-Length: 0, or -400 or -413 (RFC 9110, 8.6)."""
    of, text, size = x19, x20, x21
    none, bad, too_large = label(), label(), label()

    with frame(of, text, size) as leave:
        mov(of, buffer)
        ldr(w9, [of, Buffer.request.seen])
        tbz(w9, Kind.CONTENT_LENGTH, none)
        ldr(w9, [of, Buffer.request.repeated])
        tbnz(w9, Kind.CONTENT_LENGTH, bad)
        mov(w1, Kind.CONTENT_LENGTH)
        bl(only_value)
        mov(text, x0)
        mov(size, x1)
        bl(all_digits)
        cbz(w0, bad)
        mov(x0, text)
        mov(x1, size)
        bl(parse_decimal)
        tbnz(x0, 63, too_large)
        str_(x0, [of, Buffer.request.body_left])
        cbz(x0, none)
        mov(w9, Framing.LENGTH)
        strb(w9, [of, Buffer.request.framing])

        here(none)
        mov(x0, 0)
        b(leave)

        here(too_large)
        mov(x0, -413)
        b(leave)

        here(bad)
        mov(x0, BAD_REQUEST)
    ret()


@routine
def judge_coding(buffer: x0) -> x0:
    """Take Transfer-Encoding: 0, or -400 or -501 (RFC 9112, 6.1)."""
    of, size = x19, x20
    none, bad = label(), label()

    with frame(of, size) as leave:
        mov(of, buffer)
        ldr(w9, [of, Buffer.request.seen])
        tbz(w9, Kind.TRANSFER_ENCODING, none)
        tbnz(w9, Kind.CONTENT_LENGTH, bad)
        ldr(w9, [of, Buffer.request.repeated])
        tbnz(w9, Kind.TRANSFER_ENCODING, bad)
        ldrb(w9, [of, Buffer.request.minor])
        cbz(w9, bad)
        mov(w1, Kind.TRANSFER_ENCODING)
        bl(only_value)
        bl(codings)
        tbnz(x0, 63, leave)
        mov(w9, Framing.CHUNKED)
        strb(w9, [of, Buffer.request.framing])

        here(none)
        mov(x0, 0)
        b(leave)

        here(bad)
        mov(x0, BAD_REQUEST)
    ret()


@routine
def codings(text: x0, length: x1) -> x0:
    """0 if a list of codings is chunked and nothing else; -501 if others come before it; else -400.

    >>> codings(b"Chunked", 7), codings(b"gzip, chunked", 13), codings(b"chunked, gzip", 13)
    (0, -501, -400)
    """
    rest, left, others, chunked, parameters = x19, x20, x21, x22, x23
    other, end, bad = label(), label(), label()

    with frame(rest, left, others, chunked, parameters) as leave:
        mov(rest, text)
        mov(left, length)
        mov(others, 0)
        mov(chunked, 0)  # how many elements are chunked
        mov(parameters, 0)

        again = here()
        mov(x0, rest)
        mov(x1, left)
        bl(next_element)
        cbz(x1, end)
        mov(rest, x2)
        mov(left, x3)
        cbnz(chunked, bad)  # something follows chunked: it is not the last, or is there twice
        bl(coding_name)
        orr(parameters, parameters, x2)
        adr(x2, CHUNKED)
        mov(x3, len(CHUNKED))
        bl(equal_folded)
        cbz(w0, other)
        mov(chunked, 1)
        b(again)

        here(other)
        mov(others, 1)
        b(again)

        here(end)
        cbz(chunked, bad)
        orr(others, others, parameters)
        mov(x9, -501)
        cmp(others, 0)
        csel(x0, x9, xzr, Condition.ne)
        b(leave)

        here(bad)
        mov(x0, BAD_REQUEST)
    ret()


@routine
def coding_name(text: x0, length: x1) -> tuple[x0, x1, x2]:
    """The name of a coding, up to ``;``: address, length; and 1 if parameters follow, else 0.

    >>> coding_name(b"chunked ; q=1", 13)[1:]
    (7, 1)
    """
    count, char = x9, w10
    done, trimmed = label(), label()

    mov(x2, 0)
    mov(count, 0)

    again = here()
    cmp(count, length)
    b.hs(done)
    ldrb(char, [text, count])
    add(count, count, 1)
    cmp(char, ord(";"))
    b.ne(again)
    sub(length, count, 1)
    mov(x2, 1)

    here(done)
    cbz(length, trimmed)
    sub(x11, length, 1)
    ldrb(char, [text, x11])
    cmp(char, ord(" "))
    ccmp(char, ord("\t"), Z, Condition.ne)
    b.ne(trimmed)
    mov(length, x11)
    b(done)

    here(trimmed)
    ret()


@routine
def judge_expect(buffer: x0) -> x0:
    """Take Expect: 0, or -417 for anything but 100-continue (RFC 9110, 10.1.1)."""
    of, after = x19, x20
    done, wrong = label(), label()

    with frame(of, after) as leave:
        mov(of, buffer)
        mov(after, 0)
        ldrb(w9, [of, Buffer.request.minor])
        cbz(w9, done)

        again = here()
        mov(x0, of)
        mov(w1, Kind.EXPECT)
        mov(x2, after)
        bl(field_value)
        cbz(x0, done)
        mov(after, x2)
        adr(x2, CONTINUE)
        mov(x3, len(CONTINUE))
        bl(equal_folded)
        cbz(w0, wrong)
        ldrb(w9, [of, Buffer.request.framing])
        cmp(w9, Framing.NONE)
        cset(w9, Condition.ne)
        strb(w9, [of, Buffer.request.waits])
        b(again)

        here(done)
        mov(x0, 0)
        b(leave)

        here(wrong)
        mov(x0, -417)
    ret()


@routine
def judge_target(buffer: x0) -> x0:
    """Take the target apart: 0, or -400; path and query are left in the Request as addresses."""
    of = x19

    with frame(of) as leave:
        mov(of, buffer)
        ldr(w9, [of, Buffer.request.target])
        add(x0, of, x9)
        add(x0, x0, Buffer.input)
        ldr(w1, [of, Buffer.request.target_size])
        ldrb(w2, [of, Buffer.request.method])
        bl(split)
        tbnz(x0, 63, leave)
        add(x9, of, int(Buffer.request.path))
        stp(x1, x2, [x9])
        stp(x3, x4, [x9, 16])
        mov(x0, 0)
    ret()


assert Buffer.request.path_size == Buffer.request.path + 8
assert Buffer.request.query == Buffer.request.path + 16
assert Buffer.request.query_size == Buffer.request.path + 24
assert Method.GET > 0, "0 stands for a method that is not known"
assert 10**DIGITS_MAX > BODY_MAX, "what is too large to be read is too large for a body"
