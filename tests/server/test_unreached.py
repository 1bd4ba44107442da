"""What only luck, or nothing else, brings the routines to: a test for each such place."""

from __future__ import annotations

import itertools
import string

import pytest

from svc0.machine.call import caller
from svc0.server import mime
from svc0.server.accept import INVALID, read_parameters
from svc0.server.address import parse_ipv6
from svc0.server.connection import Buffer
from svc0.server.dates import INVALID_DATE, parse_date
from svc0.server.request import judge_request_line, parse_version
from tests.model.conditions import parse_date as expected_date

NOW = 1_795_363_980

DATES = [
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
    b"Wed Nov 16 08:49:37 1994",
]


@pytest.mark.parametrize("date", DATES)
def test_a_date_with_another_byte_anywhere(date: bytes) -> None:
    """Every place is judged: a digit, a letter, a space or a sign there is one or is none."""
    for place, other in itertools.product(range(len(date)), b"9x -:/"):
        text = date[:place] + bytes([other]) + date[place + 1 :]
        found = parse_date(text, len(text), NOW)
        assert (None if found == INVALID_DATE else found) == expected_date(text, NOW), text


def test_a_parameter_ends_with_its_name() -> None:
    with caller(read_parameters) as machine:
        assert machine.call(machine.place(b";level", writable=False), 6)[0] == INVALID


def test_a_ninth_group_is_too_many() -> None:
    for text in b"1:2:3:4:5:6:7:8:9", b"1:2:3:4:5:6:7:8:9:a":
        assert parse_ipv6(text, len(text), bytearray(16)) < 0


def test_an_extension_that_is_only_half_of_one() -> None:
    """Its first eight letters and its slot are those of another."""
    known = "webmanifest"
    slot = mime.hashed(known, mime.MULTIPLIER)
    ends = map("".join, itertools.product(string.ascii_lowercase, repeat=len(known) - 8))
    name = next(
        f"a.{known[:8]}{end}"
        for end in ends
        if known[8:] != end and mime.hashed(known[:8] + end, mime.MULTIPLIER) == slot
    ).encode()
    with caller(mime.content_type) as machine:
        address, length = machine.call(machine.place(name, writable=False), len(name))
        assert machine.read(address, length) == mime.UNKNOWN.encode()


@pytest.mark.parametrize("version", [b"x.1", b"1.x", b"/.1", b"1./", b"1,1"])
def test_a_version_of_other_than_digits(version: bytes) -> None:
    text = b" HTTP/" + version
    assert parse_version(text, len(text)) == -400


def test_a_request_line_that_is_only_a_method() -> None:
    line = b"GET"
    with caller(judge_request_line) as machine:
        buffer = machine.place(bytearray(Buffer.size))
        machine.write(buffer + int(Buffer.input), line)
        assert machine.call(buffer, buffer + int(Buffer.input), len(line)) == -400
