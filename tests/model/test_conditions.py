"""Validators, dates, preconditions and ranges: the examples of RFC 9110."""

from __future__ import annotations

import calendar
import time

import pytest

from tests.model.accept import prefers_json, quality, read_ranges
from tests.model.conditions import (
    EntityTag,
    Unsatisfiable,
    any_tag_matches,
    format_date,
    parse_date,
    precondition,
    select_range,
    to_seconds,
    validators,
)
from tests.model.head import Request
from tests.model.site import File

NOW = 1_800_000_000
EXAMPLE = 784_111_777
STRONG, WEAK = EntityTag(b'"1"'), EntityTag(b'"1"', weak=True)
FILE = File(b"0123456789", 1_700_000_000 * 10**9)


def request(*fields: tuple[bytes, bytes], method: bytes = b"GET") -> Request:
    return Request(method, b"/", 1, fields)


@pytest.mark.parametrize(
    ("one", "other", "strong", "weak"),
    [  # the table of RFC 9110 8.8.3.2
        (WEAK, WEAK, False, True),
        (WEAK, EntityTag(b'"2"', weak=True), False, False),
        (WEAK, STRONG, False, True),
        (STRONG, STRONG, True, True),
    ],
)
def test_comparing_tags(one: EntityTag, other: EntityTag, strong: bool, weak: bool) -> None:
    assert one.matches(other, strongly=True) is strong
    assert one.matches(other, strongly=False) is weak


@pytest.mark.parametrize(
    "text",
    [
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
    ],
)
def test_the_three_dates_of_rfc_9110_5_6_7(text: bytes) -> None:
    assert parse_date(text, NOW) == EXAMPLE


def test_dates_come_back() -> None:
    for seconds in (0, 951_782_400, EXAMPLE, NOW, 4_102_444_799, 253_402_300_799):
        assert parse_date(format_date(seconds), NOW) == seconds
        assert parse_date(time.asctime(time.gmtime(seconds)).encode(), NOW) == seconds
        assert to_seconds(*time.gmtime(seconds)[:3], seconds % 86400) == seconds


def test_years_of_two_digits_are_less_than_fifty_years_ahead() -> None:
    year = time.gmtime(NOW).tm_year
    for ahead, expected in [(0, year), (49, year + 49), (51, year - 49), (99, year - 1)]:
        text = f"Sunday, 06-Nov-{(year + ahead) % 100:02} 08:49:37 GMT".encode()
        assert parse_date(text, NOW) == calendar.timegm((expected, 11, 6, 8, 49, 37))


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"0", b"Sun, 06 Nov 1994 08:49:37", b"Sun, 06 Nov 1994 08:49:37 UTC"),
        *(b"Sun, 31 Nov 1994 08:49:37 GMT", b"Wed, 29 Feb 1995 08:49:37 GMT"),
        *(b"Sun, 06 nov 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 24:00:00 GMT"),
        *(b"Sun, 06-Nov-94 08:49:37 GMT", b"Sunday, 06-Nov-1994 08:49:37 GMT"),
        b"Sun Nov 6 08:49:37 1994",
    ],
)
def test_what_is_no_date(text: bytes) -> None:
    assert parse_date(text, NOW) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([b'"1"'], True),
        ([b'"0", "1"'], True),
        ([b'"0"', b'"1"'], True),
        ([b',, "0" ,\t"1",'], True),
        ([b"*"], True),
        ([b""], False),
        ([b"1"], False),
        ([b'"1'], False),
        ([b'"1"x'], False),
        ([b'x, "1"'], False),
        ([b"x", b'"1"'], False),
        ([b'*, "1"'], False),
        ([b'w/"1"'], False),
        ([b'W/"1"'], True),
    ],
)
def test_lists_of_tags(fields: list[bytes], expected: bool) -> None:
    assert any_tag_matches(fields, STRONG, strongly=False) is expected


def test_a_tag_is_weak_while_the_file_may_still_change() -> None:
    second = 10**9
    assert [validators(File(b"abc", 10 * second), now).tag for now in (9, 10, 11, 12, 13)] == [
        EntityTag(b'"2540be400-3"', weak) for weak in (True, True, True, False, False)
    ]
    assert validators(File(b"", 10 * second), 5).last_modified == format_date(5)


def test_the_order_of_preconditions() -> None:
    file = validators(FILE, NOW)
    tag, early, late = bytes(file.tag), format_date(1), format_date(NOW)
    for fields, status in [
        ([(b"if-match", tag), (b"if-unmodified-since", early)], 200),
        ([(b"if-match", b'"x"'), (b"if-none-match", tag)], 412),
        ([(b"if-unmodified-since", early), (b"if-none-match", tag)], 412),
        ([(b"if-none-match", b'"x"'), (b"if-modified-since", late)], 200),
        ([(b"if-none-match", tag), (b"if-modified-since", early)], 304),
        ([(b"if-modified-since", late)], 304),
        ([(b"if-modified-since", late), (b"if-modified-since", late)], 200),
    ]:
        assert precondition(request(*fields), file, NOW) == status


@pytest.mark.parametrize(
    ("value", "expected"),
    [  # RFC 9110 14.1.2, of ten bytes instead of ten thousand
        (b"bytes=0-4", (0, 4)),
        (b"bytes=5-9", (5, 9)),
        (b"bytes=-5", (5, 9)),
        (b"bytes=9-", (9, 9)),
        (b"bytes=-50", (0, 9)),
        (b"bytes=3-50", (3, 9)),
        (b"bytes=0-0,-1", None),
        (b"bytes=4-3", None),
        (b"bytes=-", None),
        (b"other=0-4", None),
    ],
)
def test_ranges(value: bytes, expected: tuple[int, int] | None) -> None:
    file = validators(FILE, NOW)
    assert select_range(request((b"range", value)), file, 10, NOW) == expected
    assert select_range(request((b"range", value), method=b"HEAD"), file, 10, NOW) is None


@pytest.mark.parametrize(("value", "size"), [(b"10-", 10), (b"-0", 10), (b"0-", 0), (b"-0", 0)])
def test_ranges_that_have_no_byte(value: bytes, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        select_range(request((b"range", b"bytes=" + value)), validators(FILE, NOW), size, NOW)


def test_if_range() -> None:
    file, recent = validators(FILE, NOW), validators(FILE, FILE.mtime_ns // 10**9)
    wanted = (b"range", b"bytes=0-0")
    for value, holds in [(bytes(file.tag), True), (file.last_modified, True), (b"*", False)]:
        part = select_range(request(wanted, (b"if-range", value)), file, 10, NOW)
        assert (part is not None) is holds
        assert select_range(request(wanted, (b"if-range", value)), recent, 10, NOW) is None


def test_the_example_of_rfc_9110_12_5_1() -> None:
    ranges = read_ranges(
        b"text/*;q=0.3, text/plain;q=0.7, text/plain;format=fixed, "
        b"text/plain;format=flowed;q=0.4, */*;q=0.5"
    )
    assert quality(ranges, b"text", b"html") == 0.3
    assert quality(ranges, b"image", b"jpeg") == 0.5
    # Parameters do not count here, so that the best of the three for text/plain does.
    assert quality(ranges, b"text", b"plain") == 1.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"application/json", True),
        (b"application/json, text/html", False),
        (b"text/html;q=0.9, application/json", True),
        (b"*/*", False),
        (b"application/json, *", False),
        (b"application/json;q=1.5", False),
        (b'application/json;a=",text/html"', True),
    ],
)
def test_json_or_html(value: bytes, expected: bool) -> None:
    assert prefers_json(request((b"accept", value))) is expected
