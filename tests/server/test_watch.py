"""Watching, with an inotify that remembers what it was asked for, and fails where it is told to."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.constants import (
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
)
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import watch as under_test
from svc0.server.connection import Connection
from svc0.server.limits import PATH_MAX
from svc0.server.watch import WATCHES_MAX
from svc0.server.workspace import Own, Workspace
from tests.model.site import Directory, File, Link
from tests.server.kernel import ROOT, text, told_by_inotify
from tests.server.memory import Memory
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
    """A site that is watched: ``watched`` are its directories, by the numbers of their watches."""

    def __init__(
        self, trouble: Mapping[int, int] | None = None, *, failure: int = 0, before: int = 0
    ) -> None:
        super().__init__(SITE, trouble)
        self.failure = failure
        self.before = before
        """How many watches there are already."""
        self.watched: dict[int, Directory] = {}
        self.removed: list[int] = []

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


def directories(path: bytes) -> list[Directory]:
    """Those on the way to what a path names, as far as they are there and may be opened."""
    found: list[Directory] = [SITE]
    for name in path.split(b"/")[:-1]:
        entry = found[-1].entries.get(name)
        if not isinstance(entry, Directory):
            break
        found.append(entry)
        if entry.forbidden:
            break
    return found


def watch(kernel: Watcher, path: bytes, *, changes: int = CHANGES) -> None:
    with caller(under_test.watch_path) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.root] = ROOT
        worker[Workspace.changes] = changes
        worker[Workspace.path] = path
        worker[Workspace.path_size] = len(path)
        image = machine.read(int(worker), sizeof(Workspace))
        machine.call(int(worker), kernel=kernel)
        assert machine.read(int(worker), sizeof(Workspace)) == image, "the path is as it was"
    assert not kernel.open, "no descriptor stays open"


names = st.sampled_from([b"a", b"b", b"c", b"file", b"link", b"closed", b"in", b"\xff\x01", b"no"])
paths = st.lists(names, max_size=5).map(b"/".join) | st.lists(names, max_size=5).map(
    lambda names: b"".join(name + b"/" for name in names)
)


@pytest.mark.platform("linux")
@given(path=paths)
def test_every_directory_on_a_path(path: bytes) -> None:
    """Also the last one, if the path ends with a slash; what is no directory ends it."""
    kernel = Watcher()
    watch(kernel, path)
    assert [*kernel.watched.values()] == directories(path)
    assert kernel.removed == []
    watch(kernel, path)
    assert [*kernel.watched.values()] == directories(path), "nothing is watched twice"


@pytest.mark.platform("linux")
def test_the_longest_path() -> None:
    """It is as long as one that was decoded may be."""
    kernel = Watcher()
    path = b"a/b/".ljust(PATH_MAX, b"x")
    watch(kernel, path)
    assert [*kernel.watched.values()] == directories(path)


@pytest.mark.platform("linux")
@pytest.mark.parametrize("room", range(-2, 5))
def test_too_many_watches(room: int) -> None:
    """Those that are one too many are given back; the directories before stay watched."""
    kernel = Watcher(before=WATCHES_MAX - room)
    watch(kernel, b"a/b/c/")
    all_ = directories(b"a/b/c/")
    assert [*kernel.watched.values()] == all_[: max(room, 0)]
    assert len(kernel.removed) == len(all_) - max(min(room, len(all_)), 0)


@pytest.mark.platform("linux")
@pytest.mark.parametrize("error", [Errno.ENOSPC, Errno.ENOMEM, Errno.EACCES, Errno.ENOENT])
def test_what_cannot_be_watched(error: int) -> None:
    kernel = Watcher(failure=error)
    watch(kernel, b"a/b/file")
    assert kernel.watched == {}
    assert kernel.removed == []


@pytest.mark.platform("linux")
@pytest.mark.parametrize("error", [Errno.EMFILE, Errno.ENOENT, Errno.EACCES])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_directory_that_cannot_be_opened(nth: int, error: int) -> None:
    kernel = Watcher({nth: -error})
    watch(kernel, b"a/b/c/")
    assert [*kernel.watched.values()] == directories(b"a/b/c/")[:nth]


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


@pytest.mark.parametrize("what", ["", "inotify_init1", "input"])
def test_open_watch(what: str) -> None:
    """It is waited for, or it is as if there was none, and nothing is left open."""
    kernel = Opener(**{what: Errno.ENOMEM} if what else {})
    linux = platform() == "linux"
    with caller(under_test.open_watch) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.poller] = POLLER
        machine.call(int(worker), kernel=kernel)
        opened = linux and not what
        assert worker[Workspace.changes] == (CHANGES if opened else -1)
    assert kernel.watched == ({("input", CHANGES): Own.CHANGES} if opened else {})
    assert kernel.closed == [CHANGES] * (linux and what == "input")
    assert linux or kernel.names == []


# --- what it tells ------------------------------------------------------------------------


@given(
    told=st.lists(st.binary(max_size=255).filter(lambda name: b"\0" not in name), max_size=20),
    epoch=st.integers(1, 1 << 62),
)
def test_take_changes(told: list[bytes], epoch: int) -> None:
    """Whatever it was, nothing that was known before is true any more."""
    kernel = Poller()
    linux = platform() == "linux"
    kernel.told = b"".join(
        told_by_inotify(number, random.choice([IN_MODIFY, IN_DELETE_SELF]), name)
        for number, name in enumerate(told)
        if linux
    )
    with caller(under_test.take_changes) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.changes] = CHANGES
        worker[Workspace.epoch] = epoch
        worker[Workspace.changed] = epoch - 1
        machine.call(int(worker), kernel=kernel)
        assert worker[Workspace.epoch] == epoch + linux
        assert worker[Workspace.changed] == (epoch + 1 if linux else epoch - 1)
    assert kernel.names == ["read"] * linux


def test_an_event_says_which_it_is() -> None:
    """No connection lies at an address that is one of the worker's own numbers."""
    assert max(Own) < 16 <= sizeof(Connection)
