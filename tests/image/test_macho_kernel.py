"""The kernel's rules for what it starts, one by one (xnu, bsd/kern/mach_loader.c and kern_exec.c).

Linkers whose programs run on every Mac keep them too, which speaks for how they are told here.
"""

from __future__ import annotations

from struct import pack

import pytest

from tests.image.images import ALL, OF_ALL, small
from tests.image.macho import *
from tests.image.rules import Rule, Rules

KERNEL = Rules()
rule = KERNEL.rule

DYLDLINK, PIE, READ_ONLY, R, X = 0x4, 0x20_0000, 0x10, 1, 4
STACK_MAX = 64 << 20


@rule(header(magic=0xFEED_FACE), header(cputype=0x0100_0007), header(filetype=6))
def is_an_executable_for_arm64(image: MachO) -> bool:
    """``exec_mach_imgact``, ``parse_machfile``: else EBADARCH or EBADEXEC."""
    head = image.header
    kind = head["magic"], head["cputype"], head["filetype"]
    return kind == (0xFEED_FACF, 0x0100_000C, 2)


@rule(header(cpusubtype=2), header(cpusubtype=0x8000_0002))
def is_for_every_arm64(image: MachO) -> bool:
    """Subtype 2 is arm64e, whose binary interface is not open to others."""
    return image.header["cpusubtype"] == 0


@rule(header(flags=plus(-DYLDLINK)))
def is_not_static(image: MachO) -> bool:
    """``parse_machfile``: on arm64 an executable without MH_DYLDLINK is refused."""
    return bool(image.header["flags"] & DYLDLINK)


@rule(header(flags=plus(-PIE)))
def can_be_moved(image: MachO) -> bool:
    """``pie_required``."""
    return bool(image.header["flags"] & PIE)


@rule(
    without(LC_LOAD_DYLINKER),
    twice(LC_LOAD_DYLINKER),
    renamed("/usr/lib/dyld", "/usr/lib/dyl"),
    resized(LC_LOAD_DYLINKER, -16),
)
def is_loaded_by_dyld(image: MachO) -> bool:
    """``load_dylinker``: the name is exactly this one, with its zero inside of the command."""
    names = [c.content[c["name"] :] for c in image.all(LC_LOAD_DYLINKER)]
    return [name.partition(b"\0")[:2] for name in names] == [(b"/usr/lib/dyld", b"\0")]


@rule(
    segment("__TEXT", initprot=R),
    segment("__TEXT", fileoff=PAGE),
    segment("__LINKEDIT", fileoff=0),
)
def header_is_in_one_segment_to_execute(image: MachO) -> bool:
    """``parse_machfile``, found_header_segment: one with offset 0 and content, readable too."""
    first = [s for s in image.segments if s["fileoff"] == 0 and s["filesize"]]
    return len(first) == 1 and first[0]["initprot"] & (R | X) == R | X


@rule(without(LC_MAIN), twice(LC_MAIN), adding(LC_UNIXTHREAD))
def starts_in_one_place(image: MachO) -> bool:
    """``load_main``, ``load_unixthread``: one of them, once."""
    return len(image.all(LC_MAIN, LC_UNIXTHREAD)) == 1


@rule(command(LC_MAIN, entryoff=plus(2)), command(LC_MAIN, entryoff=0))
def starts_at_an_instruction(image: MachO) -> bool:
    """Not the kernel's wish, which does not look, but the program's."""
    text, entry = image.section("__text"), image.one(LC_MAIN)["entryoff"]
    return entry % 4 == 0 and entry in range(text["offset"], text["offset"] + text["size"])


@rule(command(LC_MAIN, stacksize=STACK_MAX + PAGE), command(LC_MAIN, stacksize=1))
def stack_is_not_too_large(image: MachO) -> bool:
    """``load_main``: 0 is as large as always."""
    size = image.one(LC_MAIN)["stacksize"]
    return size <= STACK_MAX and size % PAGE == 0


@rule(
    without_segment("__PAGEZERO"),
    segment("__PAGEZERO", vmsize=(1 << 32) - PAGE),
    segment("__PAGEZERO", initprot=R),
    segment("__PAGEZERO", maxprot=R),
)
def nothing_is_below_4_gib(image: MachO) -> bool:
    """``load_machfile``, vm_map_has_hard_pagezero."""
    return any(
        (s["vmaddr"], s["filesize"], s["initprot"], s["maxprot"]) == (0, 0, 0, 0)
        and s["vmsize"] >= 1 << 32
        for s in image.segments
    )


@rule(segment("__LINKEDIT", fileoff=plus(4096)), segment("__DATA", fileoff=plus(8)))
def segments_begin_at_pages_of_the_file(image: MachO) -> bool:
    """``load_segment``: an offset is a multiple of 16 KiB."""
    return all(s["fileoff"] % PAGE == 0 for s in image.segments)


@rule(segment("__LINKEDIT", vmaddr=plus(4096)), segment("__DATA", vmaddr=plus(16)))
def segments_begin_at_pages_of_memory(image: MachO) -> bool:
    """``load_segment``: what is not on pages needs a pager of 4 KiB, which is not for arm64."""
    return all(s["vmaddr"] % PAGE == 0 for s in image.segments)


@rule(
    segment("__LINKEDIT", filesize=plus(1)),
    segment("__TEXT", filesize=1 << 63),
    segment("__DATA", fileoff=1 << 20),
)
def segments_are_in_the_file(image: MachO) -> bool:
    """``load_segment``."""
    return all(s.file.stop <= len(image.file) for s in image.segments)


@rule(segment("__TEXT", nsects=3), segment("__LINKEDIT", nsects=1))
def sections_fit_into_their_command(image: MachO) -> bool:
    """``load_segment``."""
    return all(SEGMENT_SIZE + s["nsects"] * SECTION_SIZE <= len(s.content) for s in image.segments)


@rule(command(LC_CODE_SIGNATURE, dataoff=PAGE), without(LC_CODE_SIGNATURE))
def segments_are_signed(image: MachO) -> bool:
    """``load_segment``: none goes on behind the signature's end, and all before it is signed.

    Stricter than the kernel: the last segment's content ends exactly there.
    """
    signature = image.all(LC_CODE_SIGNATURE)
    ends = [s["dataoff"] + s["datasize"] for s in signature]
    return ends == [max(s.file.stop for s in image.segments)]


@rule(
    lambda image: changed(
        MachO(segment("__TEXT", flags=READ_ONLY)(image)), image.segment("__DATA"), flags=READ_ONLY
    ),
)
def at_most_one_segment_becomes_read_only(image: MachO) -> bool:
    """``load_segment``: "multiple segments with SG_READ_ONLY flag"."""
    return sum(bool(s["flags"] & READ_ONLY) for s in image.segments) <= 1


@rule(
    twice(LC_BUILD_VERSION),
    adding(LC_VERSION_MIN_MACOSX, pack("<II", 11 << 16, 15 << 16)),
    resized(LC_BUILD_VERSION, -8),
)
def one_command_says_the_version(image: MachO) -> bool:
    """``parse_machfile``: at most one, with all of its fields."""
    versions = image.all(LC_BUILD_VERSION, LC_VERSION_MIN_MACOSX)
    return len(versions) <= 1 and all(len(c.content) >= 24 for c in image.all(LC_BUILD_VERSION))


@rule(segment("__LINKEDIT", initprot=3), segment("__DATA", initprot=7, maxprot=3))
def no_right_exceeds_the_most(image: MachO) -> bool:
    """``load_segment``: initprot is a part of maxprot."""
    return all(s["initprot"] & ~s["maxprot"] == 0 for s in image.segments)


@rule(segment("__DATA", initprot=7, maxprot=7))
def nothing_is_writable_and_executable(image: MachO) -> bool:
    """Such pages would need MAP_JIT."""
    return all(s["maxprot"] & 6 != 6 for s in image.segments)


@rule(
    lambda image: written(
        MachO(segment("__TEXT", filesize=plus(-16))(image)), image.segment("__TEXT").file.stop - 1,
        b"\1",
    ),
)  # fmt: skip
def nothing_else_is_on_a_segments_last_page(image: MachO) -> bool:
    """``map_segment`` maps it whole: what the file has there is in memory, and zeros are wanted."""
    return not any(
        any(image.file[s.file.stop : padded(s.file.stop)])
        for s in image.segments
        if s["vmsize"] > s["filesize"] or s is image.segment("__TEXT")
    )


def padded(size: int) -> int:
    return -(-size // PAGE) * PAGE


# --- and whether they are kept ------------------------------------------------------


@pytest.mark.parametrize("made_by", OF_ALL)
@pytest.mark.parametrize("kernel_rule", KERNEL, ids=str)
def test_rule_is_kept(kernel_rule: Rule, made_by: str) -> None:
    assert kernel_rule.is_kept(MachO(ALL[made_by]()))


@pytest.mark.parametrize(("kernel_rule", "mistake"), KERNEL.mistakes, ids=KERNEL.names)
def test_mistake_is_found(kernel_rule: Rule, mistake: Change) -> None:
    image = MachO(small())
    broken = mistake(image)
    assert broken != image.file
    assert not kernel_rule.is_kept(MachO(broken))
