"""Validators, preconditions and ranges: RFC 9110 5.6.7, 8.8, 13 and 14."""

from __future__ import annotations

import calendar
import email.utils
import re
from dataclasses import dataclass
from typing import Final

from tests.model.head import OWS, Request
from tests.model.site import File

FIFTY_YEARS: Final = 1_577_880_000
RANGE_DIGITS_MOST: Final = 18

MONTHS: Final = [name.encode() for name in calendar.month_abbr[1:]]
DAYS: Final = b"|".join(name.encode() for name in calendar.day_abbr)
LONG_DAYS: Final = b"|".join(name.encode() for name in calendar.day_name)
MONTH: Final = rb"(?P<month>%s)" % b"|".join(MONTHS)
TIME: Final = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
DATES: Final = [
    re.compile(rb"(?:%s), (?P<day>[0-9]{2}) %s (?P<year>[0-9]{4}) %s GMT" % (DAYS, MONTH, TIME)),
    re.compile(
        rb"(?:%s), (?P<day>[0-9]{2})-%s-(?P<year>[0-9]{2}) %s GMT" % (LONG_DAYS, MONTH, TIME)
    ),
    re.compile(rb"(?:%s) %s (?P<day>[0-9]{2}| [0-9]) %s (?P<year>[0-9]{4})" % (DAYS, MONTH, TIME)),
]

ENTITY_TAG: Final = re.compile(rb'(?P<weak>W/)?(?P<opaque>"[\x21\x23-\x7e\x80-\xff]*")')
RANGE: Final = re.compile(
    rb"bytes=[ \t]*(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})", re.IGNORECASE
)


@dataclass(frozen=True)
class EntityTag:
    """`"opaque"`, or `W/"opaque"`."""

    opaque: bytes
    weak: bool = False

    def __bytes__(self) -> bytes:
        return (b"W/" if self.weak else b"") + self.opaque

    def matches(self, other: EntityTag, *, strongly: bool) -> bool:
        """RFC 9110 8.8.3.2."""
        return self.opaque == other.opaque and not (strongly and (self.weak or other.weak))


@dataclass(frozen=True)
class Validators:
    """What a file is compared by, at one time of the server's clock."""

    tag: EntityTag
    mtime: int
    last_modified: bytes


def validators(file: File, now: int) -> Validators:
    mtime = file.mtime_ns // 10**9
    tag = EntityTag(b'"%x-%x"' % (file.mtime_ns, len(file.content)), weak=mtime + 1 >= now)
    return Validators(tag, mtime, format_date(min(mtime, now)))


def format_date(seconds: int) -> bytes:
    """IMF-fixdate.

    >>> format_date(784111777)
    b'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    return email.utils.formatdate(seconds, usegmt=True).encode()


def parse_date(text: bytes, now: int) -> int | None:
    """Seconds since the epoch, from any of the three formats (RFC 9110 5.6.7).

    >>> parse_date(b"Sunday, 06-Nov-94 08:49:37 GMT", 1700000000)
    784111777
    """
    match = next(filter(None, (pattern.fullmatch(text) for pattern in DATES)), None)
    if match is None:
        return None
    year, month = int(match["year"]), MONTHS.index(match["month"]) + 1
    day, hour = int(match["day"]), int(match["hour"])
    minute, second = int(match["minute"]), int(match["second"])
    if hour > 23 or minute > 59 or second > 60:
        return None
    clock = (hour * 60 + minute) * 60 + second
    if len(match["year"]) == 2:
        year += int(format_date(now).split()[3]) // 100 * 100
        if to_seconds(year, month, day, clock) > now + FIFTY_YEARS:
            year -= 100
    lengths = [31, 28 + calendar.isleap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if not 1 <= day <= lengths[month - 1]:
        return None
    return to_seconds(year, month, day, clock)


def to_seconds(year: int, month: int, day: int, clock: int) -> int:
    """Seconds since the epoch, in the Gregorian calendar also before 1582.

    >>> to_seconds(1970, 1, 1, 0), to_seconds(2000, 2, 29, 1)
    (0, 951782401)
    """
    # Years start in March here, so that the leap day is the last of its year.
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    leaps = year // 4 - year // 100 + year // 400
    days = 365 * year + leaps + (153 * month + 2) // 5 + day - 1
    return (days - MARCH_0_TO_EPOCH) * 86400 + clock


MARCH_0_TO_EPOCH: Final = 719468


def any_tag_matches(fields: list[bytes], tag: EntityTag, *, strongly: bool) -> bool:
    """Whether a list of entity-tags, spread over fields, has one that matches."""
    for value in fields:
        if value == b"*":
            return True
        at = 0
        while (at := skip(value, at, b" \t,")) < len(value):
            match = ENTITY_TAG.match(value, at)
            if not match:
                return False
            at = skip(value, match.end(), OWS)
            if at < len(value) and value[at] != ord(","):
                return False
            if EntityTag(match["opaque"], bool(match["weak"])).matches(tag, strongly=strongly):
                return True
    return False


def skip(text: bytes, at: int, what: bytes) -> int:
    while at < len(text) and text[at] in what:
        at += 1
    return at


def only_date(request: Request, name: bytes, now: int) -> int | None:
    """The date in a field that must not be there twice."""
    values = request.values(name)
    return parse_date(values[0], now) if len(values) == 1 else None


def precondition(request: Request, file: Validators, now: int) -> int:
    """200, 304 or 412, in the order of RFC 9110 13.2.2."""
    if if_match := request.values(b"if-match"):
        if not any_tag_matches(if_match, file.tag, strongly=True):
            return 412
    else:
        since = only_date(request, b"if-unmodified-since", now)
        if since is not None and file.mtime > since:
            return 412
    if if_none_match := request.values(b"if-none-match"):
        if any_tag_matches(if_none_match, file.tag, strongly=False):
            return 304
    else:
        since = only_date(request, b"if-modified-since", now)
        if since is not None and file.mtime <= since:
            return 304
    return 200


class Unsatisfiable(Exception):  # noqa: N818 - it is an answer
    """A range that has no byte of the file."""


def select_range(request: Request, file: Validators, size: int, now: int) -> tuple[int, int] | None:
    """First and last byte of the part that is asked for; None for the whole."""
    values = request.values(b"range")
    if request.method != b"GET" or len(values) != 1 or not range_holds(request, file, now):
        return None
    match = RANGE.fullmatch(values[0])
    if not match or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        first, last = max(size - int(match["last"]), 0), size - 1
        if int(match["last"]) == 0:
            raise Unsatisfiable
        if size == 0:
            return None  # the end of nothing is all of it, and Content-Range cannot say so
    else:
        first, last = int(match["first"]), int(match["last"] or size)
        if match["last"] and first > last:
            return None
    if first >= size:
        raise Unsatisfiable
    return first, min(last, size - 1)


def range_holds(request: Request, file: Validators, now: int) -> bool:
    """If-Range: whether the client's part is one of this very file (RFC 9110 13.1.5)."""
    values = request.values(b"if-range")
    if not values:
        return True
    if len(values) > 1:
        return False
    if match := ENTITY_TAG.fullmatch(values[0]):
        tag = EntityTag(match["opaque"], bool(match["weak"]))
        return tag.matches(file.tag, strongly=True)
    date = parse_date(values[0], now)
    return not file.tag.weak and date == parse_date(file.last_modified, now)
