"""The signature: every byte of the file is under it, in the form that kernels check.

The kernel's rules are those of bsd/kern/ubc_subr.c (``cs_validate_codedirectory``,
``cs_validate_csblob``, ``ubc_cs_blob_add``) and of osfmk/kern/cs_blobs.h, in xnu.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc0.image.macho import macho
from svc0.image.signature import sign, size
from tests.image import peers, sample
from tests.image.images import ALL, OF_ALL, OF_PEERS, OURS, PEERS, server, small
from tests.image.macho import LC_CODE_SIGNATURE, Change, MachO, command, written
from tests.image.rules import Rule, Rules
from tests.image.signed import Signature, directory, signature, super_blob

SIGNATURE = Rules()
rule = SIGNATURE.rule

ADHOC, LINKER_SIGNED = 0x2, 0x2_0000
BEFORE_HASHES = 20 + 88 + len("svc0\0")


# --- what the kernel asks for -------------------------------------------------------


@rule(super_blob(magic=0xFADE_0CC1), super_blob(count=2), super_blob(type=2))
def one_blob_of_the_type_code_directory(image: MachO) -> bool:
    """``cs_validate_csblob``: CSMAGIC_EMBEDDED_SIGNATURE, CSSLOT_CODEDIRECTORY."""
    blob = signature(image).blob
    return (blob["magic"], blob["count"], blob["type"]) == (0xFADE_0CC0, 1, 0)


@rule(super_blob(length=1 << 20), super_blob(length=19), command(LC_CODE_SIGNATURE, datasize=128))
def blob_fits_into_its_room(image: MachO) -> bool:
    """``ubc_cs_blob_add``: and zeros are all that follows it."""
    found = signature(image)
    length = found.blob["length"]
    return 20 <= length <= len(found.content) and not any(found.content[length:])


@rule(super_blob(offset=16), directory(length=1 << 20), directory(length=107))
def directory_fits_into_the_blob(image: MachO) -> bool:
    """``cs_validate_codedirectory``: as long as its fields at least (108), and inside."""
    found = signature(image)
    start, length = found.blob["offset"], found.directory["length"]
    return start >= 20 and length >= 108 and start + length <= found.blob["length"]


@rule(directory(magic=0xFADE_0C03))
def directory_is_one(image: MachO) -> bool:
    """CSMAGIC_CODEDIRECTORY."""
    return signature(image).directory["magic"] == 0xFADE_0C02


@rule(directory(version=0x1F000), directory(version=0x20100), directory(version=0x30000))
def directory_has_the_fields_of_text(image: MachO) -> bool:
    """CS_SUPPORTSEXECSEG: 2.4, which every macOS for arm64 knows."""
    return signature(image).directory["version"] == 0x2_0400


@rule(directory(hashType=1), directory(hashSize=20), directory(hashType=9))
def hashes_are_sha256(image: MachO) -> bool:
    """CS_HASHTYPE_SHA256 and its size."""
    found = signature(image).directory
    return (found["hashType"], found["hashSize"]) == (2, 32)


@rule(directory(pageSize=0), directory(pageSize=13))
def pages_have_4_or_16_kib(image: MachO) -> bool:
    """``cs_validate_codedirectory``: no other size is for the kernel's pages."""
    return signature(image).directory["pageSize"] in (12, 14)


@rule(directory(hashOffset=80), directory(hashOffset=1 << 16), directory(nCodeSlots=1 << 16))
def hashes_are_in_the_directory(image: MachO) -> bool:
    """``cs_validate_codedirectory``: special slots too, which would lie before the others."""
    found = signature(image).directory
    first = found["hashOffset"] - 32 * found["nSpecialSlots"]
    end = found["hashOffset"] + 32 * found["nCodeSlots"]
    return first >= 88 and end <= found["length"]


@rule(directory(nCodeSlots=4), directory(nCodeSlots=6))
def there_is_a_hash_for_each_page(image: MachO) -> bool:
    """As many as the limit needs."""
    found = signature(image).directory
    return found["nCodeSlots"] == -(-found["codeLimit"] // (1 << found["pageSize"]))


@rule(directory(identOffset=0), directory(identOffset=1 << 16), lambda image: no_zero(image))
def identifier_ends_before_the_hashes(image: MachO) -> bool:
    """``cs_validate_codedirectory``: it ends in a zero, inside; a name that is there at all."""
    found = signature(image)
    start = found.directory["identOffset"]
    end = start + len(found.identifier)
    name = found.identifier
    whole = len(name) > 1 and name.endswith(b"\0")
    return whole and start >= 88 and end <= found.directory["hashOffset"]


def no_zero(image: MachO) -> bytes:
    """The identifier runs on into the hashes."""
    found = signature(image)
    zero = found.at + found.blob["offset"] + found.directory["hashOffset"] - 1
    return written(image, zero, b"x")


@rule(directory(codeLimit=4096), directory(codeLimit64=1 << 32), directory(scatterOffset=88))
def everything_before_it_is_signed(image: MachO) -> bool:
    """The limit is where the signature begins; no table says what is left out."""
    found = signature(image).directory
    limits = found["codeLimit"], found["codeLimit64"], found["scatterOffset"]
    return limits == (image.one(LC_CODE_SIGNATURE)["dataoff"], 0, 0)


@rule(
    directory(execSegBase=4096),
    directory(execSegLimit=0),
    directory(execSegLimit=4096),
    directory(execSegFlags=0),
)
def text_is_the_segment_to_execute(image: MachO) -> bool:
    """Its place in the file, and CS_EXECSEG_MAIN_BINARY."""
    text, found = image.segment("__TEXT"), signature(image).directory
    said = found["execSegBase"], found["execSegLimit"], found["execSegFlags"]
    return said == (text["fileoff"], text["filesize"], 1)


@rule(directory(flags=0), directory(flags=ADHOC), directory(flags=ADHOC | 0x1_0000))
def nobody_signs(image: MachO) -> bool:
    """Ad hoc, by a linker; above all not the hardened runtime (0x10000)."""
    return signature(image).directory["flags"] == ADHOC | LINKER_SIGNED


@rule(directory(teamOffset=88), directory(spare2=1), directory(spare3=1), directory(platform=1),
      directory(nSpecialSlots=1))  # fmt: skip
def nothing_else_is_said(image: MachO) -> bool:
    """No team, no platform binary, no hashes of other blobs; spare fields are zeros."""
    rest = "teamOffset", "spare2", "spare3", "platform", "nSpecialSlots"
    return not any(signature(image).directory[name] for name in rest)


@rule(
    lambda image: written(image, 0x700, b"\xff"),
    lambda image: written(image, len(image.file) - 1, b"\xff\xff"),
    directory(pageSize=14),
)
def every_page_has_its_hash(image: MachO) -> bool:
    """``cs_validate_page``: of the last, as many bytes as there are before the signature."""
    return signature(image).is_true


@pytest.mark.parametrize("made_by", OF_ALL)
@pytest.mark.parametrize("signature_rule", SIGNATURE, ids=str)
def test_rule_is_kept(signature_rule: Rule, made_by: str) -> None:
    assert signature_rule.is_kept(MachO(ALL[made_by]()))


@pytest.mark.parametrize(("signature_rule", "mistake"), SIGNATURE.mistakes, ids=SIGNATURE.names)
def test_mistake_is_found(signature_rule: Rule, mistake: Change) -> None:
    image = MachO(small())
    broken = mistake(image)
    assert broken != image.file
    assert not signature_rule.is_kept(MachO(broken))


# --- what is under it ---------------------------------------------------------------


def test_a_hash_of_zeros_after_the_end_is_not_the_last_pages() -> None:
    """Such a signature is what macOS 27 began to refuse: the last page is hashed as it is."""
    found = signature(MachO(small()))
    last = found.pages[-1]
    assert 0 < len(last) < 4096
    padded = sign(found.file[: found.at] + bytes(4096 - len(last)), 0, "svc0")
    assert padded[-32:] != found.hashes[-1]


def test_every_byte_of_a_small_image_is_signed() -> None:
    image = MachO(small())
    limit = signature(image).at
    assert [at for at in range(limit) if not is_noticed(image, at)] == []


def test_bytes_of_every_page_of_the_server_are_signed() -> None:
    image, random = MachO(server()), Random(0)
    limit = signature(image).at
    for page in range(0, limit, 4096):
        assert is_noticed(image, random.randrange(page, min(page + 4096, limit)))


def is_noticed(image: MachO, at: int) -> bool:
    """Whether one changed bit is seen, by the signature that was right before."""
    found = signature(image)
    found.file = image.file[:at] + bytes([image.file[at] ^ 1]) + image.file[at + 1 :]
    return not found.is_true


@settings(deadline=None)
@given(content=st.binary(max_size=3 * 4096 + 5), name=st.text("svc0.-", min_size=1))
def test_any_content_is_signed(content: bytes, name: str) -> None:
    signed = sign(content, 0, name)
    assert len(signed) == size(len(content), name)
    found = Signature(content + signed, len(content), len(signed))
    assert found.is_true
    assert found.identifier == name.encode() + b"\0"
    assert found.blob["length"] == len(signed)


@pytest.mark.parametrize("length", [1, 16, 4095, 4096, 4097, 8192])
def test_as_many_hashes_as_pages(length: int) -> None:
    assert len(sign(bytes(length), 0, "svc0")) == BEFORE_HASHES + 32 * -(-length // 4096)


# --- what others write --------------------------------------------------------------

OTHERWISE = {
    "lld": {
        "length": "room after the identifier and after the whole, for an alignment of 16",
        "offset": "the same",
        "hashOffset": "the same",
        "codeLimit": "it has more in __LINKEDIT",
    },
    "zig": {
        "length": "it has pages of 16 KiB, so fewer hashes",
        "pageSize": "the same",
        "nCodeSlots": "the same, of a longer file",
        "codeLimit": "it has segments for binding on pages of their own",
        "execSegLimit": "its __TEXT ends where its text ends, ours with a page",
    },
}


@pytest.mark.parametrize("linker", OF_PEERS)
def test_others_write_the_same_fields(linker: str) -> None:
    ours = signature(MachO(macho(peers.main, identifier=peers.IDENTIFIER)))
    theirs = signature(MachO(PEERS[linker]()))
    different = {
        name
        for mine, other in ((ours.blob, theirs.blob), (ours.directory, theirs.directory))
        for name in mine
        if mine[name] != other[name]
    }
    assert different == OTHERWISE[linker].keys()
    assert ours.identifier == theirs.identifier


def test_lld_writes_the_same_hashes() -> None:
    """zig's pages are of four of ours, so its hashes are others."""
    theirs = signature(MachO(peers.lld()))
    ours = sign(theirs.file[: theirs.at], theirs.directory["execSegLimit"], peers.IDENTIFIER)
    assert ours.endswith(b"".join(theirs.hashes))


# --- ours ---------------------------------------------------------------------------


def test_the_identifier_is_the_callers() -> None:
    found = signature(MachO(macho(sample.start, identifier="org.example.svc0")))
    assert found.identifier == b"org.example.svc0\0"
    assert found.is_true


@pytest.mark.parametrize("name", OURS)
def test_nothing_follows(name: str) -> None:
    found = signature(MachO(OURS[name]()))
    assert found.at + found.blob["length"] == len(found.file)
    assert found.at % 16 == 0
