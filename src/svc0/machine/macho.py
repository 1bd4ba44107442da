"""A Mach-O executable for arm64 macOS, as xnu and dyld read it.

What one of them would refuse is refused here, in plain words where they only kill.  The rules of
several versions are taken together: an image that passes satisfies macOS 11 to 27, as far as is
known (docs/decisions/0007-darwin-personality.md has the sources).  Fixups are dyld's work, and
dyld is not here: an image that needs some cannot be run.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from . import signature
from .errors import MachineError
from .piece import Piece

MAGIC, ARM64, ANY_ARM64, EXECUTE = 0xFEEDFACF, 0x0100000C, 0, 2
DYLD_LINKED, POSITION_INDEPENDENT = 0x4, 0x200000
SEGMENT, SYMBOLS, DYNAMIC_SYMBOLS, LIBRARY, LINKER = 0x19, 0x2, 0xB, 0xC, 0xE
UUID, SIGNATURE, BUILD_VERSION, THREAD = 0x1B, 0x1D, 0x32, 0x5
MAIN, DYLD_INFO, CHAINED_FIXUPS, EXPORTS = 0x80000028, 0x80000022, 0x80000034, 0x80000033
REQUIRED_BY_DYLD = 0x80000000
MACOS, LIBSYSTEM, DYLD = 1, b"/usr/lib/libSystem.B.dylib", b"/usr/lib/dyld"
READ, WRITE, EXECUTABLE = 1, 2, 4
READ_ONLY_AFTER_FIXUPS = 0x10

PAGE = 0x4000
PAGE_ZERO = 1 << 32
# xnu draws one; this one is neither 64 KiB nor 2 MiB aligned, so that nothing may rely on that.
SLIDE = 0x1_2345_4000

HEADER = struct.Struct("<8I")
COMMAND = struct.Struct("<II")
SEGMENT_COMMAND = struct.Struct("<8x16sQQQQiiII")
SECTION_SIZE = 80
MAIN_COMMAND = struct.Struct("<8xQQ")
BUILD_COMMAND = struct.Struct("<8xIIII")
RANGE = struct.Struct("<8xII")
SIZES = {SYMBOLS: 24, DYNAMIC_SYMBOLS: 80, UUID: 24, MAIN: 24, DYLD_INFO: 48, SIGNATURE: 16}
AT_MOST_ONE = {
    MAIN: "LC_MAIN",
    UUID: "LC_UUID",
    BUILD_VERSION: "LC_BUILD_VERSION",
    LINKER: "LC_LOAD_DYLINKER",
    SIGNATURE: "LC_CODE_SIGNATURE",
    SYMBOLS: "LC_SYMTAB",
    DYNAMIC_SYMBOLS: "LC_DYSYMTAB",
}
NEEDED = {
    LINKER: "LC_LOAD_DYLINKER: the kernel starts no program without dyld",
    MAIN: "LC_MAIN: dyld enters a program there and nowhere else",
    SYMBOLS: "LC_SYMTAB, which dyld of macOS 11 wants",
    DYNAMIC_SYMBOLS: "LC_DYSYMTAB, which dyld of macOS 11 wants",
    SIGNATURE: "LC_CODE_SIGNATURE: arm64 macOS kills what is not signed",
}
KNOWN_TO_DYLD = {MAIN, DYLD_INFO, CHAINED_FIXUPS, EXPORTS}


class Command(NamedTuple):
    """A load command: its kind, and all of its bytes."""

    kind: int
    content: bytes


class Segment(NamedTuple):
    """LC_SEGMENT_64, in the order of its fields."""

    name: str
    address: int
    memory_size: int
    offset: int
    file_size: int
    most_permissions: int
    permissions: int
    sections: int
    flags: int

    @property
    def memory_end(self) -> int:
        return self.address + self.memory_size

    @property
    def file_end(self) -> int:
        return self.offset + self.file_size


@dataclass(frozen=True)
class MachO:
    """What of an executable matters to whoever starts it."""

    content: bytes
    segments: tuple[Segment, ...]
    entry: int

    page = PAGE
    bias = SLIDE

    @property
    def header(self) -> int:
        """Where the file begins in memory, before it is moved."""
        return text_of(self.segments).address

    @property
    def end(self) -> int:
        return max(segment.memory_end for segment in self.segments)

    def pieces(self) -> list[Piece]:
        """What is mapped.  The last page of a segment that the file has is mapped whole: what
        is behind the segment in the file is behind it in memory, where zeros may be expected."""
        return [
            Piece(
                segment.address,
                segment.memory_size,
                segment.permissions,
                self.content[segment.offset : page_up(segment.file_end)],
                segment.name,
            )
            for segment in self.segments
            if segment.memory_size and not is_page_zero(segment)
        ]


def page_up(size: int) -> int:
    return -(-size // PAGE) * PAGE


def is_one(content: bytes) -> bool:
    """Whether it begins as one, for whatever processor."""
    return content[:4] in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def need(condition: object, message: str) -> None:
    if not condition:
        raise MachineError(f"this Mach-O {message}")


def parse(content: bytes) -> MachO:
    """Read headers and signature, refusing what macOS would not run."""
    commands = read_commands(content)
    for kind, name in AT_MOST_ONE.items():
        need(len(of_kind(commands, kind)) < 2, f"has more than one {name}")
    need(not of_kind(commands, THREAD), "has an LC_UNIXTHREAD, which dyld does not enter")
    for kind, words in NEEDED.items():
        need(of_kind(commands, kind), f"has no {words}")
    (linker,) = of_kind(commands, LINKER)
    need(text_at(linker, 8) == DYLD, "names another dynamic linker than /usr/lib/dyld")
    segments = tuple(read_segment(command, content) for command in of_kind(commands, SEGMENT))
    check_segments(segments)
    check_text(segments, HEADER.size + sum(len(command.content) for command in commands))
    check_linkedit(segments, content)
    check_version(commands)
    check_fixups(commands, content)
    check_signature(commands, segments, content)
    return MachO(content, segments, entry_of(commands, segments))


def read_commands(content: bytes) -> list[Command]:
    """The header's own claims, and what follows it."""
    need(len(content) >= HEADER.size, "is cut off in its header")
    magic, processor, variant, kind, count, size, flags, _ = HEADER.unpack_from(content)
    need(magic == MAGIC, "is not 64-bit and little-endian, or is made of several")
    need(processor == ARM64, f"is for processor {processor:#x}, not for arm64 ({ARM64:#x})")
    need(variant == ANY_ARM64, f"is for arm64 of the kind {variant:#x}, not for any (0)")
    need(kind == EXECUTE, f"is of file type {kind}, not an executable ({EXECUTE})")
    need(flags & DYLD_LINKED, "is static (no MH_DYLDLINK): arm64 macOS runs none of those")
    need(flags & POSITION_INDEPENDENT, "is not position-independent (no MH_PIE)")
    need(HEADER.size + size <= len(content), "is cut off in its load commands")
    commands = list(walk_commands(content, count, HEADER.size + size))
    need(sum(len(found.content) for found in commands) == size, "has gaps in its load commands")
    return commands


def walk_commands(content: bytes, count: int, end: int) -> Iterator[Command]:
    place = HEADER.size
    for _ in range(count):
        need(place + COMMAND.size <= end, "has more load commands than bytes for them")
        kind, size = COMMAND.unpack_from(content, place)
        need(size >= COMMAND.size and size % 8 == 0, f"has a load command of {size} bytes")
        need(place + size <= end, "has a load command that is longer than all of them")
        need(SIZES.get(kind, size) == size, f"has load command {kind:#x} with {size} bytes")
        known = not kind & REQUIRED_BY_DYLD or kind in KNOWN_TO_DYLD
        need(known, f"has load command {kind:#x}, which dyld does not know and must")
        yield Command(kind, content[place : place + size])
        place += size


def of_kind(commands: Sequence[Command], kind: int) -> list[Command]:
    return [command for command in commands if command.kind == kind]


def text_at(command: Command, place: int) -> bytes:
    """The string that a number at this place of the command says the start of."""
    (start,) = struct.unpack_from("<I", command.content, place)
    text, zero, _ = command.content[start:].partition(b"\0")
    need(start < len(command.content) and zero, "has a name that does not end in its load command")
    return text


def read_segment(command: Command, content: bytes) -> Segment:
    need(len(command.content) >= 72, "has a segment command that is too short")
    name, *numbers = SEGMENT_COMMAND.unpack_from(command.content)
    found = Segment(name.rstrip(b"\0").decode("latin-1"), *numbers)
    fits = len(command.content) == 72 + SECTION_SIZE * found.sections
    need(fits, f"has another number of sections in {found.name} than it says")
    return found


def check_segments(segments: Sequence[Segment]) -> None:
    """What the kernel wants of each of them, and of all."""
    need(any(map(is_page_zero, segments)), "has no __PAGEZERO that covers the first 4 GiB")
    for segment in segments:
        name = segment.name
        need(segment.offset % PAGE == 0, f"has {name} at a file offset that is not of 16 KiB")
        need(segment.address % PAGE == 0, f"has {name} at an address that is not of 16 KiB")
        need(segment.file_size <= segment.memory_size, f"has more of {name} in file than in memory")
        both = WRITE | EXECUTABLE
        need(segment.permissions & both != both, f"has {name} writable and executable at once")
        allowed = segment.permissions & ~segment.most_permissions == 0
        need(allowed, f"has {name} with more rights than it may ever have")
    for before, after in pairwise(segments):
        in_order = before.memory_end <= after.address
        need(in_order, f"has {after.name} before the end of {before.name} in memory")
    in_file = [segment for segment in segments if segment.file_size]
    for before, after in pairwise(in_file):
        in_order = before.file_end <= after.offset
        need(in_order, f"has {after.name} before the end of {before.name} in the file")
    for name, count in Counter(segment.name for segment in segments).items():
        need(count == 1, f"has {count} segments with the name {name}")
    protected = [segment for segment in segments if segment.flags & READ_ONLY_AFTER_FIXUPS]
    need(len(protected) < 2, "has more than one segment with SG_READ_ONLY")


def is_page_zero(segment: Segment) -> bool:
    return (
        segment.address == segment.file_size == segment.permissions == 0
        and segment.most_permissions == 0
        and segment.memory_size >= PAGE_ZERO
    )


def text_of(segments: Sequence[Segment]) -> Segment:
    """The one that begins with the header."""
    found = [segment for segment in segments if segment.offset == 0 and segment.file_size]
    need(len(found) == 1, f"has {len(found)} segments with the start of the file, not one")
    return found[0]


def check_text(segments: Sequence[Segment], commands_end: int) -> None:
    text = text_of(segments)
    need(text.name == "__TEXT", f"has its header in {text.name}, not in __TEXT")
    need(text.permissions == READ | EXECUTABLE, "has a __TEXT that is not r-x")
    need(commands_end <= text.file_size, "has load commands that end outside of __TEXT")
    need(text.memory_size == text.file_size, "has a __TEXT that the file has not all of")


def check_linkedit(segments: Sequence[Segment], content: bytes) -> None:
    for segment in segments:
        need(segment.file_end <= len(content), f"is cut off in {segment.name}")
        if segment.name.startswith("__DATA"):
            need(segment.permissions == READ | WRITE, f"has a {segment.name} that is not rw-")
    last = segments[-1]
    need(last.name == "__LINKEDIT" and last.offset, "does not end with a __LINKEDIT")
    need(last.permissions == READ, "has a __LINKEDIT that is not r--")
    need(last.file_end == len(content), "goes on behind its __LINKEDIT")


def check_version(commands: Sequence[Command]) -> None:
    """What dyld asks for depends on the SDK that an image says it was built with."""
    sdk = 0
    for command in of_kind(commands, BUILD_VERSION):
        need(len(command.content) >= 24, "has an LC_BUILD_VERSION that is too short")
        platform, _, sdk, tools = BUILD_COMMAND.unpack_from(command.content)
        need(platform == MACOS, f"is for platform {platform}, not for macOS ({MACOS})")
        need(len(command.content) == 24 + 8 * tools, "has another number of tools than it says")
    libraries = [text_at(command, 8) for command in of_kind(commands, LIBRARY)]
    need(len(set(libraries)) == len(libraries), "names a library twice")
    if sdk >= 0x0F0400:
        need(LIBSYSTEM in libraries, "is not linked with libSystem, which SDK 15.4 makes dyld want")
    if sdk >= 0x1A0000:
        need(of_kind(commands, UUID), "has no LC_UUID, which SDK 26 makes dyld want")


def check_fixups(commands: Sequence[Command], content: bytes) -> None:
    classic, chained = of_kind(commands, DYLD_INFO), of_kind(commands, CHAINED_FIXUPS)
    need(classic or chained, "has neither LC_DYLD_INFO_ONLY nor LC_DYLD_CHAINED_FIXUPS")
    need(not (classic and chained), "has both LC_DYLD_INFO_ONLY and LC_DYLD_CHAINED_FIXUPS")
    wanted = "wants dyld to write addresses into it, and there is no dyld here"
    for command in classic:
        words = struct.unpack_from("<10I", command.content, 8)
        need(not any(words[1:8:2]), wanted)
    for command in chained:
        place, size = RANGE.unpack_from(command.content)
        need(size >= 32 and place + size <= len(content), "has chained fixups outside of the file")
        _, starts, _, _, imports, *_ = struct.unpack_from("<7I", content, place)
        need(starts + 4 <= size, "has chained fixups that are cut off")
        (count,) = struct.unpack_from("<I", content, place + starts)
        need(starts + 4 + 4 * count <= size, "has chained fixups that are cut off")
        pages = struct.unpack_from(f"<{count}I", content, place + starts + 4)
        need(not imports and not any(pages), wanted)


def check_signature(
    commands: Sequence[Command], segments: Sequence[Segment], content: bytes
) -> None:
    (command,) = of_kind(commands, SIGNATURE)
    start, size = RANGE.unpack_from(command.content)
    need(start % 8 == 0, "has its signature at an offset that is not of 8")
    need(start >= segments[-1].offset, "has its signature outside of __LINKEDIT")
    need(start + size == len(content), "does not end with its signature")
    try:
        signature.check(content[start:], content[:start])
    except signature.SignatureError as error:
        raise MachineError(f"this Mach-O is badly signed: {error}") from None


def entry_of(commands: Sequence[Command], segments: Sequence[Segment]) -> int:
    (command,) = of_kind(commands, MAIN)
    offset, _ = MAIN_COMMAND.unpack_from(command.content)
    text = text_of(segments)
    need(offset < text.file_size, "has an entry outside of __TEXT")
    need(offset % 4 == 0, "has an entry that is no instruction")
    return text.address + offset
