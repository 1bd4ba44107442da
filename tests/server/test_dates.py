"""Dates, against datetime, email.utils and the reference model."""

from __future__ import annotations

import calendar as gregorian
import time
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import Routine
from svc0.server import dates as under_test
from svc0.server.dates import FIRST, INVALID_DATE, LAST
from tests.model.conditions import format_date
from tests.model.conditions import parse_date as expected_date

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = 1_795_363_980

seconds = st.integers(FIRST, LAST) | st.integers(0, 4_102_444_800)
nows = st.just(NOW) | st.integers(0, 7_258_118_400)


def to_datetime(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def written(routine: Routine, second: int, size: int) -> str:
    out = bytearray(size)
    assert routine(out, second) % 0x1000 == 0, "the room ends where a page does"
    return out.decode()


@given(second=seconds)
@example(FIRST)
@example(LAST)
@example(951_782_400)
@example(-2_203_891_200)
def test_calendar(second: int) -> None:
    date = to_datetime(second)
    clock = (date.hour * 60 + date.minute) * 60 + date.second
    expected = (date.year, date.month, date.day, clock, date.weekday())
    assert under_test.calendar(second) == expected


@given(second=st.integers(-(2**63), FIRST) | st.integers(LAST, 2**63 - 1))
def test_calendar_ends(second: int) -> None:
    expected = (1, 1, 1, 0, 0) if second <= FIRST else (9999, 12, 31, 86399, 4)
    assert under_test.calendar(second) == expected


@given(second=seconds)
def test_writers(second: int) -> None:
    date = to_datetime(second)
    day, month = gregorian.day_abbr[date.weekday()], gregorian.month_abbr[date.month]
    year = f"{date.year:04}"
    imf = f"{day}, {date:%d} {month} {year} {date:%H:%M:%S} GMT"
    assert written(under_test.write_date, second, 29) == imf
    log = f"{date:%d}/{month}/{year}:{date:%H:%M:%S} +0000"
    assert written(under_test.write_log_date, second, 26) == log
    iso = date.isoformat().replace("+00:00", "Z")
    assert written(under_test.write_iso_date, second, 20) == iso


@given(second=st.integers(0, 4_102_444_800))
def test_write_date_is_what_email_writes(second: int) -> None:
    assert written(under_test.write_date, second, 29).encode() == format_date(second)


def parse(text: bytes, now: int = NOW) -> int | None:
    found = under_test.parse_date(text, len(text), now)
    return None if found == INVALID_DATE else found


def formats(second: int) -> list[bytes]:
    date = time.gmtime(second)
    long_day, day = gregorian.day_name[date.tm_wday], gregorian.day_abbr[date.tm_wday]
    month, clock = gregorian.month_abbr[date.tm_mon], time.strftime("%H:%M:%S", date)
    return [
        f"{day}, {date.tm_mday:02} {month} {date.tm_year:04} {clock} GMT".encode(),
        f"{long_day}, {date.tm_mday:02}-{month}-{date.tm_year % 100:02} {clock} GMT".encode(),
        f"{day} {month} {date.tm_mday:2} {clock} {date.tm_year:04}".encode(),
    ]


@given(second=seconds, now=nows)
def test_parse_date_reads_what_is_a_date(second: int, now: int) -> None:
    imf_fixdate, rfc_850, asctime = formats(second)
    assert parse(imf_fixdate, now) == second
    assert parse(asctime, now) == second
    assert parse(rfc_850, now) == expected_date(rfc_850, now)


@given(second=seconds, data=st.data(), now=nows)
def test_parse_date_with_other_bytes(second: int, data: st.DataObject, now: int) -> None:
    """Some bytes of a date are others: most of the time it is none any more."""
    text = bytearray(data.draw(st.sampled_from(formats(second))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.sampled_from(b"0123456789 -:,ASDNMGonuT\x00\xff"))
    assert parse(bytes(text), now) == expected_date(bytes(text), now)


@given(
    day=st.integers(0, 32),
    month=st.sampled_from(gregorian.month_abbr[1:]),
    year=st.sampled_from([0, 4, 1900, 1970, 2000, 2023, 2024, 2100, 9999]) | st.integers(0, 9999),
    hour=st.sampled_from([0, 12, 23, 24, 99]),
    minute=st.sampled_from([0, 59, 60, 99]),
    second=st.sampled_from([0, 59, 60, 61]),
    now=nows,
)
def test_parse_date_ends(
    day: int, month: str, year: int, hour: int, minute: int, second: int, now: int
) -> None:
    """The first and last of what is a day, an hour, a minute, a second; and one more."""
    clock = f"{hour:02}:{minute:02}:{second:02}"
    for text in (
        f"Mon, {day:02} {month} {year:04} {clock} GMT",
        f"Wednesday, {day:02}-{month}-{year % 100:02} {clock} GMT",
        f"Sat {month} {day:2} {clock} {year:04}",
    ):
        assert parse(text.encode(), now) == expected_date(text.encode(), now)


@given(now=st.integers(0, 4_102_444_800), offset=st.integers(-100_000, 100_000))
def test_fifty_years(now: int, offset: int) -> None:
    """Two digits mean another century from one second to the next."""
    _, rfc_850, _ = formats(now + under_test.FIFTY_YEARS + offset)
    assert parse(rfc_850, now) == expected_date(rfc_850, now)


@given(second=seconds, data=st.data())
def test_parse_date_of_another_length(second: int, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(formats(second)))
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    assert parse(cut) == expected_date(cut, NOW)
    assert parse(text + b" ") is None
    assert parse(text * 2) is None


def test_every_day_has_its_names() -> None:
    for day in range(7):
        for text in formats(day * 86400)[:2]:
            assert parse(text, now=0) == day * 86400


@given(year=st.integers(0, 9999), month=st.integers(0, 11), day=st.integers(0, 99))
@example(year=0, month=0, day=1)
@example(year=0, month=1, day=29)
@example(year=1900, month=1, day=29)
@example(year=2000, month=1, day=29)
@example(year=2000, month=2, day=0)
@example(year=9999, month=11, day=31)
def test_days_until(year: int, month: int, day: int) -> None:
    """Python has no year 0; but it is as long as the year 400, and 146,097 days before it."""
    eras = int(year == 0)
    first = datetime(year + 400 * eras, month + 1, 1, tzinfo=UTC).toordinal() - 146_097 * eras
    days = gregorian.monthrange(year + 400 * eras, month + 1)[1]
    assert under_test.days_until(year, month, day) == (
        first + day - 1 - EPOCH.toordinal(),
        days,
    )
