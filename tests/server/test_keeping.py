"""Keeping: what gets into the cache is what would be said, and only if it was so all the while."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.constants import EVFILT_VNODE
from svc0.kernel.errors import Errno
from svc0.kernel.structs import Stat
from svc0.machine.call import Caller, caller
from svc0.server import keeping as under_test
from svc0.server.cache import (
    CACHE,
    HEAD_ROOM,
    KEY_MAX,
    SHELVES,
    SLACK,
    SLASH,
    Cache,
    Entry,
    Life,
    Places,
    Size,
)
from svc0.server.connection import NO_FILE, Buffer, Connection
from svc0.server.response import DATE_SIZE, send_file_head
from svc0.server.settings import SETTINGS, packed
from svc0.server.text import STEP
from svc0.server.workspace import Facts, Workspace
from tests.model import respond, target
from tests.model.conditions import format_date, validators
from tests.model.head import read_head
from tests.model.site import Directory, File
from tests.server.kernel import ROOT, text
from tests.server.memory import Memory, lay_shelves
from tests.server.notes import read_notes
from tests.server.test_cache import hash_of, last_of
from tests.server.test_routes import NOW, OLD, SENTENCES, opened, read_into_buffer
from tests.server.tree import Tree

FILE = 9
WATCHER = 5
TICKS, EPOCH = 321, 654
LARGEST = SHELVES[Size.LARGE].room - HEAD_ROOM
BORDERS = [SHELVES[size].room - HEAD_ROOM for size in (Size.SMALL, Size.MEDIUM, Size.LARGE)]


# --- keys -----------------------------------------------------------------------------


def means_itself(path: bytes) -> bool:
    """Whether a target of these bytes names this path, and nothing has to be done for that."""
    if not all(0x21 <= byte <= 0x7E for byte in path) or set(path) & {*b"?#%"}:
        return False
    asked = target.read_target(read_head(b"GET /" + path + b" HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert asked.path is not None
    try:
        found = target.normalize(target.decode(asked.path))
    except target.Refused:
        return False
    slash = b"/" * (found.is_directory and bool(found.segments))
    return b"/".join(found.segments) + slash == path


def is_normalized(path: bytes) -> bool:
    """Whether it has no segments that are empty or hidden: others are not kept, and not served."""
    *segments, last = path.split(b"/")
    return all(segments) and not any(part.startswith(b".") for part in (*segments, last))


def is_key(path: bytes, seconds: int = 1) -> int:
    with caller(under_test.is_key) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.path], worker[Workspace.path_size] = path, len(path)
        try:
            machine.write(machine.address(SETTINGS), packed(cache_seconds=seconds))
            return machine.call(int(worker))
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))


names = st.text("ab./?#% \x7f", max_size=40).map(str.encode) | st.text("ab/", max_size=300).map(
    str.encode
)


@given(path=names | st.binary(max_size=20))
@example(path=b"")
@example(path=b"a/")
@example(path=b"a?")
@example(path=b"#a")
@example(path=b"a%41")
def test_is_key(path: bytes) -> None:
    """What means itself, of paths that nothing but escapes can be left in."""
    if is_normalized(path):
        assert is_key(path) == (len(path) <= KEY_MAX and means_itself(path))
    assert is_key(path, 0) == 0, "then there is no cache"


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, KEY_MAX - 1, KEY_MAX, KEY_MAX + 1, 4095])
def test_size_of_a_key(size: int) -> None:
    assert is_key(b"a" * size) == (size <= KEY_MAX)
    for at in {0, size // 2, size - 1} - {-1}:
        for byte in b"?#%":
            path = bytearray(b"a" * size)
            path[at : at + 1] = bytes([byte])
            assert is_key(bytes(path)) == (size == 0 and at > 0)


@given(
    path=st.binary(max_size=KEY_MAX),
    status=st.sampled_from([200, 301, 404]),
    ticks=st.integers(0, 2**63),
    before=st.sampled_from([b"\0", b"\xee"]),
)
def test_name_entry(path: bytes, status: int, ticks: int, before: bytes) -> None:
    """Whatever the entry was about before."""
    with caller(under_test.name_entry) as machine:
        worker, entry = Memory(machine, Workspace), Memory(machine, Entry)
        entry[Entry.key] = before * KEY_MAX
        worker[Workspace.path], worker[Workspace.path_size] = path, len(path)
        worker[Workspace.ticks] = ticks
        machine.call(int(entry), status, int(worker))
        assert entry[Entry.status] == status
        assert entry[Entry.looked] == ticks
        check_name(entry, path)
        rest = entry.bytes(Entry.key)[len(path) :]
        assert rest == before * (KEY_MAX - len(path))


def check_name(entry: Memory, path: bytes) -> None:
    """An entry is found by this path."""
    assert entry.bytes(Entry.key, entry[Entry.key_size]) == path
    assert entry[Entry.hash] == hash_of(path)
    assert entry.bytes(Entry.last) == last_of(path)


# --- a worker that has found something --------------------------------------------------


class Watched(Tree):
    """What is watched, and how often a file was looked at."""

    def __init__(self, site: Directory, descriptor: int | None = None) -> None:
        super().__init__(site)
        self.watched: list[bytes] = []
        self.refusal = 0

    def inotify_add_watch(self, machine: Caller, file: int, path: int, mask: int) -> int:
        assert file == WATCHER
        assert mask
        self.watched.append(text(machine, path))
        return len(self.watched)

    def kevent(
        self, machine: Caller, queue: int, changes: int, count: int, events: int, *wait: int
    ) -> int:
        [note] = read_notes(machine, changes, count)
        assert note.filter == EVFILT_VNODE
        self.watched.append(b"%d" % note.ident)
        return 0

    def fstat(self, machine: Caller, file: int, stat: int) -> int:
        found = self.refusal or super().fstat(machine, file, stat)
        if isinstance(self.open[file], Directory):
            Memory(machine, Stat, stat)[Stat.inode] = file  # no two of them are the same
        return found


class Keeping:
    """A worker that has opened a file, or found none, and a cache with few places."""

    def __init__(
        self, machine: Caller, file: File, path: bytes, *, head: bytes = b"", places: int = 1
    ) -> None:
        self.machine, self.file = machine, file
        self.kernel = Watched(Directory({b"dir": Directory({b"a.txt": file})}))
        self.kernel.open[FILE] = file
        self.worker = opened(machine, file, path)
        for field, value in {
            Workspace.ticks: TICKS,
            Workspace.epoch: EPOCH,
            Workspace.changes: -1,
            Workspace.root: ROOT,
        }.items():
            self.worker[field] = value
        if CACHE in machine.program.addresses:
            self.cache = lay_shelves(machine, places)
        self.connection = Memory(machine, Connection)
        head = head or b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % path
        self.buffer = Memory(machine, Buffer)
        machine.write(int(self.buffer), read_into_buffer(head))
        self.connection[Connection.buffer] = int(self.buffer)

    def shelf(self, size: Size) -> Memory:
        return Memory(self.machine, Places, self.cache.address + Cache.shelves[size])

    def crowd(self, size: Size) -> None:
        """All places of a shelf are taken by what is being sent."""
        shelf = self.shelf(size)
        shelf[Places.fresh] = shelf[Places.end]
        for address in range(shelf[Places.begin], shelf[Places.end], Entry.size):
            Memory(self.machine, Entry, address)[Entry.pins] = 1

    def bucket(self, path: bytes) -> int:
        return self.cache[Cache.buckets[hash_of(path) % Cache.buckets.count]]

    def nothing_is_kept(self) -> None:
        """No entry is found, and what was open is still."""
        assert not any(self.cache.bytes(Cache.buckets))
        assert set(self.kernel.open) == {FILE}
        for size in Size:
            begin = self.shelf(size)[Places.begin]
            if self.shelf(size)[Places.fresh] != begin:
                assert Memory(self.machine, Entry, begin)[Entry.life] == Life.FREE

    def check(self, address: int, path: bytes, status: int, size: Size) -> Memory:
        """What every entry has that was just kept."""
        assert address == self.bucket(path) != 0
        entry = Memory(self.machine, Entry, address)
        check_name(entry, path)
        assert entry[Entry.status] == status
        assert entry[Entry.life] == Life.KEPT
        assert entry[Entry.shelf] == size
        assert entry[Entry.looked] == TICKS
        assert entry[Entry.epoch] == EPOCH
        assert entry[Entry.pins] == 0
        return entry

    def answer(self, entry: Memory) -> bytes:
        return self.machine.read(entry[Entry.answer], entry[Entry.answer_size])


def expected_of(file: File, name: bytes) -> tuple[bytes, bytes]:
    """The model's heads of a file: whole, and not modified; without a body."""
    compared = validators(file, NOW)
    same = {b"Last-Modified": compared.last_modified, b"ETag": bytes(compared.tag)}
    fields = {b"Content-Type": respond.media_type(name), b"Accept-Ranges": b"bytes", **same}
    fields[b"Content-Length"] = b"%d" % len(file.content)
    return respond.answer(200, NOW, fields=fields).encode(), respond.answer(
        304, NOW, fields=same
    ).encode()


# --- what is no file ------------------------------------------------------------------

plain = st.sampled_from([b"", b"a", b"a/b", b"dir/a.txt", b"a" * KEY_MAX])


@given(
    status=st.sampled_from([301, 404, 404, 403, 500, 503]),
    path=plain,
    query=st.sampled_from([b"", b"", b"?", b"?q"]),
    accepted=st.sampled_from([b"", b"Accept: application/json\r\n"]),
)
def test_keep_other(status: int, path: bytes, query: bytes, accepted: bytes) -> None:
    """A page for people, whoever asked; a redirect only without a query that it would repeat."""
    head = b"GET /%s%s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (path, query, accepted)
    with caller(under_test.keep_other) as machine:
        keeping = Keeping(machine, File(b"", OLD), path, head=head)
        keeping.buffer[Buffer.request.query] = machine.place(query)
        keeping.buffer[Buffer.request.query_size] = len(query)
        address = machine.call(
            status, int(keeping.connection), int(keeping.worker), kernel=keeping.kernel
        )
        if status not in (301, 404) or (status == 301 and query):
            assert address == 0
            keeping.nothing_is_kept()
            return
        entry = keeping.check(address, path, status, Size.OTHER)
        more = {"Location": b"/" + path + b"/"} if status == 301 else {}
        bare = read_head(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        expected = respond.error(status, NOW, bare, **more).with_sentence(SENTENCES[status])
        assert keeping.answer(entry) == expected.encode()
        assert entry[Entry.answer_size] - entry[Entry.head_size] == len(expected.body)
        date = entry[Entry.answer] + entry[Entry.date_at]
        assert machine.read(date, DATE_SIZE) == format_date(NOW)
        assert entry[Entry.file] == NO_FILE


@pytest.mark.parametrize("status", [301, 404])
def test_no_place_for_what_is_no_file(status: int) -> None:
    with caller(under_test.keep_other) as machine:
        keeping = Keeping(machine, File(b"", OLD), b"a")
        keeping.crowd(Size.OTHER)
        assert machine.call(status, int(keeping.connection), int(keeping.worker)) == 0
        keeping.nothing_is_kept()


# --- files ----------------------------------------------------------------------------


@pytest.mark.parametrize("border", [0, *BORDERS])
@pytest.mark.parametrize("over", [-1, 0, 1])
def test_choose_shelf(border: int, over: int) -> None:
    """The smallest where head and body have room; beyond the largest, the file stays open."""
    total = max(border + over, 0)
    places = [size for size in Size if SHELVES[size].room >= total + HEAD_ROOM]
    sizes = [size for size in places if size not in (Size.OPEN, Size.OTHER)]
    expected = min(sizes, key=lambda size: SHELVES[size].room, default=Size.OPEN)
    assert under_test.choose_shelf(total) == expected


@pytest.mark.parametrize("total", [1 << 20, 1 << 32, (1 << 32) + 1, 1 << 63, (1 << 64) - 1])
def test_choose_a_shelf_for_large_files(total: int) -> None:
    assert under_test.choose_shelf(total) == Size.OPEN


@pytest.mark.parametrize("size", Size)
def test_choose_shelf_within_each(size: Size) -> None:
    if size not in (Size.OPEN, Size.OTHER):
        assert under_test.choose_shelf(SHELVES[size].room - HEAD_ROOM) == size


files = st.builds(
    File,
    st.integers(0, 40).map(bytes),
    st.integers(0, (NOW - 2) * 10**9) | st.just(OLD) | st.just((NOW + 9) * 10**9),
)
paths = st.sampled_from([b"a.txt", b"a", b"x.html", b"dir/a.svg"])


@given(file=files, path=paths, total=st.none() | st.integers(0, 2**62))
def test_write_heads(file: File, path: bytes, total: int | None) -> None:
    """They are what send_file_head writes for one client, and what the model says."""
    heads: dict[int, bytes] = {}
    for status in (200, 304):
        with caller(send_file_head) as machine:
            keeping = Keeping(machine, file, path)
            if total is not None:
                keeping.worker[Workspace.facts.total] = keeping.worker[Workspace.end] = total
            machine.call(status, int(keeping.connection), int(keeping.worker))
            out, end = (keeping.connection[at] for at in (Connection.out, Connection.out_end))
            heads[status] = machine.read(out, end - out)
    with caller(under_test.write_heads) as machine:
        worker, entry = opened(machine, file, path), Memory(machine, Entry)
        if total is not None:
            worker[Workspace.facts.total] = total
        entry[Entry.answer] = at = machine.place(bytearray(HEAD_ROOM))
        machine.call(int(entry), int(worker))
        head = machine.read(at, entry[Entry.head_size])
        assert head == heads[200]
        assert entry[Entry.answer_size] == entry[Entry.head_size]
        assert entry.bytes(Entry.fresh, entry[Entry.fresh_size]) == heads[304]
        if total is None:
            assert heads == dict(zip((200, 304), expected_of(file, path), strict=True))
        date, length, rest = entry[Entry.date_at], entry[Entry.length_at], entry[Entry.rest] - at
        end = entry[Entry.fields_end]
        line = len(b"HTTP/1.1 206 Partial Content") - len(b"HTTP/1.1 200 OK")
        assert entry[Entry.length_end] == length + line + 4
        assert entry[Entry.rest_size] == end - rest + len(b"\r\nContent-Range: bytes ")
        assert entry[Entry.body] == at + len(head)
        assert head[date : date + DATE_SIZE] == format_date(NOW)
        assert head[:length].endswith(b"\r\nContent-Length: ")
        assert int(head[length:rest]) == (len(file.content) if total is None else total)
        assert head[rest:end].startswith(b"\r\nLast-Modified: ")
        assert head[end:] == b"\r\n\r\n"
        assert entry.bytes(Entry.facts, sizeof(Facts)) == worker.bytes(
            Workspace.facts, sizeof(Facts)
        )


@given(
    content=st.binary(max_size=60),
    total=st.integers(0, 60),
    gives=st.lists(st.integers(1, 20) | st.sampled_from([0, -Errno.EIO, -Errno.EINTR]), max_size=6),
    head_size=st.integers(0, 50),
)
@example(content=b"", total=0, gives=[-Errno.EIO], head_size=9)
@example(content=b"abc", total=3, gives=[1, 1], head_size=9)
@example(content=b"abc", total=4, gives=[], head_size=9)
@example(content=b"abc", total=2, gives=[], head_size=9)
@example(content=b"abc", total=3, gives=[2, -Errno.EIO], head_size=9)
def test_read_file(content: bytes, total: int, gives: list[int], head_size: int) -> None:
    """Exactly as many bytes as were announced, in whatever pieces; or it is not all of it."""
    kernel = Tree(Directory())
    kernel.open[FILE] = File(content, OLD)
    kernel.gives.extend(gives)
    left, fine = total, True
    for piece in [*gives, *[total] * (total + 1)]:
        got = min(piece, left, max(len(content) - (total - left), 0))
        if left == 0 or got <= 0:
            break
        left -= got
    fine = left == 0
    with caller(under_test.read_file) as machine:
        worker, entry = Memory(machine, Workspace), Memory(machine, Entry)
        worker[Workspace.file] = FILE
        room = bytearray(b"\xee" * (head_size + total + SLACK))
        entry[Entry.answer] = at = machine.place(room)
        entry[Entry.head_size], entry[Entry.facts.total] = head_size, total
        result = machine.call(int(entry), int(worker), kernel=kernel)
        assert (result == 0) == fine
        assert result in (0, -1)
        if fine:
            assert machine.read(at + head_size, total) == content[:total]
            assert entry[Entry.answer_size] == head_size + total
            assert entry[Entry.kept] == total
            assert machine.read(at + head_size + total, SLACK) == bytes(SLACK)
        assert machine.read(at, head_size) == b"\xee" * head_size
    assert set(kernel.names) <= {"pread"}
    assert kernel.open.keys() == {FILE}


@given(total=st.integers(1, LARGEST) | st.sampled_from([1, 9, 10, 11, 100, 1000, 10_000, LARGEST]))
def test_note_end(total: int) -> None:
    """How the last byte's place and the size are said of any file that is kept in memory."""
    before, behind = b"-%d" % (total - 1), b"/%d\r\n\r\n" % total
    with caller(under_test.note_end) as machine:
        entry = Memory(machine, Entry)
        entry[Entry.kept] = total
        machine.call(int(entry))
        assert entry[Entry.last_size] == len(before)
        assert entry[Entry.end_size] == len(behind) - len(b"bytes=")
        at = SLASH - len(before)
        assert entry.bytes(Entry.end, SLASH + len(behind))[at:] == before + behind


@pytest.mark.parametrize("size", Size)
def test_take_file(size: Size) -> None:
    kernel = Tree(Directory())
    kernel.open[FILE] = File(b"", OLD)
    with caller(under_test.take_file) as machine:
        worker, entry = Memory(machine, Workspace), Memory(machine, Entry)
        worker[Workspace.file] = FILE
        entry[Entry.shelf], entry[Entry.file] = size, NO_FILE
        machine.call(int(entry), int(worker), kernel=kernel)
        assert entry[Entry.file] == (FILE if size == Size.OPEN else NO_FILE)
    assert set(kernel.open) == ({FILE} if size == Size.OPEN else set())


totals = st.integers(0, 40) | st.sampled_from(
    [border + over for border in BORDERS for over in (-1, 0, 1)]
)


@given(
    total=totals,
    path=paths,
    gives=st.lists(st.integers(1, LARGEST), max_size=3),
)
@example(total=0, path=b"a", gives=[])
@example(total=BORDERS[0] + 1, path=b"a", gives=[10, 10])
def test_keep_file(total: int, path: bytes, gives: list[int]) -> None:
    """The whole answer lies there, or its head and the open file."""
    file = File(bytes(at * 31 & 0xFF for at in range(total)), OLD)
    with caller(under_test.keep_file) as machine:
        keeping = Keeping(machine, file, path)
        keeping.kernel.gives.extend(gives)
        address = machine.call(int(keeping.worker), kernel=keeping.kernel)
        size = Size(under_test.choose_shelf(total))
        entry = keeping.check(address, path, 200, size)
        head, fresh = expected_of(file, path)
        in_memory = size != Size.OPEN
        assert keeping.answer(entry) == head + file.content * in_memory
        assert entry[Entry.head_size] == len(head)
        assert entry.bytes(Entry.fresh, entry[Entry.fresh_size]) == fresh
        assert entry[Entry.file] == (NO_FILE if in_memory else FILE)
        assert entry[Entry.facts.total] == total
        assert entry[Entry.changed] == OLD // 10**9
    assert set(keeping.kernel.open) == (set() if in_memory else {FILE})


def change_size(tree: Watched) -> None:
    tree.open[FILE] = File(bytes(11), OLD)


def change_time(tree: Watched) -> None:
    tree.open[FILE] = File(bytes(10), OLD + 1)


def become_shorter(tree: Watched) -> None:
    tree.open[FILE] = File(bytes(9), OLD)


def refuse_to_tell(tree: Watched) -> None:
    tree.refusal = -Errno.EIO


def refuse_to_read(tree: Watched) -> None:
    tree.gives.append(-Errno.EIO)


TROUBLES = [change_size, change_time, become_shorter, refuse_to_tell, refuse_to_read]


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("large", [False, True])
def test_a_file_that_does_not_hold_still(trouble: Callable[[Watched], None], large: bool) -> None:
    """It is not kept, and open still for whoever asked."""
    if large and trouble == refuse_to_read:
        return  # a large file is not read
    file = File(bytes(LARGEST + 1 if large else 10), OLD)
    with caller(under_test.keep_file) as machine:
        keeping = Keeping(machine, file, b"a.txt")
        trouble(keeping.kernel)
        assert machine.call(int(keeping.worker), kernel=keeping.kernel) == 0
        keeping.nothing_is_kept()
        assert keeping.kernel.names.count("close") == 0


@pytest.mark.parametrize("total", [0, *BORDERS, LARGEST + 1])
def test_no_place_for_a_file(total: int) -> None:
    with caller(under_test.keep_file) as machine:
        keeping = Keeping(machine, File(bytes(total), OLD), b"a.txt")
        keeping.crowd(Size(under_test.choose_shelf(total)))
        assert machine.call(int(keeping.worker), kernel=keeping.kernel) == 0
        assert keeping.kernel.names == []
        keeping.nothing_is_kept()


@pytest.mark.parametrize("what", ["file", "nothing"])
def test_watched_before_it_is_read(what: str) -> None:
    """What happens between reading and watching would never be told."""
    used = under_test.keep_file if what == "file" else under_test.keep_other
    linux = platform() == "linux"
    with caller(used) as machine:
        keeping = Keeping(machine, File(b"hello", OLD), b"dir/a.txt")
        keeping.worker[Workspace.changes] = WATCHER
        given = () if what == "file" else (404, int(keeping.connection))
        assert machine.call(*given, int(keeping.worker), kernel=keeping.kernel)
        names = keeping.kernel.names
        also = what == "file" and not linux
        assert len(keeping.kernel.watched) == 2 + also, "root, directory, and on macOS the file"
        assert not linux or keeping.kernel.watched[0] == b"/proc/self/fd/%d" % ROOT
        if what == "file":
            watching = "inotify_add_watch" if linux else "kevent"
            last = len(names) - 1 - names[::-1].index(watching)
            read = names.index("pread")
            assert last < read < len(names) - 1 - names[::-1].index("fstat")


@pytest.mark.platform("macos")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_not_kept_is_not_watched(trouble: Callable[[Watched], None]) -> None:
    """The directories may be: others are on the way to them."""
    with caller(under_test.keep_file) as machine:
        keeping = Keeping(machine, File(bytes(10), OLD), b"dir/a.txt")
        keeping.worker[Workspace.changes] = WATCHER
        trouble(keeping.kernel)
        assert machine.call(int(keeping.worker), kernel=keeping.kernel) == 0
        left = [kept for at, kept in keeping.kernel.open.items() if at != FILE]
        assert not any(isinstance(kept, File) for kept in left)


# --- all of it ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 301, 403, 404, 500])
@pytest.mark.parametrize("path", [b"a.txt", b"", b"a%b", b"a?", b"x" * (KEY_MAX + 1)])
@pytest.mark.parametrize("weak", [False, True])
def test_keep(status: int, path: bytes, weak: bool) -> None:
    """A file that has settled, or what is no file; under a path that means itself."""
    file = File(b"hello", NOW * 10**9 if weak else OLD)
    with caller(under_test.keep) as machine:
        keeping = Keeping(machine, file, path, head=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        address = machine.call(
            status, int(keeping.connection), int(keeping.worker), kernel=keeping.kernel
        )
        if path not in (b"a.txt", b"") or status in (403, 500) or (status == 200 and weak):
            assert address == 0
            keeping.nothing_is_kept()
        else:
            size = Size.SMALL if status == 200 else Size.OTHER
            keeping.check(address, path, status, size)
            assert set(keeping.kernel.open) == (set() if status == 200 else {FILE})


@pytest.mark.parametrize("size", [2 * STEP, 2 * STEP + 1])
def test_the_longest_entity_tag_that_is_kept(size: int) -> None:
    """That of a file of petabytes is not: two steps do not see all of it."""
    with caller(under_test.keep) as machine:
        keeping = Keeping(machine, File(b"hello", OLD), b"a.txt")
        keeping.worker[Workspace.facts.etag_size] = size
        address = machine.call(
            200, int(keeping.connection), int(keeping.worker), kernel=keeping.kernel
        )
        assert bool(address) == (size <= 2 * STEP)
