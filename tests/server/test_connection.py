"""What a connection remembers, and how it forgets a request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from svc0.machine.call import caller
from svc0.server.connection import Buffer, forget_request
from svc0.server.limits import INPUT_MAX
from tests.server.memory import Memory


@given(start=st.integers(0, INPUT_MAX))
def test_forget_request(start: int) -> None:
    """All that the last request meant is gone; the bytes and what is around it are not."""
    with caller(forget_request) as machine:
        buffer = Memory(machine, Buffer)
        machine.write(buffer.address, b"\xee" * Buffer.size)
        buffer[Buffer.start] = start
        buffer[Buffer.received] = INPUT_MAX
        machine.call(int(buffer))
        for field in (Buffer.start, Buffer.cursor, Buffer.scanned):
            assert buffer[field] == start
        assert buffer[Buffer.received] == INPUT_MAX
        known = Buffer.request.firsts - Buffer.request
        assert not any(buffer.bytes(Buffer.request, known)), "seen and further say what is known"
        rest = Buffer.size - Buffer.request.firsts
        assert buffer.bytes(Buffer.request.firsts, rest) == b"\xee" * rest
        before = int(Buffer.start)
        assert buffer.bytes(Buffer.next, before) == b"\xee" * before
