"""The guest's memory: as system calls see it, and as a guest arranges it."""

from __future__ import annotations

import errno

import pytest

from svc0.machine.cpu import Cpu
from svc0.machine.memory import PAGE, READ, WRITE, Memory

from .guest import every_machine, machine_named, run

START = 0x10_0000


@pytest.fixture
def memory() -> Memory:
    made = Memory(Cpu())
    made.map(START, 4 * PAGE, READ | WRITE, "four pages")
    return made


def test_what_is_written_is_read(memory: Memory) -> None:
    memory.write(START + 10, b"some text\0")
    assert memory.read(START + 8, 6) == b"\0\0some"
    assert memory.string(START + 10) == b"some text"
    assert memory.integer(START + 10, 2) == int.from_bytes(b"so", "little")


@pytest.mark.parametrize("start", [START - 1, START + 4 * PAGE, 0, (1 << 64) - 1])
def test_what_is_not_there_is_a_bad_address(memory: Memory, start: int) -> None:
    for access in (lambda: memory.read(start, 2), lambda: memory.write(start, b"12")):
        with pytest.raises(OSError, match="Bad address") as caught:
            access()
        assert caught.value.errno == errno.EFAULT


def test_the_last_byte_is_there_and_the_next_is_not(memory: Memory) -> None:
    end = START + 4 * PAGE
    assert memory.read(end - 1, 1) == b"\0"
    with pytest.raises(OSError, match="Bad address"):
        memory.read(end - 1, 2)
    memory.write(end - 3, b"abc")
    with pytest.raises(OSError, match="Bad address"):
        memory.string(end - 3)


def test_permissions_split_a_region_and_keep_its_content(memory: Memory) -> None:
    memory.write(START + PAGE - 2, b"1234")
    memory.protect(START + PAGE, PAGE, READ)
    assert memory.read(START + PAGE - 2, 4) == b"1234"
    with pytest.raises(OSError, match="Bad address"):
        memory.write(START + PAGE - 2, b"5678")
    memory.protect(START, 4 * PAGE, READ | WRITE)
    memory.write(START + PAGE - 2, b"5678")
    memory.protect(START + 2 * PAGE, PAGE, 0)
    with pytest.raises(OSError, match="Bad address"):
        memory.read(START + 2 * PAGE, 1)


def test_a_hole_stays_a_hole(memory: Memory) -> None:
    memory.unmap(START + PAGE, PAGE)
    with pytest.raises(OSError, match="Bad address"):
        memory.read(START + PAGE, 1)
    with pytest.raises(OSError, match="Cannot allocate") as caught:
        memory.protect(START, 3 * PAGE, READ)
    assert caught.value.errno == errno.ENOMEM
    assert [region.size for region in memory] == [PAGE, 2 * PAGE]


def test_free_places_have_missing_pages_around_them(memory: Memory) -> None:
    first = memory.free(PAGE)
    memory.map(first, PAGE, READ, "first")
    second = memory.free(PAGE)
    assert second == first + 2 * PAGE
    memory.map(second, PAGE, READ, "second")
    memory.unmap(first, PAGE)
    assert memory.free(PAGE) == first
    assert memory.free(2 * PAGE) > second


def test_a_place_can_be_asked_for_without_replacing() -> None:
    """MAP_FIXED_NOREPLACE, which this qemu-user does not know."""
    source = """
    .macro map
        ldr x0, =0x300000000
        mov x1, #4096
        mov x2, #3
        ldr x3, =0x100022
        mov x4, #-1
        mov x5, #0
        system 222
    .endm

    _start:
        map
        expect 0x300000000
        map
        expect -17          // EEXIST
        leave 0
    """
    assert run(machine_named("emulator"), source).status == 0


@every_machine
def test_a_guest_arranges_its_memory(name: str) -> None:
    source = """
    .macro map start, flags
        ldr x0, =\\start
        mov x1, #8192
        mov x2, #3
        ldr x3, =\\flags
        mov x4, #-1
        mov x5, #0
        system 222
    .endm

    _start:
        map 0, 0x22         // MAP_PRIVATE | MAP_ANONYMOUS
        expect_more_than 0
        mov x21, x0
        str x0, [x21, #4096]
        mov x1, #4096
        mov x2, #0
        add x0, x21, #4096
        system 226          // mprotect(PROT_NONE)
        expect 0
        mov x0, #1
        add x1, x21, #4090
        mov x2, #6
        system 64
        expect 6
        mov x0, #1
        add x1, x21, #4096
        mov x2, #1
        system 64
        expect -14
        add x0, x21, #4096
        mov x1, #4096
        mov x2, #3
        system 226
        expect 0
        ldr x0, [x21, #4096]
        cmp x0, x21
        b.ne wrong
        mov x0, x21
        mov x1, #8192
        mov x2, #4
        system 233          // madvise(MADV_DONTNEED)
        expect 0
        ldr x0, [x21, #4096]
        expect 0
        mov x0, x21
        mov x1, #8192
        system 215          // munmap
        expect 0
        mov x0, x21
        mov x1, #4096
        mov x2, #3
        system 226
        expect -12          // ENOMEM
        map 0x300000000, 0x100022
        expect 0x300000000
        map 0x300001000, 0x32
        expect 0x300001000
        map 1, 0x32
        expect -22
        mov x0, x21
        mov x1, #0
        system 215
        expect -22
        mov x0, #0
        system 214          // brk
        mov x22, x0
        add x0, x0, #4096
        add x0, x0, #8
        mov x23, x0
        system 214
        cmp x0, x23
        b.ne wrong
        str x0, [x22]
        strb w0, [x23, #-1]
        mov x0, x22
        system 214
        cmp x0, x22
        b.ne wrong
        leave 0
    wrong:
        leave 99
    """
    assert run(machine_named(name), source).status == 0
