"""Methods: their names, and the numbers they go by in here."""

from enum import IntEnum

from svc0.a64 import *


class Method(IntEnum):
    """What a request may ask for; a token that is none of these is 0."""

    GET = 1
    HEAD = 2
    OPTIONS = 3
    POST = 4
    PUT = 5
    DELETE = 6
    PATCH = 7
    TRACE = 8
    CONNECT = 9


UNKNOWN = 0

SERVED = (Method.GET, Method.HEAD, Method.OPTIONS)
"""All others are refused: 405 if they have a number, else 501."""

NAME_MAX = 7
assert max(len(method.name) for method in Method) == NAME_MAX


def number(name: str) -> int:
    """A name as one number: a 1, which keeps its length, and then its bytes."""
    return int.from_bytes(b"\1" + name.encode(), "big")


assert list(Method) == list(range(1, len(Method) + 1)), "places in NAMES are numbers"
NAMES = Data(b"".join(number(method.name).to_bytes(8, "little") for method in Method))


@routine
def parse_method(text: x0, length: x1) -> w0:
    """The Method that text is, upper case and all of it; 0 for any other.

    >>> parse_method(b"OPTIONS", 7), parse_method(b"get", 3)
    (3, 0)
    """
    name, char, names, place, found = x9, x10, x11, x12, x13
    compare, next_byte, unknown, done = label(), label(), label(), label()

    cmp(length, NAME_MAX)
    b.hi(unknown)
    mov(name, 1)
    cbz(length, unknown)

    here(next_byte)
    ldrb(char.w, [text], 1)
    orr(name, char, name, lsl(8))
    subs(length, length, 1)
    b.ne(next_byte)

    adr(names, NAMES)
    mov(place, 0)

    here(compare)
    ldr(found, [names, place, lsl(3)])
    add(place, place, 1)
    cmp(found, name)
    b.eq(done)
    cmp(place, len(Method))
    b.ne(compare)

    here(unknown)
    mov(place, UNKNOWN)

    here(done)
    mov(w0, place.w)
    ret()
