"""Whole connections, as their client sees them."""

from __future__ import annotations

import pytest

from tests.model import site
from tests.model.body import skip_chunks
from tests.model.conversation import End, converse
from tests.model.head import Fault, Incomplete
from tests.model.respond import FIELD_ORDER, Answer
from tests.model.site import Directory, File

NOW = 1_800_000_000
EXPECT = b"Expect: 100-continue"
SITE = Directory(
    {
        b"index.html": File(b"home", 0),
        b"ten.txt": File(b"0123456789", 1_700_000_000 * 10**9),
        b"shut": File(b"", 0, forbidden=True),
        b"directory": Directory({b"x": File(b"", 0)}),
    }
)


def ask(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([line, b"Host: a", *fields, b"", b""])


def only(data: bytes) -> Answer:
    (answer,) = converse(data, SITE, NOW).answers
    return answer


def test_a_file() -> None:
    assert only(ask(b"GET /ten.txt HTTP/1.1")).encode() == (
        b"HTTP/1.1 200 OK\r\n"
        b"Server: svc0\r\n"
        b"Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: 10\r\n"
        b"Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
        b'ETag: "17979cfe362a0000-a"\r\n'
        b"Accept-Ranges: bytes\r\n"
        b"\r\n"
        b"0123456789"
    )


def test_the_same_without_its_body() -> None:
    get, head = (only(ask(method + b" /ten.txt HTTP/1.1")) for method in (b"GET", b"HEAD"))
    assert get.encode() == head.encode() + b"0123456789"


def test_what_a_cache_has() -> None:
    said = only(ask(b"GET /ten.txt HTTP/1.1", b"If-None-Match: *"))
    assert said.status == 304
    assert {name for name, _ in said.fields} == {b"Server", b"Date", b"Last-Modified", b"ETag"}
    assert said.encode().endswith(b"\r\n\r\n")


def test_a_part() -> None:
    said = only(ask(b"GET /ten.txt HTTP/1.1", b"Range: bytes=-3"))
    assert (said.status, said.body) == (206, b"789")
    assert dict(said.fields)[b"Content-Range"] == b"bytes 7-9/10"


def test_an_error_for_people_and_one_for_programs() -> None:
    html = only(ask(b"GET /nowhere HTTP/1.1")).with_sentence("No.")
    json = only(ask(b"GET /nowhere HTTP/1.1", b"Accept: application/json")).with_sentence("No.")
    assert b"<h1>404 Not Found</h1><p>No.</p></html>\n" in html.body
    assert json.body == b'{"status":404,"error":"Not Found","message":"No."}\n'
    for said in (html, json):
        assert int(dict(said.fields)[b"Content-Length"]) == len(said.body)


def test_fields_are_in_order() -> None:
    for said in (only(ask(b"GET /directory?q HTTP/1.1", b"Connection: close")), only(b"X\r\n")):
        places = [FIELD_ORDER.index(name) for name, _ in said.fields]
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/", 200),
        (b"/shut", 403),
        (b"/directory", 301),
        (b"/directory/", 403),
        (b"/directory/x", 200),
        (b"/directory/x/", 404),
        (b"/directory/x/y", 404),
        (b"/nowhere/", 404),
    ],
)
def test_paths(path: bytes, status: int) -> None:
    assert only(ask(b"GET %s HTTP/1.1" % path)).status == status


@pytest.mark.parametrize(
    ("data", "connection", "end"),
    [
        (ask(b"GET / HTTP/1.1"), None, End.OPEN),
        (ask(b"GET / HTTP/1.1", b"Connection: Close"), b"close", End.CLOSED),
        (ask(b"GET / HTTP/1.0"), b"close", End.CLOSED),
        (ask(b"GET / HTTP/1.0", b"Connection: keep-alive"), b"keep-alive", End.OPEN),
        (ask(b"GET /nowhere HTTP/1.1"), None, End.OPEN),
        (ask(b"GET nowhere HTTP/1.1"), b"close", End.CLOSED),
        (
            ask(b"PUT / HTTP/1.1", b"Content-Length: 1", b"Expect: 100-continue"),
            b"close",
            End.CLOSED,
        ),
    ],
)
def test_how_it_goes_on(data: bytes, connection: bytes | None, end: End) -> None:
    assert dict(only(data).fields).get(b"Connection") == connection
    assert converse(data, SITE, NOW).end == end


def test_end_of_input() -> None:
    data = ask(b"GET / HTTP/1.1")
    for extra, end in [(b"", End.ENDED), (b"\r\n", End.ENDED), (b"G", End.SILENT)]:
        said = converse(data + extra, SITE, NOW, ended=True)
        assert (said.statuses, said.end, said.taken) == ([200], end, len(data))


def test_the_last_of_many_says_so() -> None:
    said = converse(ask(b"GET / HTTP/1.1") * 5, SITE, NOW, most=3)
    assert [answer.closes for answer in said.answers] == [False, False, True]


def test_the_chunks_of_rfc_9112_7_1() -> None:
    body = b"4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\nExpires: never\r\n\r\n"
    assert skip_chunks(body, 0) == len(body)
    for end in range(len(body)):
        with pytest.raises(Incomplete):
            skip_chunks(body[:end], 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"4\r\nWikix", 400),
        (b"\r\n", 400),
        (b"4 \r\n", 400),
        (b"4\n", 400),
        (b"100001\r\n", 413),
        (b"0" * 256, 400),
        (b"0\r\nHost: a\r\n", 400),
        (b"0\r\nX: " + b"y" * 4093, 431),
    ],
)
def test_chunks_that_are_refused(body: bytes, status: int) -> None:
    with pytest.raises(Fault) as caught:
        skip_chunks(body, 0)
    assert caught.value.status == status


def test_a_site_comes_back_from_disk(tmp_path: site.DiskPath) -> None:
    made = Directory(
        {
            b"f\xff": File(b"x", 1_700_000_000_123_456_789),
            b"d": Directory({b"l": site.Link(b"../f"), b"p": site.Fifo()}),
        }
    )
    site.write(made, tmp_path / "site")
    assert site.read(tmp_path / "site") == made
