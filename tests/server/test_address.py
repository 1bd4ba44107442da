"""Addresses, against Python's ipaddress and the C library's inet_pton."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.kernel.constants import AF_INET, AF_INET6
from svc0.machine.call import caller
from svc0.server.address import (
    ADDRESS_LENGTH_MAX,
    IPV4_SIZE,
    IPV6_SIZE,
    close_gap,
    longest_zeros,
    parse_address,
    parse_ipv4,
    parse_ipv6,
    write_address,
    write_ipv4,
    write_ipv6,
)
from svc0.server.text import INVALID
from tests.server.kernel import family_bytes

quads = st.binary(min_size=4, max_size=4)
group = st.sampled_from([b"\0\0", b"\0\0", b"\0\0", b"\0\1", b"\x0a\0", b"\xff\xff"])
groups = st.lists(group, min_size=8, max_size=8).map(b"".join)
mapped = quads.map(lambda quad: bytes(10) + b"\xff\xff" + quad)
addresses = quads | groups | st.binary(min_size=16, max_size=16) | mapped


def sockaddr(address: bytes, port: int = 0, length: int = 0) -> bytes:
    """As the kernel has it."""
    if len(address) == 4:
        return family_bytes(AF_INET, length) + port.to_bytes(2, "big") + address + bytes(8)
    head = family_bytes(AF_INET6, length) + port.to_bytes(2, "big") + bytes(4)
    return head + address + bytes(4)


def canonical(address: bytes) -> str:
    """RFC 5952; ipaddress writes IPv4 inside of IPv6 so only since Python 3.13."""
    if len(address) == 16 and address[:12] == bytes(10) + b"\xff\xff":
        return f"::ffff:{ipaddress.IPv4Address(address[12:])}"
    return ipaddress.ip_address(address).compressed


def written(where: bytes) -> str:
    """What write_address leaves in room for the longest, and nothing behind it."""
    with caller(write_address) as machine:
        out = machine.place(bytearray(b"?" * ADDRESS_LENGTH_MAX))
        end = machine.call(out, where)
        text = machine.read(out, ADDRESS_LENGTH_MAX)
        assert set(text[end - out :]) <= set(b"?")
        return text[: end - out].decode()


lengths = st.sampled_from([0, IPV4_SIZE, IPV6_SIZE, AF_INET, 255])


@given(address=addresses, port=st.integers(0, 65535), length=lengths)
@example(address=bytes(16), port=0, length=0)
@example(address=bytes(15) + b"\1", port=0, length=0)
@example(address=b"\1" + bytes(15), port=0, length=0)
@example(address=bytes(10) + b"\xff\xff" + bytes(4), port=0, length=0)
@example(address=bytes(10) + b"\xff\xfe" + bytes(4), port=0, length=0)
@example(address=bytes(8) + b"\0\1\xff\xff" + bytes(4), port=0, length=0)
@example(address=b"\0\1" * 8, port=0, length=0)
@example(address=b"\xff" * 16, port=0, length=0)
@example(address=b"\xff" * 4, port=0, length=0)
@example(address=bytes(4) + b"\0\1" + bytes(4) + b"\0\1" + bytes(4), port=0, length=0)
def test_write_address(address: bytes, port: int, length: int) -> None:
    assert written(sockaddr(address, port, length)) == canonical(address)


@pytest.mark.parametrize("length", [0, 2, 10, 28, 30])
def test_other_families(length: int) -> None:
    """On macOS the length before it may be any number, also that of a family."""
    for family in {*range(256)} - {int(AF_INET), int(AF_INET6)}:
        assert written(family_bytes(family, length)) == "-"


def parse(text: str) -> bytes | None:
    """The sockaddr that is made of a text."""
    encoded = text.encode("latin-1")
    out = bytearray(b"?" * IPV6_SIZE)
    size = parse_address(encoded, len(encoded), out)
    if size == INVALID:
        return None
    assert size in (IPV4_SIZE, IPV6_SIZE)
    assert not any(out[size:])
    return bytes(out[:size])


def expected(text: str) -> bytes | None:
    try:
        address = ipaddress.ip_address(text).packed
    except ValueError:
        return None
    return None if "%" in text else sockaddr(address)


@given(address=addresses)
def test_what_is_written_can_be_read(address: bytes) -> None:
    assert parse(canonical(address)) == sockaddr(address)
    assert parse(canonical(address).upper()) == sockaddr(address)
    assert parse(ipaddress.ip_address(address).exploded) == sockaddr(address)


numbers = st.sampled_from(
    ["0", "1", "9", "10", "255", "256", "01", "00", "1000", "", "a", " 1", "-1"]
)
dotted = st.lists(numbers, min_size=3, max_size=5).map(".".join)
hextets = st.sampled_from(["0", "1", "ffff", "00A0", "0001", "12345", "g", ""])
colons = st.lists(hextets, max_size=9).map(":".join)
separated = st.tuples(colons, st.sampled_from(["::", ":", ""]), colons | dotted).map("".join)
garbage = st.text("0123456789abcdefABCDEF:.%", max_size=20)


@given(text=dotted | colons | separated | garbage)
@example(text="")
@example(text=":")
@example(text="::")
@example(text=":::")
@example(text="::1.2.3.4")
@example(text="1:2:3:4:5:6:1.2.3.4")
@example(text="1:2:3:4:5:6:7:1.2.3.4")
@example(text="1:2:3:4:5:6:7::")
@example(text="::2:3:4:5:6:7:8")
@example(text="1:2:3:4:5:6:7:8::")
@example(text="1:2:3:4::5:6:7:8")
@example(text="1:2:3:4:5:6:7:8:")
@example(text=":1:2:3:4:5:6:7:8")
@example(text="1:2:3:4:5:6:7:8:9")
@example(text="1:2:3:4:5:6:7")
@example(text="1::2::3")
@example(text="::1.2.3.4:5")
@example(text="1.2.3.4\0")
@example(text="::%eth0")
@example(text="::1:")
@example(text="[::1]")
def test_parse_address(text: str) -> None:
    """On macOS the length is left to the kernel, which knows it from the call."""
    assert parse(text) == expected(text)


@given(text=dotted | separated | garbage)
def test_the_c_library_agrees(text: str) -> None:
    try:
        family = socket.AF_INET6 if ":" in text else socket.AF_INET
        packed = sockaddr(socket.inet_pton(family, text))
    except OSError:
        packed = None
    if "%" not in text:
        assert parse(text) == packed


# --- its parts -----------------------------------------------------------------------


@given(address=quads)
@example(address=b"\xff" * 4)
@example(address=bytes(4))
def test_write_ipv4(address: bytes) -> None:
    expected = str(ipaddress.IPv4Address(address)).encode()
    out = bytearray(len(expected))
    assert write_ipv4(out, address) % 0x1000 == 0, "it ends where the room does"
    assert out == expected


@given(address=groups | mapped | st.binary(min_size=16, max_size=16))
@example(address=bytes(16))
@example(address=bytes(15) + b"\1")
@example(address=b"\0\1" * 8)
@example(address=b"\xff" * 16)
def test_write_ipv6(address: bytes) -> None:
    expected = canonical(address).encode()
    out = bytearray(len(expected))
    assert write_ipv6(out, address) % 0x1000 == 0, "it ends where the room does"
    assert out == expected


def test_longest_zeros() -> None:
    """Every pattern of groups that are zero and that are not; either byte keeps one from it."""
    for pattern in range(256):
        bits = f"{pattern:08b}"
        runs = ((size, at) for size in range(8, 1, -1) for at in range(9 - size))
        found = next(
            ((at, at + size) for size, at in runs if bits[at : at + size] == "0" * size), None
        )
        for one in (b"\0\1", b"\1\0"):
            text = b"".join(one if bit == "1" else b"\0\0" for bit in bits)
            assert longest_zeros(text) == (found or (8, 8))


def packed(family: int, text: str) -> bytes | None:
    """What the C library makes of a text."""
    try:
        return socket.inet_pton(family, text)
    except OSError:
        return None


@given(text=dotted | garbage | quads.map(canonical))
@example(text="")
@example(text="1.2.3")
@example(text="1.2.3.")
@example(text="1.2.3.4.")
@example(text="255.255.255.255")
def test_parse_ipv4(text: str) -> None:
    out = bytearray(4)
    result = parse_ipv4(text.encode(), len(text), out)
    expected = packed(socket.AF_INET, text)
    assert result == (INVALID if expected is None else 0)
    assert expected in (None, out)


@given(text=colons | separated | garbage | dotted | groups.map(canonical) | mapped.map(canonical))
@example(text="")
@example(text=":")
@example(text="::")
@example(text=":::")
@example(text="1:2:3:4:5:6:1.2.3.4")
@example(text="1:2:3:4:5:6:7:1.2.3.4")
@example(text="1:2:3:4:5:6:7::")
@example(text="::2:3:4:5:6:7:8")
@example(text="1:2:3:4::5:6:7:8")
def test_parse_ipv6(text: str) -> None:
    out = bytearray(b"?" * 16)
    result = parse_ipv6(text.encode(), len(text), out)
    expected = packed(socket.AF_INET6, text)
    assert result == (INVALID if expected is None else 0)
    assert expected in (None, out)


def test_close_gap() -> None:
    """Every gap in every number of bytes."""
    for filled in range(17):
        for gap in range(filled + 1):
            content = bytes(range(1, filled + 1))
            address = bytearray(content.ljust(16, b"\0"))
            close_gap(address, gap, filled)
            assert address == content[:gap] + bytes(16 - filled) + content[gap:]
