"""Unsent: whether a client takes what the kernel holds for it."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.machine.call import caller
from svc0.server.connection import Connection
from svc0.server.unsent import LEAST, UNKNOWN, is_taking, note_taken
from tests.model.site import Directory
from tests.server.kernel import SOCKET, Client
from tests.server.memory import Memory


@routine
def note(connection: x27) -> None:
    """What is noted when a client has taken something."""
    note_taken(connection)
    ret()


sizes = st.integers(0, UNKNOWN) | st.integers(0, 4 * LEAST) | st.none()


@example([0, 0])
@example([1, 1])
@example([3 * LEAST, 2 * LEAST, LEAST, 0])
@example([2 * LEAST, LEAST + 1, 1])
@example([5, 6, 5])
@example([1 << 31, 1, None, 1])
@example([UNKNOWN - LEAST, UNKNOWN])
@example([UNKNOWN - LEAST + 1])
@given(st.lists(sizes, min_size=1))
def test_is_taking(found: list[int | None]) -> None:
    """It is if there is so much less than the last time, and there is something."""
    kernel = Client(Directory())
    with caller(is_taking) as machine:
        connection = Memory(machine, Connection)
        connection[Connection.socket] = SOCKET
        connection[Connection.unsent] = last = UNKNOWN
        for unsent in found:
            kernel.unsent = unsent
            now = unsent or 0
            taking = 0 < now <= last - LEAST
            assert machine.call(int(connection), kernel=kernel) == taking
            assert connection[Connection.unsent] == now
            last = now


def test_note_taken() -> None:
    with caller(note) as machine:
        connection = Memory(machine, Connection)
        connection[Connection.unsent] = 0
        machine.call(int(connection))
        assert connection[Connection.unsent] == UNKNOWN
