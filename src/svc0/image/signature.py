"""Signature: what says that a Mach-O file is as it was written (an ad-hoc code signature).

An arm64 Mac starts no program without one.  Ad hoc means that nobody signs: the
kernel compares hashes, and asks for no certificate.

    super blob       one blob follows, of the type "code directory"
    code directory   what is signed, how, and where its hashes are
    identifier       ends in a zero
    hashes           SHA-256 of each 4 KiB of the file, from its start to the signature's

The last page ends where the signature begins, and its hash is of that many bytes:
of no zeros after them.  All numbers are big-endian, in a file that else is not.

The names are those of xnu's osfmk/kern/cs_blobs.h; bytes are as Go and zig write
them, with no room between the parts.
"""

from __future__ import annotations

from hashlib import sha256
from struct import calcsize, pack
from typing import Final

__all__ = ["sign", "size"]

PAGE_BITS: Final = 12
PAGE: Final = 1 << PAGE_BITS

SUPER_BLOB: Final = ">IIIII"
CODE_DIRECTORY: Final = ">IIIIIIIIIBBBBIIIIQQQQ"
DIRECTORY_AT, IDENTIFIER_AT = calcsize(SUPER_BLOB), calcsize(CODE_DIRECTORY)

EMBEDDED_SIGNATURE, DIRECTORY, DIRECTORY_SLOT = 0xFADE_0CC0, 0xFADE_0C02, 0  # CSMAGIC_…, CSSLOT_…
SUPPORTS_EXEC_SEGMENT = 0x2_0400  # CS_SUPPORTSEXECSEG: the version that has the fields of __TEXT
ADHOC, LINKER_SIGNED = 0x2, 0x2_0000  # CS_…
SHA256, SHA256_SIZE = 2, 32  # CS_HASHTYPE_SHA256
MAIN_BINARY = 1  # CS_EXECSEG_MAIN_BINARY


def size(limit: int, identifier: str) -> int:
    """How many bytes the signature of so many bytes has.

    >>> size(4096, "svc0") == len(sign(bytes(4096), 4096, "svc0"))
    True
    """
    pages = -(-limit // PAGE)
    return DIRECTORY_AT + IDENTIFIER_AT + len(identifier.encode()) + 1 + pages * SHA256_SIZE


def sign(content: bytes, text_size: int, identifier: str) -> bytes:
    """The signature of a file, to be put at its end.

    ``content`` is all that comes before, the load command that says where the signature is
    included; ``text_size`` is how much of it is the segment ``__TEXT``.
    """
    name = identifier.encode() + b"\0"
    hashes = [sha256(content[at : at + PAGE]).digest() for at in range(0, len(content), PAGE)]
    hashes_at = IDENTIFIER_AT + len(name)
    length = hashes_at + len(hashes) * SHA256_SIZE
    directory = pack(
        CODE_DIRECTORY,
        DIRECTORY, length, SUPPORTS_EXEC_SEGMENT, ADHOC | LINKER_SIGNED,
        hashes_at, IDENTIFIER_AT, 0, len(hashes), len(content),
        SHA256_SIZE, SHA256, 0, PAGE_BITS,
        0, 0, 0, 0, 0,  # spare, scatter, team, spare, limit of more than 4 GiB
        0, text_size, MAIN_BINARY,
    )  # fmt: skip
    blob = pack(
        SUPER_BLOB, EMBEDDED_SIGNATURE, DIRECTORY_AT + length, 1, DIRECTORY_SLOT, DIRECTORY_AT
    )
    return blob + directory + name + b"".join(hashes)
