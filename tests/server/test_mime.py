"""Media types: a perfect hash, the registry's names, and what Python's standard library says."""

from __future__ import annotations

import mimetypes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.machine.call import caller
from svc0.server.mime import (
    CONTENT_TYPES,
    KEY_MAX,
    UNKNOWN,
    content_type,
    parse_extension,
    with_charset,
)
from tests.model.respond import media_type as model_type


def look_up(name: bytes) -> str:
    with caller(content_type) as machine:
        address, length = machine.call(name, len(name))
        return machine.read(address, length).decode()


def expected(name: bytes) -> str:
    stem, _, extension = name.rpartition(b".")
    if not stem:
        return UNKNOWN
    return CONTENT_TYPES.get(extension.lower().decode("latin-1"), UNKNOWN)


def mixed(extension: str) -> st.SearchStrategy[bytes]:
    """An extension, some of its letters in upper case."""
    letters = [st.sampled_from(sorted({c, c.upper()})) for c in extension]
    return st.tuples(*letters).map("".join).map(str.encode)


extensions = st.sampled_from(sorted(CONTENT_TYPES)).flatmap(mixed)
stems = st.binary(max_size=20)


@pytest.mark.parametrize("extension", sorted(CONTENT_TYPES))
def test_every_extension(extension: str) -> None:
    assert look_up(f"a.{extension}".encode()) == CONTENT_TYPES[extension]
    assert look_up(f"a.{extension.upper()}".encode()) == CONTENT_TYPES[extension]


@given(stem=stems, extension=extensions)
def test_known(stem: bytes, extension: bytes) -> None:
    name = stem + b"." + extension
    assert look_up(name) == expected(name)


@given(name=st.binary(max_size=2 * KEY_MAX))
@example(name=b"")
@example(name=b".")
@example(name=b"html")
@example(name=b".html")
@example(name=b"a.")
@example(name=b".well-known")
@example(name=b"a.html\0")
@example(name=b"a.\0")
@example(name=b"a.Webmanifest")
@example(name=b"a.webmanifest1")
@example(name=b"a.webmanifest.")
@example(name=b"a." + b"x" * KEY_MAX)
@example(name=b"a." + b"x" * (KEY_MAX + 1))
@example(name=b"a." + b"j\x13")  # "S" - 0x40: not a letter's other case
def test_anything(name: bytes) -> None:
    assert look_up(name) == expected(name)


@given(data=st.data(), extension=extensions)
def test_nearly_known(data: st.DataObject, extension: bytes) -> None:
    at = data.draw(st.integers(0, len(extension) - 1))
    flipped = extension[at] ^ 1 << data.draw(st.integers(0, 7))
    name = b"a." + extension[:at] + bytes([flipped]) + extension[at + 1 :]
    assert look_up(name) == expected(name)


@given(extension=extensions)
def test_the_model_agrees(extension: bytes) -> None:
    name = b"a." + extension
    if model_type(name).decode() != UNKNOWN:
        assert look_up(name) == model_type(name).decode()


SHARED = (
    "html htm css txt csv tsv json webmanifest svg png jpg jpeg gif tif tiff ico avif "
    "pdf ps eps doc xls ppt wasm zip tar mp4 webm mov mpg mpeg mp3 aac"
)
"""What the standard library of every Python from 3.11 on calls by its present name."""


def test_the_standard_library_agrees() -> None:
    """With its own table, not that of the host."""
    known = mimetypes.MimeTypes().types_map[True]
    for extension in SHARED.split():
        assert CONTENT_TYPES[extension] == with_charset(known[f".{extension}"]), extension


def test_there_are_enough() -> None:
    assert len(CONTENT_TYPES) >= 49


@given(
    name=st.tuples(stems, st.sampled_from([b"", b"."]), extensions | st.binary(max_size=14)).map(
        b"".join
    )
)
@example(name=b"")
@example(name=b".")
@example(name=b".html")
@example(name=b"..html")
@example(name=b"a.tar.GZ")
@example(name=b"a.@AZ[`az{")
@example(name=b"a." + b"\xff" * KEY_MAX)
@example(name=b"a." + b"x" * (KEY_MAX + 1))
@example(name=b"x" * KEY_MAX)
@example(name=b"a.b\0")
def test_parse_extension(name: bytes) -> None:
    stem, _, extension = name.rpartition(b".")
    known = stem and len(extension) <= KEY_MAX and b"\0" not in extension
    key = int.from_bytes(extension.lower() if known else b"", "little")
    low, high = parse_extension(name, len(name))
    assert (low % 2**64, high) == (key % 2**64, key >> 64)
