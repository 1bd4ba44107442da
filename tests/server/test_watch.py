"""Watching, with a kernel that remembers what it was asked for, and fails where it is told to."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.constants import (
    EV_ADD,
    EV_CLEAR,
    EVFILT_VNODE,
    IN_ATTRIB,
    IN_CLOEXEC,
    IN_CREATE,
    IN_DELETE,
    IN_DELETE_SELF,
    IN_MODIFY,
    IN_MOVE_SELF,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_NONBLOCK,
    IN_ONLYDIR,
    NOTE_ATTRIB,
    NOTE_DELETE,
    NOTE_EXTEND,
    NOTE_LINK,
    NOTE_RENAME,
    NOTE_REVOKE,
    NOTE_WRITE,
    O_DIRECTORY,
    O_EVTONLY,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import Stat
from svc0.machine.call import Caller, caller
from svc0.server import watch as under_test
from svc0.server.cache import CACHE, SHELVES, Cache, Entry, Life, Places, Size
from svc0.server.connection import NO_FILE, Connection
from svc0.server.limits import PATH_MAX
from svc0.server.settings import SETTINGS, packed
from svc0.server.watch import DIRECTORIES, DIRECTORIES_MAX, WATCHES_MAX, Directories
from svc0.server.workspace import EVENTS_MAX, Own, Workspace
from tests.model.site import Directory, File, Link
from tests.model.site import Entry as Thing
from tests.server.kernel import ROOT, text, told_by_inotify
from tests.server.memory import Memory, lay_shelves
from tests.server.notes import Note, read_notes
from tests.server.poller import CHANGES, POLLER, Poller
from tests.server.tree import Tree

WHATEVER_CHANGES = (
    IN_ATTRIB
    | IN_CREATE
    | IN_DELETE
    | IN_DELETE_SELF
    | IN_MODIFY
    | IN_MOVED_FROM
    | IN_MOVED_TO
    | IN_MOVE_SELF
)
"""A name, what it leads to, or what that holds."""

GONE = NOTE_DELETE | NOTE_RENAME | NOTE_REVOKE
ALL_NOTES = GONE | NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB | NOTE_LINK

SITE = Directory(
    {
        b"a": Directory({b"b": Directory({b"c": Directory({}), b"file": File(b"", 0)})}),
        b"file": File(b"", 0),
        b"link": Link(b"a"),
        b"closed": Directory({b"in": Directory({})}, forbidden=True),
        b"\xff\x01": Directory({}),
    }
)


class Watcher(Tree):
    """A site that is watched: ``watched`` is what is, by the numbers of the watches.

    On macOS those are descriptors, and what is watched is open.
    """

    def __init__(
        self, trouble: Mapping[int, int] | None = None, *, failure: int = 0, before: int = 0
    ) -> None:
        super().__init__(SITE, trouble)
        self.failure = failure
        self.before = before
        """How many watches there are already."""
        self.watched: dict[int, Thing] = {}
        self.removed: list[int] = []
        self.numbers: list[Thing] = []
        """What was looked at: its number (inode) is its place here."""
        self.blind = False
        """Nothing can be told of what is open."""

    def inotify_add_watch(self, machine: Caller, file: int, path: int, mask: int) -> int:
        assert file == CHANGES
        assert mask == WHATEVER_CHANGES | IN_ONLYDIR
        begin, _, number = text(machine, path).rpartition(b"/")
        assert begin == b"/proc/self/fd"
        assert str(int(number)).encode() == number
        entry = self.site if int(number) == ROOT else self.open[int(number)]
        assert isinstance(entry, Directory)
        if self.failure:
            return -self.failure
        for watch, directory in self.watched.items():
            if directory is entry:
                return watch
        watch = self.before + len(self.watched) + 1
        self.watched[watch] = entry
        return watch

    def inotify_rm_watch(self, machine: Caller, file: int, watch: int) -> int:
        assert file == CHANGES
        del self.watched[watch]
        self.removed.append(watch)
        return 0

    def fstat(self, machine: Caller, file: int, stat: int) -> int:
        if self.blind:
            return -Errno.EIO
        entry = self.open[file]
        if not any(one is entry for one in self.numbers):
            self.numbers.append(entry)
        found = Memory(machine, Stat, stat)
        found[Stat.inode] = [one is entry for one in self.numbers].index(True) + 100
        found[Stat.device] = 7
        return 0

    def kevent(
        self, machine: Caller, queue: int, changes: int, count: int, events: int, *wait: int
    ) -> int:
        assert (queue, count, events, wait) == (POLLER, 1, 0, (0, 0))
        [note] = read_notes(machine, changes, count)
        file = note.ident
        how = EVFILT_VNODE, EV_ADD | EV_CLEAR, ALL_NOTES, 0, Own.CHANGES
        assert note == Note(file, *how)
        if self.failure:
            return -self.failure
        assert file not in self.watched
        self.watched[file] = self.open[file]
        return 0

    def close(self, machine: Caller, file: int) -> int:
        if platform() == "macos":
            self.watched.pop(file, None)
        return super().close(machine, file)


def directories(path: bytes) -> list[Directory]:
    """Those on the way to what a path names, as far as they are there and may be opened.

    On macOS that means to be read.
    """
    found: list[Directory] = [SITE]
    for name in path.split(b"/")[:-1]:
        entry = found[-1].entries.get(name)
        if not isinstance(entry, Directory) or (entry.forbidden and platform() == "macos"):
            break
        found.append(entry)
        if entry.forbidden:
            break
    return found


def working(machine: Caller, path: bytes, *, changes: int = CHANGES) -> Memory:
    """A worker that has found something under this path."""
    worker = Memory(machine, Workspace)
    for field, value in {
        Workspace.poller: POLLER,
        Workspace.root: ROOT,
        Workspace.changes: changes,
        Workspace.path: path,
        Workspace.path_size: len(path),
    }.items():
        worker[field] = value
    return worker


def watch(kernel: Watcher, path: bytes, *, changes: int = CHANGES, again: int = 0) -> None:
    with caller(under_test.watch_path) as machine:
        if platform() == "macos":
            before = kernel.before.to_bytes(8, "little")
            machine.write(machine.address(DIRECTORIES) + Directories.used, before)
        worker = working(machine, path, changes=changes)
        image = machine.read(int(worker), sizeof(Workspace))
        for _ in range(1 + again):
            machine.call(int(worker), kernel=kernel)
        assert machine.read(int(worker), sizeof(Workspace)) == image, "the path is as it was"
    kept = kernel.watched if platform() == "macos" else {}
    assert kernel.open == kept, "no other descriptor stays open"


names = st.sampled_from([b"a", b"b", b"c", b"file", b"link", b"closed", b"in", b"\xff\x01", b"no"])
paths = st.lists(names, max_size=5).map(b"/".join) | st.lists(names, max_size=5).map(
    lambda names: b"".join(name + b"/" for name in names)
)


@given(path=paths, again=st.integers(0, 2))
def test_every_directory_on_a_path(path: bytes, again: int) -> None:
    """Also the last one, if the path ends with a slash; what is no directory ends it."""
    kernel = Watcher()
    watch(kernel, path, again=again)
    assert [*kernel.watched.values()] == directories(path), "and nothing is watched twice"
    assert kernel.removed == []
    if platform() == "macos":
        assert all(flags & O_EVTONLY and flags & O_DIRECTORY for flags in kernel.flags)


def test_the_longest_path() -> None:
    """It is as long as one that was decoded may be."""
    kernel = Watcher()
    path = b"a/b/".ljust(PATH_MAX, b"x")
    watch(kernel, path)
    assert [*kernel.watched.values()] == directories(path)


@pytest.mark.parametrize("room", range(-2, 5))
def test_too_many_watches(room: int) -> None:
    """Those that are one too many are given back; the directories before stay watched."""
    most = WATCHES_MAX if platform() == "linux" else DIRECTORIES_MAX
    if platform() == "macos" and room < 0:
        return  # there it is the table that is full, and no fuller than that
    kernel = Watcher(before=most - room)
    watch(kernel, b"a/b/c/")
    all_ = directories(b"a/b/c/")
    assert [*kernel.watched.values()] == all_[: max(room, 0)]
    if platform() == "linux":
        assert len(kernel.removed) == len(all_) - max(min(room, len(all_)), 0)


@pytest.mark.parametrize("error", [Errno.ENOSPC, Errno.ENOMEM, Errno.EACCES, Errno.ENOENT])
def test_what_cannot_be_watched(error: int) -> None:
    kernel = Watcher(failure=error)
    watch(kernel, b"a/b/file")
    assert kernel.watched == {}
    assert kernel.removed == []


@pytest.mark.parametrize("error", [Errno.EMFILE, Errno.ENOENT, Errno.EACCES])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_directory_that_cannot_be_opened(nth: int, error: int) -> None:
    """It ends the way; but for the root, which is opened for its watch alone."""
    kernel = Watcher({nth + (platform() == "macos"): -error})
    watch(kernel, b"a/b/c/")
    assert [*kernel.watched.values()] == directories(b"a/b/c/")[:nth]


@pytest.mark.platform("macos")
@pytest.mark.parametrize("error", [Errno.EMFILE, Errno.EACCES])
def test_a_root_that_cannot_be_read(error: int) -> None:
    kernel = Watcher({1: -error})
    watch(kernel, b"a/b/c/")
    assert [*kernel.watched.values()] == directories(b"a/b/c/")[1:]


@pytest.mark.platform("macos")
def test_directories_that_nobody_can_tell_apart() -> None:
    kernel = Watcher()
    kernel.blind = True
    watch(kernel, b"a/b/c/")
    assert kernel.watched == {}


@pytest.mark.parametrize("path", [b"", b"a/b/file"])
def test_nobody_watches(path: bytes) -> None:
    """Where the kernel tells of nothing, nothing is asked of it."""
    kernel = Watcher()
    watch(kernel, path, changes=-1)
    assert kernel.names == []


@pytest.mark.platform("linux")
@pytest.mark.parametrize("number", [0, 9, 10, 4096, 2**31 - 1])
def test_any_descriptor(number: int) -> None:
    kernel = Watcher()
    kernel.open[number] = SITE
    with caller(under_test.add_watch) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.changes] = CHANGES
        machine.call(number, int(worker), kernel=kernel)
    assert kernel.watched == {1: SITE}


# --- macOS: what is open to be watched -----------------------------------------------------


@routine
def use(first: x0, which: x1, worker: x28) -> None:
    """Watch the path, or an entry's file too, or take so many events."""
    path, file = label(), label()

    with frame() as leave:
        cbz(which, path)
        tbnz(which, 0, file)
        bl(under_test.take_notes)
        b(leave)

        here(file)
        bl(under_test.watch_way_and_file)
        b(leave)

        here(path)
        bl(under_test.watch_path)
    ret()


class Using:
    """A worker with its table of directories, and what it does with it."""

    def __init__(self, machine: Caller) -> None:
        self.machine, self.kernel = machine, Watcher()
        self.worker = working(machine, b"")
        self.worker[Workspace.epoch] = 5

    def watch(self, path: bytes, entry: Memory | None = None, index: bytes = b"") -> None:
        self.worker[Workspace.path] = path + index + b"\0"
        self.worker[Workspace.path_size] = len(path)
        first = 0 if entry is None else int(entry)
        self.machine.call(first, bool(first), int(self.worker), kernel=self.kernel)

    def take(self, *notes: Note) -> None:
        self.worker[Workspace.events] = b"".join(note.packed() for note in notes)
        self.machine.call(len(notes), 2, int(self.worker), kernel=self.kernel)

    @property
    def table(self) -> dict[int, int]:
        """The descriptors in it, by the numbers of what they are of."""
        table = Memory(self.machine, Directories, self.machine.address(DIRECTORIES))
        each = [Directories.each[at] for at in range(table[Directories.used])]
        return {table[one.inode]: table[one.file] for one in each}

    def keep(self, life: Life, shelf: Size, file: int) -> Memory:
        """An entry that is found by the empty path, on a shelf that has nothing else."""
        lay_shelves(self.machine, 2)
        places = Memory(self.machine, Places, self.machine.address(CACHE) + Cache.shelves[shelf])
        entry = Memory(self.machine, Entry, places[Places.begin] + Entry.size)
        places[Places.fresh] = places[Places.end]
        entry[Entry.life], entry[Entry.watch], entry[Entry.file] = life, file, NO_FILE
        entry[Entry.pins] = life == Life.GONE
        bucket = self.machine.address(CACHE) + Cache.buckets
        self.machine.write(bucket, int(entry).to_bytes(8, "little"))
        self.kernel.open[file] = self.kernel.watched[file] = File(b"", 0)
        return entry

    def check(self) -> None:
        """All that is in the table is open and watched, and under its own number."""
        assert all(
            self.kernel.open[file] is self.kernel.numbers[inode - 100]
            for inode, file in self.table.items()
        )
        assert set(self.table.values()) == set(self.kernel.watched) == set(self.kernel.open)


@pytest.mark.platform("macos")
@pytest.mark.parametrize("notes", [NOTE_DELETE, NOTE_RENAME, NOTE_REVOKE, NOTE_WRITE, NOTE_ATTRIB])
@pytest.mark.parametrize("size", [Size.SMALL, Size.MEDIUM, Size.LARGE])
@pytest.mark.parametrize("life", [Life.KEPT, Life.GONE])
def test_a_file_that_is_gone(life: Life, size: Size, notes: int) -> None:
    """Its entry goes with it, and what it is open for; not under one to whom it is being sent."""
    with caller(use) as machine:
        using = Using(machine)
        entry = using.keep(life, size, 77)
        using.take(told(77, notes), told(78, NOTE_DELETE))
        dropped = life == Life.KEPT and bool(notes & GONE)
        assert entry[Entry.life] == (Life.FREE if dropped else life)
        assert entry[Entry.watch] == (0 if dropped else 77)
        assert set(using.kernel.open) == (set() if dropped else {77})


def told(ident: int, notes: int, udata: int = Own.CHANGES) -> Note:
    return Note(ident, EVFILT_VNODE, EV_ADD | EV_CLEAR, notes, 0, udata)


@pytest.mark.platform("macos")
@given(
    what=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from([*(1 << bit for bit in range(7)), NOTE_WRITE | NOTE_DELETE, 0]),
            st.sampled_from([Own.CHANGES, Own.CHANGES, Own.CHANGES, Own.TIMER, 0x1234560]),
        ),
        min_size=1,
        max_size=EVENTS_MAX,
    )
)
def test_take_notes(what: list[tuple[int, int, int]]) -> None:
    """A directory that is gone is closed; made anew, or found elsewhere, it is watched again."""
    with caller(use) as machine:
        using = Using(machine)
        using.watch(b"a/b/c/")
        using.check()
        files = [*using.table.values(), 77, 78]  # and two that are files of entries
        gone = {files[at] for at, notes, udata in what if udata == Own.CHANGES and notes & GONE}
        using.take(*(told(files[at], notes, udata) for at, notes, udata in what))
        using.check()
        assert set(using.table.values()) == {*files[:4]} - gone
        assert using.worker[Workspace.epoch] == using.worker[Workspace.changed] == 6
        using.watch(b"a/b/c/")
        using.check()
        found = [id(entry) for entry in using.kernel.watched.values()]
        assert sorted(found) == sorted(id(entry) for entry in directories(b"a/b/c/"))


@pytest.mark.platform("macos")
def test_another_directory_of_this_name() -> None:
    """While the old one was not told to be gone, both are watched."""
    old, new = Directory({}), Directory({})
    names = {b"a": old}
    with caller(use) as machine:
        using = Using(machine)
        using.kernel.site = Directory(names)
        using.watch(b"a/")
        names[b"a"] = new
        using.watch(b"a/")
        assert [*using.kernel.watched.values()] == [using.kernel.site, old, new]
        using.take(told(min(at for at, one in using.kernel.open.items() if one is old), GONE))
        using.check()
        assert {id(one) for one in using.kernel.open.values()} == {id(using.kernel.site), id(new)}


@pytest.mark.platform("macos")
@pytest.mark.parametrize("inode", [1, 2])
@pytest.mark.parametrize("device", [1, 2])
def test_note_directory(device: int, inode: int) -> None:
    """It is known if both numbers are."""
    with caller(under_test.note_directory) as machine:
        table = Memory(machine, Directories, machine.address(DIRECTORIES))
        stat = Memory(machine, Stat)
        for number in (1, device):
            stat[Stat.device] = number
            stat[Stat.inode] = 1 if number == 1 and not table[Directories.used] else inode
            known = table[Directories.used] and (device, inode) == (1, 1)
            assert machine.call(int(stat), 50) == (not known)
        assert table[Directories.used] == 1 + ((device, inode) != (1, 1))


@pytest.mark.platform("macos")
@pytest.mark.parametrize("trouble", ["", "open", "kevent", "none"])
@pytest.mark.parametrize("size", Size)
@pytest.mark.parametrize("index", [b"", b"index.html"])
def test_the_file_of_an_entry(index: bytes, size: Size, trouble: str) -> None:
    """It is opened for that, if it is not kept open anyway; who frees the entry closes it."""
    file = File(b"", 0)
    with caller(use) as machine:
        using, entry = Using(machine), Memory(machine, Entry)
        entry[Entry.shelf] = size
        using.worker[Workspace.changes] = -1 if trouble == "none" else POLLER
        using.kernel.site = Directory({b"a": Directory({index or b"file": file})})
        using.kernel.trouble = {3: -Errno.EMFILE} if trouble == "open" else {}
        using.kernel.failure = Errno.ENOMEM if trouble == "kevent" else 0
        using.watch(b"a/" if index else b"a/file", entry, index)
        watches = entry[Entry.watch]
        if size == Size.OPEN or trouble in ("open", "none"):
            assert watches == 0
        else:
            assert using.kernel.open.pop(watches) is file
            assert using.kernel.flags[-1] & O_EVTONLY
            assert (using.kernel.watched.pop(watches, None) is file) == (not trouble)
        using.check()


# --- the start --------------------------------------------------------------------------


class Opener(Poller):
    """What opens inotify, and closes it where it cannot be waited for."""

    def __init__(self, **trouble: int) -> None:
        super().__init__(**trouble)
        self.closed: list[int] = []

    def inotify_init1(self, machine: Caller, flags: int) -> int:
        assert flags == IN_NONBLOCK | IN_CLOEXEC
        return self.fails() or CHANGES

    def close(self, machine: Caller, file: int) -> int:
        self.closed.append(file)
        return 0


@pytest.mark.platform("linux")
@pytest.mark.parametrize("what", ["", "inotify_init1", "input"])
def test_open_watch(what: str) -> None:
    """It is waited for, or it is as if there was none, and nothing is left open."""
    kernel = Opener(**{what: Errno.ENOMEM} if what else {})
    with caller(under_test.open_watch) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.poller] = POLLER
        machine.call(int(worker), kernel=kernel)
        assert worker[Workspace.changes] == (-1 if what else CHANGES)
    assert kernel.watched == ({} if what else {("input", CHANGES): Own.CHANGES})
    assert kernel.closed == [CHANGES] * (what == "input")


NEEDED = DIRECTORIES_MAX + sum(SHELVES[size].places for size in Size if size != Size.OTHER) + 64
"""Descriptors beside those of clients."""


@pytest.mark.platform("macos")
@pytest.mark.parametrize("connections", [1, 1024, 65536])
@pytest.mark.parametrize("more", [-(10**9), -1, 0, 1, 2**63])
def test_enough_descriptors(connections: int, more: int) -> None:
    """Else nothing is watched: no client shall be without one for that."""
    kernel = Poller(**{"getrlimit": Errno.EPERM} if more == -(10**9) else {})
    kernel.descriptors = NEEDED + connections + more
    with caller(under_test.open_watch) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.poller] = POLLER
        try:
            machine.write(machine.address(SETTINGS), packed(connections=connections))
            machine.call(int(worker), kernel=kernel)
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))
        assert worker[Workspace.changes] == (POLLER if more >= 0 else -1)
    assert kernel.names == ["getrlimit"]


# --- what it tells ------------------------------------------------------------------------


@pytest.mark.platform("linux")
@given(
    told=st.lists(st.binary(max_size=255).filter(lambda name: b"\0" not in name), max_size=20),
    epoch=st.integers(1, 1 << 62),
)
def test_take_told(told: list[bytes], epoch: int) -> None:
    """Whatever it was, nothing that was known before is true any more."""
    kernel = Poller()
    kernel.told = b"".join(
        told_by_inotify(number, random.choice([IN_MODIFY, IN_DELETE_SELF]), name)
        for number, name in enumerate(told)
    )
    with caller(under_test.take_told) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.changes] = CHANGES
        worker[Workspace.epoch] = epoch
        worker[Workspace.changed] = epoch - 1
        machine.call(int(worker), kernel=kernel)
        assert worker[Workspace.epoch] == worker[Workspace.changed] == epoch + 1
    assert kernel.names == ["read"]


def test_an_event_says_which_it_is() -> None:
    """No connection lies at an address that is one of the worker's own numbers."""
    assert max(Own) < 16 <= sizeof(Connection)
