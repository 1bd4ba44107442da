"""The head: examples of RFC 9112, and what its grammar leaves out."""

from __future__ import annotations

import pytest

from tests.model.framing import Framing, frame, split_authority
from tests.model.head import Fault, Incomplete, Request, read_head


def status_of(data: bytes) -> int:
    """The status that a head is refused with."""
    with pytest.raises(Fault) as caught:
        frame(read_head(data))
    return caught.value.status


def test_the_example_of_rfc_9112_3() -> None:
    data = b"GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
    request = read_head(data + b"GET")
    assert request == Request(
        b"GET", b"/where?q=now", 1, ((b"host", b"www.example.org"),), len(data)
    )


def test_nothing_is_decided_before_the_line_feed() -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for end in range(len(data)):
        with pytest.raises(Incomplete):
            read_head(data[:end])
    with pytest.raises(Incomplete):
        read_head(b"all of this \x00 is wrong\r")


def test_empty_lines_before_it_are_taken() -> None:
    request = read_head(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n")
    assert (request.minor, request.size) == (0, 22)


@pytest.mark.parametrize(
    ("field", "name", "value"),
    [
        (b"Host:a", b"host", b"a"),
        (b"HOST: \t a b\t ", b"host", b"a b"),
        (b"X:", b"x", b""),
        (b"!#$%&'*+-.^_`|~: \xff", b"!#$%&'*+-.^_`|~", b"\xff"),
    ],
)
def test_fields(field: bytes, name: bytes, value: bytes) -> None:
    assert read_head(b"GET / HTTP/1.0\r\n" + field + b"\r\n\r\n").fields == ((name, value),)


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (b"Host : a", 400),  # RFC 9112 5.1: no whitespace before the colon
        (b"Host: a\r\n b", 400),  # 5.2: obsolete line folding
        (b"Host: a\nX: y", 400),  # 2.2: a bare LF is nothing to guess about
        (b"Host: a\rX: y", 400),
        (b"Host: a\r\nHost: a", 400),  # 3.2
        (b"X: y", 400),
        (b"Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 400),  # 6.1
        (b"Host: a\r\nTransfer-Encoding: gzip, chunked", 501),  # 6.1
        (b"Host: a\r\nTransfer-Encoding: chunked, gzip", 400),  # 6.3
        (b"Host: a\r\nContent-Length: 1, 1", 400),
        (b"Host: a\r\nExpect: something", 417),  # RFC 9110 10.1.1
    ],
)
def test_what_is_refused(field: bytes, status: int) -> None:
    assert status_of(b"GET / HTTP/1.1\r\n" + field + b"\r\n\r\n") == status


def test_a_fault_of_a_head_request_has_no_body() -> None:
    for data, bodiless in [
        (b"HEAD / HTTP/1.1\r\nbad\r\n", True),
        (b"HEAD / HTTP/1.1\r\n\r\n", True),
        (b"HEAD / HTTP/2.0\r\n", True),
        (b"HEAD /\x80 HTTP/1.1\r\n", False),
        (b"GET / HTTP/1.1\r\nbad\r\n", False),
    ]:
        with pytest.raises(Fault) as caught:
            frame(read_head(data))
        assert caught.value.bodiless is bodiless


def test_framing() -> None:
    start = b"POST / HTTP/1.1\r\nHost: a\r\n"
    assert frame(read_head(start + b"\r\n")) == Framing()
    assert frame(read_head(start + b"Content-Length: 007\r\n\r\n")) == Framing(length=7)
    chunked = frame(
        read_head(start + b"Transfer-Encoding: ,Chunked\r\nExpect: 100-Continue\r\n\r\n")
    )
    assert chunked == Framing(chunked=True, expects=True)


@pytest.mark.parametrize(
    ("authority", "parts"),
    [
        (b"www.example.com:8080", (b"www.example.com", b"8080")),  # RFC 3986 3.2 and 1.1.2
        (b"[2001:db8::7]", (b"[2001:db8::7]", None)),
        (b"192.0.2.16:80", (b"192.0.2.16", b"80")),
        (b"", (b"", None)),
        (b"a:", (b"a", b"")),
        (b"user@a", None),
        (b"a:65536", None),
        (b"[::1", None),
        (b"a%2", None),
    ],
)
def test_authority(authority: bytes, parts: tuple[bytes, bytes | None] | None) -> None:
    assert split_authority(authority) == parts
