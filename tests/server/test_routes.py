"""Routes: a request that was read, a site with everything in it, and the model's answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.constants import S_IFREG
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import framing, request, routes
from svc0.server.connection import NO_FILE, Buffer, Connection
from svc0.server.file import status_of
from svc0.server.routes import (
    add_index,
    describe_file,
    ends_with_slash,
    judge_file,
    show_file,
    why_missing,
)
from svc0.server.status import STATUSES
from svc0.server.workspace import INDEX, Workspace
from tests.model import respond, target
from tests.model.conditions import format_date
from tests.model.head import read_head
from tests.model.site import Directory, Fifo, File, Link
from tests.server.kernel import ROOT
from tests.server.memory import Input, Memory
from tests.server.tree import Tree

NOW = 1_700_000_000
OLD = (NOW - 1000) * 10**9
SITE = Directory(
    {
        b"a.txt": File(b"hello", OLD),
        b"empty": File(b"", OLD),
        b"new.html": File(b"<p>", NOW * 10**9 + 5),
        b"secret": File(b"", OLD, forbidden=True),
        b"link": Link(b"a.txt"),
        b"pipe": Fifo(),
        b"dir": Directory({b"index.html": File(b"index", OLD), b"b c": File(b"bc", OLD)}),
        b"bare": Directory(),
        b"odd": Directory({b"index.html": Directory()}),
        b"linked": Directory({b"index.html": Link(b"../a.txt")}),
        b"hidden": Directory({b"index.html": File(b"", OLD, forbidden=True)}),
        b"index.html": File(b"root", OLD),
    }
)
SENTENCES = {known.number: known.sentence for known in STATUSES}


@routine
def answer(connection: x27, worker: x28) -> x0:
    """Read the head in the buffer, judge it, and answer it: 0."""
    buffer = x19

    with frame(buffer) as leave:
        ldr(buffer, [connection, Connection.buffer])
        mov(x0, buffer)
        bl(request.parse)
        cmp(x0, 1)
        b.ne(leave)
        mov(x0, buffer)
        bl(framing.judge)
        cbnz(x0, leave)
        bl(routes.dispatch)
        mov(x0, 0)
    ret()


class Asking:
    """A connection that has a request, and the kernel that knows the site."""

    def __init__(self, machine: Caller, head: bytes, tree: Tree, *, alone: bool = False) -> None:
        self.tree = tree
        self.buffer = Input(machine, head)
        self.worker = Memory(machine, Workspace)
        self.worker[Workspace.now] = NOW
        self.worker[Workspace.date] = format_date(NOW)
        self.worker[Workspace.root] = ROOT
        self.worker[Workspace.no_confinement] = alone
        self.connection = Memory(machine, Connection)
        self.connection[Connection.buffer] = int(self.buffer)
        assert machine.call(int(self.connection), int(self.worker), kernel=tree) == 0
        out, end = self.connection[Connection.out], self.connection[Connection.out_end]
        self.answer = machine.read(out, end - out) + self.part()

    def part(self) -> bytes:
        """What is to be sent of a file; one that was opened belongs to the connection."""
        file = self.connection[Connection.file]
        assert set(self.tree.open) == ({file} if file != NO_FILE else set())
        first, end = self.connection[Connection.file_offset], self.connection[Connection.file_end]
        if first == end:
            return b""
        entry = self.tree.open[file]
        assert isinstance(entry, File)
        return entry.content[first:end]


NAMES = [name.decode() for name in SITE.entries]
pieces = st.sampled_from([*NAMES, "b%20c", "missing", "..", ".", "", "%2e", "A.txt", "index.html"])
targets = st.lists(pieces, max_size=4).map(lambda parts: "/" + "/".join(parts))
queries = st.sampled_from(["", "?", "?q=/../"])
methods = st.sampled_from(["GET", "GET", "HEAD", "OPTIONS", "POST", "DELETE"])
fields = st.sampled_from(
    [
        "",
        "Range: bytes=1-2\r\n",
        "Range: bytes=9-\r\n",
        f"If-Modified-Since: {format_date(NOW).decode()}\r\n",
        'If-Match: "x"\r\n',
        "Accept: application/json\r\n",
    ]
)


@given(method=methods, path=targets, query=queries, field=fields, alone=st.booleans())
def test_dispatch(method: str, path: str, query: str, field: str, alone: bool) -> None:
    head = f"{method} {path}{query} HTTP/1.1\r\nHost: a\r\n{field}\r\n".encode()
    asked = read_head(head)
    expected = respond.respond(asked, target.read_target(asked), SITE, NOW)
    expected = expected.with_sentence(SENTENCES[expected.status])
    with caller(answer) as machine:
        assert Asking(machine, head, Tree(SITE, old=alone), alone=alone).answer == expected.encode()


def test_options_of_everything() -> None:
    with caller(answer) as machine:
        asking = Asking(machine, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Tree(SITE))
    assert asking.answer.startswith(b"HTTP/1.1 204 ")
    assert asking.tree.names == []


@pytest.mark.parametrize("path", ["/a.txt", "/dir/", "/dir", "/bare/", "/dir/b%20c"])
@pytest.mark.parametrize("error", [Errno.EMFILE, Errno.ENFILE, Errno.EACCES, Errno.EIO])
@pytest.mark.parametrize("at", [1, 2])
def test_a_kernel_that_cannot_open(path: str, error: int, at: int) -> None:
    """Whatever fails and wherever, the answer says so and nothing is left open."""
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    tree = Tree(SITE, {at: -error})
    with caller(answer) as machine:
        status = int(Asking(machine, head, tree).answer.split()[1])
    if tree.opens >= at:
        assert status == (301 if path == "/dir" and error == Errno.EACCES else status_of(-error))
    else:
        assert status in (200, 301)


@pytest.mark.parametrize(
    "path",
    [
        "/a.txt/..namedfork/rsrc",
        "/a.txt/%2e%2E%6eamedfork/data",
        "/..namedfork/rsrc",
        "/.vol/16777220/2/etc",
        "/.nofollow/a.txt",
        "/dir/./.resolve/1/b%20c",
        "/.well-known/..namedfork/rsrc",
        "/a.txt/%2e%e2%80%8c.namedfork/rsrc",
    ],
)
def test_names_that_are_more_than_names(path: str) -> None:
    """Darwin's forks, files by number and rules for links never come before any kernel."""
    tree = Tree(SITE)
    with caller(answer) as machine:
        asking = Asking(machine, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), tree)
    assert asking.answer.startswith(b"HTTP/1.1 404 ")
    assert not tree.names


@pytest.mark.parametrize("name", ["%e2%80%8c..namedfork", "%EF%BB%BF.git", "a/%e2%81%af"])
def test_names_that_are_less_than_names(name: str) -> None:
    """They begin with what HFS+ ignores: only where there is such a volume is it not asked."""
    tree = Tree(SITE)
    with caller(answer) as machine:
        asking = Asking(machine, f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), tree)
    assert asking.answer.startswith(b"HTTP/1.1 404 ")
    assert tree.opens == (platform() == "linux")


# --- its parts -----------------------------------------------------------------------


@given(path=st.binary(max_size=6).map(lambda text: text.replace(b"\0", b"/")))
def test_ends_with_slash(path: bytes) -> None:
    assert ends_with_slash(path, len(path)) == (path == b"" or path.endswith(b"/"))


@pytest.mark.parametrize("path", [b"", b"a/", b"a", b"a/b"])
def test_add_index(path: bytes) -> None:
    with caller(add_index) as machine:
        at = machine.place(bytearray(path + b"\0" + bytes(31)))
        machine.call(at, len(path))
        found = machine.read(at, len(path) + 32).split(b"\0")[0]
    assert found == (path + INDEX if path in (b"", b"a/") else path)


@pytest.mark.parametrize("path", [b"a", b"a/", b""])
@pytest.mark.parametrize(
    ("entry", "status"),
    [(File(b"x", 0), 200), (Fifo(), 404), (Directory(), 301), (None, 500)],
)
def test_judge_file(path: bytes, entry: File | Fifo | Directory | None, status: int) -> None:
    class Failing(Tree):
        """fstat may fail too."""

        def fstat(self, machine: Caller, file: int, stat: int) -> int:
            return super().fstat(machine, file, stat) if entry else -Errno.EIO

    tree = Failing(Directory())
    tree.open[9] = entry or File(b"", 0)
    with caller(judge_file) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.file] = 9
        worker[Workspace.path] = path
        worker[Workspace.path_size] = len(path)
        expected = 404 if status == 301 and path != b"a" else status
        assert machine.call(int(worker), kernel=tree) == expected
    assert set(tree.open) == ({9} if status == 200 else set())


@pytest.mark.parametrize("path", [b"dir/", b"bare/", b"missing/", b"a.txt/", b""])
def test_why_missing_after_a_slash(path: bytes) -> None:
    """403 says that there is a directory, and nothing else does."""
    tree = Tree(SITE)
    with caller(why_missing) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.root] = ROOT
        at = machine.place(bytearray(path + INDEX + b"\0"))
        status = machine.call(at, len(path), -Errno.ENOENT, int(worker), kernel=tree)
    assert status == (403 if path in (b"dir/", b"bare/", b"") else 404)
    assert not tree.open


@given(
    size=st.integers(0, 2**62),
    seconds=st.integers(0, NOW + 100),
    nanoseconds=st.integers(0, 10**9 - 1),
    name=st.sampled_from([b"a.txt", b"a.svg/x", b"dir/", b"", b"x"]),
)
def test_describe_file(size: int, seconds: int, nanoseconds: int, name: bytes) -> None:
    with caller(describe_file) as machine:
        worker = Memory(machine, Workspace)
        for field, value in {
            Workspace.now: NOW,
            Workspace.stat.file_size: size,
            Workspace.stat.modified.seconds: seconds,
            Workspace.stat.modified.nanoseconds: nanoseconds,
            Workspace.stat.mode: S_IFREG,
            Workspace.path: name + INDEX + b"\0",
            Workspace.path_size: len(name),
            Workspace.first: 7,
        }.items():
            worker[field] = value
        machine.call(int(worker))
        etag = worker.bytes(Workspace.etag, worker[Workspace.etag_size])
        kind = machine.read(worker[Workspace.type], worker[Workspace.type_size])
        part = [worker[field] for field in (Workspace.first, Workspace.end, Workspace.file_size)]
    weak = "W/" if seconds + 1 >= NOW else ""
    assert etag.decode() == f'{weak}"{seconds * 10**9 + nanoseconds:x}-{size:x}"'
    assert part == [0, size, size]
    assert kind == respond.media_type(name + INDEX if name in (b"", b"dir/") else name)


conditions = st.sampled_from(
    [
        "",
        "Range: bytes=1-2\r\n",
        "Range: bytes=9-\r\n",
        f"If-Modified-Since: {format_date(NOW).decode()}\r\n",
        f"If-Unmodified-Since: {format_date(1).decode()}\r\n",
        'If-Match: "x"\r\n',
        "If-None-Match: *\r\n",
        "Accept: application/json\r\n",
    ]
)


@given(
    method=st.sampled_from(["GET", "HEAD"]),
    some=st.lists(conditions, max_size=2, unique=True).map("".join),
    name=st.sampled_from([b"a.txt", b"empty", b"new.html"]),
)
def test_show_file(method: str, some: str, name: bytes) -> None:
    """The file is open already; it goes to the connection, or is closed."""
    head = f"{method} /{name.decode()} HTTP/1.1\r\nHost: a\r\n{some}\r\n".encode()
    asked = read_head(head)
    expected = respond.respond(asked, target.read_target(asked), SITE, NOW)
    expected = expected.with_sentence(SENTENCES[expected.status])
    entry = SITE.entries[name]
    assert isinstance(entry, File)
    tree = Tree(SITE)
    tree.open[9] = entry
    with caller(request.parse) as parser:
        buffer = Input(parser, head)
        assert parser.call(int(buffer)) >= 0
        content = buffer.bytes(Buffer.next, sizeof(Buffer))
    with caller(show_file) as machine:
        worker, connection = Memory(machine, Workspace), Memory(machine, Connection)
        for field, value in {
            Workspace.now: NOW,
            Workspace.date: format_date(NOW),
            Workspace.file: 9,
            Workspace.path: name + b"\0",
            Workspace.path_size: len(name),
            Workspace.stat.file_size: len(entry.content),
            Workspace.stat.modified.seconds: entry.mtime_ns // 10**9,
            Workspace.stat.modified.nanoseconds: entry.mtime_ns % 10**9,
            Workspace.stat.mode: S_IFREG,
        }.items():
            worker[field] = value
        connection[Connection.buffer] = machine.place(bytearray(content))
        connection[Connection.file] = NO_FILE
        machine.call(int(connection), int(worker), kernel=tree)
        out, end = connection[Connection.out], connection[Connection.out_end]
        first, last = connection[Connection.file_offset], connection[Connection.file_end]
        answered = machine.read(out, end - out) + entry.content[first:last]
        file = connection[Connection.file]
    assert answered == expected.encode()
    assert set(tree.open) == (set() if file == NO_FILE else {file})
    assert file == (NO_FILE if expected.status in (412, 416) else 9)
