"""All conditions of a request together, against the reference model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import sizeof
from svc0.machine.call import caller
from svc0.server.conditional import evaluate
from svc0.server.connection import Buffer
from svc0.server.request import parse
from svc0.server.workspace import Workspace
from tests.model import conditions as model
from tests.model.head import Request
from tests.model.site import File

NOW = 1_700_000_000
MTIMES = [NOW - 100, NOW - 2, NOW - 1, NOW, NOW + 5, 5]
SIZE = 10

methods = st.sampled_from([b"GET", b"GET", b"HEAD"])
etags = st.sampled_from(MTIMES).flatmap(
    lambda mtime: st.sampled_from([b'"%x-%x"', b'W/"%x-%x"']).map(
        lambda form: form % (mtime * 10**9, SIZE)
    )
)
lists = st.lists(etags | st.sampled_from([b"*", b'"x"', b"x", b""]), max_size=2).map(b", ".join)
dates = st.sampled_from([*MTIMES, NOW - 101, NOW - 99, 0, -1, -(10**9)]).map(model.format_date)
dates |= st.sampled_from([b"Thursday", b"0", b"", model.format_date(NOW - 100)[:-1]])
ranges = st.sampled_from([b"bytes=0-4", b"bytes=5-", b"bytes=-3", b"bytes=10-", b"bytes=4-2", b"x"])
FIELDS: dict[bytes, st.SearchStrategy[bytes]] = {
    b"If-Match": lists,
    b"If-None-Match": lists,
    b"If-Unmodified-Since": dates,
    b"If-Modified-Since": dates,
    b"If-Range": etags | dates,
    b"Range": ranges,
}
fields = st.lists(
    st.sampled_from(sorted(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), FIELDS[name])),
    max_size=4,
)


def expected(request: Request, file: File) -> tuple[int, tuple[int, int] | None]:
    """The status, and of 206 the first byte and the one behind the last."""
    validators = model.validators(file, NOW)
    status = model.precondition(request, validators, NOW)
    if status != 200:
        return status, None
    try:
        part = model.select_range(request, validators, SIZE, NOW)
    except model.Unsatisfiable:
        return 416, None
    return (206, (part[0], part[1] + 1)) if part else (200, None)


def read(head: bytes) -> bytes:
    """A buffer with a whole head in it, as parse leaves it."""
    with caller(parse) as machine:
        buffer = machine.place(bytes(sizeof(Buffer)))
        machine.write(buffer + Buffer.input, head)
        machine.write(buffer + Buffer.received, len(head).to_bytes(4, "little"))
        assert machine.call(buffer) >= 0
        return machine.read(buffer, sizeof(Buffer))


@given(method=methods, fields=fields, mtime=st.sampled_from(MTIMES))
def test_evaluate(method: bytes, fields: list[tuple[bytes, bytes]], mtime: int) -> None:
    lines = [method + b" / HTTP/1.1", *(name + b": " + value for name, value in fields), b"", b""]
    folded = tuple((name.lower(), value.strip(b" \t")) for name, value in fields)
    file = File(bytes(SIZE), mtime * 10**9)
    etag = bytes(model.validators(file, NOW).tag)
    buffer = read(b"\r\n".join(lines))
    with caller(evaluate) as machine:
        workspace = machine.place(bytes(sizeof(Workspace)))
        numbers = {
            Workspace.now: NOW,
            Workspace.modified: mtime,
            Workspace.file_size: SIZE,
            Workspace.etag_size: len(etag),
        }
        for field, number in numbers.items():
            machine.write(workspace + field, number.to_bytes(8, "little"))
        machine.write(workspace + Workspace.etag, etag)
        status = machine.call(machine.place(buffer), workspace)
        part = tuple(
            int.from_bytes(machine.read(workspace + field, 8), "little")
            for field in (Workspace.first, Workspace.end)
        )
    request = Request(method=method, target=b"/", minor=1, fields=folded)
    assert (status, part if status == 206 else None) == expected(request, file)
