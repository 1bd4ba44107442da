"""Watching directories: inotify, on the emulator and on qemu-user alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from svc0.a64.platforms import settled
from svc0.kernel.constants import (
    IN_ATTRIB,
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE,
    IN_IGNORED,
    IN_MODIFY,
    IN_ONLYDIR,
)

from .guest import every_machine, machine_named, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other hosts have no inotify")
MODIFY, ATTRIB, CLOSE_WRITE = (settled(n, "linux") for n in (IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE))
CREATE, DELETE, IGNORED = (settled(n, "linux") for n in (IN_CREATE, IN_DELETE, IN_IGNORED))
ONLYDIR = settled(IN_ONLYDIR, "linux")
EVERYTHING = MODIFY | ATTRIB | CLOSE_WRITE | CREATE | DELETE | ONLYDIR

# The directory is 4, inotify 5.
WATCH = f"""
    .macro watch file, name, mask={EVERYTHING}
        mov x0, #\\file
        path "\\name"
        ldr x2, =\\mask
        system 27           // inotify_add_watch
    .endm

    .macro listen
        mov x0, #5
        add x1, x20, #1024
        mov x2, #1024
        system 63           // read
    .endm

    .macro happened mask, place
        ldr w0, [x20, #(1024 + 32 * \\place)]
        expect 1
        ldr w0, [x20, #(1024 + 32 * \\place + 4)]
        expect \\mask
        ldr w0, [x20, #(1024 + 32 * \\place + 16)]
        expect 0x656c6966   // "file"
    .endm

    _start:
        adrp x20, memory
        mov x0, #-100
        path "."
        mov x2, #0
        system 56
        expect 3            // so that the next has another number than on the host
        mov x0, #-100
        path "watched"
        ldr x2, =0x204000   // O_PATH | O_DIRECTORY
        system 56           // openat
        expect 4
        ldr x0, =0x80800
        system 26           // inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
        expect 5
        watch 5, "/proc/self/fd/4"
        expect 1
"""


@every_machine
def test_a_directory_is_watched(name: str, tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    source = f"""
        {WATCH}
        watch 5, "/proc/self/fd/4"
        expect 1            // the same
        mov x0, #0
        system 20           // epoll_create1
        expect 6
        mov w9, #1
        str w9, [x20]
        mov x9, #77
        str x9, [x20, #8]
        mov x0, #6
        mov x1, #1
        mov x2, #5
        mov x3, x20
        system 21           // epoll_ctl
        expect 0
        listen
        expect -11          // nothing yet
        mov x0, #4
        path "file"
        mov x2, #0x41       // O_WRONLY | O_CREAT
        mov x3, #0600
        system 56
        expect 7
        mov x0, #7
        mov x1, x20
        mov x2, #3
        system 64
        expect 3
        mov x0, #7
        system 57
        expect 0
        mov x0, #6
        add x1, x20, #64
        mov x2, #4
        mov x3, #-1
        mov x4, #0
        mov x5, #8
        system 22           // epoll_pwait
        expect 1
        ldr x0, [x20, #72]
        expect 77
        mov x0, #5
        add x1, x20, #1024
        mov x2, #31
        system 63           // one event takes 32 bytes
        expect -22
        listen
        expect 96
        happened {CREATE}, 0
        happened {MODIFY}, 1
        happened {CLOSE_WRITE}, 2
        mov x0, #4
        path "file"
        mov x2, #0
        system 35           // unlinkat
        expect 0
        listen
        expect 32
        happened {DELETE}, 0
        mov x0, #5
        mov x1, #1
        system 28           // inotify_rm_watch
        expect 0
        listen
        expect 16
        ldr w0, [x20, #1028]
        expect {IGNORED}
        mov x0, #5
        mov x1, #1
        system 28
        expect -22
        leave 0
    """
    result = run(machine_named(name), source, cwd=tmp_path)
    assert (result.status, result.errors) == (0, "")


@every_machine
def test_what_cannot_be_watched(name: str, tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    (tmp_path / "file").touch()
    source = f"""
        {WATCH}
        watch 5, "/proc/self/fd/99"
        expect -2
        watch 5, "/proc/self/fd/4x"
        expect -2
        watch 5, "nothing"
        expect -2
        watch 5, "file"
        expect -20          // IN_ONLYDIR
        watch 5, "file", {MODIFY}
        expect 2            // by its path
        watch 3, "watched"
        expect -22
        watch 99, "watched"
        expect -9
        mov x0, #3
        mov x1, #1
        system 28
        expect -22
        mov x0, #1
        system 26
        expect -22
        leave 0
    """
    result = run(machine_named(name), source, cwd=tmp_path)
    assert (result.status, result.errors) == (0, "")
