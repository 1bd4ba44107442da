"""A static ELF executable for AArch64, as a kernel reads it: program headers, nothing else."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from .errors import MachineError
from .piece import Piece

# As qemu-user does, so that the addresses of the two can be compared.
BASE = 0x55_0000_0000
FIXED, MOVABLE = 2, 3
AARCH64 = 183
LOAD, INTERPRETER = 1, 3
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")


class Segment(NamedTuple):
    """A program header, in the order of its fields."""

    type: int
    flags: int
    offset: int
    address: int
    physical: int
    file_size: int
    memory_size: int
    alignment: int

    @property
    def permissions(self) -> int:
        """Execute is 1 in a program header and 4 everywhere else."""
        return self.flags & 2 | (self.flags & 4) >> 2 | (self.flags & 1) << 2


@dataclass(frozen=True)
class Elf:
    """What of an executable matters to whoever starts it."""

    content: bytes
    movable: bool
    entry: int
    headers_offset: int
    headers_count: int
    segments: tuple[Segment, ...]

    page = 0x1000

    @property
    def bias(self) -> int:
        """How far it is moved, if nobody says otherwise."""
        return BASE if self.movable else 0

    @property
    def headers(self) -> int:
        """Where the program headers are in memory, zero if they are not loaded."""
        for segment in self.segments:
            place = self.headers_offset - segment.offset
            if 0 <= place < segment.file_size:
                return segment.address + place
        return 0

    @property
    def end(self) -> int:
        return max(segment.address + segment.memory_size for segment in self.segments)

    def pieces(self) -> list[Piece]:
        """What is loaded; addresses are those of the file."""
        return [
            Piece(
                segment.address,
                segment.memory_size,
                segment.permissions,
                self.content[segment.offset : segment.offset + segment.file_size],
                f"segment {number}",
            )
            for number, segment in enumerate(self.segments)
        ]


def parse(content: bytes) -> Elf:
    """Read the headers, refusing what cannot be run with the reason in plain words."""
    if len(content) < HEADER.size or content[:4] != b"\x7fELF":
        raise MachineError("this is not an ELF executable")
    if content[4:6] != b"\x02\x01":
        raise MachineError("this ELF is not 64-bit and little-endian")
    fields = HEADER.unpack_from(content)
    kind, machine, entry, offset, size, count = (fields[place] for place in (1, 2, 4, 5, 9, 10))
    if machine != AARCH64:
        raise MachineError(f"this ELF is for machine {machine}, not for AArch64 ({AARCH64})")
    if kind not in (FIXED, MOVABLE):
        raise MachineError("this ELF is not an executable")
    if size != PROGRAM_HEADER.size or offset + count * size > len(content):
        raise MachineError("the program headers of this ELF are not all there")
    headers = [
        Segment(*PROGRAM_HEADER.unpack_from(content, offset + place * size))
        for place in range(count)
    ]
    if any(header.type == INTERPRETER for header in headers):
        raise MachineError("this ELF is dynamically linked: only static executables can be run")
    segments = tuple(header for header in headers if header.type == LOAD)
    if not segments:
        raise MachineError("this ELF has nothing to load")
    for segment in segments:
        if segment.file_size > segment.memory_size or (
            segment.offset + segment.file_size > len(content)
        ):
            raise MachineError("a segment of this ELF is cut off")
    return Elf(content, kind == MOVABLE, entry, offset, count, segments)
