"""Paths that must not lead just anywhere, and names that must be free.

The host may have a call for either, but none that every host has; so a path is walked here, one
name at a time, and no link is ever followed by the host's kernel.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys

from ..world import failure

MOST_LINKS = 32
STEP = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | int(getattr(os, "O_PATH", 0))
NO_REPLACE, EXCLUSIVE = 1, 4


def open_below(
    start: int | None, path: bytes, flags: int, mode: int, *, links: bool, out: bool
) -> int:
    """A descriptor of what `path` names; which paths are refused, `World.open_below` says."""
    if not path:
        raise failure(errno.ENOENT)
    if path.startswith(b"/") and not out:
        raise failure(errno.EACCES)
    here = os.open(b"/" if path.startswith(b"/") else b".", STEP, dir_fd=start)
    names = [name for name in path.split(b"/") if name != b""]
    if path.endswith(b"/"):
        names.append(b".")
    depth = followed = 0
    try:
        while names:
            name = names.pop(0)
            depth += {b".": 0, b"..": -1}.get(name, 1)
            if depth < 0 and not out:
                raise failure(errno.EACCES)
            if target := link_at(here, name):
                followed += 1
                if not links or followed > MOST_LINKS:
                    raise failure(errno.ELOOP)
                if target.startswith(b"/"):
                    if not out:
                        raise failure(errno.EACCES)
                    here = step(here, b"/")
                names = [part for part in target.split(b"/") if part] + names
                depth -= 1
            elif names:
                here = step(here, name)
            else:
                return os.open(name, flags | os.O_NOFOLLOW, mode, dir_fd=here)
        return os.open(b".", flags, mode, dir_fd=here)
    finally:
        os.close(here)


def step(here: int, name: bytes) -> int:
    """Into a directory, and out of the one before."""
    there = os.open(name, STEP, dir_fd=here)
    os.dup2(there, here, inheritable=False)
    os.close(there)
    return here


def link_at(here: int, name: bytes) -> bytes:
    """Where a symbolic link leads; nothing if there is no link of that name."""
    try:
        found = os.lstat(name, dir_fd=here)
    except FileNotFoundError:
        return b""
    return os.readlink(name, dir_fd=here) if stat.S_ISLNK(found.st_mode) else b""


def rename_exclusively(start: int | None, old: bytes, end: int | None, new: bytes) -> None:
    """EEXIST if the new name is taken; ENOTSUP where the host cannot promise that."""
    libc = ctypes.CDLL(None, use_errno=True)
    linux = sys.platform == "linux"
    function = getattr(libc, "renameat2" if linux else "renameatx_np", None)
    if function is None:
        raise failure(errno.ENOTSUP)
    here = -100 if linux else -2
    places = [here if place is None else place for place in (start, end)]
    flag = ctypes.c_uint(NO_REPLACE if linux else EXCLUSIVE)
    if function(places[0], ctypes.c_char_p(old), places[1], ctypes.c_char_p(new), flag) < 0:
        raise failure(ctypes.get_errno())
