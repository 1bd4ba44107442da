"""Numbers: DWARF's integers that take as many bytes as they need, and lengths before contents."""

from __future__ import annotations

from struct import pack

__all__ = ["counted", "sized", "sleb", "uleb"]


def uleb(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a set eighth bit says that there is more.

    >>> uleb(0), uleb(127), uleb(624485)
    (b'\\x00', b'\\x7f', b'\\xe5\\x8e&')
    """
    assert value >= 0, "unsigned"
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def sleb(value: int) -> bytes:
    """The same for negative numbers too: the last byte's seventh bit is the sign.

    >>> sleb(2), sleb(-2), sleb(64), sleb(-129)
    (b'\\x02', b'~', b'\\xc0\\x00', b'\\xff~')
    """
    encoded = bytearray()
    while not -0x40 <= value < 0x40:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value & 0x7F])


def counted(content: bytes) -> bytes:
    """After its own length in as few bytes as that takes."""
    return uleb(len(content)) + content


def sized(content: bytes) -> bytes:
    """After its own length in 32 bits."""
    return pack("<I", len(content)) + content
