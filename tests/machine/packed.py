"""Small Mach-O images, packed by hand: in every detail as macOS wants them, or not."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

PAGE, TEXT, SIGNED_PAGE = 0x4000, 0x1000, 0x1000
BASE = 1 << 32
NAME = b"guest\0"


def page_up(size: int) -> int:
    return -(-size // PAGE) * PAGE


def segment(
    name: bytes, address: int, size: int, offset: int, file_size: int, most: int, now: int
) -> bytes:
    numbers = address, size, offset, file_size, most, now, 0, 0
    return struct.pack("<II16sQQQQiiII", 0x19, 72, name, *numbers)


def padded(kind: int, content: bytes) -> bytes:
    content = content.ljust(-(-len(content) // 8) * 8, b"\0")
    return struct.pack("<II", kind, 8 + len(content)) + content


@dataclass
class Image:
    """What is packed.  `commands` are in their order; a test may change, add or drop some."""

    text: bytes
    data: bytes = b""
    data_size: int = 0
    entry: int = 0
    header: list[int] = field(default_factory=list[int])
    commands: dict[str, bytes] = field(default_factory=dict[str, bytes])
    tail: bytes = b""

    def __post_init__(self) -> None:
        text_size = page_up(TEXT + len(self.text))
        data_file = page_up(len(self.data))
        data_size = page_up(max(self.data_size, len(self.data)))
        self.limit = text_size + data_file + 16
        signature = signature_size(self.limit)
        link = BASE + text_size + data_size
        read, write, run = 1, 3, 5
        data = BASE + text_size, data_size, text_size if data_file else 0, data_file
        end = text_size + data_file
        self.header = [0xFEEDFACF, 0x0100000C, 0, 2, 0, 0, 0x200085, 0]
        self.commands = {
            "__PAGEZERO": segment(b"__PAGEZERO", 0, BASE, 0, 0, 0, 0),
            "__TEXT": segment(b"__TEXT", BASE, text_size, 0, text_size, run, run),
            "__DATA": segment(b"__DATA", *data, write, write),
            "__LINKEDIT": segment(
                b"__LINKEDIT",
                link,
                page_up(16 + signature),
                end,
                16 + signature,
                read,
                read,
            ),
            "fixups": padded(0x80000022, bytes(40)),
            "symbols": padded(0x2, struct.pack("<IIII", end, 0, end, 16)),
            "dynamic": padded(0xB, bytes(72)),
            "linker": padded(0xE, struct.pack("<I", 12) + b"/usr/lib/dyld\0"),
            "uuid": padded(0x1B, bytes(range(16))),
            "version": padded(0x32, struct.pack("<IIII", 1, 11 << 16, 15 << 16, 0)),
            "main": padded(0x80000028, struct.pack("<QQ", TEXT + self.entry, 0)),
            "library": padded(
                0xC,
                struct.pack("<IIII", 24, 0, 1 << 16, 1 << 16) + b"/usr/lib/libSystem.B.dylib\0",
            ),
            "signature": padded(0x1D, struct.pack("<II", self.limit, signature)),
        }

    def unsigned(self) -> bytes:
        """Everything up to the signature."""
        commands = b"".join(self.commands.values())
        self.header[4:6] = len(self.commands), len(commands)
        file = struct.pack("<8I", *self.header) + commands
        file = (file.ljust(TEXT, b"\0") + self.text).ljust(page_up(TEXT + len(self.text)), b"\0")
        file += self.data
        return file.ljust(self.limit - 16, b"\0") + bytes(16)

    def __bytes__(self) -> bytes:
        file = self.unsigned()
        return file + sign(file) + self.tail


def signature_size(limit: int) -> int:
    return 20 + 88 + len(NAME) + 32 * -(-limit // SIGNED_PAGE)


def sign(file: bytes, change: Callable[[list[int]], None] | None = None) -> bytes:
    """An ad-hoc signature; `change` may spoil the first 14 numbers of its code directory."""
    pages = [file[at : at + SIGNED_PAGE] for at in range(0, len(file), SIGNED_PAGE)]
    hashes = b"".join(hashlib.sha256(page).digest() for page in pages)
    start = 88 + len(NAME)
    numbers = [0xFADE0C02, start + len(hashes), 0x20400, 0x20002, start, 88, 0, len(pages)]
    numbers += [len(file), 32, 2, 0, 12, 0]
    if change:
        change(numbers)
    rest = struct.pack(">IIIQQQQ", 0, 0, 0, 0, 0, PAGE, 1)
    directory = struct.pack(">9I4BI", *numbers) + rest + NAME + hashes
    return struct.pack(">5I", 0xFADE0CC0, 20 + len(directory), 1, 0, 20) + directory
