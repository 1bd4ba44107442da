"""What becomes of files, as a kqueue tells a guest for macOS."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

from svc0.machine.darwin.filters import Event, Readable, Vnode
from svc0.machine.darwin.kqueue import Kqueue
from svc0.machine.host import HostWorld
from svc0.machine.host.events import HostEvents

from .darwin_guest import run, start, succeeds
from .guest import finish
from .test_darwin_waiting import ADD, CLEAR, DELETE, DISABLE, ENABLE, ONESHOT, guest
from .test_signals import until_ready

VNODE = -4
DELETED, WRITTEN, EXTENDED, ALTERED, LINKED, RENAMED, REVOKED = (1 << n for n in range(7))
EVERYTHING = 0x7F

FILES = """
    .macro open name, flags, mode=0
        mov x0, #-2
        path "\\name"
        ldr x2, =\\flags
        mov x3, #\\mode
        system 463
    .endm

    .macro at name, number, flags=0
        mov x0, #-2
        path "\\name"
        mov x2, #\\flags
        system \\number
        expect 0
    .endm

    .macro rename old, new
        mov x0, #-2
        path "\\new"
        mov x3, x1
        path "\\old"
        mov x2, #-2
        system 465
        expect 0
    .endm

    .macro make name
        open "\\name", 0x201, 0600
        works
        system 6
        expect 0
    .endm

    .macro told notes, ident=4
        wait -1
        expect 1
        ldr x11, [x21]
        is x11, \\ident
        ldr w11, [x21, #12]
        is x11, \\notes
        ldr x11, [x21, #16]
        is x11, 0
    .endm

    .macro silent
        wait 0
        expect 0
    .endm
"""


def watching(body: str) -> str:
    return f"{FILES}\n{guest(body)}"


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    succeeds(
        watching(f"""
        open "file", 0x8000         // O_EVTONLY
        expect 4
        change #4, {VNODE}, {ADD | CLEAR}, {EVERYTHING}
        apply
        expect 0
        silent
        open "file", 1
        expect 5
        put 5, "hello"
        told {WRITTEN | EXTENDED}
        silent
        mov x0, #5
        mov x1, x20
        mov x2, #2
        mov x3, #0
        system 154                  // pwrite
        expect 2
        told {WRITTEN}
        mov x0, #5
        mov x1, #0600
        system 124                  // fchmod
        told {ALTERED}
        mov x0, #5
        mov x1, #0
        system 201                  // ftruncate
        told {WRITTEN | ALTERED}
        rename "file", "name"
        told {RENAMED}
        at "name", 472              // unlinkat
        told {DELETED | LINKED}
        silent
        """),
        cwd=tmp_path,
    )


def test_a_directory(tmp_path: Path) -> None:
    """Of the files in it, only names are told."""
    (tmp_path / "watched").mkdir()
    succeeds(
        watching(f"""
        open "watched", 0x108000    // O_EVTONLY | O_DIRECTORY
        expect 4
        change #4, {VNODE}, {ADD | CLEAR}, {EVERYTHING}
        apply
        expect 0
        make "watched/file"
        told {WRITTEN}
        open "watched/file", 1
        expect 5
        put 5, "hello"
        mov x0, #5
        mov x1, #0640
        system 124
        silent
        rename "watched/file", "watched/name"
        told {WRITTEN}
        make "beside"
        silent
        rename "beside", "watched/name"
        told {WRITTEN}
        at "watched/inside", 475, 0700
        told {WRITTEN | LINKED}
        at "watched/inside", 472, 0x80
        told {WRITTEN | LINKED}
        at "watched/name", 472
        told {WRITTEN}
        rename "watched", "other"
        told {RENAMED}
        at "other", 472, 0x80       // AT_REMOVEDIR
        told {DELETED | LINKED}
        silent
        """),
        cwd=tmp_path,
    )


def test_what_is_asked_for(tmp_path: Path) -> None:
    """If any of what happened is, all of it is told; each change says anew what that is."""
    (tmp_path / "watched").mkdir()
    succeeds(
        watching(f"""
        open "watched", 0x108000
        expect 4
        change #4, {VNODE}, {ADD | CLEAR}, {WRITTEN}
        apply
        expect 0
        mov x0, #4
        mov x1, #0700
        system 124
        silent
        at "watched/inside", 475, 0700
        told {WRITTEN | LINKED}
        change #4, {VNODE}, {ADD}, {ALTERED}
        apply
        expect 0
        make "watched/file"
        silent
        mov x0, #4
        mov x1, #0755
        system 124
        told {ALTERED}
        """),
        cwd=tmp_path,
    )


def test_it_stays_until_it_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    succeeds(
        watching(f"""
        open "file", 2              // also one that is open otherwise
        expect 4
        change #4, {VNODE}, {ADD}, {EVERYTHING}
        apply
        expect 0
        put 4, "hello"
        told {WRITTEN | EXTENDED}
        mov x0, #4
        mov x1, #0600
        system 124
        told {WRITTEN | EXTENDED | ALTERED}
        told {WRITTEN | EXTENDED | ALTERED}
        change #4, {VNODE}, {DELETE}
        apply
        expect 0
        silent
        apply
        fails 2
        change #4, {VNODE}, {ADD | ONESHOT}, {WRITTEN}
        apply
        expect 0
        put 4, "hello"
        told {WRITTEN | EXTENDED}
        put 4, "hello"
        silent
        """),
        cwd=tmp_path,
    )


def test_while_it_is_disabled(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    succeeds(
        watching(f"""
        open "file", 2
        expect 4
        change #4, {VNODE}, {ADD | CLEAR | DISABLE}, {WRITTEN}
        apply
        expect 0
        put 4, "hello"
        silent
        change #4, {VNODE}, {ENABLE}, {WRITTEN}
        apply
        expect 0
        told {WRITTEN | EXTENDED}
        """),
        cwd=tmp_path,
    )


def test_two_descriptors_of_one_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    succeeds(
        watching(f"""
        open "file", 0x8000
        expect 4
        open "file", 2
        expect 5
        change #4, {VNODE}, {ADD | CLEAR}, {WRITTEN}
        apply
        expect 0
        change #5, {VNODE}, {ADD | CLEAR}, {WRITTEN}
        apply
        expect 0
        put 5, "hello"
        wait -1
        expect 2
        mov x0, #4
        system 6                    // it is forgotten
        expect 0
        put 5, "hello"
        told {WRITTEN | EXTENDED}, 5
        """),
        cwd=tmp_path,
    )


def test_a_name_more_and_one_less(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    source = watching(f"""
        open "file", 0x8000
        expect 4
        change #4, {VNODE}, {ADD | CLEAR}, {EVERYTHING}
        apply
        expect 0
        say "ready"
        told {LINKED}
        say "more"
        told {DELETED | LINKED}
        """)
    with start(source, cwd=tmp_path) as process:
        until_ready(process)
        (tmp_path / "more").hardlink_to(tmp_path / "file")
        assert process.stdout
        assert process.stdout.read(4) == b"more"
        (tmp_path / "more").unlink()
        assert finish(process).status == 0


def test_after_a_fork_the_parent_is_told(tmp_path: Path) -> None:
    """The child has no queue, and takes nothing of the parent's with it."""
    (tmp_path / "file").touch()
    succeeds(
        watching(f"""
        open "file", 2
        expect 4
        change #4, {VNODE}, {ADD | CLEAR}, {WRITTEN}
        apply
        expect 0
        system 2
        cbz x1, parent
        leave 0
    parent:
        mov x1, #0
        mov x2, #0
        mov x3, #0
        system 7                    // wait4
        works
        put 4, "hello"
        told {WRITTEN | EXTENDED}
        """),
        cwd=tmp_path,
    )


def test_what_is_no_file() -> None:
    succeeds(
        watching(f"""
        pair
        change #4, {VNODE}, {ADD}, {WRITTEN}
        apply
        fails 22
        change #77, {VNODE}, {ADD}, {WRITTEN}
        apply
        fails 9
        """)
    )


def test_a_directory_only_to_start_from(tmp_path: Path) -> None:
    source = f"""
        open ".", 0x40100000        // O_SEARCH
        expect 4
        change #4, {VNODE}, {ADD}, {WRITTEN}
        apply
        fails 22
        """
    found = run(watching(source), cwd=tmp_path)
    assert found.status == 0
    assert "EVFILT_VNODE with 0x2 is not emulated" in found.errors


def test_a_change_is_told_before_what_came_after_it(tmp_path: Path) -> None:
    """The kernel notes it as it happens: a client that says so is heard with it, or after it.

    Here both happen between the queue's look for changes and its waiting.
    """
    place = tmp_path / "file"
    place.touch()
    world = HostWorld()
    file, (reader, writer) = world.open(None, bytes(place), os.O_RDONLY, 0), world.pipe(0)
    queue = Kqueue(world)
    queue.change(
        Event(4, VNODE, ADD | CLEAR, WRITTEN, 0, 0),
        lambda event: Vnode(queue.changes(), file, event),
    )
    queue.change(Event(5, -1, ADD, 0, 0, 0), lambda _: Readable(reader))
    waits = HostEvents.wait

    def wait(self: HostEvents, most: int, timeout: int | None) -> list[tuple[int, int]]:
        place.write_bytes(b"hello")
        writer.write([memoryview(b"changed")])
        return waits(self, most, timeout)

    with patch.object(HostEvents, "wait", wait):
        told = queue.wait(8, None)
    assert [event.ident for event in told] == [4, 5]
    queue.close()
    for opened in (file, reader, writer):
        opened.close()
    world.end()
