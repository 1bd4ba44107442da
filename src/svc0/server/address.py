"""Addresses: of the network, as people write them and as the kernel wants them.

    127.0.0.1                   IPv4: four numbers, no zeros before them
    2001:db8::1                 IPv6: RFC 4291 is read, RFC 5952 written
    ::ffff:192.0.2.1            IPv4 inside of IPv6

The text of RFC 5952 is the only one of an address: lower case, no zeros before
a group, ``::`` for the longest run of two or more groups of zeros, the first of
equally long ones.
"""

from svc0.a64 import *
from svc0.kernel.constants import AF_INET, AF_INET6
from svc0.kernel.structs import SocketAddress

from .text import INVALID, LOWER, write_decimal, write_hex

IPV4_SIZE, IPV6_SIZE = 16, sizeof(SocketAddress)
"""Bytes of a sockaddr_in and of a sockaddr_in6."""
assert IPV6_SIZE == 16 + 8 + 4, "how parse_address clears it"

IPV4_LENGTH_MAX = len("255.255.255.255")
ADDRESS_LENGTH_MAX = len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
assert len("::ffff:255.255.255.255") <= ADDRESS_LENGTH_MAX

BYTES = 16
GROUPS = 8
NO_GAP = -1

MAPPED = 0xFFFF
"""The sixth group of IPv4 inside of IPv6; the five before it are zeros."""


# --- writing ------------------------------------------------------------------------


@routine
def write_ipv4(out: x0, address: x1) -> x0:
    """Write four bytes as a dotted quad, IPV4_LENGTH_MAX bytes at most; the address after it.

    >>> out = bytearray(9)
    >>> end = write_ipv4(out, bytes([127, 0, 0, 1]))
    >>> out
    bytearray(b'127.0.0.1')
    """
    next_byte, left = x19, x20

    with frame(next_byte, left) as leave:
        mov(next_byte, address)
        mov(left, 4)

        again = here()
        ldrb(w1, [next_byte], 1)
        bl(write_decimal)
        sub(left, left, 1)
        cbz(left, leave)
        mov(w9, ord("."))
        strb(w9, [x0], 1)
        b(again)

    ret()


@routine
def longest_zeros(groups: x0) -> tuple[x0, x1]:
    """Where in eight groups of two bytes the longest run of zeros begins, and where it ends.

    The first of equally long ones; a run of one group is none, and is GROUPS, GROUPS.

    >>> longest_zeros(bytes.fromhex("2001 0db8 0000 0000 0001 0000 0000 0001"))
    (2, 4)
    """
    at, first, best, best_end, best_size, group = x9, x10, x11, x12, x13, x14
    counted, other = label(), label()
    mov(at, 0)
    mov(best, GROUPS)
    mov(best_end, GROUPS)
    mov(best_size, 1)

    run = here()
    mov(first, at)

    again = here()
    cmp(at, GROUPS)
    b.hs(counted)
    ldrh(group.w, [groups, at, lsl(1)])
    cbnz(group.w, counted)
    add(at, at, 1)
    b(again)

    here(counted)
    sub(group, at, first)
    cmp(group, best_size)
    b.ls(other)
    mov(best, first)
    mov(best_end, at)
    mov(best_size, group)

    here(other)
    add(at, at, 1)
    cmp(at, GROUPS)
    b.lo(run)
    mov(x0, best)
    mov(x1, best_end)
    ret()


@routine
def write_ipv6(out: x0, address: x1) -> x0:
    """Write sixteen bytes as RFC 5952 does, ADDRESS_LENGTH_MAX bytes at most; the address after it.

    >>> out = bytearray(11)
    >>> end = write_ipv6(out, bytes.fromhex("20010db8 00000000 00000000 00000001"))
    >>> out
    bytearray(b'2001:db8::1')
    """
    groups, at, gap, gap_end, quad_at, start = x19, x20, x21, x22, x23, x24
    group, skip, behind, quad = label(), label(), label(), label()

    with frame(groups, at, gap, gap_end, quad_at, start) as leave:
        mov(start, out)
        mov(groups, address)
        mov(x0, address)
        del out, address
        bl(longest_zeros)
        mov(gap, x0)
        mov(gap_end, x1)
        ldrh(w9, [groups, 10])
        mov(w10, MAPPED)
        cmp(w9, w10)
        ccmp(gap_end, 5, 0, Condition.eq)
        ccmp(gap, 0, 0, Condition.eq)
        mov(x9, 6)
        mov(x10, GROUPS)
        csel(quad_at, x9, x10, Condition.eq)
        mov(at, 0)
        mov(x0, start)

        here(group)
        cmp(at, gap)
        b.eq(skip)
        cmp(at, quad_at)
        b.eq(quad)
        ldrh(w1, [groups, at, lsl(1)])
        rev16(w1, w1)
        bl(write_hex)
        add(at, at, 1)
        cmp(at, GROUPS)
        b.hs(leave)
        mov(w9, ord(":"))
        strb(w9, [x0], 1)
        b(group)

        here(skip)
        mov(w9, ord(":"))
        cbnz(at, behind)  # a group, which has left one colon already
        strb(w9, [x0], 1)

        here(behind)
        strb(w9, [x0], 1)
        mov(at, gap_end)
        cmp(at, GROUPS)
        b.lo(group)
        b(leave)

        here(quad)
        add(x1, groups, 12)
        bl(write_ipv4)

    ret()


@routine
def write_address(out: x0, sockaddr: x1) -> x0:
    """Write who is at the other end, ADDRESS_LENGTH_MAX bytes at most; the address after it.

    What is neither IPv4 nor IPv6 is ``-``.

    >>> out = bytearray(9)
    >>> sockaddr = AF_INET.to_bytes(2, "little") + bytes([0, 80, 127, 0, 0, 1]) + bytes(8)
    >>> end = write_address(out, sockaddr)
    >>> out
    bytearray(b'127.0.0.1')
    """
    family = x9
    ipv4, ipv6 = label(), label()
    ldrb(family.w, [sockaddr, SocketAddress.family])
    cmp(family.w, AF_INET)
    b.eq(ipv4)
    cmp(family.w, AF_INET6)
    b.eq(ipv6)
    mov(family.w, ord("-"))
    strb(family.w, [out], 1)
    ret()

    here(ipv4)
    add(x1, sockaddr, SocketAddress.ipv4)
    b(write_ipv4)

    here(ipv6)
    add(x1, sockaddr, SocketAddress.ipv6)
    b(write_ipv6)


# --- reading ------------------------------------------------------------------------


@routine
def parse_ipv4(text: x0, length: x1, out: x2) -> x0:
    """Put the four bytes of a dotted quad at out: 0; or INVALID, with some of them written.

    >>> out = bytearray(4)
    >>> parse_ipv4(b"192.0.2.1", 9, out), out.hex("."), parse_ipv4(b"192.0.2.01", 10, out)
    (0, 'c0.00.02.01', -1)
    """
    left, value, digits, digit, ten = x9, x10, x11, x12, x13
    first, over, broken, done = label(), label(), label(), label()
    mov(left, 4)
    mov(ten.w, 10)

    number = here()
    mov(value, 0)
    mov(digits, 0)

    again = here()
    cbz(length, over)
    ldrb(digit.w, [text])
    sub(digit.w, digit.w, ord("0"))
    cmp(digit.w, 9)
    b.hi(over)
    add(text, text, 1)
    sub(length, length, 1)
    cbz(digits, first)
    cbz(value, broken)  # a zero with digits after it, which others read as octal

    here(first)
    add(digits, digits, 1)
    madd(value.w, value.w, ten.w, digit.w)
    cmp(value.w, 255)
    b.ls(again)
    b(broken)

    here(over)
    cbz(digits, broken)
    strb(value.w, [out], 1)
    sub(left, left, 1)
    cbz(left, done)
    cbz(length, broken)
    ldrb(digit.w, [text], 1)
    sub(length, length, 1)
    cmp(digit.w, ord("."))
    b.eq(number)

    here(broken)
    mov(x0, INVALID)
    ret()

    here(done)
    cbnz(length, broken)
    mov(x0, 0)
    ret()


@routine
def close_gap(address: x0, gap: x1, filled: x2) -> None:
    """Of sixteen bytes, the first ``filled`` and zeros, move those from gap on to the end.

    >>> address = bytearray(range(1, 5)) + bytearray(12)
    >>> close_gap(address, 2, 4)
    >>> address.hex()
    '01020000000000000000000000000304'
    """
    to, char = x9, x10
    done = label()
    mov(to, BYTES)

    again = here()
    cmp(filled, gap)
    b.ls(done)
    sub(filled, filled, 1)
    sub(to, to, 1)
    ldrb(char.w, [address, filled])
    strb(wzr, [address, filled])
    strb(char.w, [address, to])
    b(again)

    here(done)
    ret()


def put_group(out: X, filled: X, value: X, broken: Label) -> None:
    """Macro: put two bytes where the others end, unless there are sixteen; value is lost."""
    cmp(filled, BYTES)
    b.hs(broken)
    rev16(value.w, value.w)
    strh(value.w, [out, filled])
    add(filled, filled, 2)


@routine
def parse_ipv6(text: x0, length: x1, out: x2) -> x0:
    """Put the sixteen bytes of an address of RFC 4291 2.2 at out: 0; or INVALID, with some written.

    >>> out = bytearray(16)
    >>> parse_ipv6(b"2001:db8::192.0.2.1", 19, out), out.hex()
    (0, '20010db80000000000000000c0000201')
    """
    at, end, address, filled, gap, value, digits = x19, x20, x21, x22, x23, x24, x25
    begin, char, digit = x26, x9, x10
    group, hex_digit, separator, double = label(), label(), label(), label()
    quad, last, fill, whole, broken = label(), label(), label(), label(), label()

    with frame(at, end, address, filled, gap, value, digits, begin) as leave:
        mov(at, text)
        add(end, text, length)
        mov(address, out)
        stp(xzr, xzr, [address])
        mov(filled, 0)
        mov(gap, NO_GAP)
        cmp(length, 2)
        b.lo(broken)
        ldrb(char.w, [at])
        cmp(char.w, ord(":"))
        b.ne(group)
        ldrb(char.w, [at, 1])
        cmp(char.w, ord(":"))
        b.ne(broken)
        add(at, at, 1)  # only at the start, the first colon of two ends no group
        del text, length, out

        here(group)
        mov(begin, at)
        mov(value, 0)
        mov(digits, 0)

        again = here()
        cmp(at, end)
        b.hs(last)
        ldrb(char.w, [at], 1)
        sub(digit.w, char.w, ord("0"))
        cmp(digit.w, 9)
        b.ls(hex_digit)
        orr(digit.w, char.w, LOWER)
        sub(digit.w, digit.w, ord("a"))
        cmp(digit.w, 5)
        b.hi(separator)
        add(digit.w, digit.w, 10)

        here(hex_digit)
        orr(value, digit, value, lsl(4))
        add(digits, digits, 1)
        cmp(digits, 4)
        b.ls(again)
        b(broken)

        here(separator)
        cmp(char.w, ord("."))
        b.eq(quad)
        cmp(char.w, ord(":"))
        b.ne(broken)
        cbz(digits, double)
        cmp(at, end)
        b.eq(broken)
        put_group(address, filled, value, broken)
        b(group)

        here(double)
        tbz(gap, 63, broken)  # there is one already
        mov(gap, filled)
        b(group)

        here(quad)
        cmp(filled, BYTES - 4)
        b.hi(broken)
        mov(x0, begin)
        sub(x1, end, begin)
        add(x2, address, filled)
        bl(parse_ipv4)
        tbnz(x0, 63, broken)
        add(filled, filled, 4)
        b(fill)

        here(last)
        cbz(digits, fill)
        put_group(address, filled, value, broken)

        here(fill)
        tbnz(gap, 63, whole)
        cmp(filled, BYTES)
        b.eq(broken)  # the gap is nothing
        mov(x0, address)
        mov(x1, gap)
        mov(x2, filled)
        bl(close_gap)
        mov(filled, BYTES)

        here(whole)
        mov(x0, 0)
        cmp(filled, BYTES)
        b.eq(leave)

        here(broken)
        mov(x0, INVALID)

    ret()


@routine
def parse_address(text: x0, length: x1, out: x2) -> x0:
    """Make a sockaddr of an address, with port 0, at out: its size, IPV4_SIZE or IPV6_SIZE.

    INVALID if text is no address.  All IPV6_SIZE bytes are written in any case.

    >>> out = bytearray(IPV6_SIZE)
    >>> parse_address(b"127.0.0.1", 9, out), out[4:8].hex(), parse_address(b"localhost", 9, out)
    (16, '7f000001', -1)
    """
    at, left, address = x9, x10, x19
    ipv4 = label()

    with frame(address) as leave:
        mov(address, out)
        stp(xzr, xzr, [address])
        str_(xzr, [address, 16])
        str_(wzr, [address, 24])
        add(x2, address, SocketAddress.ipv6)
        mov(at, text)
        mov(left, length)

        again = here()
        cbz(left, ipv4)
        ldrb(w11, [at], 1)
        sub(left, left, 1)
        cmp(w11, ord(":"))
        b.ne(again)

        mov(w9, AF_INET6)
        strb(w9, [address, SocketAddress.family])
        bl(parse_ipv6)
        tbnz(x0, 63, leave)
        mov(x0, IPV6_SIZE)
        b(leave)

        here(ipv4)
        mov(w9, AF_INET)
        strb(w9, [address, SocketAddress.family])
        add(x2, address, SocketAddress.ipv4)
        bl(parse_ipv4)
        tbnz(x0, 63, leave)
        mov(x0, IPV4_SIZE)

    ret()
