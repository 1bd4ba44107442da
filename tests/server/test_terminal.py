"""The line on standard error: what is said is on it, in order, and it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import terminal
from svc0.server.terminal import LINE, LINE_MAX, Line
from tests.server.kernel import Kernel
from tests.server.memory import Memory
from tests.server.process import reason


@routine
def put_and_end(text: x0, size: x1) -> None:
    """Two texts, a name, a number, a reason, a constant; and the end of the line."""
    length = x19

    with frame(length):
        mov(length, size)
        bl(terminal.append)
        terminal.say(" = ")
        mov(x0, length)
        bl(terminal.append_number)
        bl(terminal.end_line)
    ret()


class Person(Kernel):
    """Who looks at standard error."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []

    def write(self, machine: Caller, file: int, data: int, size: int) -> int:
        assert file == 2
        self.lines.append(machine.read(data, size))
        return size


def line(machine: Caller) -> bytes:
    """What is on the line so far."""
    now = Memory(machine, Line, machine.address(LINE))
    return now.bytes(Line.text, now[Line.used])


texts = st.binary(max_size=40) | st.integers(LINE_MAX - 20, LINE_MAX + 20).map(lambda n: b"x" * n)


@given(given_texts=st.lists(texts, max_size=4))
def test_append(given_texts: list[bytes]) -> None:
    with caller(terminal.append) as machine:
        for text in given_texts:
            machine.call(text, len(text))
        assert line(machine) == b"".join(given_texts)[:LINE_MAX]


@given(given_texts=st.lists(texts, min_size=1, max_size=3))
def test_every_line_ends_and_the_next_is_a_new_one(given_texts: list[bytes]) -> None:
    person = Person()
    with caller(put_and_end) as machine:
        for text in given_texts:
            machine.call(text, len(text), kernel=person)
    expected = [(text + b" = %d" % len(text))[:LINE_MAX] + b"\n" for text in given_texts]
    assert person.lines == expected


@given(name=st.binary(max_size=3000).map(lambda text: text.replace(b"\0", b"")))
def test_append_name(name: bytes) -> None:
    assert terminal.length_of(name + b"\0") == len(name)
    with caller(terminal.append_name) as machine:
        machine.call(name + b"\0")
        assert line(machine) == name[:LINE_MAX]


@given(number=st.integers(0, 2**64 - 1))
def test_append_number(number: int) -> None:
    with caller(terminal.append_number) as machine:
        machine.call(number)
        assert line(machine) == str(number).encode()


@pytest.mark.parametrize("name", [name for name in vars(Errno) if name.startswith("E")])
def test_append_reason(name: str) -> None:
    """Words for what people meet, the platform's own number for the rest."""
    error: int = getattr(Errno, name)
    with caller(terminal.append_reason) as machine:
        machine.call(-error)
        said = line(machine).decode()
    assert said == reason(error)


def test_reasons_are_words() -> None:
    """Errors with other numbers on each platform are the same words on both."""
    assert reason(Errno.EADDRINUSE) == "the port is taken"
    assert reason(Errno.EADDRNOTAVAIL) == "the address is not one of this machine's"
    assert reason(Errno.EIO) == "error 5"
