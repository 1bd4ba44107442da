"""A whole image, judged by the program that it was made of."""

from __future__ import annotations

import re
from typing import Never

import pytest

from svc0.a64 import *
from svc0.image.elf import HEADERS, executable
from svc0.image.layout import lay_out
from svc0.kernel import calls
from svc0.kernel.constants import AF_INET, MSG_NOSIGNAL, SOCK_STREAM
from svc0.kernel.structs import IoVector, MessageHeader
from svc0.machine import Fault, MachineError
from svc0.machine.emulator import Emulator


class Letters(Struct):
    """What is sent in two pieces."""

    first: u8 = array(8)
    second: u8 = array(8)


ROOM = Bss(64, name="ROOM")
LETTERS = Bss(Letters, name="LETTERS")
ABSENT = 9


@routine
def good() -> Never:
    """Write to a variable and to the stack, look at what the kernel left, and end."""
    ldr(x9, [sp])
    adr(x10, ROOM)
    str_(x9, [x10, 56])
    ldr(w0, [x10, 60])
    calls.exit()


@routine
def beyond() -> Never:
    """Read one byte behind a variable."""
    adr(x10, ROOM)
    mov(x9, 64)
    ldrb(w0, [x10, x9])
    calls.exit()


@routine
def closed() -> Never:
    """Close what is not open."""
    mov(w0, ABSENT)
    calls.close()
    mov(w0, 0)
    calls.exit()


@routine
def unread() -> Never:
    """Use bytes that a read did not fill."""
    bl(read_nothing)
    calls.exit()


@routine
def read_nothing() -> w0:
    """The second byte of an input that has none."""
    with frame(room=16):
        mov(w0, 0)
        mov(x1, sp)
        mov(x2, 16)
        calls.read()
        ldrb(w0, [sp, 1])
    ret()


def sending(length: int, *, header: bool = True) -> Routine:
    """A routine that sends so many bytes of a piece, and leaves a piece of its header unwritten."""

    @routine
    def send() -> Never:
        """Send on a socket that nobody has connected."""
        bl(send_pieces)
        mov(w0, 0)
        calls.exit()

    @routine
    def send_pieces() -> None:
        """Nothing is written where the kernel does not look."""
        with frame(room=MessageHeader.size + 2 * IoVector.size):
            mov(w0, AF_INET)
            mov(w1, SOCK_STREAM)
            mov(w2, 0)
            calls.socket()
            mov(x1, sp)
            add(x9, x1, MessageHeader.size)
            adr(x10, LETTERS)
            add(x11, x10, Letters.first)
            mov(x12, length)
            stp(x11, x12, [x9, IoVector.base])
            add(x11, x10, Letters.second)
            mov(x12, 8)
            stp(x11, x12, [x9, IoVector.size + IoVector.base])
            str_(xzr, [x1, MessageHeader.address])
            str_(wzr, [x1, MessageHeader.address_size])
            str_(x9, [x1, MessageHeader.vectors])
            mov(x9, 2)
            if header:
                str_(x9, [x1, MessageHeader.vectors_count])
            str_(xzr, [x1, MessageHeader.control])
            str_(xzr, [x1, MessageHeader.control_size])
            mov(w2, MSG_NOSIGNAL)
            calls.sendmsg()  # w0 is the socket still
        ret()

    return send


def run(entry: Routine, judge: Routine | None = None) -> int:
    """Its status, in an emulator that judges it by the program of another, if that is given."""
    image = executable(lay_out(entry, headers=HEADERS))
    program = lay_out(judge or entry, headers=HEADERS)
    process = Emulator(program=program).process(image, ["guest"], {})
    try:
        return process.run()
    finally:
        for number in set(process.descriptors) - {0, 1, 2}:
            process.descriptors.close(number)


def said(entry: Routine) -> str:
    """Why it was stopped."""
    with pytest.raises(Fault) as found:
        run(entry)
    return found.value.reason


def test_what_is_right_goes_on() -> None:
    assert run(good) == 0


def test_an_edge() -> None:
    reason = said(beyond)
    assert re.match(r"test_sanitizer_image\.py:\d+: beyond: ldrb w0, \[x10, x9\]: ", reason)
    assert "reads 1 byte 1 behind the end of ROOM" in reason


def test_a_descriptor_that_is_not_open() -> None:
    assert said(closed).endswith("closed: svc #0: its descriptor is not open")


def test_what_a_read_did_not_fill() -> None:
    assert "of the room of read_nothing was never written" in said(unread)


def test_a_message_in_pieces() -> None:
    assert run(sending(8)) == 0


def test_a_message_of_which_a_piece_is_too_long() -> None:
    assert "reads 9 bytes of which 1 lie behind the end of Letters.first" in said(sending(9))


def test_a_message_with_half_a_header() -> None:
    assert "of the room of send_pieces was never written" in said(sending(8, header=False))


def test_an_image_of_another_program() -> None:
    with pytest.raises(MachineError, match="not made of the program"):
        run(good, beyond)
