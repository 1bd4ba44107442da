"""Whether a head may stand, against the reference model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc0.a64 import Routine
from svc0.machine.call import caller
from svc0.server import framing as under_test
from svc0.server.connection import Buffer
from svc0.server.framing import Framing
from svc0.server.limits import BODY_MAX
from tests.model import framing as model
from tests.model import target
from tests.model.head import Fault, Request, read_head
from tests.server.test_request import parsed

words = st.sampled_from([b"chunked", b"Chunked", b"gzip", b"identity", b"", b"chunke", b"x"])
parameters = st.sampled_from([b""] * 5 + [b";", b" ; q=1", b"\t;a", b" "])
codings = st.lists(st.tuples(words, parameters).map(b"".join), max_size=3).flatmap(
    lambda parts: st.sampled_from([b",", b", ", b" ,\t"]).map(lambda comma: comma.join(parts))
)
lengths = st.integers(0, BODY_MAX + 1).map(lambda n: b"%d" % n)
lengths |= st.sampled_from([b"", b"-1", b"+1", b"1,1", b"1 1", b"0x1", b"9" * 18, b"9" * 19])
lengths |= st.sampled_from([b"0" * 18, b"0" * 19, b"%d" % BODY_MAX, b"%d" % (BODY_MAX + 1), b"5"])
FIELDS = {
    b"Host": st.sampled_from([b"a", b"a:80", b"a b", b"", b"[::1]", b"a:65536", b"u@a"]),
    b"Content-Length": lengths,
    b"Transfer-Encoding": codings | st.just(b"chunked"),
    b"Expect": st.sampled_from([b"100-continue", b"100-Continue", b"", b"100-continue, x", b"x"]),
}
fields = st.lists(
    st.sampled_from(sorted(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), FIELDS[name])),
    max_size=4,
)
targets = st.sampled_from([b"/", b"/a?b", b"*", b"http://a/b?c", b"http://a", b"a:80", b"/#", b"x"])
methods = st.sampled_from([b"GET", b"OPTIONS", b"CONNECT"])


def result_of(routine: Routine, head: bytes) -> tuple[int, Framing, int, int]:
    """What a routine leaves; and framing, length and waiting of the Request."""
    with caller(routine) as machine:
        buffer = parsed(machine, head)
        result = machine.call(int(buffer))
        return (
            result,
            Framing(buffer[Buffer.request.framing]),
            buffer[Buffer.request.body_left],
            buffer[Buffer.request.waits],
        )


def made(method: bytes, asked: bytes, minor: int, fields: list[tuple[bytes, bytes]]) -> bytes:
    lines = [name + b": " + value for name, value in fields]
    return b"\r\n".join([b"%s %s HTTP/1.%d" % (method, asked, minor), *lines, b"", b""])


Read = TypeVar("Read")


def said_by(read: Callable[[Request], Read], head: bytes) -> Read | int:
    """What the model reads in a head, or minus the status that refuses it."""
    try:
        return read(read_head(head))
    except Fault as fault:
        return -fault.status


def expected(request: Request) -> int | model.Framing:
    try:
        framing = model.frame(request)
        target.read_target(request)
    except Fault as fault:
        return -fault.status
    return framing if framing.length <= BODY_MAX else -413


@settings(max_examples=300)
@given(method=methods, asked=targets, minor=st.sampled_from([0, 1, 1, 1]), fields=fields)
def test_judge(method: bytes, asked: bytes, minor: int, fields: list[tuple[bytes, bytes]]) -> None:
    if not any(name == b"Host" for name, _ in fields) and len(fields) < 4:
        fields = [(b"Host", b"a"), *fields]
    head = made(method, asked, minor, fields)
    result, framing, left, waits = result_of(under_test.judge, head)
    said = expected(read_head(head))
    if isinstance(said, int):
        assert result == said
        return
    assert (result, left) == (0, said.length)
    assert framing == (
        Framing.CHUNKED if said.chunked else Framing.LENGTH if said.length else Framing.NONE
    )
    assert bool(waits) == (said.expects and said.has_body)


@given(hosts=st.lists(FIELDS[b"Host"], max_size=3), minor=st.integers(0, 1))
def test_judge_host(hosts: list[bytes], minor: int) -> None:
    head = made(b"GET", b"/", minor, [(b"Host", host) for host in hosts])
    said = said_by(model.judge_host, head)
    assert result_of(under_test.judge_host, head)[0] == (said or 0)


@given(values=st.lists(lengths, max_size=2))
def test_judge_length(values: list[bytes]) -> None:
    head = made(b"GET", b"/", 1, [(b"Content-Length", value) for value in values])
    length = said_by(model.read_content_length, head) or 0
    framing = Framing.LENGTH if length > 0 else Framing.NONE
    result = result_of(under_test.judge_length, head)
    assert result == (min(length, 0), framing, max(length, 0), 0)


@given(values=st.lists(codings, max_size=2), minor=st.sampled_from([0, 1, 1]), both=st.booleans())
def test_judge_coding(values: list[bytes], minor: int, both: bool) -> None:
    fields = [(b"Transfer-Encoding", value) for value in values]
    head = made(b"GET", b"/", minor, fields + [(b"Content-Length", b"5")] * (both and minor))
    said = said_by(model.read_transfer_encoding, head)
    framing = Framing.CHUNKED if said is True else Framing.NONE
    assert result_of(under_test.judge_coding, head) == (min(said, 0), framing, 0, 0)


@given(text=codings)
def test_codings(text: bytes) -> None:
    request = Request(b"GET", b"/", 1, ((b"transfer-encoding", text),))
    try:
        model.read_transfer_encoding(request)
        said = 0
    except Fault as fault:
        said = -fault.status
    assert under_test.codings(text, len(text)) == said


@given(text=st.text("ab ;\t=", max_size=12).map(str.encode))
def test_coding_name(text: bytes) -> None:
    with caller(under_test.coding_name) as machine:
        address, length, more = machine.call(machine.place(text), len(text))
        assert machine.read(address, length) == text.partition(b";")[0].rstrip(b" \t")
        assert more == (b";" in text)


@given(text=st.text("0123456789/:a", max_size=20).map(str.encode))
def test_all_digits(text: bytes) -> None:
    assert under_test.all_digits(text, len(text)) == text.isdigit()


def test_every_byte_among_digits() -> None:
    for byte in range(256):
        for text in (bytes([byte]), b"1%c" % byte, b"%c1" % byte):
            assert under_test.all_digits(text, len(text)) == text.isdigit()


@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize("framing", Framing)
@given(values=st.lists(FIELDS[b"Expect"], max_size=2))
def test_judge_expect(minor: int, framing: Framing, values: list[bytes]) -> None:
    head = made(b"GET", b"/", minor, [(b"Expect", value) for value in values])
    said = said_by(model.read_expect, head)
    with caller(under_test.judge_expect) as machine:
        buffer = parsed(machine, head)
        buffer[Buffer.request.framing] = framing
        assert machine.call(int(buffer)) == min(said, 0)
        if said >= 0:
            assert buffer[Buffer.request.waits] == (said and framing != Framing.NONE)


@given(method=methods, asked=targets)
def test_judge_target(method: bytes, asked: bytes) -> None:
    head = made(method, asked, 1, [])
    with caller(under_test.judge_target) as machine:
        buffer = parsed(machine, head)
        result = machine.call(int(buffer))
        parts = [
            machine.read(buffer[address], buffer[size]) if buffer[address] else None
            for address, size in (
                (Buffer.request.path, Buffer.request.path_size),
                (Buffer.request.query, Buffer.request.query_size),
            )
        ]
    said = said_by(target.read_target, head)
    if isinstance(said, int):
        assert result == said
    else:
        assert (result, parts[0], parts[1] or b"") == (0, said.path, said.query)
