"""Repeats: what is recalled means what was sent, to the last byte; and it is recalled if it can be.

Heads are read by ``read_head``, one after the other on one machine, each of them as the careful
parser and the model would (test_head.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc0.server.connection import Connection
from svc0.server.head import FEW_NAMES, NAMES
from svc0.server.limits import LINE_MAX
from svc0.server.repeats import (
    BLOCK,
    FIELDS_ROOM,
    PATIENCE,
    PLACE,
    PLACES,
    REPEATS,
    WORTH,
    Repeat,
)
from svc0.server.request import Kind
from tests.server.memory import Memory
from tests.server.test_head import BROWSERS, GET, Both, reading

LINE = b"GET / HTTP/1.1\r\n"
FIELDS = b"Host: example.org\r\nX-Filler: %s\r\nAccept: text/html,*/*\r\n\r\n"
BEYOND = 1 << 32
"""An address behind all that there is of connections: only its lower bits matter."""


def fields_of(size: int) -> bytes:
    """Fields that take so many bytes, the empty line included."""
    fields = FIELDS % (b"f" * (size - len(FIELDS % b"")))
    assert len(fields) == size
    return fields


def size_of(head: bytes) -> int:
    """How many bytes the fields of a head take."""
    fields = head.partition(b"\r\n")[2]
    return fields.index(b"\r\n\r\n") + len(b"\r\n\r\n")


def place_of(both: Both, size: int, connection: int = 0) -> Memory:
    """What a connection has repeated in so many bytes."""
    machine = both.quick.machine
    number = (connection // 16 ^ size) % PLACES
    return Memory(machine, Repeat, machine.address(REPEATS) + number * PLACE)


def clear(both: Both) -> None:
    """As at the start of a worker."""
    both.quick.machine.write(both.quick.machine.address(REPEATS), bytes(PLACE * PLACES))


def keep(both: Both, head: bytes, connection: int = 0) -> None:
    """Send a head until it is kept."""
    for _ in range(PATIENCE):
        assert both.read(head, connection=connection)


def recalls(both: Both, head: bytes, connection: int = 0, before: bytes = b"") -> bool:
    """Whether it is answered from what was kept: as one that is not new."""
    place = place_of(both, size_of(head), connection)
    others = place[Repeat.others]
    assert both.read(head, before, connection=connection)
    return place[Repeat.others] == others


# --- what is kept -----------------------------------------------------------------------


@pytest.mark.parametrize("head", [head for head in BROWSERS if len(head) >= WORTH])
def test_browsers(head: bytes) -> None:
    """Every fourth head is kept, and from then on it is known behind any request line."""
    line, _, fields = head.partition(b"\r\n")
    with reading() as both:
        clear(both)
        assert [recalls(both, head) for _ in range(PATIENCE)] == [False] * PATIENCE
        place = place_of(both, len(fields))
        assert place[Repeat.text_size] == len(fields)
        assert place.bytes(Repeat.text)[: len(fields)] == fields
        assert recalls(both, head)
        for other in (b"GET /", b"HEAD /a?b", b"GET /" + b"x" * 300, b"GET /?" + b"y" * 15):
            assert recalls(both, other + b" HTTP/1.1\r\n" + fields)
        assert recalls(both, b"GET /".ljust(LINE_MAX - 11, b"z") + b" HTTP/1.1\r\n" + fields)
        assert not recalls(both, line + b"\r\nX: y\r\n" + fields)


@pytest.mark.parametrize("over", range(-2, 3))
def test_sizes(over: int) -> None:
    """Heads are worth it from a size on, and fields up to one; in between, at each step."""
    edges = [WORTH - len(LINE), 4 * BLOCK, 5 * BLOCK, 600, FIELDS_ROOM]
    with reading() as both:
        for edge in edges:
            clear(both)
            size = edge + over
            head = LINE + fields_of(size)
            keep(both, head)
            fits = len(head) >= WORTH and size <= FIELDS_ROOM
            assert place_of(both, size)[Repeat.text_size] == (size if fits else 0)
            if len(head) >= WORTH:
                assert recalls(both, head) == fits


def test_few_fields_of_a_large_head() -> None:
    """A long request line makes no fields worth it that are less than a block, or none."""
    line = b"GET /" + b"x" * WORTH + b" HTTP/1.1\r\n"
    with reading() as both:
        clear(both)
        for fields in (b"\r\n", b"Host: a\r\n\r\n", b"X: ".ljust(BLOCK - 5, b"y") + b"\r\n\r\n"):
            for _ in range(2 * PATIENCE):
                assert both.read(line + fields)
            assert place_of(both, len(fields))[Repeat.text_size] == 0
        fields = b"Host: ".ljust(BLOCK - 4, b"y") + b"\r\n\r\n"
        keep(both, line + fields)
        assert place_of(both, BLOCK)[Repeat.text_size] == BLOCK == len(fields)
        assert recalls(both, line + fields)
        keep(both, line + b"X: ".ljust(BLOCK - 4, b"y") + b"\r\n\r\n")
        assert place_of(both, BLOCK)[Repeat.text_size] == 0, "nothing in it is ours"


# --- what is the same --------------------------------------------------------------------


@pytest.mark.parametrize("size", [300, 4 * BLOCK, 5 * BLOCK + 1])
def test_every_byte_counts(size: int) -> None:
    """A head that differs in one byte is another, and is read as it is; nothing is kept then."""
    fields = fields_of(size)
    with reading() as both:
        clear(both)
        for at in range(size):
            if fields[at : at + 1].isalpha():
                near = bytearray(fields)
                near[at] ^= 0x20
                keep(both, LINE + fields)
                assert not recalls(both, LINE + bytes(near))
                assert place_of(both, size)[Repeat.text_size] == 0
                place_of(both, size)[Repeat.others] = 0
        for broken in (fields[:-2] + b"\n\n", fields[:-4] + b"xx\r\n", b"\0" + fields[1:]):
            keep(both, LINE + fields)
            assert not both.read(LINE + broken)
            place_of(both, size)[Repeat.others] = 0


def test_who_never_says_the_same_pays_little() -> None:
    """What was kept in vain is not compared again; other sizes have other places, or leave it."""
    head, other = LINE + fields_of(300), LINE + fields_of(300).replace(b"f", b"g")
    with reading() as both:
        clear(both)
        keep(both, head)
        for size in (256, 299, 301, 1000, 300 + PLACES):
            assert not recalls(both, LINE + fields_of(size))
            assert recalls(both, head)
        assert not recalls(both, other)
        assert not recalls(both, head)


def test_what_is_not_all_of_the_input() -> None:
    """Fields that another request follows are read as ever; those behind one are recalled."""
    head = LINE + fields_of(400)
    with reading() as both:
        clear(both)
        keep(both, head)
        assert not recalls(both, head + GET)
        place_of(both, 400)[Repeat.others] = 0
        assert recalls(both, head, before=len(GET) * b"x")
        for cut in range(1, len(head)):
            assert not both.read(head[:-cut])


def test_sizes_have_places_of_their_own() -> None:
    """A browser asks for a page, its pictures and its scripts by turns, and differently."""
    heads = [LINE + fields_of(size) for size in (300, 310, 322, 341)]
    with reading() as both:
        clear(both)
        for head in heads:
            keep(both, head)
        for head in heads * 2:
            assert recalls(both, head)
        keep(both, LINE + fields_of(300 + PLACES))
        assert [recalls(both, head) for head in heads] == [False, True, True, True]


def test_places() -> None:
    """Neighbouring connections have places of their own; some far away share one."""
    first, second = LINE + fields_of(300), LINE + fields_of(300).replace(b"f", b"g")
    neighbour = BEYOND + int(Connection.size)
    stranger = BEYOND + PLACES * int(Connection.size)
    with reading() as both:
        clear(both)
        keep(both, first, BEYOND)
        keep(both, second, neighbour)
        assert recalls(both, first, BEYOND)
        assert recalls(both, second, neighbour)
        assert recalls(both, first, stranger)
        keep(both, second, stranger)
        assert recalls(both, second, BEYOND)
        assert not recalls(both, first, BEYOND)


heads = st.sampled_from(
    [
        head
        for size in (240, 256, 300)
        for fields in (fields_of(size), fields_of(size).replace(b"Accept", b"Except"))
        for line in (LINE, b"HEAD /a?b=c HTTP/1.1\r\n", b"GET /longer.html HTTP/1.1\r\n")
        for head in (line + fields, line + fields.replace(b"example", b"EXAMPLE"))
    ]
    + [GET, BROWSERS[3]]
)


@settings(max_examples=100)
@given(
    asked=st.lists(st.tuples(heads, st.integers(0, 2), st.integers(0, 40)), max_size=24),
    few=st.booleans(),
)
def test_any_heads(asked: Sequence[tuple[bytes, int, int]], few: bool) -> None:
    """Whoever sends them, in whatever order: each is read for what it is."""
    with reading() as both:
        clear(both)
        for head, who, before in asked:
            names = FEW_NAMES if few else NAMES
            assert both.read(
                head, bytes(before), names=names, connection=who * int(Connection.size)
            )


def test_what_is_recalled_is_where_it_is() -> None:
    """Fields are noted from the first of them on, wherever that was, and is."""
    fields = fields_of(300)
    with reading() as both:
        clear(both)
        for start in (0, 5, 100, 31):
            assert both.read(LINE + fields, b"x" * start)
        for start in (0, 17, 2000):
            line = b"GET /" + b"y" * start + b" HTTP/1.1\r\n"
            assert recalls(both, line + fields, before=b"z" * start)
            assert both.quick.value(Kind.HOST) == b"example.org"
            assert both.quick.value(Kind.ACCEPT) == b"text/html,*/*"
