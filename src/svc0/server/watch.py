"""Watching: what the kernel tells of changes below the root.

    Linux    inotify, of each directory on the way to what is kept (inotify(7))
    macOS    nothing yet: a kept file is looked at again after ``cache_seconds``

What it tells is taken for one thing only: that nothing is known to be true any more.  So it may
tell too much, and where it tells nothing (no more watches, a file system of another machine), it is
``cache_seconds`` that says how long an answer may be out of date.
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
)

from .file import FIND_FLAGS, open_beneath
from .macros import point, put
from .poller import watch_for_input
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
def watch_directories(worker: x28) -> None:
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
        mov(w1, FIND_FLAGS)
        bl(open_beneath)
        mov(w9, ord("/"))
        strb(w9, [path, at])
        add(at, at, 1)
        tbnz(x0, 63, leave)
        bl(watch_directory)
        b(look)

        here(last)
    ret()


@routine
def watch_root(worker: x28) -> None:
    """The same of the root itself."""
    with frame() as leave:
        ldr(w0, [worker, Workspace.root])
        bl(add_watch)
        b(leave)
    ret()


@routine
def watch_directory(directory: w0, worker: x28) -> None:
    """The same of a directory that is open, and closed afterwards."""
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
        ldr(x9, [worker, Workspace.epoch])
        add(x9, x9, 1)
        str_(x9, [worker, Workspace.epoch])
        str_(x9, [worker, Workspace.changed])
    ret()


# --- macOS ----------------------------------------------------------------------------


@routine
def open_nothing(worker: x28) -> None:
    """Nothing tells of changes."""
    mov(w9, -1)
    str_(w9, [worker, Workspace.changes])
    ret()


@routine
def watch_nothing(worker: x28) -> None:
    """Nothing tells of changes."""
    ret()


# --- both -----------------------------------------------------------------------------

open_watch = chosen(linux=open_inotify, macos=open_nothing)
watch_path = chosen(linux=watch_directories, macos=watch_nothing)
take_changes = chosen(linux=take_told, macos=watch_nothing)
