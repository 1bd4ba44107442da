"""Files and directories, on the emulator and on qemu-user alike."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from .guest import every_machine, machine_named, run

STAT_FIELDS = "<QQIIIIQQqiiqqQqQqQII"


@every_machine
def test_a_file_is_read_and_written(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"0123456789")
    source = """
    _start:
        mov x0, #-100
        path "in"
        mov x2, #0
        system 56           // openat
        expect 3
        adrp x1, memory
        mov x2, #100
        system 63           // read
        expect 10
        mov x0, #3
        adrp x1, memory
        mov x2, #4
        mov x3, #6
        system 67           // pread64
        expect 4
        mov x0, #3
        mov x1, #-3
        mov x2, #2
        system 62           // lseek
        expect 7
        mov x0, #3
        adrp x1, memory
        add x1, x1, #4
        mov x2, #100
        system 63
        expect 3
        mov x0, #-100
        path "out"
        mov x2, #0x41       // O_WRONLY | O_CREAT
        mov x3, #0640
        system 56
        expect 4
        adrp x1, memory
        mov x2, #7
        system 64
        expect 7
        mov x0, #4
        adrp x1, memory
        mov x2, #2
        mov x3, #1
        system 68           // pwrite64
        expect 2
        mov x0, #3
        system 57           // close
        expect 0
        mov x0, #3
        system 57
        expect -9
        mov x0, #4
        system 23           // dup: the lowest that is free
        expect 3
        mov x0, #4
        mov x1, #9
        mov x2, #0
        system 24           // dup3
        expect 9
        mov x0, #4
        mov x1, #0x406
        mov x2, #5
        system 25           // fcntl(F_DUPFD_CLOEXEC)
        expect 5
        mov x1, #1
        system 25           // F_GETFD
        expect 1
        leave 0
    """
    result = run(machine_named(name), source, cwd=tmp_path)
    assert (result.status, result.errors) == (0, "")
    assert (tmp_path / "out").read_bytes() == b"6679789"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


@every_machine
def test_errors_are_those_of_the_guest(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    source = """
    _start:
        mov x0, #-100
        path "absent"
        mov x2, #0
        system 56
        expect -2           // ENOENT
        mov x0, #-100
        path "link"
        mov x2, #0x8000     // O_NOFOLLOW
        system 56
        expect -40          // ELOOP
        mov x0, #-100
        path "file"
        mov x2, #0x4000     // O_DIRECTORY
        system 56
        expect -20          // ENOTDIR
        mov x0, #-100
        path "file"
        mov x2, #0xc1       // O_WRONLY | O_CREAT | O_EXCL
        system 56
        expect -17          // EEXIST
        mov x0, #-100
        mov x1, #8
        mov x2, #0
        system 56
        expect -14          // EFAULT
        mov x0, #55
        path "file"
        mov x2, #0
        system 56
        expect -9           // EBADF
        mov x0, #1
        mov x1, #8
        mov x2, #5
        system 64
        expect -14
        mov x0, #-100
        path "file"
        mov x2, #0
        system 56
        expect 3
        path "x"
        system 56           // below a file
        expect -20
        adr x1, _start
        mov x0, #3
        system 80           // fstat into code
        expect -14
        mov x0, #3
        adrp x1, memory
        mov x2, #16
        system 200          // bind
        expect -88          // ENOTSOCK
        mov x0, #3
        adrp x1, memory
        mov x2, #100
        system 61           // getdents64
        expect -20
        mov x0, #3
        mov x1, #0x5401
        system 29           // ioctl(TCGETS)
        expect -25          // ENOTTY
        mov x0, #3
        mov x1, #0x5411
        system 29           // ioctl(SIOCOUTQ)
        expect -25
        leave 0
    """
    result = run(machine_named(name), source, cwd=tmp_path)
    assert (result.status, result.errors) == (0, "")


@every_machine
def test_status(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(bytes(5000))
    (tmp_path / "folder/link").symlink_to("file")
    folder = tmp_path / "folder"
    os.utime(tmp_path / "folder/file", ns=(1_000_000_007, -3_000_000_001))
    file = (folder / "file").stat()
    expected = [(folder / "link").lstat(), file, folder.stat(), file]
    source = """
    _start:
        mov x0, #-100
        path "folder"
        ldr x2, =0x204000   // O_PATH | O_DIRECTORY
        system 56
        expect 3
        path "link"
        adrp x2, memory
        mov x3, #0x100      // AT_SYMLINK_NOFOLLOW
        system 79           // newfstatat
        expect 0
        bl say
        mov x0, #3
        path "link"
        adrp x2, memory
        mov x3, #0
        system 79
        expect 0
        bl say
        mov x0, #3
        path ""
        adrp x2, memory
        mov x3, #0x1000     // AT_EMPTY_PATH
        system 79
        expect 0
        bl say
        mov x0, #3
        path "file"
        mov x2, #0
        system 56
        expect 4
        adrp x1, memory
        system 80           // fstat
        expect 0
        bl say
        leave 0
    say:
        mov x0, #1
        adrp x1, memory
        mov x2, #128
        system 64
        ret
    """
    result = run(machine_named(name), source, cwd=tmp_path)
    assert (result.status, result.errors) == (0, "")
    assert list(struct.iter_unpack(STAT_FIELDS, result.output)) == [fields(s) for s in expected]


def fields(found: os.stat_result) -> tuple[int, ...]:
    second = 1_000_000_000
    return (
        *(found.st_dev, found.st_ino, found.st_mode, found.st_nlink, found.st_uid, found.st_gid),
        *(found.st_rdev, 0, found.st_size, found.st_blksize, 0, found.st_blocks),
        *divmod(found.st_atime_ns, second),
        *divmod(found.st_mtime_ns, second),
        *divmod(found.st_ctime_ns, second),
        *(0, 0),
    )


@every_machine
def test_names_in_a_directory(name: str, tmp_path: Path) -> None:
    """In several calls, since there are more than one buffer holds."""
    for number in range(40):
        (tmp_path / f"file {number}").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    source = """
    _start:
        mov x0, #-100
        path "."
        mov x2, #0x4000
        system 56
        expect 3
    again:
        mov x0, #3
        adrp x1, memory
        mov x2, #500
        system 61
        cbz x0, done
        tbnz x0, 63, bad
        mov x2, x0
        mov x0, #1
        adrp x1, memory
        system 64
        b again
    bad:
        expect 0
    done:
        mov x0, #3
        mov x1, #0
        mov x2, #0
        system 62           // and once more from the start
        expect 0
        mov x0, #3
        adrp x1, memory
        mov x2, #500
        system 61
        expect_more_than 0
        mov x0, #3
        mov x2, #8
        system 61
        expect -22
        leave 0
    """
    result = run(machine_named(name), source, cwd=tmp_path)
    assert (result.status, result.errors) == (0, "")
    found = dict(entries(result.output))
    names = {f"file {number}".encode() for number in range(40)}
    assert found == {b".": 4, b"..": 4, b"folder": 4, b"link": 10} | dict.fromkeys(names, 8)


def entries(content: bytes) -> list[tuple[bytes, int]]:
    found: list[tuple[bytes, int]] = []
    while content:
        _, _, length, kind = struct.unpack_from("<QqHB", content)
        found.append((content[19:length].partition(b"\0")[0], kind))
        content = content[length:]
    return found


@every_machine
def test_sendfile(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    source = """
    _start:
        mov x0, #-100
        path "file"
        mov x2, #0
        system 56
        expect 3
        adrp x2, memory
        mov x9, #4
        str x9, [x2]
        mov x0, #1
        mov x1, #3
        mov x3, #3
        system 71           // from an offset
        expect 3
        adrp x2, memory
        ldr x0, [x2]
        expect 7
        mov x0, #1
        mov x1, #3
        mov x2, #0
        mov x3, #100
        system 71           // from the position
        expect 10
        mov x0, #3
        mov x1, #0
        mov x2, #1
        system 62
        expect 10
        leave 0
    """
    result = run(machine_named(name), source, cwd=tmp_path)
    assert (result.status, result.output) == (0, b"456" + b"0123456789")


@every_machine
def test_vectors_links_and_places(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("where")
    source = """
    _start:
        mov x0, #-100
        path "link"
        adrp x2, memory
        mov x3, #3
        system 78           // readlinkat, cut off
        expect 3
        adrp x5, memory     // two buffers: the link, and the same again
        add x6, x5, #64
        mov x7, #3
        stp x5, x7, [x6]
        stp x5, x7, [x6, #16]
        mov x0, #1
        mov x1, x6
        mov x2, #2
        system 66           // writev
        expect 6
        mov x0, #0
        mov x1, x6
        mov x2, #2
        system 65           // readv
        expect 4
        path "folder"
        mov x0, x1
        system 49           // chdir
        expect 0
        adrp x0, memory
        mov x1, #4096
        system 17           // getcwd
        expect_more_than 1
        sub x2, x0, #1
        mov x0, #1
        adrp x1, memory
        system 64
        adrp x0, memory
        mov x1, #2
        system 17
        expect -34          // ERANGE
        mov x0, #-100
        path "absent"
        mov x2, #4
        system 48           // faccessat
        expect -2
        leave 0
    """
    result = run(machine_named(name), source, given=b"4567", cwd=tmp_path)
    assert result.status == 0
    assert result.output == b"whewhe" + os.fsencode(os.path.realpath(tmp_path / "folder"))
