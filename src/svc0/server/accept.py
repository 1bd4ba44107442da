"""Accept: whether who asks would rather read JSON than HTML (RFC 9110 12.5.1).

A client lists ranges of media types, each with a quality; for one type the most
specific range counts, and of equally specific ones the highest quality:

    Accept: text/*;q=0.3, text/html;q=0.7, */*;q=0.5        HTML 0.7, JSON 0.5

What is known of a type is one number, its *weight*: how specific the best range
so far is, above the range's quality in thousandths.  So the better of two
weights is the greater, and no range at all is 0.
"""

from svc0.a64 import *

from .text import INVALID, LOWER, equal_folded, token_length

MOST = 1000
"""A quality of 1, in thousandths."""

QUALITY_BITS = 16
assert MOST < 1 << QUALITY_BITS

ANYTHING, ANY_OF_TYPE, EXACTLY = 1 << QUALITY_BITS, 2 << QUALITY_BITS, 3 << QUALITY_BITS

UNREADABLE = (EXACTLY << 1) - 1
"""The weight of HTML once an Accept could not be read: nothing exceeds it, nor its quality."""

RANGES = (
    (Data(b"text/html"), EXACTLY, 0),
    (Data(b"application/json"), 0, EXACTLY),
    (Data(b"*/*"), ANYTHING, ANYTHING),
    (Data(b"text/*"), ANY_OF_TYPE, 0),
    (Data(b"application/*"), 0, ANY_OF_TYPE),
)
"""The ranges that say something of HTML or of JSON, and how specific they are about each."""

OWS = b" \t"

PLAIN, QUOTE, ESCAPE, REFUSED = range(4)


def quoted_class(byte: int) -> int:
    """What a byte does inside of a quoted string (RFC 9110 5.6.4)."""
    if byte == ord('"'):
        return QUOTE
    if byte == ord("\\"):
        return ESCAPE
    return PLAIN if byte == ord("\t") or (byte >= 0x20 and byte != 0x7F) else REFUSED


QUOTED = Data(map(quoted_class, range(256)))


# --- pieces of a field --------------------------------------------------------------


@routine
def measure_quoted(text: x0, length: x1) -> x0:
    """How many bytes the quoted string takes that text starts with; INVALID if it starts with none.

    >>> measure_quoted(b'"a \\\\" b"; q=1', 14)
    8
    """
    at, char, table = x9, x10, x11
    closed, broken = label(), label()
    adr(table, QUOTED)
    cbz(length, broken)
    ldrb(char.w, [text])
    cmp(char.w, ord('"'))
    b.ne(broken)
    mov(at, 0)

    again = here()
    add(at, at, 1)
    cmp(at, length)
    b.hs(broken)
    ldrb(char.w, [text, at])
    ldrb(char.w, [table, char])
    cbz(char.w, again)  # PLAIN
    cmp(char.w, ESCAPE)
    b.lo(closed)
    b.hi(broken)
    add(at, at, 1)  # what is escaped may be a quote or a backslash too
    cmp(at, length)
    b.hs(broken)
    ldrb(char.w, [text, at])
    ldrb(char.w, [table, char])
    cmp(char.w, REFUSED)
    b.lo(again)

    here(broken)
    mov(x0, INVALID)
    ret()

    here(closed)
    add(x0, at, 1)
    ret()


@routine
def parse_quality(text: x0, length: x1) -> x0:
    """A quality in thousandths; INVALID if text is none: 0 or 1, with up to three decimals.

    >>> parse_quality(b"0.25", 4), parse_quality(b"1.001", 5)
    (250, -1)
    """
    quality, digit, unit, ten = x9, x10, x11, x12
    done, broken = label(), label()
    sub(digit, length, 1)
    cmp(digit, 4)  # unsigned: so a length of 0 is too long as well
    b.hi(broken)
    ldrb(digit.w, [text], 1)
    sub(digit.w, digit.w, ord("0"))
    cmp(digit.w, 1)
    b.hi(broken)
    mov(unit, MOST)
    mov(ten, 10)
    mul(quality, digit, unit)
    subs(length, length, 1)
    b.eq(done)
    ldrb(digit.w, [text], 1)
    cmp(digit.w, ord("."))
    b.ne(broken)

    again = here()
    subs(length, length, 1)
    b.eq(done)
    udiv(unit, unit, ten)
    ldrb(digit.w, [text], 1)
    sub(digit.w, digit.w, ord("0"))
    cmp(digit.w, 9)
    b.hi(broken)
    madd(quality, digit, unit, quality)
    b(again)

    here(done)
    cmp(quality, MOST)
    b.hi(broken)
    mov(x0, quality)
    ret()

    here(broken)
    mov(x0, INVALID)
    ret()


def skip(at: X, left: X, what: bytes) -> None:
    """Macro: step over any of these bytes; x9 is lost."""
    step, done = label(), label()
    again = here()
    cbz(left, done)
    ldrb(w9, [at])
    for byte in what:
        cmp(w9, byte)
        b.eq(step)
    b(done)

    here(step)
    take(at, left, 1)
    b(again)
    here(done)


def take(at: X, left: X, size: X | int) -> None:
    """Macro: go on by so many bytes."""
    add(at, at, size)
    sub(left, left, size)


def expect(at: X, left: X, byte: int, broken: Label) -> None:
    """Macro: go on behind this byte; to ``broken`` if another is there, or none; x9 is lost."""
    cbz(left, broken)
    ldrb(w9, [at])
    cmp(w9, byte)
    b.ne(broken)
    take(at, left, 1)


# --- a field ------------------------------------------------------------------------


@routine
def read_parameters(text: x0, length: x1) -> tuple[x0, x1, x2]:
    """What comes after the parameters that text starts with, and the quality they say.

    Address, length, thousandths (MOST if nothing is said; the last if more than
    once).  The address is INVALID if something in them is not as the grammar has it.

    >>> read_parameters(b"; level=1 ;q=0.4, */*", 21)[1:]
    (5, 400)
    """
    at, left, quality, char, size = x19, x20, x21, x22, x23
    value, not_quality, done, broken = label(), label(), label(), label()

    with frame(at, left, quality, char, size):
        mov(at, text)
        mov(left, length)
        mov(quality, MOST)
        del text, length

        again = here()
        skip(at, left, OWS)
        expect(at, left, ord(";"), done)
        skip(at, left, OWS)
        mov(x0, at)
        mov(x1, left)
        bl(token_length)
        cbz(x0, again)  # a parameter may be empty
        ldrb(char.w, [at])
        orr(char.w, char.w, LOWER)
        cmp(x0, 1)
        csel(char.w, char.w, wzr, Condition.eq)  # of a longer name it does not matter which
        take(at, left, x0)
        expect(at, left, ord("="), broken)

        mov(x0, at)
        mov(x1, left)
        bl(token_length)
        cbnz(x0, value)
        mov(x0, at)
        mov(x1, left)
        bl(measure_quoted)
        tbnz(x0, 63, broken)

        here(value)
        mov(size, x0)
        cmp(char.w, ord("q"))
        b.ne(not_quality)
        mov(x0, at)
        mov(x1, size)
        bl(parse_quality)
        tbnz(x0, 63, broken)
        mov(quality, x0)

        here(not_quality)
        take(at, left, size)
        b(again)

        here(broken)
        mov(at, INVALID)

        here(done)
        mov(x0, at)
        mov(x1, left)
        mov(x2, quality)

    ret()


def keep_greater(weight: X, specific: int, quality: X) -> None:
    """Macro: the weight, or that of a range that is so specific if it is greater; x9 is lost."""
    add(x9, quality, specific)
    cmp(weight, x9)
    csel(weight, weight, x9, Condition.hi)


@routine
def accept_weigh(text: x0, length: x1, html: x2, json: x3) -> tuple[x0, x1]:
    """The weights of HTML and JSON after one more Accept field; before the first they are 0.

    What cannot be read leaves HTML UNREADABLE, which it then stays.

    >>> html, json = accept_weigh(b"text/*;q=0.3, application/json", 30, 0, 0)
    >>> html == ANY_OF_TYPE + 300, json == EXACTLY + 1000
    (True, True)
    """
    at, left, html_weight, json_weight, begin, size, quality = x19, x20, x21, x22, x23, x24, x25
    judge, broken, done = label(), label(), label()

    with frame(at, left, html_weight, json_weight, begin, size, quality):
        mov(at, text)
        mov(left, length)
        mov(html_weight, html)
        mov(json_weight, json)
        del text, length, html, json

        again = here()
        skip(at, left, OWS + b",")
        cbz(left, done)
        mov(begin, at)
        mov(x0, at)
        mov(x1, left)
        bl(token_length)
        cbz(x0, broken)
        take(at, left, x0)
        expect(at, left, ord("/"), broken)
        mov(x0, at)
        mov(x1, left)
        bl(token_length)
        cbz(x0, broken)
        take(at, left, x0)
        sub(size, at, begin)

        mov(x0, at)
        mov(x1, left)
        bl(read_parameters)
        tbnz(x0, 63, broken)
        mov(at, x0)
        mov(left, x1)
        mov(quality, x2)
        cbz(left, judge)
        expect(at, left, ord(","), broken)

        here(judge)
        for text_of_range, of_html, of_json in RANGES:
            other = label()
            mov(x0, begin)
            mov(x1, size)
            adr(x2, text_of_range)
            mov(x3, len(text_of_range))
            bl(equal_folded)
            cbz(w0, other)
            if of_html:
                keep_greater(html_weight, of_html, quality)
            if of_json:
                keep_greater(json_weight, of_json, quality)
            b(again)
            here(other)
        b(again)

        here(broken)
        mov(html_weight, UNREADABLE)

        here(done)
        mov(x0, html_weight)
        mov(x1, json_weight)

    ret()


@routine
def prefers_json(html: x0, json: x1) -> w0:
    """1 if the quality of JSON is greater than that of HTML, given their weights; else 0.

    >>> prefers_json(0, ANYTHING + 1), prefers_json(ANYTHING + 500, EXACTLY + 500)
    (1, 0)
    """
    ubfx(x9, json, 0, QUALITY_BITS)
    ubfx(x10, html, 0, QUALITY_BITS)
    cmp(x9, x10)
    cset(w0, Condition.hi)
    ret()
