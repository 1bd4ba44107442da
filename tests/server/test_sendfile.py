"""Sending files: both kernels say what they took in their own way, and it comes to the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server.sendfile import send_file
from tests.model.site import Directory, File
from tests.server.kernel import SOCKET, Client, Kernel

FILE = 9
OFFSET_MAX = 1 << 62


class Sender(Kernel):
    """A kernel that takes so much of what it is offered, and then says so much of an error.

    Without ``taken`` it tells no count at all.
    """

    def __init__(self, taken: int | None, error: int) -> None:
        super().__init__()
        self.taken, self.error = taken, error
        self.asked: list[tuple[int, int, int, int]] = []
        """Socket, file, offset and count of each call."""

    def sendfile(self, machine: Caller, out: int, file: int, offset: int, count: int) -> int:
        """Linux's: what was taken is the result, and an error comes only where nothing was."""
        start = int.from_bytes(machine.read(offset, 8), "little")
        self.asked.append((out, file, start, count))
        if not self.taken:
            return -self.error
        machine.write(offset, (start + self.taken).to_bytes(8, "little"))
        return self.taken

    def sendfile_counted(
        self, machine: Caller, file: int, out: int, offset: int, count: int, *nothing: int
    ) -> int:
        """Darwin's: what was taken is in memory, also with an error."""
        assert nothing == (0, 0), "headers are sent by themselves"
        self.asked.append((out, file, offset, int.from_bytes(machine.read(count, 8), "little")))
        if self.taken is not None:
            machine.write(count, self.taken.to_bytes(8, "little"))
        return -self.error


def send(kernel: Sender, offset: int, count: int) -> tuple[int, int]:
    """The result, and how far the offset moved; the kernel is asked once, for exactly this."""
    with caller(send_file) as machine:
        at = machine.place(bytearray(offset.to_bytes(8, "little")))
        result = machine.call(SOCKET, FILE, at, count, kernel=kernel)
        moved = int.from_bytes(machine.read(at, 8), "little") - offset
    assert kernel.asked == [(SOCKET, FILE, offset, count)]
    return result, moved


offsets = st.integers(0, OFFSET_MAX)
counts = st.integers(1, OFFSET_MAX)
for_now = st.sampled_from([0, Errno.EAGAIN, Errno.EINTR])
for_good = st.sampled_from(
    [Errno.EPIPE, Errno.ECONNRESET, Errno.EIO, Errno.EBADF, Errno.ENOTCONN, Errno.EINVAL]
)


@given(offset=offsets, count=counts, left=st.just(0) | counts, error=for_now)
def test_what_was_taken_counts(offset: int, count: int, left: int, error: int) -> None:
    """Be it all or a part, with an error or without; the error comes again where nothing is."""
    taken = max(count - left, 1)
    assert send(Sender(taken, error), offset, count) == (taken, taken)


@given(offset=offsets, count=counts, error=for_now)
def test_nothing_was_taken(offset: int, count: int, error: int) -> None:
    """Without an error that is the end of the file."""
    assert send(Sender(0, error), offset, count) == (-error, 0)


@given(offset=offsets, count=counts, error=for_good, told=st.booleans())
def test_what_fails_for_good(offset: int, count: int, error: int, told: bool) -> None:
    """A count that no kernel has written is the one that was asked for, and is not believed."""
    assert send(Sender(0 if told else None, error), offset, count) == (-error, 0)


@pytest.mark.platform("macos")
@given(offset=offsets, count=counts, error=for_good)
def test_a_part_before_the_end(offset: int, count: int, error: int) -> None:
    """Nobody goes on from there, so how much it was does not matter."""
    assert send(Sender(count, error), offset, count) == (-error, 0)


@given(
    content=st.binary(max_size=60),
    first=st.integers(0, 60),
    promised=st.integers(1, 80),
    takes=st.lists(st.integers(1, 30) | st.sampled_from([-Errno.EINTR, -Errno.EAGAIN])),
)
def test_piece_by_piece(content: bytes, first: int, promised: int, takes: list[int]) -> None:
    """Whatever is taken at a time, every byte comes once and in order, up to the end of it."""
    kernel = Client(Directory(), takes=takes)
    kernel.open[FILE] = File(content, 0)
    expected = content[first : first + promised]
    failures = [take for take in takes if take < 0]
    with caller(send_file) as machine:
        at = machine.place(bytearray(first.to_bytes(8, "little")))
        while left := promised - len(kernel.sent):
            before = len(kernel.sent)
            result = machine.call(SOCKET, FILE, at, left, kernel=kernel)
            assert int.from_bytes(machine.read(at, 8), "little") == first + len(kernel.sent)
            assert len(kernel.sent) == before + max(result, 0)
            if result < 0:
                assert result == failures.pop(0)
            if result == 0:
                break
    assert kernel.sent == expected, "and 0 is the end of the file"
