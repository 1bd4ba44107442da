"""Routes: a request that was read, a site with everything in it, and the model's answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.config import OPTIONS
from svc0.kernel.constants import S_IFREG
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import framing, request, routes
from svc0.server.cache import CACHE, Cache, Entry, Life
from svc0.server.connection import NO_FILE, Buffer, Connection
from svc0.server.file import status_of
from svc0.server.response import let_go
from svc0.server.routes import (
    add_index,
    describe_file,
    ends_with_slash,
    find_file,
    judge_file,
    renew_entry,
    show_entry,
    show_file,
    why_missing,
)
from svc0.server.settings import SETTINGS, packed
from svc0.server.status import STATUSES
from svc0.server.workspace import INDEX, Workspace
from tests.model import respond, target
from tests.model.conditions import format_date, validators
from tests.model.head import read_head
from tests.model.site import Directory, Fifo, File, Link
from tests.server.kernel import ROOT
from tests.server.memory import Input, Kept, Memory, lay_shelves
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
        facts = worker[Workspace.facts.total], worker[Workspace.facts.etag_size] > 0
    assert facts == ((1, True) if status == 200 else (0, False)), "what is there is described"
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
        etag = worker.bytes(Workspace.facts.etag, worker[Workspace.facts.etag_size])
        kind = machine.read(worker[Workspace.facts.type], worker[Workspace.facts.type_size])
        part = [worker[field] for field in (Workspace.first, Workspace.end, Workspace.facts.total)]
    weak = "W/" if seconds + 1 >= NOW else ""
    assert etag.decode() == f'{weak}"{seconds * 10**9 + nanoseconds:x}-{size:x}"'
    assert part == [0, size, size]
    assert kind == respond.media_type(name + INDEX if name in (b"", b"dir/") else name)


def read_into_buffer(head: bytes) -> bytes:
    """A buffer with a head that was read."""
    with caller(request.parse) as parser:
        buffer = Input(parser, head)
        assert parser.call(int(buffer)) >= 0
        return buffer.bytes(Buffer.next, sizeof(Buffer))


def opened(machine: Caller, entry: File, name: bytes) -> Memory:
    """A workspace with a file that find_file has opened and described."""
    worker = Memory(machine, Workspace)
    size, (second, part) = len(entry.content), divmod(entry.mtime_ns, 10**9)
    tag = bytes(validators(entry, NOW).tag)
    kind = respond.media_type(name)
    for field, value in {
        Workspace.now: NOW,
        Workspace.date: format_date(NOW),
        Workspace.file: 9,
        Workspace.path: name + b"\0",
        Workspace.path_size: len(name),
        Workspace.stat.file_size: size,
        Workspace.stat.modified.seconds: second,
        Workspace.stat.modified.nanoseconds: part,
        Workspace.stat.changed.seconds: second,
        Workspace.stat.changed.nanoseconds: part,
        Workspace.stat.mode: S_IFREG,
        Workspace.facts.total: size,
        Workspace.facts.modified: second,
        Workspace.facts.etag: tag,
        Workspace.facts.etag_size: len(tag),
        Workspace.facts.type: machine.place(kind),
        Workspace.facts.type_size: len(kind),
        Workspace.first: 0,
        Workspace.end: size,
    }.items():
        worker[field] = value
    return worker


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
    content = read_into_buffer(head)
    with caller(show_file) as machine:
        worker, connection = opened(machine, entry, name), Memory(machine, Connection)
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


# --- with what the cache has ----------------------------------------------------------


@routine
def answer_or_end(ends: x0, connection: x27, worker: x28) -> x0:
    """Let go of what an answer needed, or answer the head in the buffer: 0."""
    over = label()

    with frame() as leave:
        cbnz(x0, over)
        bl(answer)
        b(leave)

        here(over)
        bl(let_go)
        mov(x0, 0)
    ret()


class Visiting:
    """A worker that goes on, with its cache, a clock, and a site that changes."""

    def __init__(
        self, machine: Caller, site: Directory, *, seconds: int = 2, places: int = 2
    ) -> None:
        self.machine, self.tree, self.seconds = machine, Tree(site), seconds
        machine.write(machine.address(SETTINGS), packed(cache_seconds=seconds))
        self.cache = lay_shelves(machine, places)
        self.worker = Memory(machine, Workspace)
        self.worker[Workspace.root] = ROOT
        self.worker[Workspace.changes] = -1
        self.ticks, self.epoch = 100, 1000
        self.earlier: list[tuple[Directory, int]] = []
        """What the site was before, and until when."""
        self.pass_time(0)

    def pass_time(self, seconds: int) -> None:
        """What the clock does (worker.py)."""
        self.ticks, self.epoch = self.ticks + seconds, self.epoch + seconds
        for field, value in {
            Workspace.ticks: self.ticks,
            Workspace.epoch: self.epoch,
            Workspace.now: self.now,
            Workspace.date: format_date(self.now),
        }.items():
            self.worker[field] = value

    @property
    def now(self) -> int:
        return NOW + self.ticks

    def change(self, site: Directory) -> None:
        """The site is another, and nobody says so."""
        self.earlier.append((self.tree.site, self.ticks))
        self.tree.site = site

    def tell(self) -> None:
        """The kernel tells of a change (watch.py)."""
        self.epoch += 1
        self.worker[Workspace.epoch] = self.worker[Workspace.changed] = self.epoch
        self.earlier.clear()

    def ask(self, head: bytes) -> bytes:
        """The whole answer to one client, who then has it."""
        machine, tree = self.machine, self.tree
        connection = Memory(machine, Connection)
        connection[Connection.buffer] = int(Input(machine, head))
        tree.names.clear()
        assert machine.call(0, int(connection), int(self.worker), kernel=tree) == 0
        answer = b"".join(
            machine.read(connection[start], connection[end] - connection[start])
            for start, end in (
                (Connection.out, Connection.out_end),
                (Connection.rest, Connection.rest_end),
            )
        )
        first, end = connection[Connection.file_offset], connection[Connection.file_end]
        if first < end:
            file = tree.open[connection[Connection.file]]
            assert isinstance(file, File)
            answer += file.content[first:end]
        asked = list(tree.names)
        machine.call(1, int(connection), int(self.worker), kernel=tree)
        tree.names[:] = asked
        assert set(tree.open) == self.kept_open(), "the rest belongs to nobody"
        return answer

    def entries(self) -> list[Memory]:
        """All entries that can be found."""
        found: list[Memory] = []
        buckets = self.cache.bytes(Cache.buckets)
        for at in range(0, len(buckets), 8):
            address = int.from_bytes(buckets[at : at + 8], "little")
            while address:
                found.append(Memory(self.machine, Entry, address))
                address = found[-1][Entry.next]
        return found

    def kept_open(self) -> set[int]:
        """The files of entries."""
        return {kept[Entry.file] for kept in self.entries()} - {NO_FILE}

    def expected(self, head: bytes) -> set[bytes]:
        """What may be said: what is so, or was in the seconds before, if nothing was told since."""
        asked = read_head(head)
        sites = [self.tree.site]
        sites += [site for site, until in self.earlier if until + self.seconds > self.ticks]
        answers = (
            respond.respond(asked, target.read_target(asked), site, self.now) for site in sites
        )
        return {made.with_sentence(SENTENCES[made.status]).encode() for made in answers}


LATER = OLD + 3 * 10**9
SITES = [
    SITE,
    Directory(
        {
            b"a.txt": File(b"jello", LATER),
            b"big": File(b"big" * 30_000, OLD),
            b"dir": Directory({b"index.html": File(b"other", LATER)}),
            b"new.html": File(b"<p>", NOW * 10**9 + 5),
        }
    ),
    Directory(
        {
            b"a.txt": Directory({b"index.html": File(b"in a.txt", OLD)}),
            b"big": File(b"not so big", LATER),
            b"dir": File(b"no directory", OLD),
            b"index.html": File(b"root", (NOW + 103) * 10**9),
        }
    ),
    Directory({b"big": File(b"BIG" * 30_000, LATER), b"a.txt": File(b"hello", OLD)}),
]
shown = st.sampled_from(
    ["/a.txt", "/a.txt", "/big", "/dir", "/dir/", "/dir?q", "/missing", "/", "/new.html", "/a b"]
).map(lambda path: path.replace(" ", "%20"))
steps = st.lists(
    st.tuples(st.just("ask"), st.sampled_from(["GET", "GET", "HEAD"]), shown, fields | conditions)
    | st.tuples(st.just("change"), st.sampled_from(SITES), st.booleans())
    | st.tuples(st.just("wait"), st.integers(0, 2)),
    max_size=14,
)


@given(steps=steps, seconds=st.integers(0, 3), places=st.integers(1, 2))
def test_what_was_asked_before(steps: list[tuple[Any, ...]], seconds: int, places: int) -> None:
    """Whatever is kept: an answer is what the model says of the site as it is, or was just now."""
    with caller(answer_or_end) as machine:
        try:
            visiting = Visiting(machine, SITE, seconds=seconds, places=places)
            for what, *how in steps:
                if what == "wait":
                    visiting.pass_time(how[0])
                elif what == "change":
                    visiting.change(how[0])
                    if how[1]:
                        visiting.tell()
                else:
                    method, path, field = how
                    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\n{field}\r\n".encode()
                    for _ in range(2):
                        assert visiting.ask(head) in visiting.expected(head)
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))


@pytest.mark.parametrize(
    ("path", "first", "second", "looks"),
    [
        ("/a.txt", ["fstat"], ["fstat", "pread", "fstat", "close"], ["fstat", "close"]),
        ("/empty", ["fstat"], ["fstat", "fstat", "close"], ["fstat", "close"]),
        ("/big", ["fstat"], ["fstat", "fstat"], ["fstat", "close"]),
        ("/missing", [], [], []),
        ("/dir", ["fstat", "close"], ["fstat", "close"], ["fstat", "close"]),
    ],
)
def test_what_the_kernel_is_asked(
    path: str, first: list[str], second: list[str], looks: list[str]
) -> None:
    """Twice all of it, then no more than whether what is kept open is as it was.

    After a while, or when told, whether it is the same file.
    """
    opening = ["openat2" if platform() == "linux" else "openat"]
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with caller(answer_or_end) as machine:
        try:
            site = Directory({**SITE.entries, b"big": File(bytes(100_000), OLD)})
            visiting = Visiting(machine, site)

            def asked() -> list[str]:
                assert visiting.ask(head) in visiting.expected(head)
                return list(visiting.tree.names)

            kept = ["fstat"] if path == "/big" else []
            assert asked() == opening + first
            assert asked() == opening + second
            for _ in range(2):
                assert asked() == kept
                visiting.pass_time(1)
                assert asked() == kept, "it was looked at less than two seconds ago"
                visiting.pass_time(1)
                assert asked() == opening + looks
                assert asked() == kept
                visiting.tell()
                assert asked() == opening + looks
            visiting.change(SITES[2])
            assert asked() == kept
            visiting.tell()
            asked()
            assert visiting.tree.names[: len(opening)] == opening
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))


def test_what_is_written_into_a_file_that_is_kept_open() -> None:
    """Nothing tells of it, and the next answer is about the new content all the same."""
    head = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
    with caller(answer_or_end) as machine:
        visiting = Visiting(machine, SITES[1], seconds=1)
        for _ in range(3):
            visiting.ask(head)
        [file] = visiting.kept_open()
        visiting.change(SITES[3])
        visiting.tree.open[file] = visiting.tree.site.entries[b"big"]
        visiting.earlier.clear()
        for _ in range(2):
            assert visiting.ask(head) in visiting.expected(head)


def test_what_was_asked_for_is_marked() -> None:
    """The clock lets everybody stay who was asked for, whichever way the request went."""
    head = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    with caller(answer_or_end) as machine:
        seconds = OPTIONS["cache_seconds"].default
        assert isinstance(seconds, int)
        visiting = Visiting(machine, SITE, seconds=seconds)
        for _ in range(2):
            visiting.ask(head)
        [kept] = visiting.entries()
        kept[Entry.used] = 0
        assert visiting.ask(head) in visiting.expected(head)
        assert visiting.tree.names == []
        assert kept[Entry.used] == 1


# --- those parts by themselves --------------------------------------------------------


@given(
    path=st.sampled_from(
        [b"a.txt", b"", b"dir/", b"dir", b"bare/", b"odd/", b"secret", b"link", b"pipe", b"no"]
    ),
    alone=st.booleans(),
    failing=st.sampled_from([None, None, Errno.EMFILE, Errno.EIO]),
)
def test_find_file(path: bytes, alone: bool, failing: int | None) -> None:
    """A file is open and described, or the status says what there is instead."""
    tree = Tree(SITE, {1: -failing} if failing else None, old=alone)
    asked = read_head(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % path)
    expected = respond.respond(asked, target.read_target(asked), SITE, NOW)
    with caller(find_file) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.now] = NOW
        worker[Workspace.root] = ROOT
        worker[Workspace.no_confinement] = alone
        worker[Workspace.path] = path + b"\0"
        worker[Workspace.path_size] = len(path)
        status = machine.call(int(worker), kernel=tree)
        assert status == (status_of(-failing) if failing else expected.status)
        if status == 200:
            assert set(tree.open) == {worker[Workspace.file]}
            tag = worker.bytes(Workspace.facts.etag, worker[Workspace.facts.etag_size])
            assert tag == dict(expected.fields)[b"ETag"]
            assert worker[Workspace.facts.total] == len(expected.body)
        else:
            assert not tree.open


def entry_of(machine: Caller, file: File, content: bytes | None, descriptor: int) -> Kept:
    """What the cache has of a file that `opened` describes."""
    compared = validators(file, NOW)
    fields = {b"Last-Modified": compared.last_modified, b"ETag": bytes(compared.tag)}
    fields |= {b"Content-Type": respond.media_type(b"a.txt"), b"Accept-Ranges": b"bytes"}
    kept = Kept(machine, fields, NOW, content, size=len(file.content), file=descriptor)
    kept[Entry.facts.modified] = kept[Entry.changed] = file.mtime_ns // 10**9
    kept[Entry.changed_part] = file.mtime_ns % 10**9
    return kept


@pytest.mark.parametrize("known", [200, 301, 404])
@pytest.mark.parametrize("found", [200, 301, 404, 500])
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("pins", [0, 1])
def test_renew_entry(known: int, found: int, same: bool, pins: int) -> None:
    """What is still so may be sent, and nothing is left open; else it is dropped."""
    file = File(b"hello", OLD)
    tree = Tree(SITE)
    tree.open = {9: file} if found == 200 else {}
    with caller(renew_entry) as machine:
        worker = opened(machine, file if same else File(b"other", LATER), b"a.txt")
        worker[Workspace.ticks], worker[Workspace.epoch] = 77, 99
        kept = entry_of(machine, file, b"hello", NO_FILE)
        kept[Entry.status], kept[Entry.pins] = known, pins
        kept[Entry.looked] = kept[Entry.epoch] = 5
        bucket = Memory(machine, Cache, machine.address(CACHE))
        bucket[Cache.buckets[0]] = int(kept)
        stays = known == found and (same or known != 200)
        assert machine.call(int(kept), found, int(worker), kernel=tree) == stays
        assert bucket[Cache.buckets[0]] == int(kept) * stays
        assert (kept[Entry.looked], kept[Entry.epoch]) == ((77, 99) if stays else (5, 5))
        assert kept[Entry.life] == (Life.KEPT if stays else Life.GONE if pins else Life.FREE)
    assert set(tree.open) == ({9} if found == 200 and not stays else set())


@given(
    method=st.sampled_from(["GET", "HEAD"]),
    some=st.lists(conditions, max_size=2, unique=True).map("".join),
    in_memory=st.booleans(),
    size=st.integers(0, 20),
)
def test_show_entry(method: str, some: str, in_memory: bool, size: int) -> None:
    """The same as the file itself, without a word to the kernel."""
    head = f"{method} /a.txt HTTP/1.1\r\nHost: a\r\n{some}\r\n".encode()
    file = File(bytes(range(size)), OLD)
    asked = read_head(head)
    site = Directory({b"a.txt": file})
    expected = respond.respond(asked, target.read_target(asked), site, NOW)
    expected = expected.with_sentence(SENTENCES[expected.status])
    content = read_into_buffer(head)
    with caller(show_entry) as machine:
        worker, connection = Memory(machine, Workspace), Memory(machine, Connection)
        worker[Workspace.now], worker[Workspace.date] = NOW, format_date(NOW)
        connection[Connection.buffer] = machine.place(bytearray(content))
        connection[Connection.file] = NO_FILE
        kept = entry_of(machine, file, file.content if in_memory else None, 9)
        machine.call(int(kept), int(connection), int(worker))
        out, end = connection[Connection.out], connection[Connection.out_end]
        rest, rest_end = connection[Connection.rest], connection[Connection.rest_end]
        first, last = connection[Connection.file_offset], connection[Connection.file_end]
        answered = machine.read(out, end - out) + machine.read(rest, rest_end - rest)
        assert answered + file.content[first:last] == expected.encode()
        sends = expected.status in (200, 206) and bool(expected.body) and method == "GET"
        assert connection[Connection.entry] == int(kept) * sends
        assert kept[Entry.pins] == sends
        assert connection[Connection.file] == (9 if sends and not in_memory else NO_FILE)


@pytest.mark.parametrize("status", [301, 404])
@pytest.mark.parametrize("accepted", ["text/html", "application/json"])
def test_show_an_entry_of_nothing(status: int, accepted: str) -> None:
    """It is written anew, since another client may want another form of it."""
    head = f"GET /a.txt?q HTTP/1.1\r\nHost: a\r\nAccept: {accepted}\r\n\r\n".encode()
    site = Directory({b"a.txt": Directory()} if status == 301 else {})
    asked = read_head(head)
    expected = respond.respond(asked, target.read_target(asked), site, NOW)
    with caller(show_entry) as machine:
        worker, connection = Memory(machine, Workspace), Memory(machine, Connection)
        worker[Workspace.now], worker[Workspace.date] = NOW, format_date(NOW)
        worker[Workspace.path], worker[Workspace.path_size] = b"a.txt", len(b"a.txt")
        buffer = Memory(machine, Buffer)
        machine.write(int(buffer), read_into_buffer(head))
        buffer[Buffer.request.query] = machine.place(b"?q")
        buffer[Buffer.request.query_size] = len(b"?q")
        connection[Connection.buffer] = int(buffer)
        connection[Connection.file] = NO_FILE
        kept = Memory(machine, Entry)
        kept[Entry.status] = status
        machine.call(int(kept), int(connection), int(worker))
        out, end = connection[Connection.out], connection[Connection.out_end]
        answered = machine.read(out, end - out)
        assert connection[Connection.entry] == kept[Entry.pins] == 0
    assert answered == expected.with_sentence(SENTENCES[status]).encode()
