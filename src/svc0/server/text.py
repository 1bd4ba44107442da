"""Text: numbers, digits and names in a request.

Every routine here is a leaf: it takes text as an address and a length, calls
nothing, writes no memory, and never reads a byte past the length — a request
may lie flush against a page that is not there.  What cannot be read is a
negative result; whoever called decides which status code that becomes.
"""

from svc0.a64 import *

INVALID = -1
TOO_LARGE = -2

DIGITS_MAX = 18
assert 10**DIGITS_MAX < 2**63, "any run of DIGITS_MAX digits is a positive x register"


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
