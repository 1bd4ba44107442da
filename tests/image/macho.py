"""Mach-O files as tests see them: the fields of the header and the load commands, read and changed.

Written from loader.h alone (xnu, EXTERNAL_HEADERS/mach-o); nothing of the writer is imported, so
that a number that is wrong there is not wrong here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from struct import calcsize, pack, pack_into, unpack_from
from typing import TypeAlias

HEADER_SIZE, SEGMENT_SIZE, SECTION_SIZE, SYMBOL_SIZE = 32, 72, 80, 16
PAGE = 0x4000

LC_SYMTAB, LC_UNIXTHREAD, LC_DYSYMTAB = 0x2, 0x5, 0xB
LC_LOAD_DYLIB, LC_LOAD_DYLINKER = 0xC, 0xE
LC_SEGMENT, LC_UUID, LC_CODE_SIGNATURE = 0x19, 0x1B, 0x1D
LC_VERSION_MIN_MACOSX, LC_BUILD_VERSION = 0x24, 0x32
LC_FUNCTION_STARTS, LC_DATA_IN_CODE, LC_SOURCE_VERSION = 0x26, 0x29, 0x2A
LC_REQ_DYLD = 0x8000_0000
LC_DYLD_INFO_ONLY, LC_MAIN = 0x22 | LC_REQ_DYLD, 0x28 | LC_REQ_DYLD
LC_EXPORTS_TRIE, LC_CHAINED_FIXUPS = 0x33 | LC_REQ_DYLD, 0x34 | LC_REQ_DYLD

S_ZEROFILL = 1


@dataclass(frozen=True)
class Layout:
    """The numbers of a struct: where the first is, the size of each (Q or I), their names."""

    name: str
    start: int
    kinds: str
    fields: tuple[str, ...]


def layout(name: str, start: int, kinds: str, fields: str) -> Layout:
    names = tuple(fields.split())
    return Layout(name, start, kinds * (len(names) // len(kinds)), names)


HEADER = layout(
    "header", 0, "I", "magic cputype cpusubtype filetype ncmds sizeofcmds flags reserved"
)
SECTION = layout(
    "section", 32, "QQIIIIIIII",
    "addr size offset align reloff nreloc flags reserved1 reserved2 reserved3",
)  # fmt: skip
COMMANDS = {
    LC_SEGMENT: layout(
        "SEGMENT_64", 24, "QQQQIIII",
        "vmaddr vmsize fileoff filesize maxprot initprot nsects flags",
    ),
    LC_SYMTAB: layout("SYMTAB", 8, "I", "symoff nsyms stroff strsize"),
    LC_DYSYMTAB: layout(
        "DYSYMTAB", 8, "I",
        "ilocalsym nlocalsym iextdefsym nextdefsym iundefsym nundefsym tocoff ntoc modtaboff"
        " nmodtab extrefsymoff nextrefsyms indirectsymoff nindirectsyms extreloff nextrel"
        " locreloff nlocrel",
    ),
    LC_DYLD_INFO_ONLY: layout(
        "DYLD_INFO_ONLY", 8, "I",
        "rebase_off rebase_size bind_off bind_size weak_bind_off weak_bind_size"
        " lazy_bind_off lazy_bind_size export_off export_size",
    ),
    LC_LOAD_DYLINKER: layout("LOAD_DYLINKER", 8, "I", "name"),
    LC_LOAD_DYLIB: layout(
        "LOAD_DYLIB", 8, "I", "name timestamp current_version compatibility_version"
    ),
    LC_UUID: layout("UUID", 8, "Q", "first last"),
    LC_BUILD_VERSION: layout("BUILD_VERSION", 8, "I", "platform minos sdk ntools"),
    LC_MAIN: layout("MAIN", 8, "Q", "entryoff stacksize"),
    LC_SOURCE_VERSION: layout("SOURCE_VERSION", 8, "Q", "version"),
    LC_CODE_SIGNATURE: layout("CODE_SIGNATURE", 8, "I", "dataoff datasize"),
    LC_FUNCTION_STARTS: layout("FUNCTION_STARTS", 8, "I", "dataoff datasize"),
    LC_DATA_IN_CODE: layout("DATA_IN_CODE", 8, "I", "dataoff datasize"),
    LC_EXPORTS_TRIE: layout("DYLD_EXPORTS_TRIE", 8, "I", "dataoff datasize"),
    LC_CHAINED_FIXUPS: layout("DYLD_CHAINED_FIXUPS", 8, "I", "dataoff datasize"),
}  # fmt: skip


@dataclass(frozen=True)
class Struct:
    """A header, a load command or a section: where it is in the file, its bytes, its numbers."""

    at: int
    content: bytes
    layout: Layout

    def __getitem__(self, field: str) -> int:
        return self.values[field]

    @property
    def values(self) -> dict[str, int]:
        kinds = "<" + self.layout.kinds
        numbers = unpack_from(kinds, self.content, self.layout.start)
        return dict(zip(self.layout.fields, numbers, strict=True))

    def place(self, field: str) -> tuple[str, int]:
        """A field's format, and where it is in the file."""
        n = self.layout.fields.index(field)
        before = calcsize("<" + self.layout.kinds[:n])
        return "<" + self.layout.kinds[n], self.at + self.layout.start + before

    @property
    def kind(self) -> int:
        return unpack_from("<I", self.content)[0]

    @property
    def names(self) -> tuple[str, ...]:
        """What a segment, or a section and its segment, are called."""
        places = {"section": [0, 16], "SEGMENT_64": [8]}[self.layout.name]
        return tuple(text(self.content[at : at + 16]) for at in places)

    @property
    def path(self) -> str:
        """The name of a library or of dyld."""
        return text(self.content[self["name"] :])

    @property
    def sections(self) -> list[Struct]:
        """The sections of a segment."""
        starts = range(SEGMENT_SIZE, len(self.content) - SECTION_SIZE + 1, SECTION_SIZE)
        return [Struct(self.at + n, self.content[n : n + SECTION_SIZE], SECTION) for n in starts]

    @property
    def vm(self) -> range:
        return range(self["vmaddr"], self["vmaddr"] + self["vmsize"])

    @property
    def file(self) -> range:
        return range(self["fileoff"], self["fileoff"] + self["filesize"])


def text(field: bytes) -> str:
    """A name: up to the first zero, or all of it."""
    return field.split(b"\0")[0].decode("latin-1")


class MachO:
    """A file, and what its first bytes say of the rest."""

    def __init__(self, file: bytes) -> None:
        self.file = file

    @cached_property
    def header(self) -> Struct:
        return Struct(0, self.file[:HEADER_SIZE], HEADER)

    @cached_property
    def commands(self) -> list[Struct]:
        """As many load commands as the header counts; what has no size ends the list."""
        commands: list[Struct] = []
        at = HEADER_SIZE
        for _ in range(self.header["ncmds"]):
            kind, size = unpack_from("<II", self.file, at)
            if size < 8:
                break
            known = COMMANDS.get(kind, Layout(hex(kind), 8, "", ()))
            commands.append(Struct(at, self.file[at : at + size], known))
            at += size
        return commands

    def all(self, *kinds: int) -> list[Struct]:
        """The commands of some kinds."""
        return [command for command in self.commands if command.kind in kinds]

    def one(self, kind: int) -> Struct:
        return self.all(kind)[0]

    @property
    def segments(self) -> list[Struct]:
        return self.all(LC_SEGMENT)

    def segment(self, name: str) -> Struct:
        return next(s for s in self.segments if s.names == (name,))

    @property
    def sections(self) -> list[Struct]:
        return [section for segment in self.segments for section in segment.sections]

    def section(self, name: str) -> Struct:
        return next(s for s in self.sections if s.names[0] == name)

    def content(self, section: Struct) -> bytes:
        return self.file[section["offset"] :][: section["size"]]

    @property
    def memory(self) -> Iterable[tuple[Struct, bytes]]:
        """What is mapped: each segment that may be touched, and its bytes."""
        for segment in self.segments:
            if segment["initprot"]:
                content = self.file[segment["fileoff"] :][: segment["filesize"]]
                yield segment, content.ljust(segment["vmsize"], b"\0")


# --- changes, for tests that want to see a mistake found ------------------------------

Change: TypeAlias = Callable[[MachO], bytes]
Value: TypeAlias = int | Callable[[int], int]


def plus(step: int) -> Callable[[int], int]:
    """As much more than it was."""
    return lambda value: value + step


def written(image: MachO, at: int, content: bytes) -> bytes:
    """The file with other bytes at a place."""
    return image.file[:at] + content + image.file[at + len(content) :]


def changed(image: MachO, struct: Struct, **fields: Value) -> bytes:
    """The file with other numbers in a struct; ``kind`` and ``cmdsize`` are every command's."""
    file = bytearray(image.file)
    for name, value in fields.items():
        heads = {"cmd": ("<I", struct.at), "cmdsize": ("<I", struct.at + 4)}
        kind, at = heads[name] if name in heads else struct.place(name)
        number = value(unpack_from(kind, file, at)[0]) if callable(value) else value
        pack_into(kind, file, at, number)
    return bytes(file)


def header(**fields: Value) -> Change:
    return lambda image: changed(image, image.header, **fields)


def command(kind: int, **fields: Value) -> Change:
    """The first of its kind."""
    return lambda image: changed(image, image.one(kind), **fields)


def segment(name: str, **fields: Value) -> Change:
    return lambda image: changed(image, image.segment(name), **fields)


def section(name: str, **fields: Value) -> Change:
    return lambda image: changed(image, image.section(name), **fields)


def with_commands(image: MachO, commands: Sequence[bytes]) -> bytes:
    """The file with other load commands, which must fit in before the first section."""
    content = b"".join(commands)
    room = min(s["offset"] for s in image.sections if s["offset"]) - HEADER_SIZE
    assert len(content) <= room, "there is room"
    file = written(image, HEADER_SIZE, content.ljust(room, b"\0"))
    return changed(MachO(file), image.header, ncmds=len(commands), sizeofcmds=len(content))


def without(*kinds: int) -> Change:
    return lambda image: with_commands(
        image, [c.content for c in image.commands if c.kind not in kinds]
    )


def adding(kind: int, content: bytes = b"") -> Change:
    """One more command at the end."""
    added = pack("<II", kind, 8 + len(content)) + content
    return lambda image: with_commands(image, [*(c.content for c in image.commands), added])


def twice(kind: int) -> Change:
    return lambda image: adding(kind, image.one(kind).content[8:])(image)


def resized(kind: int, step: int) -> Change:
    """A command that is so many bytes longer (zeros at its end), or shorter."""

    def change(image: MachO) -> bytes:
        one = image.one(kind)
        size = len(one.content) + step
        content = pack("<II", kind, size) + one.content[8:].ljust(size, b"\0")[: size - 8]
        return with_commands(image, [content if c is one else c.content for c in image.commands])

    return change


def renamed(old: str, new: str) -> Change:
    """Another name in a load command: the first bytes that are the old one, up to its zero."""

    def change(image: MachO) -> bytes:
        at = image.file.index(old.encode() + b"\0")
        return written(image, at, new.encode().ljust(len(old), b"\0"))

    return change


def without_segment(name: str) -> Change:
    return lambda image: with_commands(
        image, [c.content for c in image.commands if c is not image.segment(name)]
    )


def reordered(first: str, second: str) -> Change:
    """Two segments' commands in each other's place."""

    def change(image: MachO) -> bytes:
        one, other = image.segment(first), image.segment(second)
        swap = {id(one): other, id(other): one}
        return with_commands(image, [swap.get(id(c), c).content for c in image.commands])

    return change
