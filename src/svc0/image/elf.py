"""ELF: a static, position-independent executable for AArch64 Linux.

    header            what this is, where it starts
    program headers   what the kernel maps, and with which rights
    property note     every routine has landing pads (BTI) and signs return addresses (PAC)
    constants
    text
    ─ ─ ─ ─ ─ ─ ─ ─   a stripped executable ends here
    sections          symbols and debug information, for people
    section headers

What the kernel reads is the same with and without sections, but for the three
fields of the header that count them: a server that runs stripped can be debugged
with the file that is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack
from typing import Final

from svc0.a64 import Place, Routine

from .dwarf import debug_sections
from .layout import PAGE_MAX, Program, lay_out
from .sources import by_source
from .strings import Strings

__all__ = ["HEADERS", "elf", "executable"]

HEADER, PROGRAM_HEADER, SECTION_HEADER, SYMBOL = 64, 56, 64, 24
PROGRAM_HEADERS_MAX = 6

DYN, AARCH64 = 3, 183  # ET_DYN: may be moved; with no interpreter, by the kernel
R, W, X = 4, 2, 1
LOAD, NOTE, GNU_STACK, GNU_PROPERTY = 1, 4, 0x6474E551, 0x6474E553

PROPERTY: Final = pack("<III4sIIII", 4, 16, 5, b"GNU\0", 0xC000_0000, 4, 0b11, 0)
"""The note that says: landing pads (BTI, bit 0) and signed return addresses (PAC, bit 1)."""

PROPERTY_OFFSET: Final = HEADER + PROGRAM_HEADERS_MAX * PROGRAM_HEADER
HEADERS: Final = PROPERTY_OFFSET + len(PROPERTY)
"""How many bytes the layout must leave free for what is before the constants."""

PROGBITS, SYMTAB, STRTAB, SECTION_NOTE, NOBITS = 1, 2, 3, 7, 8  # SHT_…
WRITE, ALLOC, EXEC, MERGE, STRINGS = 1, 2, 4, 0x10, 0x20  # SHF_…
NO_TYPE, OBJECT, FUNC, FILE = 0, 1, 2, 4  # STT_…
LOCAL, GLOBAL, ABSOLUTE = 0, 1, 0xFFF1  # STB_…, SHN_ABS


def elf(entry: Routine, *, strip: bool = True, source_root: str = ".") -> bytes:
    """The executable whose first instruction is the entry's.

    Unless stripped, it has symbols and debug information, in which ``source_root`` is the folder
    that Python's imports begin in; the default names no folder of this machine.
    """
    program = lay_out(entry, "linux", headers=HEADERS)
    return executable(program, strip=strip, source_root=source_root)


def executable(program: Program, *, strip: bool = True, source_root: str = ".") -> bytes:
    """The file of a program that was laid out with room for ``HEADERS``."""
    assert not any(program.constants.content[:HEADERS]), "laid out with headers=HEADERS"
    if strip:
        return header(program, 0, 0) + loaded(program)
    sections = [*mapped_sections(program), *symbol_sections(program)]
    sections += debugging_sections(program, source_root)
    names = Strings()
    for section in sections:
        _ = names[section.name]
    _ = names[".shstrtab"]
    sections.append(Section(".shstrtab", STRTAB, bytes(names)))
    file = bytearray(HEADER) + loaded(program)
    headers = bytearray(SECTION_HEADER)  # the first is of no section
    for section in sections:
        headers += section.put(file, names[section.name])
    file += bytes(-len(file) % 8)
    file[:HEADER] = header(program, len(file), len(sections) + 1)
    return bytes(file + headers)


def header(program: Program, sections_offset: int, sections: int) -> bytes:
    """The first 64 bytes."""
    return b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + pack(
        "<HHIQQQIHHHHHH",
        DYN, AARCH64, 1, program.addresses[program.entry], HEADER, sections_offset, 0,
        HEADER, PROGRAM_HEADER, len(program_headers(program)), SECTION_HEADER,
        sections, max(0, sections - 1),
    )  # fmt: skip


def loaded(program: Program) -> bytes:
    """What follows the header and is mapped: program headers, constants, text; no zeros."""
    constants, text, _ = program.segments
    head = b"".join(program_headers(program)).ljust(PROPERTY_OFFSET - HEADER, b"\0") + PROPERTY
    file = head + constants.content[HEADERS:]
    return file.ljust(text.offset - HEADER, b"\0") + text.content


def program_headers(program: Program) -> list[bytes]:
    """What the kernel does with the file.

    Without a GNU_STACK header, an arm64 kernel makes everything that can be read executable.
    """
    constants, text, zeros = program.segments
    note = PROPERTY_OFFSET, constants.address + PROPERTY_OFFSET, len(PROPERTY), len(PROPERTY), 8
    segments = [
        (LOAD, R, 0, constants.address, constants.size, constants.size, PAGE_MAX),
        (LOAD, R | X, text.offset, text.address, text.size, text.size, PAGE_MAX),
        (LOAD, R | W, 0, zeros.address, 0, zeros.size, PAGE_MAX),
        (NOTE, R, *note),
        (GNU_PROPERTY, R, *note),
        (GNU_STACK, R | W, 0, 0, 0, 0, 16),
    ]
    return [
        pack("<IIQQQQQQ", kind, rights, offset, address, address, size, memory, align)
        for kind, rights, offset, address, size, memory, align in segments
        if kind != LOAD or memory
    ]


# --- sections: what people look at --------------------------------------------------


@dataclass(frozen=True)
class Section:
    """A part of the file with a name; what is mapped has an address, and an offset already."""

    name: str
    type: int
    content: bytes = b""
    flags: int = 0
    address: int = 0
    offset: int | None = None
    size: int | None = None
    link: int = 0
    info: int = 0
    align: int = 1
    entry: int = 0

    def put(self, file: bytearray, name: int) -> bytes:
        """The section's header; its content is put at the end of the file, unless it is mapped."""
        offset = self.offset
        if offset is None:
            file += bytes(-len(file) % self.align)
            offset = len(file)
            file += self.content
        size = len(self.content) if self.size is None else self.size
        return pack(
            "<IIQQQQIIQQ",
            name, self.type, self.flags, self.address, offset, size,
            self.link, self.info, self.align, self.entry,
        )  # fmt: skip


def mapped_sections(program: Program) -> list[Section]:
    """The sections that the kernel maps; there need not be constants or variables."""
    constants, text, zeros = program.segments
    note = constants.address + PROPERTY_OFFSET
    first = constants.address + HEADERS
    sections = [
        Section(
            ".note.gnu.property", SECTION_NOTE, PROPERTY,
            flags=ALLOC, address=note, offset=PROPERTY_OFFSET, align=8,
        ),
        Section(
            ".rodata", PROGBITS,
            flags=ALLOC, address=first, offset=HEADERS, size=constants.size - HEADERS, align=8,
        ),
        Section(
            ".text", PROGBITS,
            flags=ALLOC | EXEC, address=text.address, offset=text.offset, size=text.size, align=16,
        ),
        Section(
            ".bss", NOBITS,
            flags=ALLOC | WRITE, address=zeros.address, offset=zeros.offset, size=zeros.size,
            align=16,
        ),
    ]  # fmt: skip
    return [section for section in sections if section.size != 0]


def symbol_sections(program: Program) -> list[Section]:
    """The symbols and their names."""
    strings = Strings()
    symbols = [
        bytes(SYMBOL),
        *symbols_of_files(program, strings),
        *symbols_of_data(program, strings),
    ]
    names_at = len(mapped_sections(program)) + 2  # the first is of no section, the next the symbols
    entry = symbol(program, program.entry, strings, GLOBAL)
    table = b"".join([*symbols, entry])
    return [
        Section(".symtab", SYMTAB, table, link=names_at, info=len(symbols), align=8, entry=SYMBOL),
        Section(".strtab", STRTAB, bytes(strings)),
    ]


def symbols_of_files(program: Program, strings: Strings) -> list[bytes]:
    """Each Python file, and after it its routines; all but the entry are known in their file only.

    ``$x`` is the ABI's mark for "instructions begin here".
    """
    text = program.text.address
    symbols = [pack("<IBBHQQ", strings["$x"], NO_TYPE, 0, section_at(program, text), text, 0)]
    for source, routines in by_source(program).items():
        symbols.append(pack("<IBBHQQ", strings[source], FILE, 0, ABSOLUTE, 0, 0))
        symbols += [symbol(program, r, strings) for r in routines if r is not program.entry]
    return symbols


def symbols_of_data(program: Program, strings: Strings) -> list[bytes]:
    """Constants and variables, which belong to no file."""
    nobody = pack("<IBBHQQ", 0, FILE, 0, ABSOLUTE, 0, 0)
    places = [place for place in program.names if not isinstance(place, Routine)]
    return [nobody, *(symbol(program, place, strings) for place in places)]


def symbol(program: Program, place: Place, strings: Strings, binding: int = LOCAL) -> bytes:
    """The symbol of a routine or of data."""
    address, size = program.addresses[place], program.size(place)
    kind = binding << 4 | (FUNC if isinstance(place, Routine) else OBJECT)
    name, section = strings[program.names[place]], section_at(program, address)
    return pack("<IBBHQQ", name, kind, 0, section, address, size)


def section_at(program: Program, address: int) -> int:
    """The number of the section that an address is in."""
    sections = enumerate(mapped_sections(program), 1)
    return max(number for number, section in sections if section.address <= address)


def debugging_sections(program: Program, source_root: str) -> list[Section]:
    """The lines, names and frames of routines."""
    return [
        Section(
            name, PROGBITS, content,
            flags=MERGE | STRINGS if name == ".debug_str" else 0, entry=name == ".debug_str",
        )
        for name, content in debug_sections(program, source_root).items()
    ]  # fmt: skip
