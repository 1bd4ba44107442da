"""Opening files, both ways, against a model of a directory tree with links everywhere."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from svc0.kernel.errors import Errno
from svc0.machine.call import caller
from svc0.server.file import (
    FIND_FLAGS,
    OPEN_FLAGS,
    TRIES_MAX,
    find_openat2,
    open_beneath,
    status_of,
    walk_beneath,
)
from svc0.server.workspace import Workspace
from tests.model.site import Directory, Entry, Fifo, File, Link
from tests.server.kernel import ROOT
from tests.server.memory import Memory
from tests.server.tree import Tree

NAMES = [b"a", b"bb", b"c.d"]
names = st.sampled_from(NAMES)
leaves: st.SearchStrategy[Entry] = st.sampled_from(
    [File(b"x", 1), File(b"y", 2, forbidden=True), Link(b"a"), Link(b"/etc"), Fifo()]
)


def directories(children: st.SearchStrategy[Entry]) -> st.SearchStrategy[Entry]:
    return st.builds(
        Directory, st.dictionaries(names, children), st.sampled_from([False] * 5 + [True])
    )


entries = st.recursive(leaves, directories, max_leaves=12)
sites = st.builds(Directory, st.dictionaries(names, entries, min_size=1))
paths = st.lists(names | st.just(b"z" * 256), max_size=4).map(b"/".join)
flags = st.sampled_from([OPEN_FLAGS, FIND_FLAGS])


def should_find(site: Directory, path: bytes, how: int) -> Entry | int:
    """The entry itself, or the status of the answer: what docs/behaviour.md says about a path."""
    entry: Entry = site
    for name in path.split(b"/") if path else []:
        if not isinstance(entry, Directory):
            return 404
        if entry.forbidden:
            return 403
        if name not in entry.entries:
            return 404
        entry = entry.entries[name]
    if isinstance(entry, Link) or (how == FIND_FLAGS and not isinstance(entry, Directory)):
        return 404
    return 403 if how == OPEN_FLAGS and getattr(entry, "forbidden", False) else entry


def opened(tree: Tree, path: bytes, how: int, *, walk: bool) -> Entry | int:
    """What open_beneath leaves open, and nothing else is; or the -errno it leaves."""
    with caller(open_beneath) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.root] = ROOT
        worker[Workspace.no_confinement] = walk
        at = machine.place(path + b"\0", writable=walk)
        file = machine.call(at, how, int(worker), kernel=tree)
        assert machine.read(at, len(path)) == path, "it is put right again"
    assert set(tree.open) == ({file} if file >= 0 else set())
    return tree.open[file] if file >= 0 else file


def status(error: Entry | int) -> Entry | int:
    return status_of(error) if isinstance(error, int) else error


@given(site=sites, path=paths, how=flags)
def test_open_beneath_finds_the_same_both_ways(site: Directory, path: bytes, how: int) -> None:
    expected = should_find(site, path, how)
    for walk in (False, True):
        found = status(opened(Tree(site), path, how, walk=walk))
        assert found is expected or found == expected, "walked" if walk else "asked"


@pytest.mark.parametrize("linked", range(3))
@pytest.mark.parametrize("walk", [False, True])
@pytest.mark.parametrize("how", [OPEN_FLAGS, FIND_FLAGS])
def test_a_link_anywhere_is_not_followed(linked: int, walk: bool, how: int) -> None:
    entry: Entry = Directory({b"a": File(b"", 0)})
    for depth in reversed(range(3)):
        entry = Directory({b"a": Link(b"a") if depth == linked else entry})
    assert isinstance(entry, Directory)
    assert status(opened(Tree(entry), b"a/a/a", how, walk=walk)) == 404


@given(
    depth=st.integers(1, 5),
    at=st.integers(1, 5),
    error=st.sampled_from([Errno.EMFILE, Errno.ENFILE, Errno.EACCES, Errno.ENOMEM, Errno.EIO]),
)
def test_every_descriptor_of_a_walk_is_closed_again(depth: int, at: int, error: Errno) -> None:
    """Also if one of its calls fails."""
    assume(at <= depth)
    entry: Entry = File(b"", 0)
    for _ in range(depth):
        entry = Directory({b"a": entry})
    assert isinstance(entry, Directory)
    tree = Tree(entry, {at: -error})
    assert opened(tree, b"/".join([b"a"] * depth), OPEN_FLAGS, walk=True) == -error
    assert tree.opens == at


def test_a_walk_is_one_call_for_each_component() -> None:
    site = Directory({b"a": Directory({b"bb": Directory({b"c.d": File(b"", 0)})})})
    tree = Tree(site)
    opened(tree, b"a/bb/c.d", OPEN_FLAGS, walk=True)
    assert tree.names == ["openat", "openat", "close", "openat", "close"]


@pytest.mark.parametrize("refusals", [1, TRIES_MAX - 1, TRIES_MAX, TRIES_MAX + 1])
def test_a_kernel_that_is_unsure_is_asked_again(refusals: int) -> None:
    trouble = dict.fromkeys(range(1, refusals + 1), -Errno.EAGAIN)
    tree = Tree(Directory({b"a": File(b"", 0)}), trouble)
    found = opened(tree, b"a", OPEN_FLAGS, walk=False)
    assert found == (File(b"", 0) if refusals < TRIES_MAX else -Errno.EAGAIN)
    assert tree.opens == min(refusals + 1, TRIES_MAX)


def test_walk_beneath_gives_the_root_too() -> None:
    tree = Tree(Directory())
    with caller(walk_beneath) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.root] = ROOT
        file = machine.call(b".\0", FIND_FLAGS, int(worker), kernel=tree)
    assert tree.open == {file: tree.site}


@pytest.mark.parametrize(
    ("error", "missing"),
    [(0, 0), (-Errno.ENOSYS, 1), (-Errno.EPERM, 1), (-Errno.EINVAL, 1), (-Errno.EMFILE, 1)],
)
@pytest.mark.parametrize("before", [0, 1])
def test_find_openat2(error: int, missing: int, before: int) -> None:
    """It is not used where it cannot be seen to work."""
    tree = Tree(Directory(), {1: error} if error else {})
    with caller(find_openat2) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.root] = ROOT
        worker[Workspace.no_confinement] = before
        machine.call(int(worker), kernel=tree)
        assert worker[Workspace.no_confinement] == missing
    assert not tree.open
    assert set(tree.names) <= {"openat2", "close"}


def test_status_of() -> None:
    nothing = "ENOENT ENOTDIR ELOOP EXDEV ENAMETOOLONG ENXIO ENODEV"
    expected = dict.fromkeys(Errno, 500)
    expected |= {Errno[name]: 404 for name in nothing.split()}
    expected |= {Errno.EACCES: 403, Errno.EPERM: 403}
    expected |= {Errno[name]: 503 for name in ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS")}
    assert {error: status_of(-error) for error in Errno} == expected
    assert status_of(-4095) == 500
