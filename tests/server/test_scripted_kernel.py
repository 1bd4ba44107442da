"""The scripted kernel itself: what routines are told by it that no routine here has asked for."""

from __future__ import annotations

import pytest

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import MSG_NOSIGNAL
from svc0.kernel.errors import Errno
from svc0.kernel.structs import IoVector, MessageHeader
from svc0.machine.call import CallError, caller
from tests.model.site import Directory, File
from tests.server.kernel import SOCKET, Client, told_by_inotify


class Pieces(Struct):
    """A message of two pieces, one of which lies beside the other."""

    first: u8 = array(4)
    second: u8 = array(4)


PIECES = Bss(Pieces, name="PIECES")


@routine
def send_both(length: x0) -> x0:
    """Send two pieces, of which the first is so long."""
    with frame(room=MessageHeader.size + 2 * IoVector.size):
        mov(x1, sp)
        add(x9, x1, MessageHeader.size)
        adr(x10, PIECES)
        add(x11, x10, Pieces.first)
        stp(x11, x0, [x9, IoVector.base])
        add(x11, x10, Pieces.second)
        mov(x12, 4)
        stp(x11, x12, [x9, IoVector.size + IoVector.base])
        stp(xzr, xzr, [x1, MessageHeader.address])
        mov(x12, 2)
        stp(x9, x12, [x1, MessageHeader.vectors])
        stp(xzr, xzr, [x1, MessageHeader.control])
        mov(w0, SOCKET)
        mov(w2, MSG_NOSIGNAL)
        calls.sendmsg()
    ret()


@routine
def read_at(file: w0, data: x1, size: x2, offset: x3) -> x0:
    """Just the call."""
    with frame():
        calls.pread()
    ret()


@pytest.mark.parametrize("taken", [0, 5, 8, -Errno.EAGAIN])
def test_a_message_is_taken_in_part(taken: int) -> None:
    kernel = Client(Directory({}), takes=[int(taken)])
    with caller(send_both) as machine:
        machine.write(machine.address(PIECES), b"whatever")
        assert machine.call(4, kernel=kernel) == taken
    assert kernel.sent == b"whatever"[: max(0, int(taken))]


def test_a_piece_must_not_reach_into_the_next() -> None:
    with caller(send_both) as machine:
        machine.write(machine.address(PIECES), b"whatever")
        with pytest.raises(CallError, match=r"reads 5 bytes of which 1 lie behind .*Pieces\.first"):
            machine.call(5, kernel=Client(Directory({})))


@pytest.mark.parametrize(
    ("offset", "gives", "expected"),
    [(0, [], b"0123"), (8, [], b"89"), (10, [], b""), (1, [2], b"12"), (0, [-Errno.EIO], None)],
)
def test_a_file_is_read_where_it_is_asked_for(
    offset: int, gives: list[int], expected: bytes | None
) -> None:
    kernel = Client(Directory({}), gives=map(int, gives))
    kernel.open[101] = File(b"0123456789", 0)
    with caller(read_at) as machine:
        room = machine.place(bytes(4))
        result = machine.call(101, room, 4, offset, kernel=kernel)
        assert result == (-Errno.EIO if expected is None else len(expected))
        assert machine.read(int(room), 4).startswith(expected or b"")


def test_what_inotify_tells() -> None:
    assert told_by_inotify(-1, 0x4000) == b"\xff" * 4 + bytes([0, 0x40]) + bytes(10)
    with_name = told_by_inotify(7, 0x100, b"a" * 16)
    assert len(with_name) == 16 + 32
    assert with_name[12:16] == (32).to_bytes(4, "little")
