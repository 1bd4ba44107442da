"""Escaping: bytes that a client chose, written so that they stay inside of one line of a log.

Both ways of it keep to a limit, and a byte whose escape does not fit is not
written at all: what is cut off is the end, never half of an escape.

    GET /"x           in a line of text       GET /\\x22x          as nginx has it
                      in a line of JSON       "GET /\\"x"
"""

from svc0.a64 import *

from .text import HEX_DIGITS, STEP

UPPER_HEX_DIGITS = Data(HEX_DIGITS.upper())

PLAIN, SHORT, LONG = range(3)


def escape_class(byte: int) -> int:
    """How a byte is written: as it is, after a backslash (in JSON), or as its number.

    >>> [escape_class(byte) for byte in b'a"\\xff']
    [0, 1, 2]
    """
    if byte in b'"\\':
        return SHORT
    return PLAIN if 0x20 <= byte < 0x7F else LONG


CLASSES = Data(map(escape_class, range(256)))

LOGGED = len("\\x22")
SHORT_JSON, LONG_JSON = len('\\"'), len("\\u0022")
assert escape_class(0x7F) == escape_class(0x80) == escape_class(0xFF) == LONG


def write_number(out: X, char: X, digits: X, before: bytes) -> None:
    """Macro: write a byte as its number, behind these two or four bytes; x9 is lost.

    ``digits`` is the address of the hexadecimal digits.
    """
    mov(w9, int.from_bytes(before, "little"))
    (str_ if len(before) == 4 else strh)(w9, [out], len(before))
    lsr(w9, char.w, 4)
    ldrb(w9, [digits, x9])
    strb(w9, [out], 1)
    and_(w9, char.w, 15)
    ldrb(w9, [digits, x9])
    strb(w9, [out], 1)


def find_special(mask: X) -> None:
    """Macro: mask is not 0 if one of 16 bytes (v0) may not be written as it is.

    v2 to v5 hold spaces, how many bytes are printed, quotes and backslashes; v1 and v6 are lost.
    """
    sub(v1.b16, v0.b16, v2.b16)
    cmhi(v1.b16, v1.b16, v3.b16)
    cmeq(v6.b16, v0.b16, v4.b16)
    orr(v1.b16, v1.b16, v6.b16)
    cmeq(v6.b16, v0.b16, v5.b16)
    orr(v1.b16, v1.b16, v6.b16)
    shrn(v1.b8, v1.h8, 4)
    fmov(mask, v1.d)


@routine
def write_logged(out: x0, text: x1, length: x2, limit: x3) -> x0:
    """Write text for a line of a log, ``limit`` bytes at most; the address after it.

    ``"``, ``\\``, controls and all that is not ASCII are written as ``\\xHH``.

    >>> out = bytearray(6)
    >>> end = write_logged(out, b'a"b', 3, 6)
    >>> print(out.decode())
    a\\x22b
    """
    char, kind, classes, digits = x10, x11, x12, x13
    escaped, done, closely, few, whole = (label() for _ in range(5))

    # Nearly always it is plain text, with room for all of it; the last step overlaps those before.
    movi(v2.b16, 0x20)
    movi(v3.b16, 0x7E - 0x20)
    movi(v4.b16, ord('"'))
    movi(v5.b16, ord("\\"))
    cmp(length, limit)
    b.hi(closely)
    subs(x9, length, STEP)
    b.lo(few)
    mov(x10, 0)

    step = here()
    ldr(v0.q, [text, x10])
    find_special(x11)
    cbnz(x11, closely)
    str_(v0.q, [out, x10])
    cmp(x10, x9)
    b.eq(whole)
    add(x10, x10, STEP)
    cmp(x10, x9)
    csel(x10, x10, x9, Condition.lo)
    b(step)

    here(few)
    subs(x9, length, 8)
    b.lo(closely)
    ldr(v0.d, [text])
    ldr(x12, [text, x9])
    fmov(v0.d[1], x12)
    find_special(x11)
    cbnz(x11, closely)
    str_(v0.d, [out])
    str_(x12, [out, x9])

    here(whole)
    add(x0, out, length)
    ret()

    here(closely)
    adr(classes, CLASSES)
    adr(digits, UPPER_HEX_DIGITS)

    again = here()
    cbz(length, done)
    sub(length, length, 1)
    ldrb(char.w, [text], 1)
    ldrb(kind.w, [classes, char])
    cbnz(kind.w, escaped)
    cbz(limit, done)
    sub(limit, limit, 1)
    strb(char.w, [out], 1)
    b(again)

    here(escaped)
    subs(limit, limit, LOGGED)
    b.lo(done)
    write_number(out, char, digits, b"\\x")
    b(again)

    here(done)
    ret()


@routine
def write_json_string(out: x0, text: x1, length: x2, limit: x3) -> x0:
    """Write text as a JSON string with its quotes, ``limit`` bytes at most; the address after it.

    Controls and each byte that is not ASCII are written as ``\\u00HH``: the string
    is the text read as Latin-1, and valid whatever the bytes.  It is closed also if
    not all of it fits; if not even two quotes do, nothing is written.

    >>> out = bytearray(5)
    >>> end = write_json_string(out, b'/"\\n', 3, 5)
    >>> print(out.decode())
    "/\\""
    """
    char, kind, classes, digits, quote = x10, x11, x12, x13, x14
    short, long, close, done = label(), label(), label(), label()
    subs(limit, limit, 2)
    b.lo(done)
    adr(classes, CLASSES)
    adr(digits, HEX_DIGITS)
    mov(quote, ord('"'))
    strb(quote.w, [out], 1)

    again = here()
    cbz(length, close)
    sub(length, length, 1)
    ldrb(char.w, [text], 1)
    ldrb(kind.w, [classes, char])
    cmp(kind.w, SHORT)
    b.eq(short)
    b.hi(long)
    cbz(limit, close)
    sub(limit, limit, 1)
    strb(char.w, [out], 1)
    b(again)

    here(short)
    subs(limit, limit, SHORT_JSON)
    b.lo(close)
    mov(w9, ord("\\"))
    strb(w9, [out], 1)
    strb(char.w, [out], 1)
    b(again)

    here(long)
    subs(limit, limit, LONG_JSON)
    b.lo(close)
    write_number(out, char, digits, b"\\u00")
    b(again)

    here(close)
    strb(quote.w, [out], 1)

    here(done)
    ret()
