"""Macros, in routines that are made for them."""

from __future__ import annotations

import pytest

from svc0.a64 import *
from svc0.machine.call import caller
from svc0.server.macros import STEP, constant, point, put

TEXTS = [bytes(range(1, size + 1)) for size in (0, 1, 15, 16, 17, 31, 32, 33, 100)]


def putting(text: bytes) -> Routine:
    @routine
    def put_it(out: x0) -> x0:
        """Write a constant; leaves where it ended."""
        put(out, text)
        ret()

    return put_it


@pytest.mark.parametrize("text", TEXTS, ids=len)
def test_put(text: bytes) -> None:
    """The text is there, and at most a step less one byte is touched behind it."""
    with caller(putting(text)) as machine:
        out = machine.place(bytearray(b"\xee" * (len(text) + 2 * STEP)))
        assert machine.call(out) == out + len(text)
        content = machine.read(out, len(text) + 2 * STEP)
    assert content[: len(text)] == text
    assert content[len(text) + STEP - 1 :] == b"\xee" * (STEP + 1)


def test_constants_are_made_once() -> None:
    assert constant(b"a") is constant(b"a")
    assert bytes(constant(b"a")) == b"a" + bytes(STEP - 1)
    assert constant(b"x" * STEP).align == STEP


@pytest.mark.parametrize("field", [0, 8, 4095, 4096, 4097, 65535, 65536, 1 << 20, 123_456])
def test_point(field: int) -> None:
    @routine
    def pointed(base: x1) -> x0:
        """The address of a field."""
        point(x0, base, field)
        ret()

    assert pointed(1 << 40) == (1 << 40) + field


def test_point_needs_its_base() -> None:
    @routine
    def pointed(base: x0) -> x0:
        """The offset would be where the base was."""
        point(x0, base, 5000)
        ret()

    with pytest.raises(AssertionError, match="overwrite"):
        pointed(0)
