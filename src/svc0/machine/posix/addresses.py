"""Socket addresses behind their first two bytes, which are the same everywhere."""

from __future__ import annotations

import errno
import socket
import struct

from ..world import Address, failure

SOCKADDR_IN = struct.Struct(">H4s8x")
SOCKADDR_IN6 = struct.Struct(">HI16s")


def unpack(rest: bytes, family: int) -> Address:
    """An address of the host's family."""
    if family == socket.AF_UNIX:
        # An abstract name is all of its bytes; a path ends at the first zero.
        return rest if rest.startswith(b"\0") else rest.partition(b"\0")[0]
    try:
        if family == socket.AF_INET:
            port, host = SOCKADDR_IN.unpack(rest[: SOCKADDR_IN.size])
            return socket.inet_ntop(family, host), port
        port, flow, host = SOCKADDR_IN6.unpack_from(rest)
        scope = int.from_bytes(rest[22:26], "little")
        return socket.inet_ntop(family, host), port, flow, scope
    except struct.error:
        raise failure(errno.EINVAL) from None


def pack(address: Address, family: int) -> bytes:
    if isinstance(address, bytes):
        ends_with_zero = address and not address.startswith(b"\0")
        return address + (b"\0" if ends_with_zero else b"")
    host = socket.inet_pton(family, address[0].partition("%")[0])
    if len(address) == 2:
        return SOCKADDR_IN.pack(address[1], host)
    numbers = SOCKADDR_IN6.pack(address[1], address[2], host)
    return numbers + address[3].to_bytes(4, "little")
