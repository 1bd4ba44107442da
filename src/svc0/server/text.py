"""Text: numbers, digits and names in a request, and how they are written.

Every routine here takes text as an address and a length, and never reads a byte
past the length — a request may lie flush against a page that is not there.
What cannot be read is a negative result; whoever called decides which status
code that becomes.  Those that write take the address to write to, and return
the one after their last byte, so that a head is written by one call after the
other; whoever called has made sure that there is room.
"""

from collections.abc import Callable, Collection

from svc0.a64 import *

INVALID = -1
TOO_LARGE = -2
NONE = -1

DIGITS_MAX = 18
assert 10**DIGITS_MAX < 2**63, "any run of DIGITS_MAX digits is a positive x register"

HEX_DIGITS_MAX = 8
assert 16 ** (HEX_DIGITS_MAX + 1) < 2**63, "one digit too many can be seen before it is too late"

DECIMAL_MAX = 20
POWERS_OF_TEN = Data(b"".join((10**n).to_bytes(8, "little") for n in range(DECIMAL_MAX)))
assert 10 ** (DECIMAL_MAX - 1) < 2**64 < 10**DECIMAL_MAX

PAIRS = Data("".join(f"{n:02}" for n in range(100)).encode())
"""All numbers of two digits."""

# A number of so many bits has bits * LOG10_OF_2 >> LOG10_SHIFT digits, or one more.
LOG10_OF_2, LOG10_SHIFT = 1233, 12
assert all(
    len(str(2**bits - 1)) - 1 <= bits * LOG10_OF_2 >> LOG10_SHIFT <= len(str(2 ** (bits - 1)))
    for bits in range(1, 65)
)

HEX_DIGITS = Data(b"0123456789abcdef")

LOWER = 0x20
assert ord("a") == ord("A") | LOWER

Z = 4
"""The flags of what is equal, as ``ccmp`` leaves them where it does not compare."""


@routine
def parse_decimal(text: x0, length: x1) -> tuple[x0, x1]:
    """The number that text starts with, and how many digits it took.

    No digits are zero; a number of more than DIGITS_MAX digits is TOO_LARGE.

    >>> parse_decimal(b"1024 bytes", 10)
    (1024, 4)
    """
    value, count, digit, ten = x9, x10, x11, x12
    too_large, done = label(), label()

    mov(value, 0)
    mov(count, 0)
    mov(ten, 10)

    again = here()
    cmp(count, length)
    b.hs(done)
    ldrb(digit.w, [text, count])
    sub(digit.w, digit.w, ord("0"))
    cmp(digit.w, 9)  # unsigned: a byte below "0" has wrapped around
    b.hi(done)

    cmp(count, DIGITS_MAX)
    b.hs(too_large)
    madd(value, value, ten, digit)
    add(count, count, 1)
    b(again)

    here(too_large)
    mov(value, TOO_LARGE)

    here(done)
    mov(x0, value)
    mov(x1, count)
    ret()


@routine
def parse_hex(text: x0, length: x1) -> tuple[x0, x1]:
    """The hexadecimal number that text starts with, and how many digits it took.

    No digits are zero; a number of more than HEX_DIGITS_MAX digits, after zeros, is TOO_LARGE.
    All digits are counted in any case, so that what follows them can be judged first.

    >>> parse_hex(b"1a;name=value", 13)
    (26, 2)
    """
    value, count, char, digit, letter = x9, x10, x11, x12, x13
    take, done = label(), label()

    mov(value, 0)
    mov(count, 0)

    again = here()
    cmp(count, length)
    b.hs(done)
    ldrb(char.w, [text, count])
    sub(digit.w, char.w, ord("0"))
    cmp(digit.w, 9)
    b.ls(take)
    orr(letter.w, char.w, LOWER)
    sub(letter.w, letter.w, ord("a"))
    cmp(letter.w, 5)
    b.hi(done)
    add(digit.w, letter.w, 10)

    here(take)
    add(count, count, 1)
    tbnz(value, 63, again)  # it is TOO_LARGE already
    orr(value, digit, value, lsl(4))
    lsr(digit, value, 4 * HEX_DIGITS_MAX)
    cbz(digit, again)
    mov(value, TOO_LARGE)
    b(again)

    here(done)
    mov(x0, value)
    mov(x1, count)
    ret()


@routine
def write_decimal(out: x0, number: x1) -> x0:
    """Write an unsigned number, DECIMAL_MAX digits at most; the address after it.

    >>> out = bytearray(4)
    >>> end = write_decimal(out, 2026)
    >>> out
    bytearray(b'2026')
    """
    bits, powers, power, end, hundred, rest, digit, pairs = x9, x10, x11, x12, x13, x14, x15, x16
    one, done = label(), label()

    adr(pairs, PAIRS)
    cmp(number, 10)
    b.lo(one)
    clz(power, number)
    mov(digit, 64)
    sub(digit, digit, power)
    mov(power, LOG10_OF_2)
    mul(digit, digit, power)
    lsr(digit, digit, LOG10_SHIFT)  # this many digits, or one more
    adr(powers, POWERS_OF_TEN)
    ldr(power, [powers, digit, lsl(3)])
    cmp(number, power)
    cinc(digit, digit, Condition.hs)
    add(end, out, digit)
    mov(out, end)
    mov(hundred, 100)

    again = here()  # two digits at a step
    udiv(rest, number, hundred)
    msub(bits, rest, hundred, number)
    ldrh(bits.w, [pairs, bits, lsl(1)])
    mov(number, rest)
    strh(bits.w, pre[end, -2])
    cmp(number, 10)
    b.hs(again)
    cbz(number, done)
    add(number, number, ord("0"))
    strb(number.w, pre[end, -1])

    here(done)
    ret()

    here(one)
    add(number, number, ord("0"))
    strb(number.w, [out], 1)
    ret()


@routine
def write_hex(out: x0, number: x1) -> x0:
    """Write an unsigned number in lower-case hexadecimal, 16 digits at most; the address after it.

    >>> out = bytearray(2)
    >>> end = write_hex(out, 0xBE)
    >>> out
    bytearray(b'be')
    """
    digits, shift, digit = x9, x10, x11

    adr(digits, HEX_DIGITS)
    orr(shift, number, 1)  # zero has a digit too
    clz(shift, shift)
    mov(digit, 63)
    sub(shift, digit, shift)
    and_(shift, shift, 0x3C)  # where the highest digit lies

    again = here()
    lsr(digit, number, shift)
    and_(digit, digit, 15)
    ldrb(digit.w, [digits, digit])
    strb(digit.w, [out], 1)
    subs(shift, shift, 4)
    b.pl(again)
    ret()


@routine
def copy(out: x0, text: x1, length: x2) -> x0:
    """Copy bytes, 16 at a step; the address after the last that was written.

    The two may overlap if out is the lower address: so bytes are moved down.

    >>> out = bytearray(5)
    >>> end = copy(out, b"index.html", 5)
    >>> out
    bytearray(b'index')
    """
    first, second = x9, x10
    few, done = label(), label()
    without_eight, without_four, without_two = label(), label(), label()

    subs(length, length, 16)
    b.lo(few)

    again = here()
    ldp(first, second, [text], 16)
    stp(first, second, [out], 16)
    subs(length, length, 16)
    b.hs(again)

    here(few)  # length is 16 too small now, which leaves its low four bits as they were
    tbz(length, 3, without_eight)
    ldr(first, [text], 8)
    str_(first, [out], 8)

    here(without_eight)
    tbz(length, 2, without_four)
    ldr(first.w, [text], 4)
    str_(first.w, [out], 4)

    here(without_four)
    tbz(length, 1, without_two)
    ldrh(first.w, [text], 2)
    strh(first.w, [out], 2)

    here(without_two)
    tbz(length, 0, done)
    ldrb(first.w, [text])
    strb(first.w, [out], 1)

    here(done)
    ret()


@routine
def trim(text: x0, length: x1) -> tuple[x0, x1]:
    """The text without spaces and tabs at both ends (OWS, RFC 9110 5.6.3): address, length.

    >>> trim(b"  a b\\t", 6)[1]
    3
    """
    char, last = x9, x10
    back, done = label(), label()

    again = here()
    cbz(length, done)
    ldrb(char.w, [text])
    cmp(char.w, ord(" "))
    ccmp(char.w, ord("\t"), Z, Condition.ne)
    b.ne(back)
    add(text, text, 1)
    sub(length, length, 1)
    b(again)

    here(back)  # the first byte is none of them, so this ends there at the latest
    sub(last, length, 1)
    ldrb(char.w, [text, last])
    cmp(char.w, ord(" "))
    ccmp(char.w, ord("\t"), Z, Condition.ne)
    b.ne(done)
    mov(length, last)
    b(back)

    here(done)
    ret()


@routine
def equal_folded(text: x0, length: x1, lower: x2, lower_length: x3) -> w0:
    """1 if text is the same as lower but for the case of its ASCII letters, else 0.

    >>> equal_folded(b"Keep-Alive", 10, b"keep-alive", 10)
    1
    """
    char, folded, expected, offset = x9, x10, x11, x12
    other, same = label(), label()

    cmp(length, lower_length)
    b.ne(other)

    again = here()
    cbz(length, same)
    sub(length, length, 1)
    ldrb(char.w, [text, length])
    ldrb(expected.w, [lower, length])
    sub(offset.w, char.w, ord("A"))
    orr(folded.w, char.w, LOWER)
    cmp(offset.w, 25)
    csel(folded.w, folded.w, char.w, Condition.ls)
    cmp(folded.w, expected.w)
    b.eq(again)

    here(other)
    mov(w0, 0)
    ret()

    here(same)
    mov(w0, 1)
    ret()


@routine
def next_element(text: x0, length: x1) -> tuple[x0, x1, x2, x3]:
    """The first element of a list, without whitespace around it, and what is left of the list.

    Address and length of both.  Elements stand between commas (RFC 9110 5.6.1);
    empty ones are skipped, so one without a length says that there was none.

    >>> next_element(b", close , x", 11)[1::2]
    (5, 3)
    """
    char, rest, left, size = x9, x2, x3, x10
    begin, next_byte, at_comma, shorten, done = label(), label(), label(), label(), label()

    here(begin)
    mov(rest, text)
    mov(left, length)
    cbz(length, done)
    ldrb(char.w, [text], 1)
    sub(length, length, 1)
    cmp(char.w, ord(","))
    b.eq(begin)
    cmp(char.w, ord(" "))
    ccmp(char.w, ord("\t"), Z, Condition.ne)
    b.eq(begin)
    sub(text, text, 1)  # here it starts, with a byte that it also ends with at the latest

    here(next_byte)
    add(rest, rest, 1)
    subs(left, left, 1)
    b.eq(at_comma)
    ldrb(char.w, [rest])
    cmp(char.w, ord(","))
    b.ne(next_byte)

    here(at_comma)
    sub(length, rest, text)

    here(shorten)
    sub(size, length, 1)
    ldrb(char.w, [text, size])
    cmp(char.w, ord(" "))
    ccmp(char.w, ord("\t"), Z, Condition.ne)
    b.ne(done)
    mov(length, size)
    b(shorten)

    here(done)
    ret()


@routine
def list_has(text: x0, length: x1, lower: x2, lower_length: x3) -> w0:
    """1 if a list separated by commas has an element that is lower but for its case, else 0.

    >>> list_has(b"Upgrade, Close", 14, b"close", 5)
    1
    """
    rest, left, name, name_length = x19, x20, x21, x22

    with frame(rest, left, name, name_length) as leave:
        mov(rest, text)
        mov(left, length)
        mov(name, lower)
        mov(name_length, lower_length)
        del text, length, lower, lower_length

        again = here()
        mov(x0, rest)
        mov(x1, left)
        bl(next_element)
        mov(rest, x2)
        mov(left, x3)
        mov(x9, x0)
        mov(w0, 0)
        cbz(x1, leave)
        mov(x0, x9)
        mov(x2, name)
        mov(x3, name_length)
        bl(equal_folded)
        cbz(w0, again)

    ret()


# --- many bytes at once ---------------------------------------------------------
#
# find_byte and its kin all ask how many bytes stand before the first of some kind.
# They look at 16 bytes at a step.  Where fewer are left, the last step overlaps the
# one before, whose bytes are known not to stop it; and where there were never 16,
# a vector is put together from loads that overlap in the same way.

STEP = 16


def scan(text: X, length: X, stops: Callable[[], None]) -> Label:
    """Macro: x0 = how many bytes stand before the first that stops; where none does, a label.

    ``stops`` writes what makes all ones of v1's bytes for those of v0 that stop, else zeros;
    v0 is its to use.  x9 to x13 are lost, and text and length are not.
    """
    at, last, mask = x9, x10, x11
    some, few, more, none = label(), label(), label(), label()

    subs(last, length, STEP)
    b.lo(few)
    mov(at, 0)

    here(more)
    ldr(v0.q, [text, at])
    stops()
    shrn(v1.b8, v1.h8, 4)  # four bits of each byte
    fmov(mask, v1.d)
    cbnz(mask, some)
    add(at, at, STEP)
    cmp(at, last)
    b.ls(more)
    cmp(at, length)
    mov(at, last)
    b.ne(more)
    b(none)

    here(few)
    load_few(text, length, none)
    mov(at, 0)
    stops()
    shrn(v1.b8, v1.h8, 4)
    fmov(mask, v1.d)
    mov(last, -1)
    lsl(x12, length, 2)
    lsl(last, last, x12)
    bics(mask, mask, last)  # only bytes that are text
    b.eq(none)

    here(some)
    rbit(mask, mask)
    clz(mask, mask)
    add(x0, at, mask, lsr(2))
    return none


def load_few(text: X, length: X, none: Label) -> None:
    """Macro: v0 = up to 15 bytes of text, and anything behind them; or go where there are none.

    x9 to x13 are lost.
    """
    first, last, behind = x11, x12, x13
    eight, four, done = label(), label(), label()

    tbnz(length, 3, eight)
    tbnz(length, 2, four)
    cbz(length, none)
    ldrb(first.w, [text])
    lsr(x9, length, 1)  # of one byte the first, of two the second, of three the middle one
    ldrb(last.w, [text, x9])
    lsl(x9, x9, 3)
    lsl(last, last, x9)
    orr(first, first, last)
    sub(behind, length, 1)
    ldrb(last.w, [text, behind])
    lsl(behind, behind, 3)
    lsl(last, last, behind)
    orr(first, first, last)
    fmov(v0.d, first)
    b(done)

    here(four)
    sub(behind, length, 4)
    ldr(first.w, [text])
    ldr(last.w, [text, behind])
    lsl(behind, behind, 3)
    lsl(last, last, behind)
    orr(first, first, last)
    fmov(v0.d, first)
    b(done)

    here(eight)
    sub(behind, length, 8)
    ldr(v0.d, [text])
    ldr(last, [text, behind])
    lsl(behind, behind, 3)
    neg(behind, behind)
    lsr(last, last, behind)  # of 8 bytes this leaves all again, behind them
    fmov(v0.d[1], last)

    here(done)


@routine
def find_byte(text: x0, length: x1, byte: w2) -> x0:
    """Where the first such byte is; NONE if there is none.

    >>> find_byte(b"/index.html?q", 13, ord("?"))
    11
    """
    dup(v2.b16, byte)

    def stops() -> None:
        cmeq(v1.b16, v0.b16, v2.b16)

    none = scan(text, length, stops)
    ret()

    here(none)
    mov(x0, NONE)
    ret()


@routine
def visible_length(text: x0, length: x1) -> x0:
    """How many bytes from the start are visible ASCII, 0x21 to 0x7E: what a target is made of.

    >>> visible_length(b"/index.html HTTP/1.1", 20)
    11
    """
    movi(v2.b16, 0x21)
    movi(v3.b16, 0x7E - 0x21)

    def stops() -> None:
        sub(v0.b16, v0.b16, v2.b16)
        cmhi(v1.b16, v0.b16, v3.b16)

    none = scan(text, length, stops)
    ret()

    here(none)
    mov(x0, length)
    ret()


@routine
def value_length(text: x0, length: x1) -> x0:
    """How many bytes from the start may stand in a field's value: HTAB, 0x20-0x7E, 0x80-0xFF.

    >>> value_length(b"text/html; q=1\\r\\nHost: a", 23)
    14
    """
    movi(v2.b16, ord("\t"))
    movi(v3.b16, 0x20)
    movi(v4.b16, 0x7F)

    def stops() -> None:
        cmeq(v5.b16, v0.b16, v2.b16)
        cmhi(v1.b16, v3.b16, v0.b16)
        bic(v1.b16, v1.b16, v5.b16)
        cmeq(v5.b16, v0.b16, v4.b16)
        orr(v1.b16, v1.b16, v5.b16)

    none = scan(text, length, stops)
    ret()

    here(none)
    mov(x0, length)
    ret()


@routine
def path_length(text: x0, length: x1) -> x0:
    """How many bytes from the start are no controls (0x00-0x1F, 0x7F): what a file may be called.

    >>> path_length(b"a b\\x7fc", 5)
    3
    """
    movi(v2.b16, 0x20)
    movi(v3.b16, 0x7F)

    def stops() -> None:
        cmhi(v1.b16, v2.b16, v0.b16)
        cmeq(v0.b16, v0.b16, v3.b16)
        orr(v1.b16, v1.b16, v0.b16)

    none = scan(text, length, stops)
    ret()

    here(none)
    mov(x0, length)
    ret()


TOKEN = frozenset(b"!#$%&'*+-.^_`|~" + bytes(range(ord("0"), ord("9") + 1))) | frozenset(
    byte for letter in range(ord("A"), ord("Z") + 1) for byte in (letter, letter | LOWER)
)
"""tchar, RFC 9110 5.6.2."""


def nibbles(bytes_: Collection[int]) -> Data:
    """Two tables of 16: of a byte's upper half and of its lower; none of the bytes is above 0x7F.

    A byte is one of them if what its halves find in the tables has a bit in common.
    """
    high = [1 << high if high < 8 else 0 for high in range(16)]
    low = [sum(1 << high for high in range(8) if high << 4 | low in bytes_) for low in range(16)]
    assert all((high[byte >> 4] & low[byte & 15] != 0) == (byte in bytes_) for byte in range(256))
    return Data([*high, *low], align=STEP)


IN_TOKEN = nibbles(TOKEN)


@routine
def token_length(text: x0, length: x1) -> x0:
    """How many bytes from the start may stand in a token (RFC 9110 5.6.2), such as a field's name.

    >>> token_length(b"Content-Length: 1", 17)
    14
    """
    adr(x9, IN_TOKEN)
    ldp(v2.q, v3.q, [x9])
    movi(v4.b16, 15)

    def stops() -> None:
        ushr(v1.b16, v0.b16, 4)
        and_(v0.b16, v0.b16, v4.b16)
        tbl(v1.b16, v2.b16, v1.b16)
        tbl(v0.b16, v3.b16, v0.b16)
        and_(v1.b16, v1.b16, v0.b16)
        cmeq(v1.b16, v1.b16, 0)

    none = scan(text, length, stops)
    ret()

    here(none)
    mov(x0, length)
    ret()
