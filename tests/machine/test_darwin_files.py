"""Files and descriptors, as a guest for macOS sees them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .darwin_guest import run, succeeds

OPEN = """
    .macro open text, flags
        mov x0, #-2
        path "\\text"
        ldr x2, =\\flags
        mov x3, #0x1a4
        system 463
    .endm

    .macro control file, command, argument=0
        mov x0, \\file
        mov x1, #\\command
        ldr x2, =\\argument
        system 92
    .endm
"""
CREATE, EXCLUSIVE, TRUNCATE, APPEND = 0x200, 0x800, 0x400, 8
CLOEXEC, DIRECTORY, SEARCH = 0x1000000, 0x100000, 0x40100000
NO_LINKS, BENEATH = 0x20000000, 0x1000


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A file, a directory with a file in it, and links of all kinds."""
    (tmp_path / "file").write_bytes(b"0123456789")
    (tmp_path / "inner" / "deep").mkdir(parents=True)
    (tmp_path / "inner" / "file").write_bytes(b"inner")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "way").symlink_to("inner")
    (tmp_path / "inner" / "back").symlink_to("../file")
    (tmp_path / "out").symlink_to("../outside")
    (tmp_path / "root").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path.parent / "outside").write_bytes(b"out")
    return tmp_path


def test_reading_and_writing(tree: Path) -> None:
    succeeds(
        f"""
        {OPEN}
        .macro transfer number, offset
            mov x0, #3
            mov x1, x20
            mov x2, #4
            mov x3, #\\offset
            system \\number
        .endm
        _start:
            here x20
            open "file", 2
            expect 3
            transfer 3, 0           // read
            expect 4
            ldr w11, [x20]
            is x11, 0x33323130
            transfer 153, 8         // pread
            expect 2
            transfer 154, 20        // pwrite
            expect 4
            transfer 4, 0           // write
            expect 4
            mov x0, #3
            mov x1, #0
            mov x2, #1
            system 199              // lseek: SEEK_CUR
            expect 8
            transfer 153, -1
            fails 22
            mov x0, #3
            mov x1, x20
            ldr x2, =0x80000000     // more than INT_MAX
            system 3
            fails 22
            mov x0, #3
            mov x2, #4
            ldr x1, =0x1000
            system 3
            fails 14
            mov x0, #3
            mov x1, #5
            system 201              // ftruncate
            expect 0
            mov x0, #3
            mov x1, #0x180
            system 124              // fchmod
            expect 0
            mov x0, #3
            system 95               // fsync
            expect 0
            leave 0
        """,
        cwd=tree,
    )
    assert (tree / "file").read_bytes() == b"01238"
    assert (tree / "file").stat().st_mode & 0o777 == 0o600


def test_vectors(tree: Path) -> None:
    said = succeeds(
        f"""
        {OPEN}
        _start:
            here x20
            open "file", 0
            expect 3
            add x11, x20, #256
            mov x12, #3
            stp x11, x12, [x20]
            add x11, x20, #512
            stp x11, x12, [x20, #16]
            mov x0, #3
            mov x1, x20
            mov x2, #2
            system 120              // readv
            expect 6
            mov x0, #1
            mov x1, x20
            mov x2, #2
            system 121              // writev
            expect 6
            mov x0, #3
            mov x1, x20
            mov x2, #1025
            system 120
            fails 22
            leave 0
        """,
        cwd=tree,
    )
    assert said == b"012345"


@pytest.mark.parametrize(
    ("name", "flags", "number"),
    [
        ("file", 0, 0),
        ("missing", 0, 2),
        ("file/", 0, 20),
        ("link", 0, 0),
        ("link", 0x100, 62),  # O_NOFOLLOW
        ("loop", 0, 62),
        ("inner", DIRECTORY, 0),
        ("file", DIRECTORY, 20),
        ("inner", 1, 21),
        ("file", CREATE | EXCLUSIVE, 17),
        ("link", NO_LINKS, 62),
        ("way/file", NO_LINKS, 62),
        ("way/file", 0, 0),
        ("inner/file", NO_LINKS, 0),
        ("inner/back", NO_LINKS, 62),
        ("inner/../file", NO_LINKS, 0),
        ("inner/missing", NO_LINKS, 2),
        ("file/file", NO_LINKS, 20),
        ("file/", NO_LINKS, 20),
        ("inner/deep/", NO_LINKS | DIRECTORY, 0),
        ("../outside", NO_LINKS, 0),
        ("../outside", BENEATH, 13),
        ("inner/../../outside", BENEATH, 13),
        ("inner/../file", BENEATH, 0),
        ("inner/back", BENEATH, 0),
        ("out", BENEATH, 13),
        ("root", BENEATH, 13),
        ("root", 0, 0),
        ("/etc/passwd", BENEATH, 13),
        ("loop", BENEATH, 62),
        ("link", BENEATH, 0),
        ("..", BENEATH, 13),
        (".", BENEATH, 0),
        (".", SEARCH, 0),
        ("inner/deep/../file", BENEATH | NO_LINKS, 0),
        ("inner", CREATE | DIRECTORY, 22),
        ("file", 3, 22),
    ],
)
def test_opening(tree: Path, name: str, flags: int, number: int) -> None:
    says = f"fails {number}" if number else "expect 3"
    succeeds(f'{OPEN} _start: open "{name}", {flags}\n {says}\n leave 0', cwd=tree)


@pytest.mark.parametrize("flags", [0x10, 0x40000000, 0x200000])
def test_flags_that_are_not_emulated_are_seen(tree: Path, flags: int) -> None:
    """The kernel would ignore some of them, and nobody would learn of it."""
    found = run(f'{OPEN} _start: open "file", {flags}\n fails 22\n leave 0', cwd=tree)
    assert found.status == 0
    assert f"open with flags {flags:#x} is not emulated" in found.errors


def test_what_is_open_for_searching(tree: Path) -> None:
    succeeds(
        f"""
        {OPEN}
        _start:
            open "inner", {SEARCH | CLOEXEC}
            expect 3
            control #3, 1
            expect 1                // FD_CLOEXEC
            mov x0, #3
            path "file"
            mov x2, #0
            system 463
            expect 4
            here x20
            mov x0, #3
            mov x1, x20
            mov x2, #10
            system 3
            fails 9
            mov x0, #3
            mov x1, x20
            system 339
            expect 0
            leave 0
        """,
        cwd=tree,
    )


def test_status(tree: Path) -> None:
    os.utime(tree / "file", ns=(1_000_000_007, 2_000_000_009))
    found = (tree / "file").stat()
    succeeds(
        f"""
        {OPEN}
        .macro status number, text, flags=0
            mov x0, #-2
            path "\\text"
            mov x2, x20
            mov x3, #\\flags
            .if \\number != 470
                mov x0, x1
                mov x1, x20
            .endif
            system \\number
        .endm
        _start:
            here x20
            status 338, "file"
            expect 0
            ldrh w11, [x20, #4]
            is x11, {found.st_mode}
            ldr x11, [x20, #8]
            is x11, {found.st_ino}
            ldr x11, [x20, #96]
            is x11, 10
            ldr x11, [x20, #48]
            is x11, 2
            ldr x11, [x20, #56]
            is x11, 9
            status 338, "link"
            expect 0
            ldrh w11, [x20, #4]
            is x11, {found.st_mode}
            status 340, "link"      // lstat64
            expect 0
            ldrh w11, [x20, #4]
            and w11, w11, #0xf000
            is x11, 0xa000
            status 470, "link", 0x20
            expect 0
            ldrh w11, [x20, #4]
            and w11, w11, #0xf000
            is x11, 0xa000
            status 470, "link", 0x800
            fails 62
            status 470, "way/file", 0x800
            fails 62
            status 470, "inner/file", 0x800
            expect 0
            ldr x11, [x20, #96]
            is x11, 5
            status 470, "file", 0x2000
            fails 22
            leave 0
        """,
        cwd=tree,
    )


def test_a_directory_is_listed(tree: Path) -> None:
    said = succeeds(
        f"""
        {OPEN}
        _start:
            here x20
            add x21, x20, #8
            open "inner", 0
            expect 3
            mov x22, #0
        again:
            mov x0, #3
            mov x1, x21
            mov x2, #80
            mov x3, x20
            system 344
            works
            cbz x0, done
            add x22, x22, #1
            mov x2, x0
            mov x0, #1
            mov x1, x21
            system 4
            works
            b again
        done:
            is x22, 2
            mov x0, #3
            mov x1, #0
            mov x2, #0
            system 199              // from the start again
            expect 0
            mov x0, #3
            mov x1, x21
            mov x2, #2048
            mov x3, x20
            system 344
            works
            ldr w11, [x21, #2044]
            is x11, 1               // that was the end
            mov x0, #3
            mov x1, #0
            mov x2, #0
            system 199
            expect 0
            mov x0, #3
            mov x1, x21
            mov x2, #16             // too small for one name
            mov x3, x20
            system 344
            fails 22
            leave 0
        """,
        cwd=tree,
    )
    assert sorted(names(said)) == [
        (b".", 4),
        (b"..", 4),
        (b"back", 10),
        (b"deep", 4),
        (b"file", 8),
    ]


def names(content: bytes) -> list[tuple[bytes, int]]:
    found: list[tuple[bytes, int]] = []
    while content:
        length, size = content[16] + 256 * content[17], content[18]
        found.append((content[21 : 21 + size], content[20]))
        assert content[21 + size] == 0
        content = content[length:]
    return found


def test_names_are_made_and_removed(tree: Path) -> None:
    succeeds(
        f"""
        {OPEN}
        .macro two number, one, other, flags=0
            path "\\other"
            mov x3, x1
            mov x0, #-2
            path "\\one"
            mov x2, #-2
            mov x4, #\\flags
            system \\number
        .endm
        .macro remove text, flags
            mov x0, #-2
            path "\\text"
            mov x2, #\\flags
            system 472
        .endm
        _start:
            mov x0, #-2
            path "new"
            mov x2, #0x1c0
            system 475              // mkdirat
            expect 0
            two 465, "file", "new/moved"
            expect 0
            two 488, "new/moved", "link", 4
            fails 17
            two 488, "new/moved", "new/again", 4
            expect 0
            remove "new", 0
            fails 1                 // EPERM, not EISDIR
            remove "new", 0x80
            fails 66                // ENOTEMPTY, by Darwin's number
            remove "new/again", 0
            expect 0
            remove "new", 0x80
            expect 0
            remove "link", 1
            fails 22
            here x20
            mov x0, #-2
            path "link"
            mov x2, x20
            mov x3, #10
            system 473              // readlinkat
            expect 4
            ldr w11, [x20]
            is x11, 0x656c6966
            leave 0
        """,
        cwd=tree,
    )
    assert not (tree / "new").exists()
    assert not (tree / "file").exists()


def test_descriptors(tree: Path) -> None:
    succeeds(
        f"""
        {OPEN}
        _start:
            here x20
            open "file", {2 | APPEND}
            expect 3
            control #3, 1
            expect 0
            control #3, 2, 1        // F_SETFD
            expect 0
            control #3, 1
            expect 1
            control #3, 3
            expect {2 | APPEND}
            control #3, 4, {2 | 4}  // F_SETFL: O_NONBLOCK instead
            expect 0
            control #3, 3
            expect {2 | 4}
            control #3, 67, 10      // F_DUPFD_CLOEXEC
            expect 10
            control #10, 1
            expect 1
            mov x0, #3
            system 41               // dup
            expect 4
            control #4, 1
            expect 0
            mov x0, #4
            mov x1, #20
            system 90               // dup2
            expect 20
            mov x0, #20
            mov x1, #20
            system 90
            expect 20
            mov x0, #21
            mov x1, #20
            system 90
            fails 9
            mov x0, #20
            system 6
            expect 0
            mov x0, #3
            mov x1, #50             // F_GETPATH
            mov x2, x20
            system 92
            expect 0
            ldrb w11, [x20]
            is x11, '/'
            leave 0
        """,
        cwd=tree,
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("mov x0, #0\n mov x1, #2000\n system 92", "fcntl command 2000 is not emulated"),
        ("mov x0, #1\n mov x1, #73\n mov x2, #1\n system 92", "F_SETNOSIGPIPE of a pipe"),
        (
            'mov x0, #-2\n path "a"\n mov x2, #-2\n mov x3, x1\n mov x4, #2\n system 488',
            "renameatx_np with flags 0x2 is not emulated",
        ),
    ],
)
def test_what_is_not_emulated_is_said(call: str, words: str) -> None:
    found = run(f"_start: {call}\n cset x11, cs\n is x11, 1\n leave 0")
    assert found.status == 0
    assert words in found.errors


def test_a_pipe_is_in_two_registers() -> None:
    succeeds("""
    _start:
        here x20
        system 42
        works
        is x0, 3
        is x1, 4
        mov x0, #4
        path "through"
        mov x2, #7
        system 4
        expect 7
        mov x0, #3
        mov x1, x20
        mov x2, #10
        system 3
        expect 7
        mov x0, #4
        system 6
        expect 0
        mov x0, #3
        mov x1, x20
        mov x2, #10
        system 3
        expect 0
        leave 0
    """)
