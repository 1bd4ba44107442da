"""The rules of dyld, which the kernel starts to load what a program is linked with, one by one.

They are those of three generations: dyld 852 (macOS 11; src/ImageLoaderMachO.cpp), and since
macOS 26 mach_o/UnsafeHeader.cpp, Image.cpp and Policy.cpp.  The dyld of macOS 12 to 15 looks at
less.  Each holds some rules only against files that say a later sdk than a year of its own; here
they are held against every file.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

import pytest

from tests.image.images import ALL, OF_ALL, small, small_whole
from tests.image.macho import *
from tests.image.rules import Rule, Rules

DYLD = Rules()
rule = DYLD.rule

READ_ONLY, R, RW, RX = 0x10, 1, 3, 5
SIZES = {
    LC_SYMTAB: 24, LC_DYSYMTAB: 80, LC_UUID: 24, LC_MAIN: 24, LC_DYLD_INFO_ONLY: 48,
    LC_CODE_SIGNATURE: 16, LC_FUNCTION_STARTS: 16, LC_DATA_IN_CODE: 16,
    LC_EXPORTS_TRIE: 16, LC_CHAINED_FIXUPS: 16,
}  # fmt: skip
KNOWN = {*COMMANDS, LC_UNIXTHREAD, LC_VERSION_MIN_MACOSX}


def overlap(one: range, other: range) -> bool:
    return bool(one) and bool(other) and one.start < other.stop and other.start < one.stop


# --- load commands ------------------------------------------------------------------


@rule(header(ncmds=plus(1)), header(sizeofcmds=plus(8)), header(sizeofcmds=plus(-8)))
def load_commands_are_as_many_as_said(image: MachO) -> bool:
    """``forEachLoadCommand``: they end where the header says."""
    commands = image.commands
    length = sum(len(c.content) for c in commands)
    counts = image.header["ncmds"], image.header["sizeofcmds"]
    return counts == (len(commands), length) and all(len(c.content) >= 8 for c in commands)


@rule(resized(LC_UUID, 4), resized(LC_LOAD_DYLIB, 1))
def load_commands_are_aligned(image: MachO) -> bool:
    """A size is a multiple of 8."""
    return all(len(c.content) % 8 == 0 for c in image.commands)


@rule(*(resized(kind, 8) for kind in (LC_SYMTAB, LC_DYSYMTAB, LC_UUID, LC_MAIN)),
      *(resized(kind, 8) for kind in (LC_DYLD_INFO_ONLY, LC_CODE_SIGNATURE, LC_BUILD_VERSION)),
      resized(LC_SEGMENT, 8))  # fmt: skip
def load_commands_have_their_size(image: MachO) -> bool:
    """``validStructureLoadCommands``."""
    return (
        all(len(c.content) == SIZES.get(c.kind, len(c.content)) for c in image.commands)
        and all(len(c.content) == 24 + 8 * c["ntools"] for c in image.all(LC_BUILD_VERSION))
        and all(len(s.content) == SEGMENT_SIZE + SECTION_SIZE * s["nsects"] for s in image.segments)
    )


@rule(adding(LC_REQ_DYLD | 0x7F, bytes(8)))
def every_required_command_is_known(image: MachO) -> bool:
    """``validStructureLoadCommands``: else "unknown required load command"."""
    return all(c.kind in KNOWN for c in image.commands if c.kind & LC_REQ_DYLD)


@rule(
    command(LC_LOAD_DYLIB, name=56),
    command(LC_LOAD_DYLINKER, name=200),
    resized(LC_LOAD_DYLIB, -8),
    resized(LC_LOAD_DYLINKER, -16),
)
def names_end_inside_of_their_command(image: MachO) -> bool:
    """``stringOverflow``."""
    named = image.all(LC_LOAD_DYLIB, LC_LOAD_DYLINKER)
    return all(b"\0" in c.content[c["name"] :] and c["name"] >= 12 for c in named)


@rule(without(LC_MAIN), twice(LC_MAIN), adding(LC_UNIXTHREAD))
def has_a_main(image: MachO) -> bool:
    """``prepare``: "main executable is missing LC_MAIN"; ``validSemanticsMain``."""
    return [c.kind for c in image.all(LC_MAIN, LC_UNIXTHREAD)] == [LC_MAIN]


@rule(
    without(LC_LOAD_DYLIB),
    renamed("/usr/lib/libSystem.B.dylib", "/usr/lib/libSystem.C.dylib"),
)
def is_linked_with_libsystem(image: MachO) -> bool:
    """``prepare``; ``enforceHasLinkedDylibs``."""
    return "/usr/lib/libSystem.B.dylib" in [c.path for c in image.all(LC_LOAD_DYLIB)]


@rule(twice(LC_LOAD_DYLIB))
def is_linked_with_nothing_twice(image: MachO) -> bool:
    """``enforceNoDuplicateDylibs``."""
    paths = [c.path for c in image.all(LC_LOAD_DYLIB)]
    return len(set(paths)) == len(paths)


@rule(command(LC_LOAD_DYLIB, compatibility_version=2 << 16))
def wants_no_newer_library_than_there_is(image: MachO) -> bool:
    """libSystem says that it is compatible with 1.0.0."""
    return all(c["compatibility_version"] <= 1 << 16 for c in image.all(LC_LOAD_DYLIB))


@rule(without(LC_UUID), twice(LC_UUID), command(LC_UUID, first=0, last=0))
def has_a_uuid(image: MachO) -> bool:
    """``validSemanticsUUID``: one, and "missing LC_UUID load command" (``enforceHasUUID``)."""
    return [any(c.content[8:]) for c in image.all(LC_UUID)] == [True]


@rule(
    without(LC_BUILD_VERSION),
    command(LC_BUILD_VERSION, platform=2),
    command(LC_BUILD_VERSION, sdk=10 << 16),
)
def is_for_macos(image: MachO) -> bool:
    """The platform is macOS, and the sdk not older than arm64 is there."""
    versions = image.all(LC_BUILD_VERSION)
    return [c["platform"] for c in versions] == [1] and versions[0]["sdk"] >= 11 << 16


@rule(adding(LC_CHAINED_FIXUPS, bytes(8)), without(LC_DYLD_INFO_ONLY))
def has_one_kind_of_fixups(image: MachO) -> bool:
    """``validStructureLinkedit``: not both; ``sniffLoadCommands`` wants one of them."""
    return len(image.all(LC_DYLD_INFO_ONLY, LC_CHAINED_FIXUPS)) == 1


# --- segments -----------------------------------------------------------------------


@rule(without_segment("__TEXT"), segment("__TEXT", fileoff=PAGE))
def text_is_the_start_of_the_file(image: MachO) -> bool:
    """``validSemanticsSegments``: "missing __TEXT segment", "fileoffset is not zero"."""
    return [s["fileoff"] for s in image.segments if s.names == ("__TEXT",)] == [0]


@rule(segment("__TEXT", filesize=512), segment("__TEXT", vmsize=512))
def text_has_the_load_commands(image: MachO) -> bool:
    """``validSemanticsSegments``: all of them, in the file and in memory."""
    size = HEADER_SIZE + image.header["sizeofcmds"]
    return all(
        s["filesize"] >= size and s["vmsize"] >= size
        for s in image.segments
        if s.names == ("__TEXT",)
    )


@rule(segment("__TEXT", initprot=7), segment("__TEXT", initprot=R))
def text_is_read_and_executed(image: MachO) -> bool:
    """``enforceTextSegmentPermissions``: exactly that."""
    return image.segment("__TEXT")["initprot"] == RX


@rule(segment("__LINKEDIT", initprot=RW), segment("__LINKEDIT", initprot=0))
def linkedit_is_read(image: MachO) -> bool:
    """``enforceReadOnlyLinkedit``."""
    return image.segment("__LINKEDIT")["initprot"] == R


@rule(segment("__DATA", initprot=R), segment("__DATA", initprot=7))
def data_are_read_and_written(image: MachO) -> bool:
    """``enforceDataSegmentPermissions``."""
    data = [s for s in image.segments if s.names[0] in ("__DATA", "__DATA_CONST")]
    return all(s["initprot"] == RW for s in data)


@rule(renamed("__DATA", "__DATA_CONST"))
def constant_data_become_read_only(image: MachO) -> bool:
    """``enforceDataConstSegmentPermissions``."""
    return all(s["flags"] & READ_ONLY for s in image.segments if s.names == ("__DATA_CONST",))


@rule(segment("__DATA", initprot=11), segment("__TEXT", maxprot=0x85))
def rights_are_known(image: MachO) -> bool:
    """``validSegment``, ``sniffLoadCommands``."""
    return all((s["initprot"] | s["maxprot"]) & ~7 == 0 for s in image.segments)


@rule(renamed("__DATA", "__TEXT"))
def segments_have_names_of_their_own(image: MachO) -> bool:
    """``enforceUniqueSegmentNames``."""
    return len({s.names for s in image.segments}) == len(image.segments)


@rule(segment("__LINKEDIT", vmsize=64), segment("__TEXT", vmsize=PAGE - 1))
def segments_are_as_large_in_memory(image: MachO) -> bool:
    """``validSegment``: no less than in the file, even of what need not be mapped."""
    return all(s["filesize"] <= s["vmsize"] for s in image.segments)


@rule(
    segment("__LINKEDIT", vmaddr=1 << 32),
    segment("__LINKEDIT", fileoff=0),
    segment("__PAGEZERO", vmsize=plus(PAGE)),
)
def segments_are_apart(image: MachO) -> bool:
    """``validSemanticsSegments``: neither in memory nor in the file one is in another."""
    return not any(
        overlap(one.vm, other.vm) or overlap(one.file, other.file)
        for one, other in combinations(image.segments, 2)
    )


@rule(
    reordered("__DATA", "__TEXT"),
    reordered("__LINKEDIT", "__DATA"),
    segment("__DATA", vmaddr=1 << 33),
)
def segments_are_in_order(image: MachO) -> bool:
    """``enforceSegmentOrderMatchesLoadCmds``: of commands, of the file and of memory."""
    return all(
        one["fileoff"] <= other["fileoff"] and one["vmaddr"] < other["vmaddr"]
        for one, other in pairwise(image.segments)
    )


@rule(
    section("__text", addr=plus(-PAGE)),
    section("__bss", size=plus(1 << 30)),
    section("__const", size=1 << 63),
    section("__text", offset=PAGE),
)
def sections_are_in_their_segment(image: MachO) -> bool:
    """``enforceSectionsInSegment``; ``sniffLoadCommands`` asks the same of the file."""
    return all(
        part["addr"] >= whole.vm.start
        and part["addr"] + part["size"] <= whole.vm.stop
        and (part["offset"] == 0 or part["offset"] + part["size"] <= whole.file.stop)
        for whole in image.segments
        for part in whole.sections
    )


@rule(section("__text", offset=plus(16)), section("__const", addr=plus(8)))
def sections_are_where_their_segment_puts_them(image: MachO) -> bool:
    """Not asked by dyld, which maps segments: an address says the place in the file."""
    return all(
        part["addr"] - whole["vmaddr"] == part["offset"] - whole["fileoff"]
        for whole in image.segments
        for part in whole.sections
        if part["flags"] & 0xFF != S_ZEROFILL
    )


@rule(renamed("__text\0\0\0\0\0\0\0\0\0\0__TEXT", "__text\0\0\0\0\0\0\0\0\0\0__TXT"))
def sections_say_their_segment(image: MachO) -> bool:
    return all(
        part.names[1] == whole.names[0] for whole in image.segments for part in whole.sections
    )


@rule(section("__bss", offset=PAGE), segment("__DATA", filesize=16))
def zeros_are_not_in_the_file(image: MachO) -> bool:
    """A section of zeros has no offset, and lies behind what its segment has in the file."""
    return all(
        part["offset"] == 0 and part["addr"] >= whole["vmaddr"] + whole["filesize"]
        for whole in image.segments
        for part in whole.sections
        if part["flags"] & 0xFF == S_ZEROFILL
    )


# --- __LINKEDIT ---------------------------------------------------------------------


def blobs(image: MachO) -> Iterator[tuple[range, int]]:
    """What is said to be in ``__LINKEDIT``: where, and the alignment it needs."""
    for c in image.all(LC_SYMTAB):
        yield range(c["symoff"], c["symoff"] + SYMBOL_SIZE * c["nsyms"]), 8
        yield range(c["stroff"], c["stroff"] + c["strsize"]), 1
    for c in image.all(LC_DYSYMTAB):
        yield range(c["indirectsymoff"], c["indirectsymoff"] + 4 * c["nindirectsyms"]), 4
    for c in image.all(LC_DYLD_INFO_ONLY):
        for kind in ("rebase", "bind", "weak_bind", "lazy_bind", "export"):
            yield range(c[f"{kind}_off"], c[f"{kind}_off"] + c[f"{kind}_size"]), 8
    for kind in (LC_FUNCTION_STARTS, LC_EXPORTS_TRIE, LC_CHAINED_FIXUPS, LC_CODE_SIGNATURE):
        for c in image.all(kind):
            yield range(c["dataoff"], c["dataoff"] + c["datasize"]), 8


@rule(
    without_segment("__LINKEDIT"),
    segment("__LINKEDIT", fileoff=0),
    reordered("__LINKEDIT", "__DATA"),
    renamed("__DATA", "__LINKEDIT"),
)
def linkedit_is_last(image: MachO) -> bool:
    """``sniffLoadCommands``: there is one, it is the last, and not at the file's start."""
    places = [n for n, s in enumerate(image.segments) if s.names == ("__LINKEDIT",)]
    return places == [len(image.segments) - 1] and image.segments[-1]["fileoff"] != 0


@rule(
    lambda image: changed(
        MachO(changed(image, image.one(LC_SYMTAB), strsize=0)), image.one(LC_CODE_SIGNATURE),
        datasize=0,
    ),
)  # fmt: skip
def linkedit_holds_something(image: MachO) -> bool:
    """``validStructureLinkedit``: "malformed mach-o has no LINKEDIT information"."""
    return any(place for place, _ in blobs(image))


@rule(
    command(LC_SYMTAB, stroff=16),
    command(LC_SYMTAB, strsize=1 << 20),
    command(LC_CODE_SIGNATURE, datasize=plus(1)),
    command(LC_CODE_SIGNATURE, dataoff=0),
    command(LC_DYLD_INFO_ONLY, export_size=8),
)
def linkedit_holds_what_is_said(image: MachO) -> bool:
    """``validStructureLinkedit``: all of it is inside."""
    inside = image.segment("__LINKEDIT").file
    there = [place for place, _ in blobs(image) if place]
    return all(inside.start <= place.start and place.stop <= inside.stop for place in there)


@rule(
    command(LC_SYMTAB, strsize=plus(8)),
    command(LC_CODE_SIGNATURE, dataoff=plus(-8)),
    command(LC_SYMTAB, nsyms=1),
)
def linkedit_holds_nothing_twice(image: MachO) -> bool:
    """``validStructureLinkedit``: "LINKEDIT overlap"."""
    return not any(overlap(one, other) for (one, _), (other, _) in combinations(blobs(image), 2))


@rule(command(LC_CODE_SIGNATURE, dataoff=plus(4)), command(LC_SYMTAB, nsyms=1, symoff=plus(4)))
def linkedit_is_aligned(image: MachO) -> bool:
    """``enforceLinkeditContentAlignment``, ``enforceCodeSignatureAligned``."""
    return all(place.start % align == 0 for place, align in blobs(image) if place)


@rule(without(LC_SYMTAB), without(LC_DYSYMTAB), twice(LC_SYMTAB), twice(LC_DYSYMTAB))
def has_both_tables_of_symbols(image: MachO) -> bool:
    """``sniffLoadCommands``: LC_SYMTAB and LC_DYSYMTAB."""
    return len(image.all(LC_SYMTAB)) == len(image.all(LC_DYSYMTAB)) == 1


@rule(
    command(LC_DYSYMTAB, ilocalsym=1),
    command(LC_DYSYMTAB, nlocalsym=1),
    command(LC_DYSYMTAB, iundefsym=1),
    command(LC_DYSYMTAB, nundefsym=1),
    command(LC_SYMTAB, nsyms=1),
)
def groups_of_symbols_follow_each_other(image: MachO) -> bool:
    """``validStructureLinkedit``: known here, known to others, not known; together all."""
    groups, count = image.one(LC_DYSYMTAB), image.one(LC_SYMTAB)["nsyms"]
    others = groups["nlocalsym"]
    unknown = others + groups["nextdefsym"]
    starts = groups["ilocalsym"], groups["iextdefsym"], groups["iundefsym"]
    return starts == (0, others, unknown) and unknown + groups["nundefsym"] == count


@rule(command(LC_SYMTAB, symoff=plus(64)), command(LC_SYMTAB, symoff=plus(4)))
def symbols_are_before_strings(image: MachO) -> bool:
    """``sniffLoadCommands``: and aligned, even if there are none."""
    table = image.one(LC_SYMTAB)
    return table["symoff"] <= table["stroff"] and table["symoff"] % 8 == 0


@rule(
    without(LC_CODE_SIGNATURE),
    twice(LC_CODE_SIGNATURE),
    lambda image: image.file + bytes(8),
    command(LC_CODE_SIGNATURE, datasize=plus(-8)),
)
def signature_is_last(image: MachO) -> bool:
    """One, and the file ends with it, as ``__LINKEDIT`` does (codesign --strict)."""
    ends = [c["dataoff"] + c["datasize"] for c in image.all(LC_CODE_SIGNATURE)]
    return ends == [image.segment("__LINKEDIT").file.stop] == [len(image.file)]


@rule(segment("__TEXT", vmsize=plus(PAGE)), segment("__TEXT", filesize=plus(-16)))
def text_is_as_large_in_the_file(image: MachO) -> bool:
    """``sniffLoadCommands``: "vmsize != filesize and is executable"."""
    return all(s["vmsize"] == s["filesize"] for s in image.segments if s["initprot"] & 4)


# --- and whether they are kept ------------------------------------------------------


@pytest.mark.parametrize("made_by", OF_ALL)
@pytest.mark.parametrize("dyld_rule", DYLD, ids=str)
def test_rule_is_kept(dyld_rule: Rule, made_by: str) -> None:
    assert dyld_rule.is_kept(MachO(ALL[made_by]()))


@pytest.mark.parametrize(("dyld_rule", "mistake"), DYLD.mistakes, ids=DYLD.names)
def test_mistake_is_found(dyld_rule: Rule, mistake: Change) -> None:
    image = MachO(small())
    broken = mistake(image)
    assert broken != image.file
    assert not dyld_rule.is_kept(MachO(broken))


@pytest.mark.parametrize(
    "mistake", [segment("__DWARF", vmsize=0), section("__debug_info", addr=plus(1 << 20))]
)
def test_debug_information_is_held_to_the_rules(mistake: Change) -> None:
    """It is a segment like others: for one that is not mapped there would have to be exceptions."""
    broken = MachO(mistake(MachO(small_whole())))
    assert not all(rule.is_kept(broken) for rule in DYLD)


def test_a_symbol_table_is_checked() -> None:
    """Other than a stripped image's, the tables of a whole one have something in them."""
    image = MachO(small_whole())
    for mistake in (
        command(LC_DYSYMTAB, nlocalsym=plus(-1)),
        command(LC_SYMTAB, stroff=plus(-16)),
        command(LC_SYMTAB, symoff=plus(4)),
    ):
        assert not all(rule.is_kept(MachO(mistake(image))) for rule in DYLD)
