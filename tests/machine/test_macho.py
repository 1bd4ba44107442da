"""Mach-O images: what is refused, in which words, and how the rest is laid out in memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

import pytest

from svc0.a64 import mov, routine, x0
from svc0.image.macho import macho as built
from svc0.kernel import calls
from svc0.machine import MachineError, macho
from svc0.machine.darwin import Darwin
from svc0.machine.emulator import Emulator
from svc0.machine.errors import Fault
from svc0.machine.host import HostWorld
from svc0.machine.memory import EXECUTE, READ, WRITE
from svc0.machine.process import Process

from . import packed
from .darwin_guest import image, run
from .darwin_guest import packed as packed_guest
from .packed import BASE, PAGE, TEXT, Image, page_up, segment

RET = struct.pack("<I", 0xD65F03C0)
LINKEDIT = "__LINKEDIT"


def small(text: bytes = RET, data: bytes = b"", size: int = PAGE) -> Image:
    return Image(text, data, size)


def test_what_is_right_is_taken() -> None:
    found = macho.parse(bytes(small()))
    assert found.entry == BASE + TEXT
    assert found.header == BASE
    assert [piece.name for piece in found.pieces()] == ["__TEXT", "__DATA", "__LINKEDIT"]


def header(place: int, value: int) -> Callable[[Image], None]:
    def change(given: Image) -> None:
        given.header[place] = value

    return change


def without(name: str) -> Callable[[Image], None]:
    return lambda given: given.commands.__delitem__(name)


def another(name: str, content: bytes | None = None) -> Callable[[Image], None]:
    def change(given: Image) -> None:
        given.commands[name + " again"] = content or given.commands[name]

    return change


def instead(name: str, content: bytes) -> Callable[[Image], None]:
    """A load command of the same kind, or a whole one."""

    def change(given: Image) -> None:
        given.commands[name] = content

    return change


def patched(name: str, place: int, layout: str, value: int | bytes) -> Callable[[Image], None]:
    def change(given: Image) -> None:
        content = bytearray(given.commands[name])
        struct.pack_into(layout, content, place, value)
        given.commands[name] = bytes(content)

    return change


def swapped(given: Image) -> None:
    """__LINKEDIT before __DATA."""
    given.commands["fixups"], given.commands[LINKEDIT] = (
        given.commands[LINKEDIT],
        given.commands["fixups"],
    )
    given.commands["symbols"], given.commands["__DATA"] = (
        given.commands["__DATA"],
        given.commands["symbols"],
    )


def together(*changes: Callable[[Image], None]) -> Callable[[Image], None]:
    def change(given: Image) -> None:
        for each in changes:
            each(given)

    return change


LATEST = packed.padded(0x32, struct.pack("<IIII", 1, 11 << 16, 26 << 16, 0))
NO_PAGE_ZERO = "no __PAGEZERO that covers the first 4 GiB"
REFUSED: dict[str, tuple[Callable[[Image], None], str]] = {
    "magic": (header(0, 0xFEEDFACE), "not 64-bit and little-endian"),
    "x86": (header(1, 0x01000007), "for processor 0x1000007, not for arm64"),
    "arm64e": (header(2, 2), "arm64 of the kind 0x2"),
    "library": (header(3, 6), "of file type 6, not an executable"),
    "static": (header(6, 0x200081), "is static"),
    "not PIE": (header(6, 0x85), "not position-independent"),
    "no dyld": (without("linker"), "no LC_LOAD_DYLINKER"),
    "another dyld": (
        instead("linker", packed.padded(0xE, struct.pack("<I", 12) + b"/usr/lib/dy1d\0")),
        "another dynamic linker",
    ),
    "no end of a name": (
        instead("linker", struct.pack("<III", 0xE, 24, 12) + b"/usr/lib/dyl"),
        "does not end in its load command",
    ),
    "no main": (without("main"), "no LC_MAIN"),
    "two mains": (another("main"), "more than one LC_MAIN"),
    "a thread": (another("thread", packed.padded(0x5, bytes(8))), "LC_UNIXTHREAD"),
    "no symbols": (without("symbols"), "no LC_SYMTAB"),
    "no dynamic symbols": (without("dynamic"), "no LC_DYSYMTAB"),
    "not signed": (without("signature"), "no LC_CODE_SIGNATURE"),
    "no page zero": (without("__PAGEZERO"), NO_PAGE_ZERO),
    "page zero short": (patched("__PAGEZERO", 32, "<Q", BASE - PAGE), NO_PAGE_ZERO),
    "page zero readable": (patched("__PAGEZERO", 60, "<i", 1), NO_PAGE_ZERO),
    "more than most": (patched("__DATA", 56, "<i", 1), "__DATA with more rights than it may ever"),
    "no text": (without("__TEXT"), "0 segments with the start of the file"),
    "text not readable": (patched("__TEXT", 60, "<i", 4), "__TEXT that is not r-x"),
    "text writable": (
        instead("__TEXT", segment(b"__TEXT", BASE, 0x8000, 0, 0x8000, 7, 7)),
        "__TEXT writable and executable",
    ),
    "text larger than the file's": (patched("__TEXT", 32, "<Q", 0x8000), "before the end of"),
    "text with zeros": (patched("__TEXT", 48, "<Q", 0x3000), "the file has not all of"),
    "offset": (patched("__DATA", 40, "<Q", 0x4800), "file offset that is not of 16 KiB"),
    "address": (patched("__DATA", 24, "<Q", BASE + 0x5000), "address that is not of 16 KiB"),
    "file larger than memory": (patched("__DATA", 48, "<Q", 0x8000), "more of __DATA in file"),
    "data executable": (patched("__DATA", 60, "<i", 7), "__DATA writable and executable"),
    "data not writable": (patched("__DATA", 60, "<i", 1), "__DATA that is not rw-"),
    "linkedit writable": (
        together(patched(LINKEDIT, 56, "<i", 3), patched(LINKEDIT, 60, "<i", 3)),
        "__LINKEDIT that is not r--",
    ),
    "linkedit not last": (swapped, "before the end of|does not end with a __LINKEDIT"),
    "cut off": (patched(LINKEDIT, 48, "<Q", 0x100000), "more of __LINKEDIT in file|cut off in"),
    "a name twice": (patched("__DATA", 8, "<6s", b"__TEXT"), "2 segments with the name __TEXT"),
    "sections": (patched("__DATA", 64, "<I", 1), "another number of sections"),
    "two protected": (
        together(patched("__DATA", 68, "<I", 16), patched("__TEXT", 68, "<I", 16)),
        "more than one segment with SG_READ_ONLY",
    ),
    "entry": (patched("main", 8, "<Q", 1 << 20), "entry outside of __TEXT"),
    "odd entry": (patched("main", 8, "<Q", TEXT + 2), "entry that is no instruction"),
    "platform": (patched("version", 8, "<I", 2), "for platform 2, not for macOS"),
    "tools": (patched("version", 20, "<I", 1), "another number of tools"),
    "two versions": (another("version"), "more than one LC_BUILD_VERSION"),
    "no UUID": (
        together(without("uuid"), instead("version", LATEST)),
        "no LC_UUID",
    ),
    "no libSystem": (
        together(without("library"), instead("version", LATEST)),
        "not linked with libSystem",
    ),
    "a library twice": (another("library"), "names a library twice"),
    "rebases": (patched("fixups", 12, "<I", 8), "wants dyld to write addresses"),
    "no fixups": (without("fixups"), "neither LC_DYLD_INFO_ONLY"),
    "both fixups": (another("chained", packed.padded(0x80000034, bytes(8))), "both LC_DYLD"),
    "chained imports": (
        instead("fixups", packed.padded(0x80000034, struct.pack("<II", 0, 64))),
        "chained fixups that are cut off|wants dyld",
    ),
    "unknown": (another("?", packed.padded(0x80000099, bytes(8))), "which dyld does not know"),
    "size of main": (instead("main", packed.padded(0x80000028, bytes(8))), "with 16 bytes"),
    "size": (instead("uuid", struct.pack("<II", 0x1B, 12) + bytes(4)), "load command of 12 bytes"),
    "signature outside": (patched("signature", 8, "<I", PAGE), "signature outside of __LINKEDIT"),
    "signature short": (patched("signature", 12, "<I", 8), "does not end with its signature"),
    "signature odd": (
        lambda given: patched("signature", 8, "<I", given.limit + 1)(given),
        "offset that is not of 8",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_macos_would_not_run_is_refused(name: str) -> None:
    change, words = REFUSED[name]
    given = small(data=bytes(16))
    change(given)
    with pytest.raises(MachineError, match=words):
        macho.parse(bytes(given))


def test_a_header_that_is_cut_off() -> None:
    whole = bytes(small())
    for length in (4, 31, 32, 40, 200):
        with pytest.raises(MachineError, match="cut off"):
            macho.parse(whole[:length])


def test_nothing_may_follow() -> None:
    with pytest.raises(MachineError, match="goes on behind its __LINKEDIT"):
        macho.parse(bytes(Image(RET, data_size=PAGE, tail=b"!")))


# The signature


@pytest.mark.parametrize("place", [0x20, TEXT, TEXT + 3, PAGE + 7])
def test_a_changed_byte_is_seen(place: int) -> None:
    """Behind the header, since that has its own complaints."""
    content = bytearray(bytes(small(data=b"some data")))
    where = place if place >= TEXT else 0xFF0
    content[where] ^= 1
    page = where // 0x1000
    with pytest.raises(MachineError, match=f"badly signed: page {page} .* is not what was signed"):
        macho.parse(bytes(content))


def test_the_last_page_is_not_filled_up() -> None:
    """Its hash is of the bytes that it has: one with zeros behind is another."""
    given = small()
    file = given.unsigned()
    last = len(file) // packed.SIGNED_PAGE * packed.SIGNED_PAGE
    assert last < len(file)
    wrong = packed.sign(file.ljust(last + packed.SIGNED_PAGE, b"\0"))
    right = packed.sign(file)
    spoilt = right[:-32] + wrong[-32:]
    with pytest.raises(MachineError, match="is not what was signed"):
        macho.parse(file + spoilt)


def set_number(place: int, value: int, numbers: list[int]) -> None:
    numbers[place] = value


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, 0xFADE0C01, "does not begin as one"),
        (1, 100, "is cut off"),
        (2, 0x10000, "version 0x10000"),
        (3, 0, "not ad hoc"),
        (5, 5000, "identifier does not end"),
        (6, 40, "hashes are not all in it"),
        (7, 2, "2 hashes are not one for each page"),
        (8, 0x4000, "it covers 16384 bytes"),
        (9, 20, "hash 2 of 20 bytes"),
        (10, 9, "hash 9 of 32 bytes"),
        (12, 13, r"pages of 2 \*\* 13 bytes"),
    ],
)
def test_a_signature_must_be_one(place: int, value: int, words: str) -> None:
    file = small().unsigned()
    spoilt = packed.sign(file, partial(set_number, place, value))
    with pytest.raises(MachineError, match=words):
        macho.parse(file + spoilt)


def test_a_super_blob_must_be_one() -> None:
    file = small().unsigned()
    right = packed.sign(file)
    for wrong, words in [
        (b"\0" + right[1:], "does not begin as one"),
        (right[:8] + b"\xff" + right[9:], "is cut off"),
        (right[:12] + b"\0\0\0\1" + right[16:], "no code directory"),
    ]:
        with pytest.raises(MachineError, match=words):
            macho.parse(file + wrong)


# In memory


def loaded(given: bytes, bias: int | None = None) -> Process:
    world = HostWorld()
    try:
        return Process(macho.parse(given), Darwin(), world, bias=bias)
    finally:
        world.end()


@pytest.mark.parametrize("slide", [0, PAGE, 0x7FFC000, macho.SLIDE])
def test_segments_are_where_the_slide_puts_them(slide: int) -> None:
    memory = loaded(bytes(small(data=b"data", size=3 * PAGE)), slide).memory
    text, data, link = memory
    assert (text.start, text.size, text.permissions) == (BASE + slide, PAGE, READ | EXECUTE)
    assert (data.start, data.size, data.permissions) == (text.end, 3 * PAGE, READ | WRITE)
    assert (link.start, link.permissions) == (data.end, READ)
    assert memory.region(0) is memory.region(BASE + slide - 1) is None
    assert memory.read(data.start, 5) == b"data\0"


def test_the_usual_slide_is_of_one_page_and_no_more() -> None:
    assert macho.SLIDE % PAGE == 0
    assert macho.SLIDE % (4 * PAGE)


def test_the_last_page_of_a_segment_is_the_files() -> None:
    """What follows a segment in the file follows it in memory, up to the end of the page."""
    given = Image(RET, b"data".ljust(PAGE, b"!"), 2 * PAGE)
    patched("__DATA", 48, "<Q", 4)(given)
    memory = loaded(bytes(given), 0).memory
    start = BASE + page_up(TEXT)
    assert memory.read(start, 8) == b"data!!!!"
    assert memory.read(start + PAGE - 1, 2) == b"!\0"


# Entry


def test_main_is_called() -> None:
    source = """
    _start:
        is x0, 3
        ldr x9, [x1, #16]
        ldrb w9, [x9]
        is x9, 'b'
        ldr x9, [x1, #24]
        is x9, 0
        ldur x9, [x1, #-8]
        is x9, 3
        ldur x10, [x1, #-16]    // the Mach-O header
        ldr w10, [x10]
        is x10, 0xfeedfacf
        add x10, x1, #32        // the environment begins behind argv
        cmp x10, x2
        cset x9, eq
        is x9, 1
        ldr x9, [x3]
        ldr x9, [x9]
        is x9, 0x6261747563657865   // "executab"
        mov x9, sp
        and x9, x9, #15
        is x9, 0
        str x9, [sp, #-16]!     // the stack can be written to, above and below
        ldr x9, [sp], #16
        is x18, 0
        mov x9, sp
        cmp x1, x9
        cset x9, hi
        is x9, 1
        mov x0, #0
        ret
    """
    found = run(source, "a", "b")
    assert (found.status, found.errors) == (0, "")


@pytest.mark.parametrize("status", [0, 7, 255])
def test_what_main_returns_is_the_status(status: int) -> None:
    assert run(f"_start: mov x0, #{status}\n ret").status == status


def test_registers_hold_what_dyld_left() -> None:
    """Who expects zeros there finds none."""
    for number in [*range(4, 18), *range(19, 30)]:
        assert run(f"_start: cbz x{number}, 1f\n leave 1\n 1: leave 0").status == 1


@pytest.mark.parametrize("address", [0, 0x1000, BASE - 8])
def test_page_zero_is_not_there(address: int) -> None:
    source = f"_start: ldr x9, ={address}\n ldr x9, [x9]"
    process = Emulator().process(packed_guest(source), ["guest"], {})
    with pytest.raises(Fault, match="where there is no memory"):
        process.run()


@routine
def leave() -> None:
    """A whole program: it exits with 42."""
    mov(x0, 42)
    calls.exit()


@pytest.mark.parametrize("strip", [True, False])
def test_what_is_built_here_is_taken(strip: bool) -> None:
    """Two rooms have read the same rules, each for itself."""
    process = Emulator().process(built(leave, strip=strip), ["guest"], {})
    assert process.run() == 42


def test_text_cannot_be_written() -> None:
    process = Emulator().process(packed_guest("_start: adr x9, _start\n str x9, [x9]"), ["guest"])
    with pytest.raises(Fault, match="may not be written"):
        process.run()


def test_a_guest_is_packed_with_its_entry() -> None:
    assert image("nop\n_start: leave 0").entry == 4
