"""Code signatures as tests see them, written from cs_blobs.h alone (xnu, osfmk/kern)."""

from __future__ import annotations

from hashlib import sha256
from struct import Struct, pack_into

from tests.image.macho import LC_CODE_SIGNATURE, Change, MachO

SUPER_BLOB = Struct(">5I")
SUPER_BLOB_FIELDS = "magic", "length", "count", "type", "offset"

DIRECTORY = Struct(">9I4B4I4Q")
DIRECTORY_FIELDS = (
    "magic", "length", "version", "flags", "hashOffset", "identOffset", "nSpecialSlots",
    "nCodeSlots", "codeLimit",
    "hashSize", "hashType", "platform", "pageSize",
    "spare2", "scatterOffset", "teamOffset", "spare3",
    "codeLimit64", "execSegBase", "execSegLimit", "execSegFlags",
)  # fmt: skip
SLOT = 32


class Signature:
    """The signature of a file: its two structs by their fields, the identifier, the hashes."""

    def __init__(self, file: bytes, at: int, size: int) -> None:
        self.file, self.at, self.content = file, at, file[at : at + size]
        numbers = SUPER_BLOB.unpack_from(self.content)
        self.blob: dict[str, int] = dict(zip(SUPER_BLOB_FIELDS, numbers, strict=True))
        numbers = DIRECTORY.unpack_from(self.content, self.blob["offset"])
        self.directory: dict[str, int] = dict(zip(DIRECTORY_FIELDS, numbers, strict=True))

    @property
    def own(self) -> bytes:
        """The code directory, from its start to its end, and what belongs to it."""
        return self.content[self.blob["offset"] :][: self.directory["length"]]

    @property
    def identifier(self) -> bytes:
        """With its zero, if that is still inside."""
        name = self.own[self.directory["identOffset"] :]
        return name[: name.index(0) + 1] if 0 in name else name

    @property
    def hashes(self) -> list[bytes]:
        start, count = self.directory["hashOffset"], self.directory["nCodeSlots"]
        slots = self.own[start:][: SLOT * count]
        return [slots[at : at + SLOT] for at in range(0, len(slots), SLOT)]

    @property
    def pages(self) -> list[bytes]:
        """What is hashed: the file up to the limit, the last page as short as it is."""
        limit, size = self.directory["codeLimit"], 1 << self.directory["pageSize"]
        return [self.file[at : min(at + size, limit)] for at in range(0, limit, size)]

    @property
    def is_true(self) -> bool:
        """Whether every page of the file is as it was when it was signed."""
        return [sha256(page).digest() for page in self.pages] == self.hashes


def signature(image: MachO) -> Signature:
    """Where the load command says it is."""
    where = image.one(LC_CODE_SIGNATURE)
    return Signature(image.file, where["dataoff"], where["datasize"])


def directory(**fields: int) -> Change:
    """Other numbers in the code directory."""
    return lambda image: numbered(image, DIRECTORY, DIRECTORY_FIELDS, **fields)


def super_blob(**fields: int) -> Change:
    """Other numbers in what is around it."""
    return lambda image: numbered(image, SUPER_BLOB, SUPER_BLOB_FIELDS, **fields)


def numbered(image: MachO, struct: Struct, names: tuple[str, ...], **fields: int) -> bytes:
    """The file with other numbers in one of the structs."""
    found = signature(image)
    inner = struct is DIRECTORY
    numbers = {**(found.directory if inner else found.blob), **fields}
    file = bytearray(image.file)
    at = found.at + (found.blob["offset"] if inner else 0)
    pack_into(struct.format, file, at, *(numbers[name] for name in names))
    return bytes(file)
