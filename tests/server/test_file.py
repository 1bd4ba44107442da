"""Opening files, all ways, against a model of a directory tree with links everywhere.

On Linux a path is walked where openat2 is missing; on macOS an old kernel's confinement is its
O_NOFOLLOW_ANY alone.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from svc0.a64 import platform
from svc0.kernel.constants import O_NOFOLLOW_ANY, O_RESOLVE_BENEATH
from svc0.kernel.errors import Errno
from svc0.machine.call import caller
from svc0.server.file import (
    FIND_FLAGS,
    OPEN_FLAGS,
    TRIES_MAX,
    find_openat2,
    find_resolve_beneath,
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
    asks_nothing = how == FIND_FLAGS and platform() == "linux"
    return 403 if getattr(entry, "forbidden", False) and not asks_nothing else entry


def opened(tree: Tree, path: bytes, how: int, *, alone: bool) -> Entry | int:
    """What open_beneath leaves open, and nothing else is; or the -errno it leaves.

    It is left ``alone`` by a kernel that does not confine it.
    """
    walks = alone and platform() == "linux"
    with caller(open_beneath) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.root] = ROOT
        worker[Workspace.no_confinement] = alone
        at = machine.place(path + b"\0", writable=walks)
        file = machine.call(at, how, int(worker), kernel=tree)
        assert machine.read(at, len(path)) == path, "it is put right again"
    assert set(tree.open) == ({file} if file >= 0 else set())
    return tree.open[file] if file >= 0 else file


def status(error: Entry | int) -> Entry | int:
    return status_of(error) if isinstance(error, int) else error


@given(site=sites, path=paths, how=flags)
def test_open_beneath_finds_the_same_both_ways(site: Directory, path: bytes, how: int) -> None:
    expected = should_find(site, path, how)
    for alone in (False, True):
        found = status(opened(Tree(site, old=alone), path, how, alone=alone))
        assert found is expected or found == expected, "alone" if alone else "confined"


@pytest.mark.parametrize("linked", range(3))
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("how", [OPEN_FLAGS, FIND_FLAGS], ids=["open", "find"])
def test_a_link_anywhere_is_not_followed(linked: int, alone: bool, how: int) -> None:
    entry: Entry = Directory({b"a": File(b"", 0)})
    for depth in reversed(range(3)):
        entry = Directory({b"a": Link(b"a") if depth == linked else entry})
    assert isinstance(entry, Directory)
    assert status(opened(Tree(entry, old=alone), b"a/a/a", how, alone=alone)) == 404


@pytest.mark.parametrize("size", [1022, 1023, 1024, 1025])
@pytest.mark.parametrize("alone", [False, True])
def test_a_path_longer_than_the_kernel_takes(size: int, alone: bool) -> None:
    """That is 1,023 bytes on macOS; no file there has a longer path that could be opened."""
    names = [b"a" * 200] * 5
    names.append(b"b" * (size - len(b"/".join([*names, b""]))))
    entry: Entry = File(b"", 0)
    for name in reversed(names):
        entry = Directory({name: entry})
    assert isinstance(entry, Directory)
    found = status(opened(Tree(entry), b"/".join(names), OPEN_FLAGS, alone=alone))
    assert found == (404 if platform() == "macos" and size > 1023 else File(b"", 0))


# --- Linux --------------------------------------------------------------------------


@pytest.mark.platform("linux")
@given(
    depth=st.integers(1, 5),
    at=st.integers(1, 5),
    error=st.sampled_from([Errno.EMFILE, Errno.ENFILE, Errno.EACCES, Errno.ENOMEM, Errno.EIO]),
)
def test_every_descriptor_of_a_walk_is_closed_again(depth: int, at: int, error: int) -> None:
    """Also if one of its calls fails."""
    assume(at <= depth)
    entry: Entry = File(b"", 0)
    for _ in range(depth):
        entry = Directory({b"a": entry})
    assert isinstance(entry, Directory)
    tree = Tree(entry, {at: -error})
    assert opened(tree, b"/".join([b"a"] * depth), OPEN_FLAGS, alone=True) == -error
    assert tree.opens == at


@pytest.mark.platform("linux")
def test_a_walk_is_one_call_for_each_component() -> None:
    site = Directory({b"a": Directory({b"bb": Directory({b"c.d": File(b"", 0)})})})
    tree = Tree(site)
    opened(tree, b"a/bb/c.d", OPEN_FLAGS, alone=True)
    assert tree.names == ["openat", "openat", "close", "openat", "close"]


@pytest.mark.platform("linux")
@pytest.mark.parametrize("refusals", [1, TRIES_MAX - 1, TRIES_MAX, TRIES_MAX + 1])
def test_a_kernel_that_is_unsure_is_asked_again(refusals: int) -> None:
    trouble = dict.fromkeys(range(1, refusals + 1), -Errno.EAGAIN)
    tree = Tree(Directory({b"a": File(b"", 0)}), trouble)
    found = opened(tree, b"a", OPEN_FLAGS, alone=False)
    assert found == (File(b"", 0) if refusals < TRIES_MAX else -Errno.EAGAIN)
    assert tree.opens == min(refusals + 1, TRIES_MAX)


@pytest.mark.platform("linux")
def test_walk_beneath_gives_the_root_too() -> None:
    tree = Tree(Directory())
    with caller(walk_beneath) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.root] = ROOT
        file = machine.call(b".\0", FIND_FLAGS, int(worker), kernel=tree)
    assert tree.open == {file: tree.site}


@pytest.mark.platform("linux")
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


# --- macOS --------------------------------------------------------------------------


@pytest.mark.platform("macos")
@pytest.mark.parametrize("path", [b"a", b"a/bb", b"", b"missing"])
@pytest.mark.parametrize("how", [OPEN_FLAGS, FIND_FLAGS], ids=["open", "find"])
@pytest.mark.parametrize("old", [False, True])
def test_macos_opens_with_one_call(path: bytes, how: int, old: bool) -> None:
    """It is told to refuse links always, and to stay beneath the root where it knows how to."""
    tree = Tree(Directory({b"a": Directory({b"bb": Directory()})}), old=old)
    opened(tree, path, how, alone=old)
    assert tree.names == ["openat"]
    assert tree.flags == [how if old else how | O_RESOLVE_BENEATH]
    assert how & O_NOFOLLOW_ANY


@pytest.mark.platform("macos")
@pytest.mark.parametrize("trouble", [0, -Errno.EMFILE, -Errno.ENOENT, -Errno.EINVAL])
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("before", [0, 1])
def test_find_resolve_beneath(trouble: int, old: bool, before: int) -> None:
    """It is heeded where the way up is refused, with whatever error that kernel has for it."""
    tree = Tree(Directory(), {1: trouble} if trouble else {}, old=old)
    with caller(find_resolve_beneath) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.root] = ROOT
        worker[Workspace.no_confinement] = before
        machine.call(int(worker), kernel=tree)
        assert worker[Workspace.no_confinement] == (old and not trouble)
    assert tree.names == ["openat", "close"][: 2 if old and not trouble else 1]
    assert not tree.open


# --- both ---------------------------------------------------------------------------


def test_status_of() -> None:
    expected = {
        404: "ENOENT ENOTDIR ELOOP EXDEV ENAMETOOLONG EILSEQ ENXIO ENODEV EOPNOTSUPP",
        403: "EACCES EPERM",
        503: "EMFILE ENFILE ENOMEM ENOBUFS",
    }
    statuses = {name: status for status, names in expected.items() for name in names.split()}
    errors = {name: error for name, error in vars(Errno).items() if name.startswith("E")}
    assert statuses.keys() < errors.keys()
    for name, error in errors.items():
        assert status_of(-error) == statuses.get(name, 500), name
    assert status_of(-4095) == 500
