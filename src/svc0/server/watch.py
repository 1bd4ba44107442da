"""Watching: what the kernel tells of changes below the root.

    Linux    inotify, of each directory on the way to what is kept (inotify(7))
    macOS    the poller's kqueue, by descriptors of those directories, and of the file: directories
             tell of their names alone there

What it tells is taken for one thing only: that nothing is known to be true any more.  So it may
tell too much, and where it tells nothing (no more watches, a file system of another machine), it is
``cache_seconds`` that says how long an answer may be out of date.

Linux finds what is watched already by itself.  On macOS a directory is watched as long as its
descriptor is open, so those are in a table; what a descriptor is of keeps its number (inode), so
device and number find it there.  The descriptor of a file belongs to its entry (cache.py), which
is dropped when the file is gone.
"""

from svc0.a64 import *
from svc0.kernel import calls
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
    NOTE_DELETE,
    NOTE_RENAME,
    NOTE_REVOKE,
    O_DIRECTORY,
    O_EVTONLY,
    RLIMIT_NOFILE,
)
from svc0.kernel.structs import Kevent, Rlimit, Stat

from .cache import CACHE, SHELVES, Cache, Entry, Life, Places, Size, drop_entry
from .file import FIND_FLAGS, HERE, OPEN_FLAGS, open_beneath
from .kqueue import tell_of_changes
from .macros import point, put
from .poller import watch_for_input
from .settings import SETTINGS, Settings
from .text import write_decimal
from .workspace import Own, Workspace

CHANGES = (
    IN_ATTRIB
    | IN_CREATE
    | IN_DELETE
    | IN_DELETE_SELF
    | IN_MODIFY
    | IN_MOVED_FROM
    | IN_MOVED_TO
    | IN_MOVE_SELF
)

WATCHES_MAX = 4096
"""Directories that are watched; beyond, time alone tells."""

TOLD = 2048
"""Bytes of what happened that are taken at once, and forgotten."""

BY_DESCRIPTOR = b"/proc/self/fd/"
NAME_ROOM = 48

GONE = NOTE_DELETE | NOTE_RENAME | NOTE_REVOKE
"""What is told of what is not where it was: nobody comes by there any more."""

DIRECTORIES_MAX = 256
"""Directories that are watched on macOS, by a descriptor each: a client must never want for one."""

FILES_MAX = sum(SHELVES[size].places for size in (Size.SMALL, Size.MEDIUM, Size.LARGE))
OTHERS_MAX = 64
"""Descriptors that a worker has besides: its own, those it was started with, the one it serves."""

DESCRIPTORS = DIRECTORIES_MAX + FILES_MAX + SHELVES[Size.OPEN].places + OTHERS_MAX
"""How many there must be, beside those of the clients, if changes are to be told of."""

WATCH_FLAGS = either(linux=FIND_FLAGS, macos=OPEN_FLAGS | O_EVTONLY | O_DIRECTORY)


class Directory(Struct):
    """One that is watched, on macOS."""

    inode: u64
    device: u32
    file: i32  # the descriptor that watches


class Directories(Struct):
    """All of them, one behind the other."""

    used: u64  # of them, the first
    each: Directory = array(DIRECTORIES_MAX)


DIRECTORIES = Bss(Directories, align=16)


# --- the way to what is kept -----------------------------------------------------------


@routine
def watch_path(worker: x28) -> None:
    """From now on the kernel tells of changes in every directory on the workspace's path."""
    path, at, end = x19, x20, x21
    slash, last = label(), label()

    with frame(path, at, end) as leave:
        ldr(w9, [worker, Workspace.changes])
        tbnz(w9, 31, leave)
        bl(watch_root)
        point(path, worker, Workspace.path)
        ldr(end, [worker, Workspace.path_size])
        mov(at, 0)

        look = here()
        cmp(at, end)
        b.hs(last)
        ldrb(w9, [path, at])
        cmp(w9, ord("/"))
        b.eq(slash)
        add(at, at, 1)
        b(look)

        here(slash)
        strb(wzr, [path, at])
        mov(x0, path)
        mov(w1, WATCH_FLAGS)
        bl(open_beneath)
        mov(w9, ord("/"))
        strb(w9, [path, at])
        add(at, at, 1)
        tbnz(x0, 63, leave)
        bl(watch_directory)
        b(look)

        here(last)
    ret()


def watch_file(entry: X) -> None:
    """Macro: the same, and of changes in the file that the path names, which an entry is about."""
    if platform() == "linux":
        bl(watch_path)  # directories tell of what is in them
    else:
        mov(x0, entry)
        bl(watch_way_and_file)


def take_changes(events: X) -> None:
    """Macro: something has changed, as some of so many events say."""
    if platform() == "linux":
        bl(take_told)
    else:
        mov(x0, events)
        bl(take_notes)


def doubt_all() -> None:
    """Write: what was known before this is true no more.  x28 holds the workspace.  Uses x9."""
    ldr(x9, [x28, Workspace.epoch])
    add(x9, x9, 1)
    str_(x9, [x28, Workspace.epoch])
    str_(x9, [x28, Workspace.changed])


# --- Linux ----------------------------------------------------------------------------


@routine
def open_inotify(worker: x28) -> None:
    """Let the poller tell of changes, if the kernel does."""
    failed = label()

    with frame() as leave:
        mov(w0, IN_NONBLOCK | IN_CLOEXEC)
        calls.inotify_init1()
        tbnz(x0, 63, failed)
        str_(w0, [worker, Workspace.changes])
        mov(x1, Own.CHANGES)
        bl(watch_for_input)
        tbz(x0, 63, leave)
        ldr(w0, [worker, Workspace.changes])
        calls.close()

        here(failed)
        mov(w9, -1)
        str_(w9, [worker, Workspace.changes])
    ret()


@routine
def add_root(worker: x28) -> None:
    """Watch the root itself."""
    with frame() as leave:
        ldr(w0, [worker, Workspace.root])
        bl(add_watch)
        b(leave)
    ret()


@routine
def add_directory(directory: w0, worker: x28) -> None:
    """Watch a directory that is open; nobody else needs the descriptor."""
    file = x19

    with frame(file):
        mov(file.w, directory)
        bl(add_watch)
        mov(w0, file.w)
        calls.close()
    ret()


@routine
def add_watch(directory: w0, worker: x28) -> None:
    """Watch what a descriptor is of; what is watched already is not watched twice."""
    name = x19

    with frame(name, room=NAME_ROOM) as leave:
        mov(w1, directory)
        mov(name, sp)
        put(name, BY_DESCRIPTOR)
        mov(x0, name)
        bl(write_decimal)
        strb(wzr, [x0])
        ldr(w0, [worker, Workspace.changes])
        mov(x1, sp)
        mov(w2, CHANGES | IN_ONLYDIR)
        calls.inotify_add_watch()
        mov(x9, WATCHES_MAX)
        cmp(x0, x9)
        b.le(leave)
        mov(w1, w0)
        ldr(w0, [worker, Workspace.changes])
        calls.inotify_rm_watch()
    ret()


@routine
def take_told(worker: x28) -> None:
    """Something has changed: what was known before this is true no more.

    What does not fit is told again.
    """
    with frame(room=TOLD):
        ldr(w0, [worker, Workspace.changes])
        mov(x1, sp)
        mov(x2, TOLD)
        calls.read()
        doubt_all()
    ret()


# --- macOS ----------------------------------------------------------------------------


@routine
def open_notes(worker: x28) -> None:
    """Let the poller tell of changes, if there are descriptors enough for that and all clients."""
    mov(w9, -1)
    str_(w9, [worker, Workspace.changes])
    with frame(room=Rlimit.size) as leave:
        mov(w0, RLIMIT_NOFILE)
        mov(x1, sp)
        calls.getrlimit()
        tbnz(x0, 63, leave)
        ldr(x9, [sp, Rlimit.current])
        adr(x10, SETTINGS)
        ldr(w10, [x10, Settings.connections])
        add(x10, x10, DESCRIPTORS)
        cmp(x9, x10)
        b.lo(leave)
        ldr(w9, [worker, Workspace.poller])
        str_(w9, [worker, Workspace.changes])
    ret()


@routine
def hold_root(worker: x28) -> None:
    """Watch the root itself; the descriptor that it is served by may be one to search it only."""
    with frame() as leave:
        adr(x0, HERE)
        mov(w1, WATCH_FLAGS)
        bl(open_beneath)
        tbnz(x0, 63, leave)
        bl(hold_directory)
    ret()


@routine
def hold_directory(directory: w0, worker: x28) -> None:
    """Watch a directory by this descriptor, or close it: it is watched, or cannot be."""
    file = x19
    close = label()

    with frame(file, room=Stat.size) as leave:
        mov(file.w, directory)
        mov(x1, sp)
        calls.fstat()
        tbnz(x0, 63, close)
        mov(x0, sp)
        mov(w1, file.w)
        bl(note_directory)
        cbz(w0, close)
        mov(w0, file.w)
        bl(tell_of_changes)
        tbz(x0, 63, leave)
        mov(w0, file.w)
        bl(forget)
        b(leave)

        here(close)
        mov(w0, file.w)
        calls.close()
    ret()


@routine
def note_directory(stat: x0, file: w1) -> w0:
    """1, and what ``stat`` is about is in the table now; 0 if it was, or if that is full."""
    inode, device, at, left = x9, w10, x11, x12
    look, new, no = label(), label(), label()

    ldr(inode, [stat, Stat.inode])
    ldr(device, [stat, Stat.device])
    adr(x13, DIRECTORIES)
    ldr(left, [x13, Directories.used])
    add(at, x13, Directories.each)

    here(look)
    cbz(left, new)
    ldr(x14, [at, Directory.inode])
    ldr(w15, [at, Directory.device])
    cmp(x14, inode)
    ccmp(w15, device, 0, Condition.eq)
    b.eq(no)
    add(at, at, Directory.size)
    sub(left, left, 1)
    b(look)

    here(new)
    ldr(left, [x13, Directories.used])
    cmp(left, DIRECTORIES_MAX)
    b.hs(no)
    str_(inode, [at, Directory.inode])
    str_(device, [at, Directory.device])
    str_(file, [at, Directory.file])
    add(left, left, 1)
    str_(left, [x13, Directories.used])
    mov(w0, 1)
    ret()

    here(no)
    mov(w0, 0)
    ret()


@routine
def forget(file: w0) -> None:
    """What this descriptor watches is gone: it is closed, so that the disk has its room again.

    In the table the last directory gets its place; an entry is dropped with its file.
    """
    at, left, table = x9, x10, x11
    look, other = label(), label()

    adr(table, DIRECTORIES)
    ldr(left, [table, Directories.used])
    add(at, table, Directories.each)

    here(look)
    cbz(left, other)
    ldr(w12, [at, Directory.file])
    add(at, at, Directory.size)
    sub(left, left, 1)
    cmp(w12, file)
    b.ne(look)

    ldr(x12, [table, Directories.used])
    sub(x12, x12, 1)
    str_(x12, [table, Directories.used])
    add(x12, table, x12, lsl(4))
    add(x12, x12, Directories.each)
    ldp(x13, x14, [x12])
    stp(x13, x14, [at, -Directory.size])
    with frame():
        calls.close()
    ret()

    here(other)
    b(drop_watched)


assert Directory.size == 1 << 4


@routine
def drop_watched(file: w0) -> None:
    """Drop the entry whose file this descriptor watches, if it is one that can be found."""
    places, entry, end = x9, x10, x11
    shelf, look, next_shelf, found, none = (label() for _ in range(5))

    adr(places, CACHE)
    add(places, places, int(Size.SMALL) * Places.size)

    here(shelf)
    ldr(entry, [places, Places.begin])
    ldr(end, [places, Places.fresh])

    here(look)
    cmp(entry, end)
    b.hs(next_shelf)
    ldr(w12, [entry, Entry.watch])
    cmp(w12, file)
    b.eq(found)
    add(entry, entry, Entry.size)
    b(look)

    here(next_shelf)
    add(places, places, Places.size)
    adr(x12, CACHE)
    add(x12, x12, int(Size.OTHER) * Places.size)
    cmp(places, x12)
    b.lo(shelf)
    ret()

    here(found)
    ldrb(w12, [entry, Entry.life])
    cmp(w12, Life.KEPT)
    b.ne(none)  # it is being sent to the end
    mov(x0, entry)
    b(drop_entry)

    here(none)
    ret()


assert Cache.shelves == 0
assert Size.SMALL < Size.MEDIUM < Size.LARGE < Size.OTHER


@routine
def watch_way_and_file(entry: x0, worker: x28) -> None:
    """From now on the kernel tells of changes in every directory on the path, and in its file.

    One that an entry keeps open needs no watch: it is looked at before each answer.
    """
    of = x19

    with frame(of) as leave:
        mov(of, entry)
        bl(watch_path)
        ldr(w9, [worker, Workspace.changes])
        tbnz(w9, 31, leave)
        ldrb(w9, [of, Entry.shelf])
        cmp(w9, Size.OPEN)
        b.eq(leave)
        point(x0, worker, Workspace.path)
        mov(w1, OPEN_FLAGS | O_EVTONLY)
        bl(open_beneath)
        tbnz(x0, 63, leave)
        str_(w0, [of, Entry.watch])
        bl(tell_of_changes)
    ret()


@routine
def take_notes(events: x0, worker: x28) -> None:
    """Something has changed, as some of so many events say; of what is gone no more is told."""
    event, end = x19, x20
    look, next_one = label(), label()

    with frame(event, end):
        add(event, worker, Workspace.events)
        add(end, event, events, lsl(5))

        here(look)
        ldr(x9, [event, Kevent.udata])
        ldr(w10, [event, Kevent.fflags])
        cmp(x9, Own.CHANGES)
        b.ne(next_one)
        mov(w9, GONE)
        tst(w9, w10)
        b.eq(next_one)
        ldr(x0, [event, Kevent.ident])
        bl(forget)

        here(next_one)
        add(event, event, Kevent.size)
        cmp(event, end)
        b.lo(look)
        doubt_all()
    ret()


assert Kevent.size == 1 << 5


# --- both -----------------------------------------------------------------------------

open_watch = chosen(linux=open_inotify, macos=open_notes)
watch_root = chosen(linux=add_root, macos=hold_root)
watch_directory = chosen(linux=add_directory, macos=hold_directory)
