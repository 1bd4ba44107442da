"""Parts of what is kept: byte for byte what the long way and the model say, or not for here."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.machine.call import caller
from svc0.server.connection import Buffer, Connection
from svc0.server.limits import OUTPUT_MAX
from svc0.server.parts import (
    DASH,
    DIGITS_MAX,
    END,
    OTHER,
    PART_MAX,
    PART_ROOM,
    TEXTS,
    make_number,
    read_number,
    read_zero,
)
from svc0.server.ranges import UNSATISFIABLE
from svc0.server.response import SENT, let_go
from svc0.server.settings import LogFormat
from svc0.server.shortcut import BEGUN, NOT_HERE, QUEUED, answer_shortly, send_batch
from svc0.server.text import PAIRS
from svc0.server.workspace import BATCH_MAX, Workspace
from tests.model.conditions import validators
from tests.model.site import Directory, File
from tests.server.memory import lay_shelves
from tests.server.test_ranges import expected, values
from tests.server.test_shortcut import (
    NOW,
    OLD,
    Serving,
    check_taken,
    head_of,
    look_up,
    serving,
)

SIZES = [0, 1, 9, 10, 11, 99, 100, 101, 1000, 1001, 4095, 4096, 4097, 9999, 10_000, 72_704]
NAMES = ["docx", "txt", "webmanifest", "x"]
"""What a file may be called: of the longest type, with a charset, and of none."""

CONTENT = bytes(number * 167 >> 3 & 0xFF for number in range(max(SIZES)))
FILES = {
    b"%d.%s" % (size, NAMES[number % len(NAMES)].encode()): File(CONTENT[:size], OLD)
    for number, size in enumerate(SIZES)
} | {b"big": File(CONTENT + b"more than is kept", OLD)}
NAME = next(name for name in FILES if name.startswith(b"4097."))
PART = head_of(b"/" + NAME, b"Range: bytes=17-40\r\n")
SITE = Directory({name: file for name, file in FILES.items()})

plain = st.integers(0, 12) | st.integers(0, 10**9 - 1) | st.sampled_from(SIZES)
near = st.tuples(st.sampled_from(SIZES), st.integers(-2, 2)).map(lambda pair: max(sum(pair), 0))
number = (plain | near).map(lambda n: b"%d" % n)
asked = st.one_of(
    st.tuples(number, number).map(lambda pair: b"bytes=" + b"-".join(pair)),
    st.tuples(plain | near, st.integers(0, 9) | st.sampled_from([PART_MAX - 1, PART_MAX])).map(
        lambda pair: b"bytes=%d-%d" % (pair[0], sum(pair))
    ),
    number.map(lambda first: b"bytes=" + first + b"-"),
    number.map(lambda last: b"bytes=-" + last),
    values,
)


# --- numbers ------------------------------------------------------------------------------


@routine
def make_four(number: x0) -> tuple[x0, x1]:
    """The text of a number of up to four digits, as the size of a part is written; and its size."""
    adr(x15, PAIRS)
    mov(x16, 100)
    make_number(number, x15, x16, 4)
    mov(x0, x11)
    mov(x1, 4)
    sub(x1, x1, x10, lsr(3))
    ret()


@routine
def make_six(number: x0) -> tuple[x0, x1]:
    """The text of a number of up to six digits, as the place of its first byte is."""
    adr(x15, PAIRS)
    mov(x16, 100)
    make_number(number, x15, x16, 6)
    mov(x0, x11)
    mov(x1, 6)
    sub(x1, x1, x10, lsr(3))
    ret()


@routine
def number_behind(text: x0) -> tuple[x0, x1, w2]:
    """The number, how many bytes were passed, and what is behind it; 0, 0, 0 if none is there."""
    none, zero, read = label(), label(), label()

    mov(x3, text)
    mov(x5, 10)
    adr(x9, TEXTS)
    done = read_number(x4, x3, x2, x5, zero)
    b(read)

    here(zero)
    read_zero(x4, x3, x2, done, none)

    here(read)
    sub(x1, x3, text)
    mov(x0, x4)
    ret()

    here(none)
    mov(x0, 0)
    mov(x1, 0)
    mov(w2, 0)
    ret()


@given(number=st.integers(1, 9999) | st.sampled_from([1, 9, 10, 99, 100, 999, 1000, 9999]))
def test_a_number_of_four_digits(number: int) -> None:
    with caller(make_four) as machine:
        text, size = machine.call(number)
        assert text.to_bytes(8, "little")[:size] == b"%d" % number


@given(number=st.integers(0, 10**6 - 1) | st.builds(pow, st.just(10), st.integers(0, 5)))
@example(number=0)
def test_a_number_of_six_digits(number: int) -> None:
    with caller(make_six) as machine:
        text, size = machine.call(number)
        assert text.to_bytes(8, "little")[:size] == b"%d" % number


BEHIND = {ord("-"): DASH, ord("\r"): END}


@given(number=st.integers(0, 10**18 - 1) | st.integers(0, 12), end=st.integers(0, 255))
def test_a_number_is_read(number: int, end: int) -> None:
    """Whatever stands behind it; a number that begins with zero ends there."""
    text = b"%d" % number
    if end in b"0123456789" and number:
        end = ord("-")
    said = BEHIND.get(end, end - ord("0") if end in b"0123456789" else OTHER)
    expected = (number, len(text) + 1, said)
    assert number_behind(text + bytes([end])) == expected


@given(first=st.integers(0, 255).filter(lambda byte: byte not in b"0123456789"))
def test_no_number_is_read(first: int) -> None:
    assert number_behind(bytes([first])) == (0, 0, 0)


# --- answers ------------------------------------------------------------------------------


@contextmanager
def knowing(form: LogFormat = LogFormat.COMMON) -> Generator[Serving]:
    """A worker that has all these files."""
    with serving(form) as server:
        lay_shelves(server.machine, len(FILES))
        server.tree.site = SITE
        server.worker[Workspace.epoch] = server.worker[Workspace.changed] = 1001
        for name in FILES:
            for _ in range(2):
                server.ask(head_of(b"/" + name))
                server.do(look_up)
                server.do(let_go)
        yield server


def is_for_here(value: bytes, size: int) -> bool:
    """Whether a Range is one that the short way has to answer, of a file that is kept."""
    match = re.fullmatch(rb"bytes=(0|[1-9][0-9]*)?-(0|[1-9][0-9]*)?", value)
    if not match or len(value) > len("bytes=-") + 2 * DIGITS_MAX:
        return False
    first, last = expected(value, size)
    return first == UNSATISFIABLE or (first >= 0 and last - first < PART_MAX)


def long_way(server: Serving, head: bytes) -> bytes:
    """What the long way answers."""
    server.ask(head)
    server.do(look_up)
    answer = server.left
    server.do(let_go)
    return answer


def check_range(server: Serving, name: bytes, value: bytes, fields: bytes = b"") -> int:
    """One request with a Range: if it is answered here, then as the long way would have."""
    head = head_of(b"/" + name, b"Range: " + value + b"\r\n" + fields)
    server.ask(head)
    before = server.image()
    said = server.do(answer_shortly)
    if said == BEGUN:
        server.do(let_go)
    elif said == NOT_HERE:
        assert server.image() == before
    else:
        [answer] = server.waiting
        body = answer.partition(b"\r\n\r\n")[2]
        status = int(answer.split()[1])
        assert server.connection[Connection.sent] == len(body)
        assert server.connection[Connection.status] == status
        line = b'"GET /%s HTTP/1.1" %d %d' % (name, status, len(body))
        assert [each.partition(b"] ")[2] for each in server.log] == [line]
        assert server.do(send_batch) == SENT
        assert answer == bytes(server.tree.sent) == long_way(server, head)
    assert not server.pins
    return said


@settings(max_examples=15)
@given(
    requests=st.lists(st.tuples(st.sampled_from(sorted(FILES)), asked), min_size=20, max_size=30)
)
@example(
    requests=[
        (name, value)
        for name, file in FILES.items()
        for size in [len(file.content)]
        for value in (
            *(b"bytes=0-0", b"bytes=0-", b"bytes=-1", b"bytes=%d-" % (size // 2)),
            *(b"bytes=%d-%d" % (size - 1, size - 1), b"bytes=%d-%d" % (size - 1, size)),
            *(b"bytes=%d-" % size, b"bytes=%d-%d" % (size, size), b"bytes=-%d" % size),
            *(b"bytes=-%d" % (size + 1), b"bytes=%d-" % max(size - PART_MAX, 0)),
            *(b"bytes=%d-" % max(size - PART_MAX - 1, 0), b"bytes=-0", b"bytes=-00"),
            *(b"bytes=00-1", b"bytes=0-01", b"bytes=2-1", b"bytes=99999-2", b"bytes=2-1,4-5"),
            *(b"bytes=%d-%d" % (size + 2, size + 1), b"bytes=-", b"bytes=3", b"bytes=", b"x"),
            *(b"bytes=1-99999999", b"bytes=0-18446744073709551616", b"bytes=0x-1", b"bytes=0-1x"),
            *(b"bytes=18446744073709551616-", b"bytes=-18446744073709551617", b"bytes=-1x"),
            *(b"Bytes=0-1", b"\tbytes=0-1", b"bytes= 0-1", b"bytes=-%d" % PART_MAX),
            *(b"bytes=0-%d" % (PART_MAX - 1), b"bytes=0-%d" % PART_MAX, b"bytes=1,2", b"bytes=0:"),
        )
    ]
)
def test_what_is_asked_for(requests: list[tuple[bytes, bytes]]) -> None:
    """Of files of all sizes; and whatever is plainly one range of a kept file is answered here."""
    with knowing() as server:
        for name, value in requests:
            said = check_range(server, name, value)
            if name != b"big" and is_for_here(value, len(FILES[name].content)):
                assert said == QUEUED, (name, value)
            if name == b"big":
                assert said != QUEUED


def test_only_if_it_is_the_same() -> None:
    """If-Range with the entity-tag is for here; what else comes with a Range is not, nor HEAD."""
    tag = bytes(validators(FILES[NAME], NOW).tag)
    with knowing() as server:
        for fields, said in {
            b"If-Range: " + tag + b"\r\n": QUEUED,
            b"If-Range: " + tag[:-2] + b'x"\r\n': BEGUN,
            b"If-Range: W/" + tag + b"\r\n": BEGUN,
            b"If-Match: " + tag + b"\r\n": BEGUN,
            b"If-None-Match: " + tag + b"\r\n": BEGUN,
            b"Range: bytes=1-2\r\n": NOT_HERE,
        }.items():
            assert check_range(server, NAME, b"bytes=1-20", fields) == said
        for condition in b"", b"If-Range: " + tag + b"\r\n":
            head = head_of(b"/" + NAME, b"Range: bytes=1-20\r\n" + condition, b"HEAD")
            server.ask(head)
            assert server.do(answer_shortly) == QUEUED
            [answer] = server.waiting
            assert server.do(send_batch) == SENT
            assert answer == long_way(server, head)


def test_there_is_no_such_part() -> None:
    """416 as the long way says it, also as JSON; but not behind others, nor of a file kept open."""
    with knowing() as server:
        for accept in b"", b"Accept: application/json\r\n":
            assert check_range(server, NAME, b"bytes=4097-", accept) == QUEUED
        server.ask(PART + head_of(b"/" + NAME, b"Range: bytes=-0\r\n"))
        assert server.queue_all() == 1
        assert server.do(send_batch) == SENT
        assert check_range(server, b"big", b"bytes=99999-") == BEGUN


@pytest.mark.parametrize("form", LogFormat)
def test_what_the_log_says(form: LogFormat) -> None:
    with knowing(form) as server:
        server.ask(head_of(b"/" + NAME, b"Range: bytes=3997-\r\n"))
        assert server.do(answer_shortly) == QUEUED
        if form == LogFormat.JSON:
            [line] = map(json.loads, server.log)
            assert (line["status"], line["bytes"]) == (206, 100)
        elif form != LogFormat.NONE:
            [text] = server.log
            assert b' HTTP/1.1" 206 100' in text
        assert server.do(send_batch) == SENT


# --- several, of which the kernel takes less -----------------------------------------------

LARGE = head_of(b"/" + NAME, b"Range: bytes=1-%d\r\n" % PART_MAX)


def test_splits_of_two_parts() -> None:
    """Whatever the kernel takes: of the first part, of what lies between, of the second."""
    heads = [PART, head_of(b"/" + NAME, b"Range: bytes=-9\r\n")]
    with knowing() as server:
        server.ask(b"".join(heads))
        assert server.queue_all() == 2
        data = b"".join(server.waiting)
        ends = [match.end() for match in re.finditer(rb"\r\n\r\n", data)]
        ends += [0, data.index(b"HTTP/", 1), len(data)]
        places = {end + near for end in ends for near in range(-17, 18)} | {*range(0, len(data), 7)}
        assert server.do(send_batch) == SENT
        for taken in sorted(place for place in places if 0 < place <= len(data)):
            server.ask(b"".join(heads))
            assert server.queue_all() == 2
            check_taken(server, heads, taken)
            server.do(let_go)


def test_parts_among_others() -> None:
    """Each is where no other is, however many wait before it; and they leave in their order."""
    whole = head_of(b"/" + next(iter(FILES)))
    with knowing() as server:
        for pattern in ("pwp", "wp", "wwwp", "pwwwpp", "ppp", "LpLwL"):
            heads = [{"p": PART, "w": whole, "L": LARGE}[letter] for letter in pattern]
            server.ask(b"".join(heads))
            assert server.queue_all() == len(heads)
            answers = server.waiting
            assert server.do(send_batch) == SENT
            assert bytes(server.tree.sent) == b"".join(answers)
            assert answers == [long_way(server, head) for head in heads]


def test_as_many_parts_as_there_is_room_for() -> None:
    """One more has to go the long way, and those before it leave first."""
    with knowing() as server:
        answer = long_way(server, LARGE)
        heads = LARGE * BATCH_MAX
        server.ask(heads)
        count = server.queue_all()
        assert count < BATCH_MAX
        assert OUTPUT_MAX - 2 * PART_ROOM < count * len(answer) < OUTPUT_MAX
        assert server.waiting == [answer] * count
        assert server.do(send_batch) == SENT
        assert server.buffer[Buffer.start] == count * len(LARGE)
        server.do(look_up)
        assert server.left == answer
        server.do(let_go)
