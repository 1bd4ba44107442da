"""Heads in one pass: what is read means what the careful parser says, and the model; or it is left.

The one may leave alone what the other reads; never the other way round.  Whatever is like the heads
of browsers has to be read, else there would be no shortcut.
"""

from __future__ import annotations

import random
import string
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from svc0.machine.call import Caller, caller
from svc0.server import head as under_test
from svc0.server.connection import STOP, Buffer, Request
from svc0.server.head import FEW_NAMES, LOGGED, NAMES, mark, read_head
from svc0.server.limits import FIELDS_MAX, HEAD_MAX, INPUT_MAX, LINE_MAX
from svc0.server.methods import Method
from svc0.server.request import COMPLETE, INCOMPLETE, Kind, Phase, parse
from tests.model import head as model
from tests.server.memory import Input

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

BROWSERS = [
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
    b"HEAD /index.html HTTP/1.1\r\nHost: example.org\r\nConnection: keep-alive\r\n\r\n",
    b"GET /bench HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
    b"GET /a/style.css?v=2 HTTP/1.1\r\n"
    b"Host: localhost:8080\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0\r\n"
    b"Accept: text/css,*/*;q=0.1\r\n"
    b"Accept-Language: de,en-US;q=0.7,en;q=0.3\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"DNT: 1\r\n"
    b"Sec-GPC: 1\r\n"
    b"Connection: keep-alive\r\n"
    b"Referer: http://localhost:8080/\r\n"
    b"Sec-Fetch-Dest: style\r\n"
    b"Sec-Fetch-Mode: no-cors\r\n"
    b"Sec-Fetch-Site: same-origin\r\n"
    b"If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
    b'If-None-Match: "6553f100-75bcd15-264"\r\n'
    b"Priority: u=2\r\n\r\n",
    b"GET / HTTP/1.1\r\n"
    b"Host: example.org\r\n"
    b"Connection: keep-alive\r\n"
    b'sec-ch-ua: "Google Chrome";v="131", "Chromium";v="131", "Not_A Brand";v="24"\r\n'
    b"sec-ch-ua-mobile: ?0\r\n"
    b'sec-ch-ua-platform: "Linux"\r\n'
    b"Upgrade-Insecure-Requests: 1\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/131.0.0.0 Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;"
    b"q=0.8,application/signed-exchange;v=b3;q=0.7\r\n"
    b"Sec-Fetch-Site: none\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-User: ?1\r\n"
    b"Sec-Fetch-Dest: document\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Accept-Language: en-US,en;q=0.9\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n",
    b"GET /video.mp4 HTTP/1.1\r\n"
    b"Host: example.org\r\n"
    b"X-Playback-Session-Id: 7E1C7A6B-9B7C-4B69-8B4B-0B9A3B6C3A3D\r\n"
    b"Range: bytes=0-1\r\n"
    b"If-Range: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
    b"Accept: */*\r\n"
    b"Accept-Encoding: identity\r\n\r\n",
]
WHOSE = ["curl", "head", "wrk", "firefox", "chrome", "safari"]
"""What is asked by curl, wrk, Firefox, Chrome and Safari, or nearly that."""


# --- what was read ----------------------------------------------------------------------


class Reader:
    """One buffer, into which one head after the other comes; as the server would leave it."""

    def __init__(self, machine: Caller) -> None:
        self.machine = machine
        self.buffer = Input(machine)
        self.used = 0

    def come(self, data: bytes, before: bytes = b"", behind: bytes = b"") -> None:
        """A head comes behind other requests; what stands behind the zeros nobody has written."""
        content, start = before + data, len(before)
        address = int(self.buffer.address + Buffer.input)
        assert len(content) <= INPUT_MAX
        self.machine.forget(address, self.used)
        written = (content + (behind or bytes(STOP)))[: Buffer.input.size]
        self.machine.write(address, written)
        self.used = len(written)
        self.machine.write(int(self.buffer.address + Buffer.request), bytes(Request.size))
        for field in (Buffer.start, Buffer.cursor, Buffer.scanned):
            self.buffer[field] = start
        self.buffer[Buffer.received] = len(content)

    def head(self) -> bytes:
        """All that is known of a request, but its fields; and where it is read on."""
        where = self.buffer.bytes(Buffer.start, Buffer.request - Buffer.start)
        return where + self.buffer.bytes(Buffer.request.phase, Request.firsts)

    def meaning(self) -> dict[str, Any]:
        """What both ways to read a head have to agree on."""
        of = Buffer.request
        seen = self.buffer[of.seen]
        firsts = self.buffer.bytes(of.firsts)
        numbers = {
            name: self.buffer[field]
            for name, field in {
                "start": Buffer.start,
                "received": Buffer.received,
                "cursor": Buffer.cursor,
                "scanned": Buffer.scanned,
                "method": of.method,
                "minor": of.minor,
                "framing": of.framing,
                "waits": of.waits,
                "chunk": of.chunk,
                "seen": of.seen,
                "repeated": of.repeated,
                "further": of.further,
                "line": of.line,
                "line_size": of.line_size,
                "target": of.target,
                "target_size": of.target_size,
                "head_end": of.head_end,
                "body_left": of.body_left,
                "query_size": of.query_size,
            }.items()
        }
        places = {kind: firsts[8 * kind : 8 * kind + 8] for kind in Kind if seen >> kind & 1}
        return numbers | {"firsts": places}

    def value(self, kind: Kind) -> bytes:
        """The first value of a field that was seen."""
        place = int.from_bytes(self.buffer.bytes(Buffer.request.firsts)[8 * kind :][:8], "little")
        return self.buffer.at(place & 0xFFFFFFFF, place >> 32)


class Both:
    """The quick reader and the careful one, each with a buffer of its own."""

    def __init__(self, quick: Caller, careful: Caller) -> None:
        self.quick, self.careful = Reader(quick), Reader(careful)

    def read(
        self,
        data: bytes,
        before: bytes = b"",
        behind: bytes = b"",
        names: int = NAMES,
        connection: int = 0,
    ) -> bool:
        """Whether the head that data begins with is read in one pass; if so, it is read well."""
        quick, careful = self.quick, self.careful
        quick.come(data, before, behind)
        untouched = quick.head()
        target, path = quick.machine.call(int(quick.buffer), names, connection)
        expected = expected_head(data)
        if not target:
            assert path == 0
            assert quick.head() == untouched, "it is left as if it had not been looked at"
            return False
        assert isinstance(expected, model.Request), expected
        careful.come(data, before)
        assert careful.machine.call(int(careful.buffer)) == COMPLETE
        left, right = quick.meaning(), careful.meaning()
        assert target == quick.buffer.address + Buffer.input + left["target"]
        logged = {} if names == NAMES else {kind: 1 << kind for kind in LOGGED}
        if logged:
            right["firsts"] = {k: v for k, v in right["firsts"].items() if k not in logged}
            for name in ("seen", "repeated"):
                right[name] &= ~sum(logged.values())
            right["further"] = left["further"] if not right["repeated"] else right["further"]
        assert left == right
        assert quick.buffer[Buffer.request.phase] == Phase.BEYOND
        self.check_model(expected, data, len(before), path, set(logged))
        return True

    def check_model(
        self, expected: model.Request, data: bytes, start: int, path: int, unseen: set[Kind]
    ) -> None:
        """What was read is what the model says."""
        quick = self.quick.buffer
        assert Method(quick[Buffer.request.method]).name.encode() == expected.method
        assert quick[Buffer.request.minor] == expected.minor == 1
        assert quick[Buffer.request.head_end] == start + expected.size
        target = quick.at(quick[Buffer.request.target], quick[Buffer.request.target_size])
        assert target == expected.target
        assert path == len(target.partition(b"?")[0])
        line = quick.at(quick[Buffer.request.line], quick[Buffer.request.line_size])
        assert line == data.partition(b"\r\n")[0]
        for kind in set(Kind) - unseen:
            values = expected.values(kind.field)
            if quick[Buffer.request.seen] >> kind & 1:
                assert [self.quick.value(kind)] == values
            else:
                assert not values


@contextmanager
def reading() -> Generator[Both]:
    with caller(read_head) as quick, caller(parse) as careful:
        yield Both(quick, careful)


def expected_head(data: bytes) -> model.Request | int:
    """What the model says: a request, INCOMPLETE, or minus the status."""
    try:
        return model.read_head(data)
    except model.Incomplete:
        return INCOMPLETE
    except model.Fault as fault:
        return -fault.status


def head_of(*lines: bytes, start: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join([start, *lines, b"", b""])


def test_which_fields_are_looked_for_is_the_callers_choice() -> None:
    """A name is looked for if its bit is there; in the table are all."""
    assert {kind for kind in Kind if FEW_NAMES >> mark(kind.field) & 1} == set(Kind) - LOGGED
    assert {kind for kind in Kind if NAMES >> mark(kind.field) & 1} == set(Kind)
    assert all(kind.field.ljust(under_test.BIT, b"\0") in bytes(under_test.TABLES) for kind in Kind)


def test_names_that_are_often_there_are_seldom_looked_up() -> None:
    """Of what browsers send besides, few share a bit with what is looked for."""
    names = {line.partition(b":")[0].lower() for data in BROWSERS for line in data.split(b"\r\n")}
    others = {name for name in names if name and b" " not in name} - {kind.field for kind in Kind}
    assert len(others) >= 15
    assert sum(FEW_NAMES >> mark(name) & 1 for name in others) <= len(others) / 3


# --- heads that most are like -------------------------------------------------------------


@pytest.mark.parametrize("data", BROWSERS, ids=WHOSE)
def test_browsers(data: bytes) -> None:
    with reading() as both:
        assert both.read(data)
        assert both.read(data, names=FEW_NAMES)
        assert both.read(data + data), "what stands behind it is of no matter"
        for start in (1, 7, 8, 15, 16, 17, 31, 32, 33, 255, INPUT_MAX - len(data)):
            assert both.read(data, random.randbytes(start))


@pytest.mark.parametrize("data", BROWSERS, ids=WHOSE)
def test_heads_that_are_not_whole(data: bytes) -> None:
    """Cut anywhere, they are left alone; what came there before does not make them whole."""
    with reading() as both:
        for end in range(len(data)):
            assert not both.read(data[:end])
            assert not both.read(data[:end], behind=bytes(STOP) + data[end + STOP :])


def test_every_order_of_fields() -> None:
    lines = [b"Host: a", b"Accept: */*", b"User-Agent: curl/8.5.0", b"Connection: keep-alive"]
    with reading() as both:
        for order in permutations([*lines, b"X-Some: thing"]):
            assert both.read(head_of(*order))
        for other in BROWSERS:
            start, *fields = other.split(b"\r\n")[:-2]
            for turn in range(len(fields)):
                for way in (1, -1):
                    turned = (fields[turn:] + fields[:turn])[::way]
                    assert both.read(head_of(*turned, start=start))


@pytest.mark.parametrize("kind", Kind)
def test_each_field(kind: Kind) -> None:
    """In any case, alone or behind others, with values of every length around every step."""
    name = kind.field
    with reading() as both:
        for spelt in (name, name.upper(), name.title(), name.swapcase()):
            assert both.read(head_of(spelt + b": some value"))
            assert both.quick.value(kind) == b"some value"
            assert both.read(head_of(b"X: y", spelt + b": z", b"Y:z")), "it is a byte long"
            assert both.quick.value(kind) == b"z"
        for size in (*range(1, 82), 95, 96, 97, 112, 127, 128, 129, 145, 160, 191, 192, 193, 200):
            assert both.read(head_of(name + b": " + b"v" * size))
            assert both.read(head_of(name + b": " + b"v" * size, b"A: b"))
            assert not both.read(head_of(name + b":" + b"v" * size)), "a space is missing"
            assert not both.read(head_of(name + b":  " + b"v" * size)), "or there are two"
            assert not both.read(head_of(name + b": " + b"v" * size + b" "))


@pytest.mark.parametrize("kind", Kind)
def test_a_field_that_comes_twice(kind: Kind) -> None:
    """It is read closely, unless nobody has a use for it."""
    line = kind.field + b": a"
    with reading() as both:
        for between in ([], [b"X: y"], [b"X-Some: thing"] * 3):
            data = head_of(line, *between, line.upper())
            assert not both.read(data)
            assert both.read(data, names=FEW_NAMES) == (kind in LOGGED)
        assert both.read(head_of(b"X: y", b"X: y"))


@pytest.mark.parametrize("kind", Kind)
def test_names_that_are_nearly_ours(kind: Kind) -> None:
    """Each bit of them matters, and each byte; what only looks alike is a field of no meaning."""
    name = kind.field
    with reading() as both:
        for at in range(len(name)):
            for bit in range(8):
                near = bytearray(name)
                near[at] ^= 1 << bit
                both.read(head_of(b"A: b", bytes(near) + b": c"))
            for other in b"xX-_~0":
                near = name[:at] + bytes([other]) + name[at + 1 :]
                assert both.read(head_of(near + b": c")) == (near.lower() != b"")
        for near in (name[1:], name[:-1], name + b"s", b"x" + name, name * 2, name[::-1]):
            both.read(head_of(near + b": c"))
            both.read(head_of(near + b": c", name + b": d"))


def test_names_of_every_size() -> None:
    """They may end as ours do, and be as long; of 1 to 40 bytes, and longer."""
    ends = [kind.field for kind in Kind]
    chance = random.Random(1)
    with reading() as both:
        for size in (*range(1, 41), 47, 48, 49, 63, 64, 65, 100):
            for end in ends:
                filled = bytes(chance.choices(b"abcXYZ-019", k=size))
                name = (filled + end)[-size:]
                spelt = bytes(chance.choice([name, name.upper(), name.title()]))
                read = both.read(head_of(spelt + b": value"))
                assert read or size > 31, "names of browsers are not that long"
                read = both.read(head_of(b"Host: a", spelt + b":", b"Some: thing"))
                assert read or size > 31 or spelt.lower() in ends


def test_a_colon_without_a_name() -> None:
    """It is no field, whatever stands before it; and no row of the table is of no name."""
    with reading() as both:
        for kind in Kind:
            for line in (b"", kind.field, kind.field.upper() + b": a", b": a", b":", b"X: y"):
                for before in ([], [b"X: y"], [kind.field + b": b"], [b"X: y" * 9]):
                    assert not both.read(head_of(*before, b":" + line))
                    assert not both.read(head_of(*before, b":" + line), names=FEW_NAMES)
        for byte in range(256):
            assert not both.read(head_of(b"X: y%c" % byte, b": z"))


def test_values_of_every_size() -> None:
    """0 to 200 bytes, of all kinds that may stand in one, for names on both sides of a step."""
    with reading() as both:
        for size in range(201):
            for name in (b"X", b"Upgrade-Insecure-Requests", b"Referer"):
                byte = (b"v", b"\xff", b"\t")[(size + len(name)) % 3]
                value = (b"v" + byte * size)[: max(size - 1, 0)] + b"v" * (size > 0)
                assert both.read(head_of(name + b": " + value)) or not size


def test_odd_bytes_at_each_place_of_a_value() -> None:
    """A tab, or what is not ASCII, may stand anywhere inside; each step meets it at each place."""
    with reading() as both:
        for size in (16, 17, 31, 32, 50):
            for at in range(1, size - 1):
                for number, odd in enumerate((b"\t", b"\x80", b"\xff")):
                    name = (b"X: ", b"User-Agent: ")[(at + number) % 2]
                    assert both.read(head_of(name + b"v" * at + odd + b"v" * (size - at - 1)))
                for number, odd in enumerate((b"\0", b"\r", b"\n", b"\x1f", b"\x7f")):
                    name = (b"X: ", b"User-Agent: ")[(at + number) % 2]
                    assert not both.read(head_of(name + b"v" * at + odd + b"v" * (size - at - 1)))


# --- every byte ----------------------------------------------------------------------------

PLACES = [
    (b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"G", b"ET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"G", b"T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"GET", b"/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"HEA", b" / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"HEAD", b"/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"GET ", b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"GET ", b"/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"GET /", b"a HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"GET /1234567890123456", b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"GET /?", b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"GET /a?1234567890123456", b"x HTTP/1.1\r\nHost: a\r\n\r\n"),
    (b"GET / ", b"TTP/1.1\r\nHost: a\r\n\r\n"),
    (b"GET / HTTP", b"1.1\r\nHost: a\r\n\r\n"),
    (b"GET / HTTP/", b".1\r\nHost: a\r\n\r\n"),
    (b"GET / HTTP/1", b"1\r\nHost: a\r\n\r\n"),
    (b"GET / HTTP/1.", b"\r\nHost: a\r\n\r\n"),
    (b"GET / HTTP/1.1", b"\r\nHost: a\r\n\r\n"),
    (b"GET / HTTP/1.1", b"\nHost: a\r\n\r\n"),
    (b"GET / HTTP/1.1\r", b"Host: a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\n", b"Host: a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\n", b": a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nHos", b": a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nHost", b": a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nHost", b" a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nHost:", b"a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nHost: ", b"\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nHost: ", b"a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nHost: a", b"b\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nHost: a", b"\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nHost: a", b"\n\r\n"),
    (b"GET / HTTP/1.1\r\nHost: a\r", b"\r\n"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\n"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n", b"\n"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r", b""),
    (b"GET / HTTP/1.1\r\nX:", b"\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nX: ", b"\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nX: a", b"b\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nX: 123456789012345678901234567890", b"b\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nX: 12345678901234567890123456789012", b"b\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nX-123456789012", b"4: a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nX-12345678901234", b"6: a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nX-12345678901234567", b": a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nIf-Modified-Sinc", b": a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nIf-Modified-Since", b" a\r\n\r\n"),
    (b"GET / HTTP/1.1\r\nIf-Modified-Since:", b"a\r\n\r\n"),
]


@pytest.mark.parametrize("part", range(8))
def test_every_byte_at_every_kind_of_place(part: int) -> None:
    """In place of one that stands there, and besides."""
    with reading() as both:
        for before, behind in PLACES[part::8]:
            for byte in range(256):
                both.read(before + bytes([byte]) + behind)


def test_the_places_are_of_good_heads() -> None:
    """Else every byte there would be refused for what stands elsewhere."""
    with reading() as both:
        good = [
            any(both.read(before + bytes([byte]) + behind) for byte in b"GETD /H1.:\r\nat~")
            for before, behind in PLACES
        ]
    assert good.count(False) == 4, "but where one is too many, whatever it is"


BITS = st.tuples(st.integers(0, 1 << 12), st.integers(0, 7))


@settings(max_examples=200)
@given(data=st.sampled_from(BROWSERS), changes=st.lists(BITS, min_size=1, max_size=3))
def test_bits_that_fall_over(data: bytes, changes: list[tuple[int, int]]) -> None:
    near = bytearray(data)
    for at, bit in changes:
        near[at % len(near)] ^= 1 << bit
    with reading() as both:
        both.read(bytes(near))


# --- limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("over", [-2, -1, 0, 1, 2])
def test_lines_and_heads_at_their_limits(over: int) -> None:
    fine = over <= 0
    line = b"GET /%s HTTP/1.1\r\n"
    start = head_of(b"Host: a")[:-2]
    rest = HEAD_MAX + over - len(start) - len(b"x:\r\n\r\n")
    with reading() as both:
        for query in (b"", b"?"):
            target = query.ljust(LINE_MAX + over - len(line % b""), b"a")
            for end in (b"\r\n", b"Host: a\r\n\r\n"):
                assert both.read(line % target + end) == fine
                assert both.read(line % target + end, GET * 7) == fine
        for value in (b"a" * rest, b" " + b"\xff" * (rest - 2) + b"a"):
            head = start + b"x:" + value + b"\r\n\r\n"
            assert len(head) == HEAD_MAX + over
            assert both.read(head) == fine
            assert both.read(head, b"x" * (INPUT_MAX - len(head))) == fine
        for count in (FIELDS_MAX - 1, FIELDS_MAX, FIELDS_MAX + 1):
            for fields in ([b"X: y"] * (count - 1), [b"X-1234567890123456: y"] * (count - 1)):
                assert both.read(head_of(*fields, b"Host: a")) == (count <= FIELDS_MAX)
                assert both.read(head_of(b"Host: a", *fields)) == (count <= FIELDS_MAX)


def test_a_head_that_ends_where_the_input_does() -> None:
    """Behind the very last byte that can be received stand zeros that belong to the buffer."""
    with reading() as both:
        for data in BROWSERS:
            full = INPUT_MAX - len(data)
            for room in (full, full - 1, full - 15, full - 16, full - 31, full - 32, full - 33):
                assert both.read(data, b"x" * room)
            for missing in range(1, 40):
                assert not both.read(data[:-missing], b"x" * (full + missing))


# --- what a generator makes ----------------------------------------------------------------

NAME_BYTES = (string.ascii_letters + string.digits + "-_!#~").encode()
our_names = st.sampled_from([kind.field for kind in Kind])


def respelt(name: bytes, chance: random.Random) -> bytes:
    return bytes(chance.choice([byte, ord(chr(byte).upper())]) for byte in name)


spelt = st.builds(respelt, our_names, st.randoms(use_true_random=False))
strange = st.lists(st.sampled_from(NAME_BYTES), min_size=1, max_size=40).map(bytes)
alike = st.tuples(strange, our_names).map(lambda parts: (parts[0] + parts[1])[-len(parts[1]) :])
names = spelt | strange | alike | st.sampled_from([b"", b"a b", b"a\t", b"\xe9", b"a:"])
plain = st.integers(0, 200).map(lambda size: b"v" * size)
mixed = st.lists(
    st.sampled_from([b"a", b" ", b"\t", b",", b"\x80", b"\xff", b"~", b"!" * 13]), max_size=30
).map(b"".join)
wrong = st.sampled_from([b"\0", b"\r", b"\n", b"\x7f", b"\x1f", b"a\0b", b"a\rb", b"a\nb"])
values = plain | plain | mixed | st.tuples(plain, wrong, plain).map(b"".join)
separators = st.sampled_from([b": "] * 12 + [b":", b":", b" :", b":  ", b":\t", b"", b" "])
ends = st.sampled_from([b"\r\n"] * 16 + [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\t\r\n", b"\r\n "])
fields = st.tuples(names, separators, values, ends).map(b"".join)
starts = st.sampled_from(
    [b"GET / HTTP/1.1\r\n"] * 6
    + [b"HEAD /a/b?c HTTP/1.1\r\n", b"GET /%s?%s HTTP/1.1\r\n" % (b"p" * 40, b"q" * 40)]
    + [b"GET /" + b"x" * size + b" HTTP/1.1\r\n" for size in (9, 10, 14, 15, 16, 17, 30, 31)]
    + [b"GET * HTTP/1.1\r\n", b"GET ? HTTP/1.1\r\n", b"GET http://a/ HTTP/1.1\r\n"]
    + [b"GET  HTTP/1.1\r\n", b"GET / HTTP/1.0\r\n", b"GET / HTTP/1.1\n", b"\r\nGET / HTTP/1.1\r\n"]
    + [
        b"HEADS / HTTP/1.1\r\n",
        b"HEAD/ HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\n",
        b"get / HTTP/1.1\r\n",
    ]
    + [b"GET /a?b?c HTTP/1.1\r\n", b"GET /a?b c HTTP/1.1\r\n", b"GET /?\xff HTTP/1.1\r\n"]
)
heads = st.tuples(
    starts,
    st.lists(fields, max_size=8).map(b"".join),
    st.sampled_from([b"\r\n"] * 8 + [b"", b"\r", b"\n", b"\r\nGET / HTTP/1.1\r\n"]),
).map(b"".join)


@settings(max_examples=400)
@given(data=heads, before=st.integers(0, 70), few=st.booleans())
@example(data=b"", before=0, few=False)
@example(data=GET, before=0, few=True)
def test_heads(data: bytes, before: int, few: bool) -> None:
    with reading() as both:
        both.read(data, bytes(before), names=FEW_NAMES if few else NAMES)


NICE = st.tuples(
    st.sampled_from([b"Host", b"Accept", b"Connection", b"Range", b"X-Other", b"X", b"Cookie"]),
    st.integers(1, 120),
    st.sampled_from([b"v", b"\xc3", b"/"]),
)


@given(
    parts=st.lists(NICE, max_size=12, unique_by=lambda part: part[0]),
    target=st.sampled_from([b"/", b"/a.html", b"/a?b=c", b"*"]),
    size=st.integers(0, 90),
)
def test_nice_heads_are_read(
    parts: Sequence[tuple[bytes, int, bytes]], target: bytes, size: int
) -> None:
    lines = [name + b": " + byte * count for name, count, byte in parts]
    target += b"x" * size
    with reading() as both:
        assert both.read(head_of(*lines, start=b"GET " + target + b" HTTP/1.1"))


# --- what stands behind ---------------------------------------------------------------------


def without_meaning(chance: random.Random, data: bytes, end: int) -> Iterable[bytes]:
    """What may lie behind the zeros: the rest of the head, another one, or anything."""
    yield data[end + STOP :]
    yield GET * 3
    yield b"\r\n\r\n" * 50
    yield chance.randbytes(300)


@settings(max_examples=150)
@given(data=heads, cut=st.integers(0, 1 << 12), chance=st.randoms(use_true_random=False))
def test_what_was_not_received_is_of_no_matter(
    data: bytes, cut: int, chance: random.Random
) -> None:
    """Zeros are all that may be seen; bytes of an earlier request may lie behind them."""
    end = cut % (len(data) + 1)
    with reading() as both:
        alone = both.read(data[:end])
        meaning = both.quick.head() + both.quick.buffer.bytes(Buffer.request.firsts)
        for behind in without_meaning(chance, data, end):
            assert both.read(data[:end], behind=bytes(STOP) + behind) == alone
            after = both.quick.head() + both.quick.buffer.bytes(Buffer.request.firsts)
            assert after == meaning
