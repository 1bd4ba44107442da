"""Media types: what a file is, told by the last extension of its name.

The table is ours, so that the answer is the same on every host; the names are
those of the IANA registry, or what browsers call it where nothing is registered.

An extension is looked up by its bytes, taken as one number (KEY_MAX bytes at
most).  A multiplication maps each known extension to a slot of its own — a
perfect hash, found while this module is imported — and the slot names the one
entry that can be it, whose key is then compared:

    extension ── * MULTIPLIER, upper bits ──► SLOTS ──► ENTRIES: key, where in TYPES, length
"""

import itertools
import struct

from svc0.a64 import *

EXTENSIONS = {
    # text
    "html htm": "text/html",
    "css": "text/css",
    "txt text log conf": "text/plain",
    "md markdown": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "ics": "text/calendar",
    "vcf": "text/vcard",
    "vtt": "text/vtt",
    # programs and data
    "js mjs": "text/javascript",  # RFC 9239
    "json map": "application/json",
    "jsonld": "application/ld+json",
    "geojson": "application/geo+json",
    "webmanifest": "application/manifest+json",
    "xml": "application/xml",
    "xsl xslt": "application/xslt+xml",
    "xhtml xht": "application/xhtml+xml",
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "yaml yml": "application/yaml",  # RFC 9512
    "toml": "application/toml",
    "wasm": "application/wasm",
    "sql": "application/sql",
    # images
    "svg": "image/svg+xml",
    "png": "image/png",
    "apng": "image/apng",
    "jpg jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "heif": "image/heif",
    "jxl": "image/jxl",
    "ico": "image/vnd.microsoft.icon",
    "bmp": "image/bmp",
    "tif tiff": "image/tiff",
    # fonts
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "otf": "font/otf",
    "ttc": "font/collection",
    "eot": "application/vnd.ms-fontobject",
    # documents
    "pdf": "application/pdf",
    "ps eps": "application/postscript",
    "rtf": "application/rtf",
    "epub": "application/epub+zip",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    # video
    "mp4 m4v": "video/mp4",
    "webm": "video/webm",
    "ogv": "video/ogg",
    "mov": "video/quicktime",
    "avi": "video/vnd.avi",  # RFC 2361
    "mkv": "video/matroska",  # RFC 9559
    "mpg mpeg": "video/mpeg",
    "ts m2ts": "video/mp2t",
    "3gp": "video/3gpp",
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    # audio
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "ogg oga opus": "audio/ogg",  # RFC 7845 for opus
    "wav": "audio/wav",  # not audio/vnd.wave, which browsers do not know
    "flac": "audio/flac",
    "weba": "audio/webm",
    "mka": "audio/matroska",
    "mid midi": "audio/midi",
    # models
    "glb": "model/gltf-binary",
    "gltf": "model/gltf+json",
    "stl": "model/stl",
    # archives and packages
    "zip": "application/zip",
    "gz tgz": "application/gzip",
    "bz2": "application/x-bzip2",
    "xz": "application/x-xz",
    "zst": "application/zstd",
    "7z": "application/x-7z-compressed",
    "tar": "application/x-tar",
    "rar": "application/vnd.rar",
    "jar": "application/java-archive",
    "deb": "application/vnd.debian.binary-package",
    "rpm": "application/x-rpm",
    "apk": "application/vnd.android.package-archive",
    "iso": "application/vnd.efi.iso",
    "dmg": "application/x-apple-diskimage",
    "exe": "application/vnd.microsoft.portable-executable",
    "bin": "application/octet-stream",
}

UNKNOWN = "application/octet-stream"


def with_charset(media_type: str) -> str:
    """Text says how it is encoded: text/*, JSON and XML, which SVG is too.

    >>> with_charset("image/svg+xml"), with_charset("image/png")
    ('image/svg+xml; charset=utf-8', 'image/png')
    """
    is_text = media_type.startswith("text/") or media_type.endswith(("json", "xml"))
    return media_type + "; charset=utf-8" * is_text


CONTENT_TYPES = {
    extension: with_charset(media_type)
    for extensions, media_type in EXTENSIONS.items()
    for extension in extensions.split()
}
"""Every extension, and what its files are served as."""

KEY_MAX = 12
SLOT_BITS = 10
assert all(0 < len(e) <= KEY_MAX and e == e.lower() for e in CONTENT_TYPES)
assert len(CONTENT_TYPES) < 256, "an entry's number is a byte"

MASK = (1 << 64) - 1


def key(extension: str) -> int:
    """The bytes of an extension as one number, the first the least."""
    return int.from_bytes(extension.encode(), "little")


def hashed(extension: str, multiplier: int) -> int:
    """The slot that content_type looks into."""
    high, low = divmod(key(extension), 1 << 64)
    return ((low ^ high << 32) * multiplier & MASK) >> (64 - SLOT_BITS)


def is_perfect(multiplier: int) -> bool:
    """Whether no two extensions share a slot."""
    return len({hashed(e, multiplier) for e in CONTENT_TYPES}) == len(CONTENT_TYPES)


GOLDEN = 0x9E37_79B9_7F4A_7C15
MULTIPLIER = next(filter(is_perfect, (GOLDEN * n & MASK for n in itertools.count(1, 2))))
NUMBERS = {hashed(extension, MULTIPLIER): n for n, extension in enumerate(CONTENT_TYPES)}
assert len(NUMBERS) == len(CONTENT_TYPES), "a slot of its own for each extension"


class Entry(Struct):
    """What one extension stands for."""

    low: u64
    high: u32
    start: u16
    length: u16


TEXT = "".join(dict.fromkeys([UNKNOWN, *CONTENT_TYPES.values()]))
assert len(TEXT) < 1 << 16, "where a type starts is a u16"


def entry(extension: str) -> bytes:
    """An Entry, as memory."""
    high, low = divmod(key(extension), 1 << 64)
    media_type = CONTENT_TYPES[extension]
    return struct.pack("<QIHH", low, high, TEXT.index(media_type), len(media_type))


assert len(entry("html")) == sizeof(Entry) == 16, "an entry's number is shifted by 4"

TYPES = Data(TEXT.encode(), align=1, name="TYPES")
SLOTS = Data((NUMBERS.get(slot, 0) for slot in range(1 << SLOT_BITS)), align=1, name="SLOTS")
ENTRIES = Data(b"".join(map(entry, CONTENT_TYPES)), name="ENTRIES")


@routine
def parse_extension(name: x0, length: x1) -> tuple[x0, x1]:
    """The key of a name's last extension, without case: its low 64 bits, and its high ones.

    Zero if it has none: no dot, nothing after the last one or before it, more
    than KEY_MAX bytes, or a NUL, which no file name holds.

    >>> parse_extension(b"a.tar.GZ", 8) == (int.from_bytes(b"gz", "little"), 0)
    True
    """
    low, high, first, at, byte, upper = x9, x10, x11, x12, x13, x14
    none, done = label(), label()
    mov(low, 0)
    mov(high, 0)
    add(at, name, length)
    subs(first, length, KEY_MAX + 1)  # a dot further from the end is none for us
    csel(first, first, xzr, Condition.hs)
    add(first, name, first)

    again = here()
    cmp(at, first)
    b.ls(none)
    ldrb(byte.w, pre[at, -1])
    cmp(byte.w, ord("."))
    b.eq(done)
    cbz(byte.w, none)
    sub(upper.w, byte.w, ord("A"))
    cmp(upper.w, 25)
    cset(upper.w, Condition.ls)
    orr(byte.w, byte.w, upper.w, lsl(5))
    extr(high, high, low, 64 - 8)
    orr(low, byte, low, lsl(8))
    b(again)

    here(done)
    cmp(at, name)
    b.eq(none)  # a name that starts with its only dot, such as ".well-known"
    mov(x0, low)
    mov(x1, high)
    ret()

    here(none)
    mov(x0, 0)
    mov(x1, 0)
    ret()


@routine
def content_type(name: x0, length: x1) -> tuple[x0, x1]:
    """What a file of this name is served as: address and length of a Content-Type's value.

    >>> content_type(b"index.html", 10)[1] == len("text/html; charset=utf-8")
    True
    """
    low, high, slot, table, found = x9, x10, x11, x12, x13
    unknown = label()

    with frame():
        bl(parse_extension)
        mov(low, x0)
        mov(high, x1)
    del name, length

    eor(slot, low, high, lsl(32))
    mov(found, MULTIPLIER)
    mul(slot, slot, found)
    lsr(slot, slot, 64 - SLOT_BITS)
    adr(table, SLOTS)
    ldrb(slot.w, [table, slot])
    adr(table, ENTRIES)
    add(table, table, slot, lsl(4))

    ldr(found, [table, Entry.low])
    cmp(found, low)
    b.ne(unknown)
    ldr(found.w, [table, Entry.high])
    cmp(found, high)
    b.ne(unknown)
    ldrh(w1, [table, Entry.length])
    ldrh(found.w, [table, Entry.start])
    adr(x0, TYPES)
    add(x0, x0, found)
    ret()

    here(unknown)
    adr(x0, TYPES)  # which begin with this one
    mov(x1, len(UNKNOWN))
    ret()
