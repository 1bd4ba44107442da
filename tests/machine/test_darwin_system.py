"""Memory, limits, time and what the system says of itself, for a guest for macOS."""

from __future__ import annotations

import os
import time

import pytest

from .darwin_guest import run, succeeds

MAP = """
    .macro map size, rights, flags, address=0, file=-1, offset=0
        ldr x0, =\\address
        ldr x1, =\\size
        mov x2, #\\rights
        ldr x3, =\\flags
        mov x4, #\\file
        ldr x5, =\\offset
        system 197
    .endm
    .macro protect rights, size=16384
        mov x0, x20
        ldr x1, =\\size
        mov x2, #\\rights
        system 74
    .endm
"""
PRIVATE, SHARED, FIXED = 0x1002, 0x1001, 0x1012


def guest(body: str) -> str:
    return f"{MAP}\n_start:\n {body}\n leave 0"


def test_memory_is_mapped_in_pages_of_16_kib() -> None:
    succeeds(
        guest(f"""
        map 1, 3, {PRIVATE}
        works
        mov x20, x0
        and x11, x0, #0x3fff
        is x11, 0
        ldr x11, [x20, #16376]      // a whole page, of zeros
        is x11, 0
        str x20, [x20]
        protect 1
        expect 0
        protect 1, 1
        expect 0
        mov x0, x20
        add x0, x0, #0x1000         // a page of Linux is none here
        mov x1, #0x1000
        mov x2, #1
        system 74
        fails 22
        add x0, x20, #0x1000
        mov x1, #0x1000
        system 73
        fails 22
        mov x0, x20
        mov x1, #0
        system 73
        fails 22
        mov x0, x20
        mov x1, #1
        system 73                   // munmap
        expect 0
        protect 1
        fails 12
        """)
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (f"16384, 7, {PRIVATE}", 13),
        (f"16384, 6, {PRIVATE}", 13),
        ("16384, 3, 0x1000", 22),
        ("16384, 3, 0x1003", 22),
        (f"16384, 3, {PRIVATE | 0x20}", 22),
        (f"16384, 3, {PRIVATE}, 0, 0", 22),
        (f"16384, 3, {PRIVATE}, 0, -1, 4096", 22),
        (f"16384, 3, {FIXED}, 0x4000001000", 22),
        (f"16384, 3, {FIXED}, 0x4000", 12),
        (f"0, 3, {PRIVATE}", 22),
    ],
)
def test_memory_that_is_refused(arguments: str, error: int) -> None:
    succeeds(guest(f"map {arguments}\n fails {error}"))


def test_a_file_is_not_mapped() -> None:
    found = run(guest("map 16384, 1, 2, 0, 0\n fails 19"))
    assert (found.status, "mmap of a file is not emulated" in found.errors) == (0, True)


def test_nothing_is_writable_and_executable() -> None:
    succeeds(
        guest(f"""
        map 16384, 3, {PRIVATE}
        works
        mov x20, x0
        ldr w9, =0xd65f03c0         // ret
        str w9, [x20]
        protect 7
        fails 13
        protect 5
        expect 0
        blr x20
        leave 0
        """)
    )


def test_shared_memory_is_shared_with_children() -> None:
    succeeds(
        guest(f"""
        map 16384, 3, {SHARED}
        works
        mov x20, x0
        map 16384, 3, {PRIVATE}
        works
        mov x21, x0
        system 2
        works
        cbz x1, parent
        mov w9, #7
        str w9, [x20]
        str w9, [x21]
        leave 0
    parent:
        mov x1, #0
        mov x2, #0
        mov x3, #0
        system 7
        works
        ldr w11, [x20]
        is x11, 7
        ldr w11, [x21]
        is x11, 0
        """)
    )


def test_advice_keeps_memory_unless_it_is_free() -> None:
    succeeds(
        guest(f"""
        .macro advise number
            mov x0, x20
            mov x1, #16384
            mov x2, #\\number
            system 75
            expect 0
            ldr w11, [x20]
        .endm
        map 16384, 3, {PRIVATE}
        works
        mov x20, x0
        mov w9, #7
        str w9, [x20]
        advise 4                    // MADV_DONTNEED: not as on Linux
        is x11, 7
        advise 5                    // MADV_FREE
        is x11, 0
        """)
    )


def test_limits() -> None:
    succeeds(
        guest("""
        .macro limit call, number
            ldr x0, =\\number
            mov x1, x20
            system \\call
        .endm
        here x20
        limit 194, 8                // RLIMIT_NOFILE
        expect 0
        mov x9, #100
        str x9, [x20]
        limit 195, 8
        expect 0
        limit 194, 0x1008           // as the C library asks
        expect 0
        ldr x11, [x20]
        is x11, 100
        limit 194, 4                // RLIMIT_CORE
        expect 0
        limit 194, 0
        expect 0
        ldr x11, [x20]
        is x11, 0x7fffffffffffffff
        limit 194, 77
        fails 22
        """)
    )


def test_who_it_is() -> None:
    succeeds(
        guest(f"""
        system 24
        expect {os.getuid()}
        system 25
        expect {os.geteuid()}
        system 47
        expect {os.getgid()}
        system 43
        expect {os.getegid()}
        system 327                  // issetugid
        expect 0
        mov x0, #0x12
        system 60                   // umask
        works
        system 60
        expect 0x12
        """)
    )


def test_the_system_says_what_it_is() -> None:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    said = succeeds(
        guest(f"""
        .macro ask_number first, second
            mov w9, #\\first
            mov w10, #\\second
            stp w9, w10, [x20]
            mov x9, #64
            str x9, [x20, #8]
            mov x0, x20
            mov x1, #2
            add x2, x20, #64
            add x3, x20, #8
            mov x4, #0
            mov x5, #0
            system 202
        .endm
        .macro ask text, room=64
            mov x9, #\\room
            str x9, [x20, #8]
            path "\\text"
            mov x0, x1
            mov x1, #(5f - 4f)
            b 6f
        4:  .ascii "\\text"
        5:  .balign 4
        6:  add x2, x20, #64
            add x3, x20, #8
            mov x4, #0
            mov x5, #0
            system 274
        .endm
        here x20
        ask_number 6, 25            // hw.activecpu
        expect 0
        ldr x11, [x20, #64]
        is x11, {count}
        ldr x11, [x20, #8]
        is x11, 4
        ask "hw.logicalcpu"
        expect 0
        ldr w11, [x20, #64]
        is x11, {count}
        ask "hw.pagesize"
        expect 0
        ldr w11, [x20, #64]
        is x11, 16384
        ask "kern.ostype"
        expect 0
        ldr x11, [x20, #64]
        is x11, 0x6e6977726144      // "Darwin"
        ldr x11, [x20, #8]
        is x11, 7
        ask "kern.ostype", 6
        fails 12
        ask_number 1, 2             // kern.osrelease
        expect 0
        mov x0, #1
        add x1, x20, #64
        mov x2, #2
        system 4
        works
        mov x0, #0
        """)
    )
    assert said == b"24"


@pytest.mark.parametrize(
    "call", ["mov x1, #5\n str x1, [x0]\n mov x1, #2", "mov x1, #5\n str x1, [x0]\n mov x1, #3"]
)
def test_what_the_system_does_not_say(call: str) -> None:
    body = f"here x0\n {call}\n mov x2, #0\n mov x3, #0\n mov x4, #0\n system 202\n fails 2"
    found = run(guest(body))
    assert found.status == 0
    assert "is not emulated: answered ENOENT" in found.errors


def test_chance() -> None:
    succeeds(
        guest("""
        here x20
        mov x0, x20
        mov x1, #256
        system 500
        expect 0
        ldp x11, x12, [x20, #240]
        cmp x11, x12
        cset x11, ne
        is x11, 1
        mov x0, x20
        mov x1, #257
        system 500
        fails 22
        """)
    )


def test_the_time_of_day_goes_to_memory() -> None:
    before = int(time.time())
    said = succeeds(
        guest("""
        here x20
        mov x0, x20
        mov x1, #0
        add x2, x20, #16
        system 116
        expect 0
        ldr w11, [x20, #8]
        ldr w12, =1000000
        cmp w11, w12
        cset x11, lo
        is x11, 1
        system -3
        ldr x12, [x20, #16]
        sub x11, x0, x12
        ldr x12, =240000000         // ten seconds
        cmp x11, x12
        cset x11, lo
        is x11, 1
        mov x0, #1
        mov x1, x20
        mov x2, #8
        system 4
        expect 8
        """)
    )
    assert before <= int.from_bytes(said, "little") <= time.time()
