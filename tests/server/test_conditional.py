"""All conditions of a request together, against the reference model."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import Routine, sizeof
from svc0.machine.call import caller
from svc0.server.conditional import (
    any_listed,
    evaluate,
    not_modified_since,
    still_the_same,
    take_range,
)
from svc0.server.connection import Buffer
from svc0.server.request import Kind, parse
from svc0.server.workspace import Workspace
from tests.model import conditions as model
from tests.model.head import Request
from tests.model.site import File
from tests.server.memory import Memory

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
            Workspace.facts.modified: mtime,
            Workspace.facts.total: SIZE,
            Workspace.facts.etag_size: len(etag),
        }
        for field, number in numbers.items():
            machine.write(workspace + field, number.to_bytes(8, "little"))
        machine.write(workspace + Workspace.facts.etag, etag)
        status = machine.call(machine.place(buffer), workspace)
        part = tuple(
            int.from_bytes(machine.read(workspace + field, 8), "little")
            for field in (Workspace.first, Workspace.end)
        )
    request = Request(method=method, target=b"/", minor=1, fields=folded)
    assert (status, part if status == 206 else None) == expected(request, file)


# --- its parts -----------------------------------------------------------------------


class Asked:
    """A request for the file, and what a routine and the model are told of both."""

    def __init__(self, fields: list[tuple[bytes, bytes]], mtime: int, method: bytes = b"GET"):
        lines = [method + b" / HTTP/1.1", *(name + b": " + value for name, value in fields)]
        self.buffer = read(b"\r\n".join([*lines, b"", b""]))
        folded = tuple((name.lower(), value.strip(b" \t")) for name, value in fields)
        self.request = Request(method=method, target=b"/", minor=1, fields=folded)
        self.validators = model.validators(File(bytes(SIZE), mtime * 10**9), NOW)

    def call(self, routine: Routine, *arguments: int) -> tuple[int, tuple[int, int]]:
        """What the routine leaves, and the part that is in the workspace then."""
        tag = bytes(self.validators.tag)
        with caller(routine) as machine:
            worker = Memory(machine, Workspace)
            worker[Workspace.now] = NOW
            worker[Workspace.facts.modified] = self.validators.mtime
            worker[Workspace.facts.total] = SIZE
            worker[Workspace.facts.etag] = tag
            worker[Workspace.facts.etag_size] = len(tag)
            worker[Workspace.first], worker[Workspace.end] = UNTOUCHED
            result = machine.call(machine.place(self.buffer), *arguments, int(worker))
            return result, (worker[Workspace.first], worker[Workspace.end])


UNTOUCHED = 123, 456
mtimes = st.sampled_from(MTIMES)


def several(
    names: list[bytes], values: st.SearchStrategy[bytes], most: int
) -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    """Some fields of these names."""
    return st.lists(st.tuples(st.sampled_from(names), values), max_size=most)


@given(
    fields=several([b"If-Match", b"if-match", b"If-None-Match"], lists, 4),
    mtime=mtimes,
    kind=st.sampled_from([Kind.IF_MATCH, Kind.IF_NONE_MATCH]),
    weakly=st.booleans(),
)
@example(fields=[], mtime=5, kind=Kind.IF_MATCH, weakly=True)
@example(
    fields=[(b"If-Match", b"x"), (b"If-Match", b"*")], mtime=5, kind=Kind.IF_MATCH, weakly=True
)
@example(fields=[(b"If-Match", b""), (b"If-Match", b"*")], mtime=5, kind=Kind.IF_MATCH, weakly=True)
def test_any_listed(
    fields: list[tuple[bytes, bytes]], mtime: int, kind: Kind, weakly: bool
) -> None:
    """Several fields are one list; those of another kind are none of it."""
    asked = Asked(fields, mtime)
    values, tag = asked.request.values(kind.field), asked.validators.tag
    expected = model.any_tag_matches(values, tag, strongly=not weakly)
    assert asked.call(any_listed, kind, weakly) == (expected, UNTOUCHED)


@given(
    fields=several([b"If-Modified-Since", b"If-Unmodified-Since"], dates, 3),
    mtime=mtimes,
    kind=st.sampled_from([Kind.IF_MODIFIED_SINCE, Kind.IF_UNMODIFIED_SINCE]),
)
@example(fields=[], mtime=5, kind=Kind.IF_MODIFIED_SINCE)
def test_not_modified_since(fields: list[tuple[bytes, bytes]], mtime: int, kind: Kind) -> None:
    asked = Asked(fields, mtime)
    since = model.only_date(asked.request, kind.field, NOW)
    expected = -1 if since is None else int(mtime <= since)
    assert asked.call(not_modified_since, kind) == (expected, UNTOUCHED)


@given(fields=several([b"If-Range", b"Range"], etags | dates, 3), mtime=mtimes, exact=st.booleans())
@example(fields=[], mtime=5, exact=False)
def test_still_the_same(fields: list[tuple[bytes, bytes]], mtime: int, exact: bool) -> None:
    tag = bytes(model.validators(File(bytes(SIZE), mtime * 10**9), NOW).tag)
    asked = Asked([*fields, *[(b"If-Range", tag)] * exact], mtime)
    expected = model.range_holds(asked.request, asked.validators, NOW)
    assert asked.call(still_the_same) == (expected, UNTOUCHED)


@given(
    method=methods,
    parts=st.lists(ranges, min_size=1, max_size=2) | st.lists(ranges, max_size=1),
    conditions=several([b"If-Range"], etags | dates, 1),
    mtime=mtimes,
)
@example(method=b"HEAD", parts=[b"bytes=0-4"], conditions=[], mtime=5)
@example(method=b"GET", parts=[b"bytes=0-4"] * 2, conditions=[], mtime=5)
def test_take_range(
    method: bytes, parts: list[bytes], conditions: list[tuple[bytes, bytes]], mtime: int
) -> None:
    """The workspace is told of a part, and of nothing else."""
    asked = Asked([*((b"Range", part) for part in parts), *conditions], mtime, method)
    expected = 200, UNTOUCHED
    try:
        if part := model.select_range(asked.request, asked.validators, SIZE, NOW):
            expected = 206, (part[0], part[1] + 1)
    except model.Unsatisfiable:
        expected = 416, UNTOUCHED
    assert asked.call(take_range) == expected
