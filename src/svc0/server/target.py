"""Targets: from what the request line asks for to a path that cannot leave the root.

    target ── split ──► path, query          four forms (RFC 9112 3.2), one authority
    path ── normalize ──► relative path      decoded, without dots (RFC 3986 5.2.4)
    path ── write_escaped ──► Location       encoded again

A path is judged in an order that docs/behaviour.md lays down, and each step of
it is a routine: what its escapes stand for (`decoded_length`), how long it is,
where its dots lead (`resolve`), and what its segments are called (`judge`).
What leaves `normalize` is relative, has no segment that is empty, `.` or `..`,
and ends with a slash if it means a directory: "", "index.html", "css/".
"""

from enum import IntEnum

from svc0.a64 import *

from .address import BYTES, parse_ipv6
from .limits import PATH_MAX
from .methods import Method
from .text import INVALID, LOWER, Z, copy, find_byte, path_length, scan


class Form(IntEnum):
    """The form of a target: what its path is, if it has one."""

    ORIGIN = 1
    ABSOLUTE = 2
    ASTERISK = 3
    AUTHORITY = 4


BAD_REQUEST, NOT_FOUND, TOO_LONG = -400, -404, -414

SEGMENT_MAX = 255
"""Bytes of a name that Linux and Darwin take."""

PORT_BITS = 16
"""A port is a number below 65,536."""

UNRESERVED = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"  # RFC 3986 2.3
)
SUB_DELIMS = frozenset(b"!$&'()*+,;=")  # RFC 3986 2.2
HEX = frozenset(b"0123456789ABCDEFabcdef")

IN_NAME, IN_LOCATION = 1, 2
KINDS = Data(
    IN_NAME * (byte in UNRESERVED | SUB_DELIMS)
    | IN_LOCATION * (byte in UNRESERVED | SUB_DELIMS | frozenset(b":@/"))
    for byte in range(256)
)
"""Of every byte: where it may stand as it is."""

NO_DIGIT = 0xFF
HEX_VALUES = Data(int(chr(byte), 16) if byte in HEX else NO_DIGIT for byte in range(256))

SLASH = Data(b"/")


# --- which form -----------------------------------------------------------------


@routine
def split(target: x0, length: x1, method: w2) -> tuple[x0, x1, x2, x3, x4]:
    """The Form of a target; path and query, address and length of each; or BAD_REQUEST.

    The query begins with its question mark.  What is not there has no length; only
    an asterisk and an authority have no path.

    >>> split(b"http://a/b?c", 12, Method.GET)[0::2]
    (2, 2, 2)
    """
    at, end, stop, kind = x19, x20, x21, x22
    origin, asterisk, authority, with_path, bad = (label() for _ in range(5))

    with frame(at, end, stop, kind) as leave:
        mov(at, target)
        add(end, target, length)
        mov(kind.w, method)
        cbz(length, bad)
        cmp(method, Method.CONNECT)
        b.eq(authority)
        del target, length, method
        index_or_end(stop, at, end, "#")
        cmp(stop, end)
        b.ne(bad)
        index_or_end(stop, at, end, "?")
        ldrb(w9, [at])
        cmp(w9, ord("/"))
        b.eq(origin)
        cmp(w9, ord("*"))
        b.eq(asterisk)

        mov(x0, at)
        sub(x1, stop, at)
        bl(site_length)
        cbz(x0, bad)
        add(kind, at, x0)
        mov(x0, Form.ABSOLUTE)
        mov(x1, kind)
        subs(x2, stop, kind)
        b.ne(with_path)
        adr(x1, SLASH)
        mov(x2, 1)
        b(with_path)

        here(origin)
        mov(x0, Form.ORIGIN)
        mov(x1, at)
        sub(x2, stop, at)

        here(with_path)
        mov(x3, stop)
        sub(x4, end, stop)
        b(leave)

        here(asterisk)
        sub(x9, end, at)
        cmp(x9, 1)
        ccmp(kind.w, Method.OPTIONS, 0, Condition.eq)
        b.ne(bad)
        mov(x0, Form.ASTERISK)
        without_path(leave)

        here(authority)
        mov(x0, at)
        sub(x1, end, at)
        bl(split_authority)
        cmp(x0, 0)
        ccmp(x1, 0, Z, Condition.gt)
        b.eq(bad)
        mov(x0, Form.AUTHORITY)
        without_path(leave)

        here(bad)
        mov(x0, BAD_REQUEST)
        without_path(leave)

    ret()


def index_or_end(d: X, text: X, end: X, byte: str) -> None:
    """Macro: d = the address of the first such byte, or the end; what a call loses is lost."""
    mov(x0, text)
    sub(x1, end, text)
    mov(w2, ord(byte))
    bl(find_byte)
    add(x9, text, x0)
    cmp(x0, 0)
    csel(d, end, x9, Condition.lt)


def without_path(leave: Label) -> None:
    """Macro: leave without path and query."""
    for register in (x1, x2, x3, x4):
        mov(register, 0)
    b(leave)


@routine
def site_length(text: x0, length: x1) -> x0:
    """How long the http://authority is that text starts with, before a path or the end; or 0.

    >>> site_length(b"http://a:80/b", 13), site_length(b"http:///b", 9)
    (11, 0)
    """
    at, end, authority = x19, x20, x21

    with frame(at, end, authority) as leave:
        mov(at, text)
        add(end, text, length)
        del text, length
        bl(scheme_length)
        cbz(x0, leave)
        add(authority, at, x0)
        index_or_end(end, authority, end, "/")
        mov(x0, authority)
        sub(x1, end, authority)
        mov(w2, 0)
        bl(host_valid)
        cmp(w0, 0)
        sub(x0, end, at)
        csel(x0, xzr, x0, Condition.eq)

    ret()


@routine
def scheme_length(text: x0, length: x1) -> x0:
    """How long the http:// or https:// is that text starts with, in any case; 0 without one.

    >>> scheme_length(b"HttpS://a", 9)
    8
    """
    size, char = x9, x10
    no = label()

    cmp(length, len("http://"))
    b.lo(no)
    ldr(char.w, [text])
    orr(char.w, char.w, LOWER * 0x01010101)
    mov(size.w, int.from_bytes(b"http", "little"))
    cmp(char.w, size.w)
    b.ne(no)
    ldrb(char.w, [text, 4])
    orr(char.w, char.w, LOWER)
    cmp(char.w, ord("s"))
    mov(size, len("http"))
    cinc(size, size, Condition.eq)

    add(char, size, len("://"))
    cmp(char, length)
    b.hi(no)
    add(text, text, size)
    mov(size, char)
    for at, expected in enumerate("://"):
        ldrb(char.w, [text, at])
        cmp(char.w, ord(expected))
        b.ne(no)
    mov(x0, size)
    ret()

    here(no)
    mov(x0, 0)
    ret()


@routine
def host_valid(text: x0, length: x1, empty_allowed: w2) -> w0:
    """1 if text is `uri-host [":" port]`, the host empty only where that is allowed; else 0.

    >>> host_valid(b":80", 3, 1), host_valid(b":80", 3, 0)
    (1, 0)
    """
    allowed = x19
    invalid = label()

    with frame(allowed) as leave:
        mov(allowed.w, empty_allowed)
        bl(split_authority)
        tbnz(x0, 63, invalid)
        orr(x0, x0, allowed)
        cmp(x0, 0)
        cset(w0, Condition.ne)
        b(leave)

        here(invalid)
        mov(w0, 0)

    ret()


@routine
def split_authority(text: x0, length: x1) -> tuple[x0, x1]:
    """How long the host and the port's digits are, in `uri-host [":" port]`; or INVALID, 0.

    The host may be empty, and the port too, whether its colon is there or not.

    >>> split_authority(b"[::1]:8080", 10), split_authority(b"a:99999", 7)
    ((5, 4), (-1, 0))
    """
    whole, size = x19, x20
    next_digit, at_end, invalid = label(), label(), label()

    with frame(whole, size) as leave:
        mov(whole, text)
        mov(size, length)
        del text, length
        bl(host_length)
        tbnz(x0, 63, invalid)
        subs(x1, size, x0)
        b.eq(leave)
        add(x9, whole, x0)
        ldrb(w10, [x9])
        cmp(w10, ord(":"))
        b.ne(invalid)
        at, char, port, ten, end = x9, x10, x11, x12, x13
        add(end, whole, size)
        mov(port, 0)
        mov(ten, 10)

        here(next_digit)
        add(at, at, 1)
        cmp(at, end)
        b.hs(at_end)
        ldrb(char.w, [at])
        sub(char.w, char.w, ord("0"))
        cmp(char.w, 9)
        b.hi(invalid)
        madd(port, port, ten, char)
        lsr(char, port, PORT_BITS)
        cbz(char, next_digit)

        here(invalid)
        mov(x0, INVALID)
        mov(x1, 0)
        b(leave)

        here(at_end)
        sub(x1, x1, len(":"))

    ret()


@routine
def host_length(text: x0, length: x1) -> x0:
    """How many bytes from the start are a uri-host, which may be empty; or INVALID.

    >>> host_length(b"%41-b:80", 8), host_length(b"[::1", 4)
    (5, -1)
    """
    at, char, kinds, kind, escape = x9, x10, x11, x14, x15
    name, literal, done, invalid = label(), label(), label(), label()

    adr(kinds, KINDS)
    mov(at, 0)
    cbz(length, done)
    ldrb(char.w, [text])
    cmp(char.w, ord("["))
    b.eq(literal)

    here(name)
    cmp(at, length)
    b.hs(done)
    ldrb(char.w, [text, at])
    ldrb(kind.w, [kinds, char])
    add(at, at, 1)
    tbnz(kind.w, IN_NAME.bit_length() - 1, name)
    sub(at, at, 1)
    cmp(char.w, ord("%"))
    b.ne(done)
    add(escape, text, at)
    add(at, at, ESCAPE)
    cmp(at, length)
    b.hi(invalid)
    unescape(kind, escape, invalid)
    b(name)

    here(literal)
    b(literal_length)

    here(invalid)
    mov(at, INVALID)

    here(done)
    mov(x0, at)
    ret()


@routine
def literal_length(text: x0, length: x1) -> x0:
    """How long the IPv6 address in brackets is that text starts with; or INVALID.

    What is not IPv6 (`[v1.x]`) is an address that nobody here could have.

    >>> literal_length(b"[::1]:80", 8), literal_length(b"[1]", 3)
    (5, -1)
    """
    at, size = x19, x20
    invalid = label()

    with frame(at, size, room=BYTES) as leave:
        add(at, text, len("["))
        sub(x1, length, len("["))
        mov(x0, at)
        mov(w2, ord("]"))
        bl(find_byte)
        tbnz(x0, 63, invalid)
        mov(size, x0)
        mov(x1, x0)
        mov(x0, at)
        mov(x2, sp)
        bl(parse_ipv6)
        tbnz(x0, 63, leave)
        add(x0, size, len("[]"))
        b(leave)

        here(invalid)
        mov(x0, INVALID)

    ret()


ESCAPE = len("%41")


def unescape(d: X, escape: X, invalid: Label) -> None:
    """Macro: d = the byte that three bytes stand for; or go where they stand for none.

    x12 and x13 are lost.
    """
    adr(x12, HEX_VALUES)
    ldrb(d.w, [escape, 1])
    ldrb(w13, [escape, 2])
    ldrsb(d.w, [x12, d])
    ldrsb(w13, [x12, x13])
    orr(d.w, w13, d.w, lsl(4))
    tbnz(d.w, 31, invalid)  # one of them was NO_DIGIT


# --- which path -----------------------------------------------------------------


@routine
def normalize(out: x0, path: x1, length: x2) -> x0:
    """Write a path as one relative to the root, and a NUL; its length, or minus a status.

    The path begins with a slash.  Out has room for PATH_MAX + 2 bytes.  Nearly all
    paths say already what they mean, and are only copied.

    >>> out = bytearray(12)
    >>> normalize(out, b"/a/../%62//c/.", 14), normalize(out, b"/b/index.htm", 12)
    (4, 11)
    >>> out
    bytearray(b'b/index.htm\\x00')
    """
    to, at, left = x19, x20, x21
    closely = label()

    with frame(to, at, left) as leave:
        mov(to, out)
        mov(at, path)
        mov(left, length)
        del out, path, length
        cmp(left, len("/") + SEGMENT_MAX)
        b.hi(closely)
        mov(x0, at)
        mov(x1, left)
        bl(is_plain)
        cbz(w0, closely)
        mov(x0, to)
        add(x1, at, len("/"))
        sub(x2, left, len("/"))
        bl(copy)
        strb(wzr, [x0])
        sub(x0, x0, to)
        b(leave)

        here(closely)
        mov(x0, to)
        mov(x1, at)
        mov(x2, left)
        bl(normalize_closely)

    ret()


assert len("/") + SEGMENT_MAX <= PATH_MAX, "what is only copied has room"


@routine
def is_plain(path: x0, length: x1) -> w0:
    """1 if a path has no escapes, only visible ASCII, no slash before a slash or a dot; else 0.

    The path begins with a slash.  The answer may be 0 although it is plain, which
    costs time and nothing else.

    >>> is_plain(b"/a/b.c/", 7), is_plain(b"/a/.b", 5)
    (1, 0)
    """
    add(path, path, len("/"))
    sub(length, length, len("/"))
    slash, dot, percent, space, delete, before = v2, v3, v4, v5, v6, v7
    movi(slash.b16, ord("/"))
    movi(dot.b16, ord("."))
    movi(percent.b16, ord("%"))
    movi(space.b16, ord(" "))
    movi(delete.b16, 0x7F)
    mov(before.b16, slash.b16)

    def stops() -> None:
        ext(v16.b16, before.b16, v0.b16, 15)  # of each byte the one before it
        mov(before.b16, v0.b16)
        cmeq(v16.b16, v16.b16, slash.b16)
        cmeq(v17.b16, v0.b16, slash.b16)
        cmeq(v1.b16, v0.b16, dot.b16)
        orr(v17.b16, v17.b16, v1.b16)
        and_(v16.b16, v16.b16, v17.b16)
        cmgt(v1.b16, space.b16, v0.b16)  # signed: what is not ASCII is negative
        orr(v1.b16, v1.b16, v16.b16)
        cmeq(v16.b16, v0.b16, percent.b16)
        orr(v1.b16, v1.b16, v16.b16)
        cmeq(v16.b16, v0.b16, delete.b16)
        orr(v1.b16, v1.b16, v16.b16)

    # Where the last step overlaps the one before, its first byte has a wrong one before it;
    # but that byte and its own have been looked at.
    none = scan(path, length, stops)
    mov(w0, 0)
    ret()

    here(none)
    mov(w0, 1)
    ret()


@routine
def normalize_closely(out: x0, path: x1, length: x2) -> x0:
    """What `normalize` does with any path.

    >>> out = bytearray(12)
    >>> normalize_closely(out, b"/a/../%62//c/.", 14)
    4
    >>> out[:5]
    bytearray(b'b/c/\\x00')
    """
    to, at, left = x19, x20, x21
    decode_it, decoded, too_long = label(), label(), label()

    with frame(to, at, left) as leave:
        mov(to, out)
        mov(at, path)
        mov(left, length)
        del out, path, length
        mov(x0, at)
        mov(x1, left)
        bl(decoded_length)
        tbnz(x0, 63, leave)
        cmp(x0, PATH_MAX)
        b.hi(too_long)

        cmp(x0, left)
        mov(x0, to)
        add(x1, at, len("/"))
        sub(x2, left, len("/"))
        b.ne(decode_it)
        bl(copy)
        b(decoded)

        here(decode_it)
        bl(decode)

        here(decoded)
        sub(x1, x0, to)
        mov(x0, to)
        bl(resolve)
        mov(left, x0)
        strb(wzr, [to, left])
        mov(x0, to)
        mov(x1, left)
        bl(judge)
        cmp(x0, 0)
        csel(x0, x0, left, Condition.lt)
        b(leave)

        here(too_long)
        mov(x0, TOO_LONG)

    ret()


@routine
def decoded_length(path: x0, length: x1) -> x0:
    """How long a path is when its escapes are decoded; or minus the status that one asks for.

    >>> decoded_length(b"/%61b", 5), decoded_length(b"/%2fb%", 6), decoded_length(b"/%0", 3)
    (3, -404, -400)
    """
    at, end, total = x19, x20, x21
    bad, slash = label(), label()

    with frame(at, end, total) as leave:
        mov(at, path)
        add(end, path, length)
        mov(total, length)
        del path, length

        again = here()
        index_or_end(at, at, end, "%")
        mov(x0, total)
        cmp(at, end)
        b.eq(leave)
        sub(x9, end, at)
        cmp(x9, ESCAPE)
        b.lo(bad)
        unescape(x9, at, bad)
        cbz(x9, bad)
        cmp(x9, ord("/"))
        b.eq(slash)
        add(at, at, ESCAPE)
        sub(total, total, ESCAPE - 1)
        b(again)

        here(bad)
        mov(x0, BAD_REQUEST)
        b(leave)

        here(slash)
        mov(x0, NOT_FOUND)

    ret()


@routine
def decode(out: x0, path: x1, length: x2) -> x0:
    """Write a path whose escapes are known to be right, decoded; the address after it.

    >>> out = bytearray(3)
    >>> end = decode(out, b"%7Ea%41", 7)
    >>> out
    bytearray(b'~aA')
    """
    char, end = x9, x10
    next_byte, plain, done, never = label(), label(), label(), label()

    add(end, path, length)

    here(next_byte)
    cmp(path, end)
    b.hs(done)
    ldrb(char.w, [path])
    cmp(char.w, ord("%"))
    b.ne(plain)
    unescape(char, path, never)
    add(path, path, ESCAPE - 1)

    here(plain)
    add(path, path, 1)
    strb(char.w, [out], 1)
    b(next_byte)

    here(done)
    ret()

    here(never)
    brk(1)


@routine
def resolve(path: x0, length: x1) -> x0:
    """Take empty segments, `.` and `..` out of a relative path, where it lies; its new length.

    A `..` takes the segment before with it, if there is one: so nothing gets above the root.

    >>> path = bytearray(b"a//./b/../../../c/..")
    >>> resolve(path, 20)
    0
    """
    root, at, end, to, size = x19, x20, x21, x22, x23
    segment, keep, parent, drop, climb = (label() for _ in range(5))

    with frame(root, at, end, to, size) as leave:
        mov(root, path)
        mov(at, path)
        mov(to, path)
        add(end, path, length)
        del path, length

        # All before `to` is resolved, and empty or with a slash at its end.
        here(segment)
        index_or_end(size, at, end, "/")
        sub(size, size, at)
        cbz(size, drop)
        cmp(size, len(".."))
        b.hi(keep)
        ldrb(w9, [at])
        cmp(w9, ord("."))
        b.ne(keep)
        cmp(size, len("."))
        b.eq(drop)
        ldrb(w9, [at, 1])
        cmp(w9, ord("."))
        b.eq(parent)

        here(keep)
        mov(x0, to)
        mov(x1, at)
        mov(x2, size)
        bl(copy)
        mov(to, x0)
        add(at, at, size)
        sub(x0, to, root)
        cmp(at, end)
        b.eq(leave)
        mov(w9, ord("/"))
        strb(w9, [to], 1)
        add(at, at, 1)
        b(segment)

        here(parent)
        cmp(to, root)
        b.eq(drop)
        sub(to, to, 1)

        here(climb)
        cmp(to, root)
        b.eq(drop)
        ldurb(w9, [to, -1])
        cmp(w9, ord("/"))
        b.eq(drop)
        sub(to, to, 1)
        b(climb)

        here(drop)
        add(at, at, size)
        sub(x0, to, root)
        cmp(at, end)
        b.eq(leave)
        add(at, at, 1)
        b(segment)

    ret()


@routine
def judge(path: x0, length: x1) -> x0:
    """0 if every segment of a normalized path may be the name of a file, else NOT_FOUND.

    >>> judge(b"a/.git", 6), judge(b".well-known/x", 13)
    (-404, 0)
    """
    at, end, start, stop = x19, x20, x21, x22
    no, next_segment, visible = label(), label(), label()

    with frame(at, end, start, stop) as leave:
        mov(at, path)
        mov(start, path)
        add(end, path, length)
        mov(stop, length)
        bl(path_length)
        cmp(x0, stop)
        b.ne(no)
        del path, length

        here(next_segment)
        mov(x0, 0)
        cmp(at, end)
        b.hs(leave)
        index_or_end(stop, at, end, "/")
        sub(x2, stop, at)
        cmp(x2, SEGMENT_MAX)
        b.hi(no)
        if platform() == "macos":
            refuse_ignored(at, x2, no)
        ldrb(w9, [at])
        cmp(w9, ord("."))
        b.ne(visible)
        cmp(at, start)
        b.ne(no)
        cmp(x2, len(WELL_KNOWN))
        b.ne(no)
        adr(x10, WELL_KNOWN)
        ldr(x9, [at])
        ldr(x11, [x10])
        cmp(x9, x11)
        ldur(x9, [at, len(WELL_KNOWN) - 8])
        ldur(x11, [x10, len(WELL_KNOWN) - 8])
        ccmp(x9, x11, 0, Condition.eq)
        b.ne(no)

        here(visible)
        add(at, stop, 1)
        b(next_segment)

        here(no)
        mov(x0, NOT_FOUND)

    ret()


def refuse_ignored(segment: X, length: X, no: Label) -> None:
    """Write: go to ``no`` if a segment starts with a character that HFS+ ignores.  Uses x9 to x11.

    Such a volume takes U+200C and ``.git`` for ``.git``, which is hidden (Apple TN1150, "Unicode
    Subtleties").
    """
    other = label()

    cmp(length, 3)
    b.lo(other)
    ldrb(w9, [segment])
    ldrb(w10, [segment, 1])
    ldrb(w11, [segment, 2])
    orr(w10, w11, w10, lsl(8))
    orr(w9, w10, w9, lsl(16))
    for first, last in IGNORED:
        code = [int.from_bytes(chr(point).encode(), "big") for point in (first, last)]
        mov(w10, code[0])
        sub(w10, w9, w10)
        cmp(w10, code[1] - code[0])
        b.ls(no)
    here(other)


IGNORED = ((0x200C, 0x200F), (0x202A, 0x202E), (0x206A, 0x206F), (0xFEFF, 0xFEFF))

WELL_KNOWN = Data(b".well-known")
"""The hidden segment that may be asked for, if it is the first (RFC 8615)."""
assert 8 <= len(WELL_KNOWN) <= 16, "two loads see all of it"


# --- and back -------------------------------------------------------------------


@routine
def write_escaped(out: x0, path: x1, length: x2) -> x0:
    """Write a path as a Location has it, three bytes for one at most; the address after it.

    >>> out = bytearray(6)
    >>> end = write_escaped(out, b"a b/", 4)
    >>> out
    bytearray(b'a%20b/')
    """
    char, kinds, digits, digit, end = x9, x10, x11, x12, x13
    next_byte, plain, done = label(), label(), label()

    adr(kinds, KINDS)
    adr(digits, UPPER_DIGITS)
    add(end, path, length)

    here(next_byte)
    cmp(path, end)
    b.hs(done)
    ldrb(char.w, [path], 1)
    ldrb(digit.w, [kinds, char])
    tbnz(digit.w, IN_LOCATION.bit_length() - 1, plain)
    mov(digit.w, ord("%"))
    strb(digit.w, [out], 1)
    lsr(digit, char, 4)
    ldrb(digit.w, [digits, digit])
    strb(digit.w, [out], 1)
    and_(digit, char, 15)
    ldrb(char.w, [digits, digit])

    here(plain)
    strb(char.w, [out], 1)
    b(next_byte)

    here(done)
    ret()


UPPER_DIGITS = Data(b"0123456789ABCDEF")
