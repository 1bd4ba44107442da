"""A code signature, as xnu checks it: the hash of every page of a file, big-endian.

super blob      an index: of several blobs, the one in slot 0 is the code directory
code directory  how many pages of what size, how they are hashed, and the hashes
"""

from __future__ import annotations

import hashlib
import struct

SUPER_BLOB, CODE_DIRECTORY = 0xFADE0CC0, 0xFADE0C02
INDEX = struct.Struct(">III")
SLOT = struct.Struct(">II")
DIRECTORY = struct.Struct(">9I4BI")
SMALLEST_DIRECTORY = 108
EARLIEST, LATEST = 0x20001, 0x2F000
AD_HOC = 2
HASHES = {1: ("sha1", 20), 2: ("sha256", 32), 3: ("sha256", 20), 4: ("sha384", 48)}
PAGE_BITS = (12, 14)


class SignatureError(Exception):
    """Why the kernel would kill who runs this, in words."""


def need(condition: object, message: str) -> None:
    if not condition:
        raise SignatureError(message)


def check(blob: bytes, signed: bytes) -> None:
    """Compare the signature `blob` with the `signed` bytes before it; SignatureError if it is
    malformed, or one hash is not that of its page."""
    directory = find_directory(blob)
    fields = DIRECTORY.unpack_from(directory)
    _, length, version, flags, hashes, name, special, count, limit = fields[:9]
    size, kind, _, page_bits, _ = fields[9:]
    need(EARLIEST <= version <= LATEST, f"version {version:#x} of a code directory is unknown")
    need(flags & AD_HOC, "it is not ad hoc, and what it promises instead cannot be checked here")
    need(kind in HASHES and HASHES[kind][1] == size, f"hash {kind} of {size} bytes is unknown")
    need(page_bits in PAGE_BITS, f"pages of 2 ** {page_bits} bytes are not 4 or 16 KiB")
    need(limit == len(signed), f"it covers {limit} bytes, and begins behind {len(signed)}")
    page = 1 << page_bits
    need(count == -(-limit // page), f"{count} hashes are not one for each page")
    need(special * size <= hashes <= length - count * size, "the hashes are not all in it")
    need(name < length and b"\0" in directory[name:], "its identifier does not end")
    for number in range(count):
        digest = hashlib.new(HASHES[kind][0], signed[number * page : (number + 1) * page])
        place = hashes + number * size
        same = digest.digest()[:size] == directory[place : place + size]
        need(same, f"page {number} (at {number * page:#x}) is not what was signed")


def find_directory(blob: bytes) -> bytes:
    """The code directory out of its super blob, behind which there are only zeros."""
    need(len(blob) >= INDEX.size, "it is cut off")
    magic, length, count = INDEX.unpack_from(blob)
    need(magic == SUPER_BLOB, "it does not begin as one")
    need(INDEX.size + count * SLOT.size <= length <= len(blob), "it is cut off")
    need(not any(blob[length:]), "there is something behind it")
    slots = dict(SLOT.unpack_from(blob, INDEX.size + n * SLOT.size) for n in range(count))
    start = slots.get(0)
    if start is None or start + DIRECTORY.size > length:
        raise SignatureError("it has no code directory")
    magic, size = struct.unpack_from(">II", blob, start)
    need(magic == CODE_DIRECTORY, "its code directory does not begin as one")
    need(SMALLEST_DIRECTORY <= size <= length - start, "its code directory is cut off")
    return blob[start : start + size]
