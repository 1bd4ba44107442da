"""Targets and paths: the examples of RFC 9112 3.2 and RFC 3986 5."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest

from tests.model.head import Fault, Request
from tests.model.target import Path, Refused, Target, decode, judge_segments, normalize, read_target


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        (b"GET", b"/where?q=now", Target(b"/where", b"?q=now")),  # 3.2.1
        (b"GET", b"http://www.example.org/pub/WWW/T.html", Target(b"/pub/WWW/T.html")),  # 3.2.2
        (b"CONNECT", b"www.example.com:80", Target()),  # 3.2.3
        (b"OPTIONS", b"*", Target()),  # 3.2.4
        (b"OPTIONS", b"http://www.example.org:8001", Target(b"/")),
        (b"GET", b"HTTP://a?q?r", Target(b"/", b"?q?r")),
    ],
)
def test_forms(method: bytes, target: bytes, expected: Target) -> None:
    assert read_target(Request(method, target, 1)) == expected


@pytest.mark.parametrize(
    ("method", "target"),
    [
        (b"GET", b"*"),
        (b"GET", b"a:80"),
        (b"GET", b"a"),
        (b"GET", b"/#a"),
        (b"GET", b"http:///a"),
        (b"GET", b"http://u@a/"),
        (b"GET", b"http://:80/"),
        (b"CONNECT", b"/"),
        (b"CONNECT", b"a:"),
    ],
)
def test_forms_that_are_none(method: bytes, target: bytes) -> None:
    with pytest.raises(Fault) as caught:
        read_target(Request(method, target, 1))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [(b"/%", 400), (b"/%0", 400), (b"/%00", 400), (b"/%2f%zz", 404), (b"/%zz%2F", 400)],
)
def test_what_cannot_be_decoded(path: bytes, status: int) -> None:
    with pytest.raises(Refused) as caught:
        decode(path)
    assert caught.value.status == status


def test_length_is_counted_after_decoding() -> None:
    assert len(decode(b"/" + b"%41" * 4095)) == 4096
    with pytest.raises(Refused) as caught:
        decode(b"/" + b"%41" * 4096)
    assert caught.value.status == 414


@pytest.mark.parametrize(
    "reference",
    [
        *("g", "./g", "g/", "/g", "g/.", "./", "../", "../g", "../../g", "../../../g"),
        *("../../../../g", "/./g", "/../g", "g.", "g..", "./../g", "./g/.", "g/./h", "g/../h"),
        *(".", "..", "../..", "../../"),
    ],
)
def test_dots_are_resolved_as_urls_are(reference: str) -> None:
    """The examples of RFC 3986 5.4, resolved by the standard library and by us."""
    path = reference if reference.startswith("/") else "/b/c/" + reference
    resolved = urljoin("http://a/b/c/d", reference).removeprefix("http://a").replace("//", "/")
    ours = normalize(path.encode())
    slash = "/" if ours.is_directory and ours.segments else ""
    assert "/" + b"/".join(ours.segments).decode() + slash == resolved


@pytest.mark.parametrize(
    ("segments", "is_allowed"),
    [
        ((b"a",), True),
        ((b".a",), False),
        ((b".well-known", b"x"), True),
        ((b"a", b".well-known"), False),
        ((b".well-known", b".x"), False),
        ((b"x" * 255,), True),
        ((b"x" * 256,), False),
        ((b"a\x1f",), False),
        ((b"a\x7f",), False),
        ((b"a\x80",), True),
    ],
)
def test_what_no_file_is_called(segments: tuple[bytes, ...], is_allowed: bool) -> None:
    path = Path(segments, False)
    if is_allowed:
        judge_segments(path)
    else:
        with pytest.raises(Refused):
            judge_segments(path)


def test_a_location_never_leads_to_another_host() -> None:
    location = normalize(b"//evil.example/\\\x0d\x0a").location(b"?//a")
    assert location == b"/evil.example/%5C%0D%0A/?//a"
