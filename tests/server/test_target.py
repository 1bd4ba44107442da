"""Targets, against the reference model, urllib and posixpath."""

from __future__ import annotations

import posixpath
import re
import socket
from urllib.parse import quote, unquote_to_bytes, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import platform
from svc0.machine.call import caller
from svc0.server import target as under_test
from svc0.server.limits import PATH_MAX
from svc0.server.methods import Method
from svc0.server.target import BAD_REQUEST, NOT_FOUND, TOO_LONG, Form
from tests.model import target as model
from tests.model.framing import split_authority
from tests.model.head import Fault, Request

SOME_PIECES = """
    / // . .. /./ /../ /.. a b.html %2e %2E%2e %2f %2F %00 % %4 %zz %41 %25 %c3%a9 %0a %7f
    .well-known %2ewell-known .git ~ + : ;v=1
    %e2%80%8c %e2%80%90 %E2%80%AE. %ef%bb%bf %ef %e2%80
"""
PIECES = [*SOME_PIECES.split(), "\\", "x" * 255, "y" * 256]

SOME_HOSTS = """
    a example.org : 80 65535 65536 00000000000000000000 [ ::1 ] %41 %4 @ _ ~
    [v1.x] [] [::1] [1 :: ffff 1.2.3.4 / é ? #
"""
HOST_PIECES = [*SOME_HOSTS.split(), "\0"]

SCHEMES = [
    b"http://",
    b"https://",
    b"HTTP://",
    b"httpS://",
    b"http:/",
    b"ftp://",
    b"httpss://",
    b"",
]
OTHERS = [b"*", b"**", b"*?", b"a:80", b"[::1]:80", b":80", b"a:", b"a", b""]

paths = st.lists(st.sampled_from(PIECES) | st.text("a./%2eF", max_size=3), max_size=12).map(
    lambda parts: ("/" + "".join(parts)).encode()
)
hosts = st.lists(st.sampled_from(HOST_PIECES), max_size=5).map(
    lambda parts: "".join(parts).encode("latin-1")
)
queries = st.sampled_from([b"", b"?", b"?a=/../b?c", b"#"])
visible = st.text([chr(byte) for byte in range(0x21, 0x7F)], max_size=20).map(str.encode)
absolute = st.tuples(st.sampled_from(SCHEMES), hosts, paths | st.just(b""), queries)
origin = st.tuples(paths, queries)
targets = origin.map(b"".join) | absolute.map(b"".join) | st.sampled_from(OTHERS) | visible


def split(target: bytes, method: Method) -> tuple[int, bytes, bytes]:
    """Form or minus a status, path, query."""
    with caller(under_test.split) as machine:
        form, path, path_length, query, query_length = machine.call(target, len(target), method)
        return form, machine.read(path, path_length), machine.read(query, query_length)


def expected_split(target: bytes, method: Method) -> tuple[int, bytes, bytes]:
    request = Request(method.name.encode(), target, 1, ())
    try:
        found = model.read_target(request)
    except Fault as fault:
        return -fault.status, b"", b""
    if found.path is None:
        form = Form.AUTHORITY if method == Method.CONNECT else Form.ASTERISK
        return form, b"", b""
    form = Form.ORIGIN if target.startswith(b"/") else Form.ABSOLUTE
    return form, found.path, found.query


@given(target=targets, method=st.sampled_from(Method))
def test_split(target: bytes, method: Method) -> None:
    assert split(target, method) == expected_split(target, method)


@given(target=targets)
def test_split_is_what_urllib_splits(target: bytes) -> None:
    form, path, query = split(target, Method.GET)
    if form in (Form.ORIGIN, Form.ABSOLUTE):
        # As an authority would be taken for one otherwise.
        text = ("" if form == Form.ABSOLUTE else "http://a") + target.decode("latin-1")
        parts = urlsplit(text)
        assert (parts.path or "/").encode("latin-1") == path
        assert parts.query.encode("latin-1") == query[1:]


@given(text=hosts | visible | st.binary(max_size=12))
@example(b"a:" + b"0" * 70 + b"65535")
@example(b"a:18446744073709551617")
@example(b"[1]")
@example(b"[1:2:3:4:5:6:7:8]:1")
@example(b"[1:2:3:4:5:6:7:8:9]:1")
@example(b"[1::2::3]")
@example(b"[::1.2.3.4]")
def test_host_valid(text: bytes) -> None:
    parts = split_authority(text)
    assert under_test.host_valid(text, len(text), 1) == int(parts is not None)
    assert under_test.host_valid(text, len(text), 0) == int(parts is not None and parts[0] != b"")
    lengths = (len(parts[0]), len(parts[1] or b"")) if parts else (-1, 0)
    assert under_test.split_authority(text, len(text)) == lengths


@pytest.mark.parametrize(
    "around", [b"%b", b"a%bc", b"[%b]", b"[:%b:]", b"a:%b", b"a:1%b", b"%%4%b"]
)
def test_host_valid_knows_every_byte(around: bytes) -> None:
    for byte in range(256):
        text = around % bytes([byte])
        expected = int(split_authority(text) is not None)
        assert under_test.host_valid(text, len(text), 1) == expected


def normalize(path: bytes) -> bytes | int:
    """The normalized path, or minus a status."""
    out = bytearray(b"\xff" * (PATH_MAX + 2))
    length = under_test.normalize(out, path, len(path))
    if length < 0:
        return length
    assert out[length] == 0
    return bytes(out[:length])


def expected_path(path: bytes) -> bytes | int:
    try:
        normal = model.normalize(model.decode(path))
        model.judge_segments(normal, hfs=platform() == "macos")
    except model.Refused as refused:
        return -refused.status
    joined = b"/".join(normal.segments)
    return joined + b"/" if normal.is_directory and normal.segments else joined


@given(path=paths)
@example(b"/")
@example(b"/a/..")
@example(b"/" + b"a/" * 2047 + b"b")
@example(b"/" + b"a/" * 2048)
@example(b"/" + b"%61/" * 2040 + b"..")
@example(b"/" + b"../" * 1000 + b"%2e%2e")
def test_normalize(path: bytes) -> None:
    assert normalize(path) == expected_path(path)


def is_plain(path: bytes) -> bool:
    return not re.search(rb"//|/\.|[%\x00-\x1f\x7f-\xff]", path)


@given(path=paths, end=st.integers(1, 40))
def test_is_plain(path: bytes, end: int) -> None:
    for text in (
        path,
        path[:end],
        path.replace(b"/.", b"/").replace(b"%", b"").replace(b"//", b"/"),
    ):
        if under_test.is_plain(text, len(text)):
            assert is_plain(text)
            assert normalize(text) == text[1:] or len(text) > under_test.SEGMENT_MAX + 1


def test_is_plain_sees_every_place() -> None:
    """Every length, with something to see at every place; and when there is nothing, most of it."""
    for length in range(1, 52):
        text = b"/" + b"a" * (length - 1)
        assert under_test.is_plain(text, length)
        assert under_test.is_plain(b"/b/c." + text, length + 5) or length > 16 - 5
        for at in range(length - 1):
            for what in (b"%", b"\x1f", b"\x7f", b"\x80", b"\xff", b"//", b"/."):
                spoilt = (text[: at + 1] + what + text[at + 1 + len(what) :])[:length]
                assert not under_test.is_plain(spoilt, length) or is_plain(spoilt)


@given(path=paths)
def test_nothing_leaves_the_root(path: bytes) -> None:
    """A third opinion, and what whoever opens the file relies on."""
    found = normalize(path)
    if isinstance(found, int):
        assert found in (BAD_REQUEST, NOT_FOUND, TOO_LONG)
        return
    assert not found.startswith(b"/")
    assert not {b".", b".."} & set(found.split(b"/"))
    assert b"//" not in found
    plain = posixpath.normpath(b"/" + unquote_to_bytes(path).lstrip(b"/"))
    assert b"/" + found.rstrip(b"/") == plain
    assert normalize(b"/" + quote(found).encode()) == found


@pytest.mark.parametrize("size", [PATH_MAX - 1, PATH_MAX, PATH_MAX + 1, 2 * PATH_MAX])
@pytest.mark.parametrize("piece", [b"a", b"%61", b"/", b"./", b"../"])
def test_normalize_lengths(size: int, piece: bytes) -> None:
    """A path is measured after its escapes are decoded, and before its dots are followed."""
    decoded = len(unquote_to_bytes(piece))
    path = b"/" + b"/x" * ((size - 1) % decoded // 2) + piece * ((size - 1) // decoded)
    assert normalize(path) == expected_path(path)
    assert normalize(b"/" + b"x/" * 50 + path[1:]) == expected_path(b"/" + b"x/" * 50 + path[1:])


def test_normalize_says_first_what_is_first() -> None:
    """Which refusal wins: the leftmost escape, then the length, then the segments."""
    long = b"/" + b"a/" * PATH_MAX
    assert normalize(b"/%2f%") == normalize(long + b"%2f%00") == NOT_FOUND
    assert normalize(b"/%00%2f") == normalize(long + b"%%2f") == BAD_REQUEST
    assert normalize(b"/.git" + long) == normalize(long + b"%01") == TOO_LONG
    assert normalize(b"/.git/%01/../..") == b""


IGNORED_RANGES = [(0x200C, 0x200F), (0x202A, 0x202E), (0x206A, 0x206F), (0xFEFF, 0xFEFF)]
AROUND = sorted({point for a, b in IGNORED_RANGES for point in range(a - 3, b + 4)})


@pytest.mark.parametrize("point", AROUND, ids=hex)
@pytest.mark.parametrize("before", [b"/", b"/a/"])
@pytest.mark.parametrize("behind", [b"", b".git", b"/a", b"/"])
def test_a_name_that_hfs_takes_for_a_hidden_one(point: int, before: bytes, behind: bytes) -> None:
    """What begins with a character that is ignored there is no name; where none is, it is one."""
    name = chr(point).encode() + behind
    ignored = any(first <= point <= last for first, last in IGNORED_RANGES)
    refused = ignored and platform() == "macos"
    for text in (name, quote(name, safe="/").encode()):
        assert normalize(before + text) == (NOT_FOUND if refused else before[1:] + name)
    assert normalize(before + b"a" + name) == before[1:] + b"a" + name, "only the first hides"


@pytest.mark.parametrize("point", [first for first, _ in IGNORED_RANGES], ids=hex)
def test_the_bytes_of_an_ignored_character(point: int) -> None:
    """All three of them, and nothing that is shorter, in another order, or only like it."""
    whole = chr(point).encode()
    others = [whole[:1], whole[:2], whole[1:], whole[::-1], whole[:2] + b"/" + whole[2:]]
    others += [b"a" + whole, *(whole[:at] + b"a" + whole[at + 1 :] for at in range(3))]
    for text in others:
        assert normalize(b"/" + text) == text
    assert normalize(b"/" + whole) == (NOT_FOUND if platform() == "macos" else whole)


@given(path=st.binary(max_size=40))
def test_write_escaped(path: bytes) -> None:
    expected = quote(path, safe="/" + model.LOCATION_SAFE).encode()
    out = bytearray(len(expected))
    assert under_test.write_escaped(out, path, len(path)) % 0x1000 == 0
    assert out == expected


def test_write_escaped_knows_every_byte() -> None:
    text = bytes(range(256))
    expected = quote(text, safe="/" + model.LOCATION_SAFE).encode()
    out = bytearray(len(expected))
    under_test.write_escaped(out, text, len(text))
    assert out == expected


@given(path=paths)
def test_what_is_escaped_decodes_to_itself(path: bytes) -> None:
    escaped = quote(path, safe="/").encode()
    out = bytearray(len(path))
    assert under_test.decoded_length(escaped, len(escaped)) == len(path) or b"\0" in path
    assert under_test.decode(out, escaped, len(escaped)) % 0x1000 == 0
    assert out == path


# --- parts of a site ------------------------------------------------------------------

schemes = st.sampled_from(SCHEMES) | st.binary(max_size=9)


@given(
    text=st.tuples(schemes, st.binary(max_size=2)).map(b"".join)
    | st.tuples(*(st.sampled_from([c, c, c, c ^ 0x20]) for c in b"https://")).map(bytes)
)
@example(text=b"")
@example(text=b"http:/")
@example(text=b"https:/")
@example(text=b"https//")
@example(text=b"http\x1a//")  # ":" - 0x20: not its other case
def test_scheme_length(text: bytes) -> None:
    match = re.match(rb"https?://", text, re.IGNORECASE)
    assert under_test.scheme_length(text, len(text)) == (match.end() if match else 0)


@given(text=st.tuples(schemes, hosts, paths | st.just(b"")).map(b"".join))
@example(text=b"http://")
@example(text=b"http:///")
@example(text=b"https://:80/")
@example(text=b"HTTP://a:80")
def test_site_length(text: bytes) -> None:
    match = re.match(rb"https?://([^/]*)", text, re.IGNORECASE)
    parts = split_authority(match[1]) if match else None
    expected = match.end() if match and parts and parts[0] else 0
    assert under_test.site_length(text, len(text)) == expected


def expected_literal(text: bytes) -> int:
    """How long an address in brackets is, by the C library."""
    inside = re.match(rb"\[([0-9A-Fa-f:.]*)\]", text)
    try:
        socket.inet_pton(socket.AF_INET6, inside[1].decode() if inside else "")
    except OSError:
        return -1
    return inside.end() if inside else -1


literals = st.lists(
    st.sampled_from([b":", b"::", b"1", b"ffff", b"1.2.3.4", b"]", b"[", b"%", b"\0", b":80"]),
    max_size=8,
).map(b"".join)


@given(text=literals | hosts | st.sampled_from([b"::1]", b"::]:80", b"1:2:3:4:5:6:7:8]x"]))
@example(text=b"")
@example(text=b"]")
@example(text=b"::1")
@example(text=b"1:2:3:4:5:6:7:8:9]")
def test_literal_length(text: bytes) -> None:
    text = b"[" + text
    assert under_test.literal_length(text, len(text)) == expected_literal(text)


@given(text=hosts | visible | literals.map(lambda text: b"[" + text) | st.binary(max_size=12))
@example(text=b"")
@example(text=b"a%4")
@example(text=b"a%41")
@example(text=b"[::1]:80")
def test_host_length(text: bytes) -> None:
    """A name ends where a byte cannot be in it; an escape that is none spoils it."""
    if text.startswith(b"["):
        expected = expected_literal(text)
    else:
        allowed = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
        stop = len(text) - len(re.sub(rb"\A" + allowed, b"", text, count=1))
        expected = -1 if text[stop : stop + 1] == b"%" else stop
    assert under_test.host_length(text, len(text)) == expected


@given(path=paths)
@example(path=b"/")
@example(path=b"/a/../%62//c/.")
@example(path=b"/" + b"a/" * 2047 + b"b")
@example(path=b"/" + b"a/" * 2048)
@example(path=b"/" + b"%61" * (PATH_MAX - 1))
def test_normalize_closely(path: bytes) -> None:
    """It does by itself, also with a plain path, what `normalize` promises."""
    out = bytearray(b"\xff" * (PATH_MAX + 2))
    length = under_test.normalize_closely(out, path, len(path))
    assert expected_path(path) == (length if length < 0 else bytes(out[:length]))
    assert length < 0 or out[length] == 0
