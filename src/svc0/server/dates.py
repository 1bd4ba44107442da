"""Dates: seconds since the epoch, and the five ways a server reads or writes them.

Days are counted from the first of March of the year 0, in the Gregorian calendar
also for the time before it.  Years that start in March have their leap day at
their end, so that the first day of every month is (153 * month + 2) / 5, and 400
years are always 146,097 days:

    0000-03-01 ◄──── 719,468 days ────► 1970-01-01 ◄──── seconds / 86,400 ────►

The names of days and months are tables of four bytes each, comma or space
included, so that one load finds a name and one store writes it.
"""

from svc0.a64 import *

from .text import PAIRS

INVALID_DATE = -(1 << 63)
"""What is not a date.  Dates before 1970 are negative too: ``cmp(x0, 1)``, ``b.vs(invalid)``."""

DAY, HOUR, MINUTE = 86_400, 3_600, 60
EPOCH = 719_468
"""The days from the first of March of the year 0 to the first of January 1970."""

ERA, CENTURY, FOUR_YEARS, YEAR = 146_097, 36_524, 1_461, 365
assert ERA == 4 * CENTURY + 1 == 400 * YEAR + 97
assert CENTURY == 25 * FOUR_YEARS - 1

FIRST = -62_135_596_800
"""The first second of the year 1."""

LAST = 253_402_300_799
"""The last second of the year 9999: later ones are written as this."""

FIFTY_YEARS = 1_577_880_000
"""A year of two digits is not further ahead than that (RFC 9110 5.6.7)."""

DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
"""Not those of the calendar module: they depend on the locale of whoever builds."""

DAYS = Data("".join(f"{name[:3]}," for name in DAY_NAMES).encode())
MONTHS = Data("".join(f"{name} " for name in MONTH_NAMES).encode())
assert len(DAYS) == 4 * 7
assert len(MONTHS) == 4 * 12

LONG_DAYS = Data(
    b"".join(
        len(name).to_bytes(8, "little") + name[:8] + name[-8:]
        for name in (f"{day}, ".encode() for day in DAY_NAMES)
    )
)
"""Of each "Sunday, ": its length, its first eight bytes, its last eight."""

IMF_FIXDATE, ASCTIME = len("Sun, 06 Nov 1994 08:49:37 GMT"), len("Sun Nov  6 08:49:37 1994")
RFC_850_REST, RFC_850_LEAST = len("06-Nov-94 08:49:37 GMT"), len("Sunday, 06-Nov-94 08:49:37 GMT")
"""Each format has a length of its own; that of RFC 850 has one for each length of a day's name."""
assert ASCTIME < IMF_FIXDATE < RFC_850_LEAST


# --- writing ----------------------------------------------------------------------


@routine
def calendar(seconds: x0) -> tuple[x0, x1, x2, x3, x4]:
    """Year, month (1 to 12), day of the month, second of the day, day of the week (0 is Monday).

    What is before the year 1 or after 9999 is taken as the first or last second of these.

    >>> calendar(784111777)
    (1994, 11, 6, 31777, 6)
    """
    month, day, clock, weekday = x1, x2, x3, x4
    era, part, start = x10, x11, x12

    clamp(seconds, FIRST, LAST)
    mov(part, EPOCH * DAY)
    add(part, part, seconds)
    del seconds
    year = x0

    remainder(clock, day, part, DAY)
    add(part, day, WEDNESDAY)
    remainder(weekday, start, part, 7)
    remainder(day, era, day, ERA)

    # Without its leap days, an era is a number of whole years.
    quotient(part, day, FOUR_YEARS - 1)
    sub(part, day, part)
    quotient(start, day, CENTURY)
    add(part, part, start)
    quotient(start, day, ERA - 1)
    sub(part, part, start)
    quotient(year, part, YEAR)

    first_of_year(start, year)
    sub(day, day, start)
    mov(start, 400)
    madd(year, era, start, year)

    add(part, day, day, lsl(2))
    add(part, part, 2)
    quotient(month, part, 153)
    first_of_month(start, month)
    sub(day, day, start)
    add(day, day, 1)

    cmp(month, 10)  # January and February are the last two months of a year that starts in March
    cinc(year, year, Condition.hs)
    sub(start, month, 9)
    add(month, month, 3)
    csel(month, start, month, Condition.hs)
    ret()


WEDNESDAY = DAY_NAMES.index("Wednesday")
"""What the first of March of the year 0 was."""
assert DAY_NAMES[(EPOCH + WEDNESDAY) % 7] == "Thursday", "which the first of January 1970 was"


def clamp(number: X, least: int, most: int) -> None:
    """Macro: a signed number, but not less and not more than these; x9 is lost."""
    mov(x9, least)
    cmp(number, x9)
    csel(number, x9, number, Condition.lt)
    mov(x9, most)
    cmp(number, x9)
    csel(number, x9, number, Condition.gt)


def quotient(d: X, n: X, divisor: int) -> None:
    """Macro: d = n / divisor; x9 is lost."""
    mov(x9, divisor)
    udiv(d, n, x9)


def remainder(d: X, whole: X, n: X, divisor: int) -> None:
    """Macro: whole = n / divisor, d = the rest of n; x9 is lost."""
    quotient(whole, n, divisor)
    msub(d, whole, x9, n)


def first_of_year(d: X, year: X) -> None:
    """Macro: d = the days before a year, counted from the era's first; x9 and x15 are lost."""
    mov(x9, YEAR)
    mul(d, year, x9)
    add(d, d, year, lsr(2))
    quotient(x15, year, 100)
    sub(d, d, x15)


def first_of_month(d: X, month: X) -> None:
    """Macro: d = the days before a month, counted from March, which is 0; x9 is lost."""
    mov(x9, 153)
    mul(d, month, x9)
    add(d, d, 2)
    quotient(d, d, 5)


@routine
def write_date(out: x0, seconds: x1) -> x0:
    """Write a date as HTTP wants it (IMF-fixdate); the address after its 29 bytes.

    >>> out = bytearray(29)
    >>> end = write_date(out, 784111777)
    >>> out
    bytearray(b'Sun, 06 Nov 1994 08:49:37 GMT')
    """
    to = x19

    with frame(to):
        mov(to, out)
        mov(x0, seconds)
        del out, seconds
        bl(calendar)
        year, month, day, clock, weekday = x0, x1, x2, x3, x4

        put_name(to, 0, weekday, DAYS)
        put(to, 4, " ")
        put_pair(to, 5, day)
        put(to, 7, " ")
        sub(month, month, 1)
        put_name(to, 8, month, MONTHS)
        put_year(to, 12, year)
        put(to, 16, " ")
        put_clock(to, 17, clock)
        put(to, 25, " GMT")
        add(x0, to, IMF_FIXDATE)

    ret()


@routine
def write_log_date(out: x0, seconds: x1) -> x0:
    """Write a date as access logs have it; the address after its 26 bytes.

    >>> out = bytearray(26)
    >>> end = write_log_date(out, 784111777)
    >>> out
    bytearray(b'06/Nov/1994:08:49:37 +0000')
    """
    to = x19

    with frame(to):
        mov(to, out)
        mov(x0, seconds)
        del out, seconds
        bl(calendar)
        year, month, day, clock = x0, x1, x2, x3

        put_pair(to, 0, day)
        put(to, 2, "/")
        sub(month, month, 1)
        put_name(to, 3, month, MONTHS)
        put(to, 6, "/")
        put_year(to, 7, year)
        put(to, 11, ":")
        put_clock(to, 12, clock)
        put(to, 20, " +00")
        put(to, 24, "00")
        add(x0, to, len("06/Nov/1994:08:49:37 +0000"))

    ret()


@routine
def write_iso_date(out: x0, seconds: x1) -> x0:
    """Write a date by ISO 8601; the address after its 20 bytes.

    >>> out = bytearray(20)
    >>> end = write_iso_date(out, 784111777)
    >>> out
    bytearray(b'1994-11-06T08:49:37Z')
    """
    to = x19

    with frame(to):
        mov(to, out)
        mov(x0, seconds)
        del out, seconds
        bl(calendar)
        year, month, day, clock = x0, x1, x2, x3

        put_year(to, 0, year)
        put(to, 4, "-")
        put_pair(to, 5, month)
        put(to, 7, "-")
        put_pair(to, 8, day)
        put(to, 10, "T")
        put_clock(to, 11, clock)
        put(to, 19, "Z")
        add(x0, to, len("1994-11-06T08:49:37Z"))

    ret()


# The macros of the writers have x9 to x12 for themselves.


def put(out: X, at: int, text: str) -> None:
    """Macro: write one, two or four bytes."""
    mov(w9, int.from_bytes(text.encode(), "little"))
    {1: strb, 2: sturh, 4: stur}[len(text)](w9, [out, at])


def put_pair(out: X, at: int, number: X) -> None:
    """Macro: write a number below 100 with two digits."""
    adr(x9, PAIRS)
    ldrh(w9, [x9, number, lsl(1)])
    sturh(w9, [out, at])


def put_name(out: X, at: int, number: X, names: Data) -> None:
    """Macro: write the four bytes of a name."""
    adr(x9, names)
    ldr(w9, [x9, number, lsl(2)])
    stur(w9, [out, at])


def put_year(out: X, at: int, year: X) -> None:
    """Macro: write a number below 10,000 with four digits."""
    remainder(x10, x11, year, 100)
    put_pair(out, at, x11)
    put_pair(out, at + 2, x10)


def put_clock(out: X, at: int, clock: X) -> None:
    """Macro: write a second of the day as "08:49:37"."""
    remainder(x10, x11, clock, HOUR)
    put_pair(out, at, x11)
    put(out, at + 2, ":")
    remainder(x10, x11, x10, MINUTE)
    put_pair(out, at + 3, x11)
    put(out, at + 5, ":")
    put_pair(out, at + 6, x10)


# --- reading ----------------------------------------------------------------------


@routine
def parse_date(text: x0, length: x1, now: x2) -> x0:
    """Seconds since the epoch, from any of the three formats of RFC 9110 5.6.7; or INVALID_DATE.

    A year of two digits is in the century of now, or in the one before.

    >>> parse_date(b"Sunday, 06-Nov-94 08:49:37 GMT", 30, 1700000000)
    784111777
    """
    at, present, year, month, day, clock = x19, x20, x21, x22, x23, x24
    imf_fixdate, asctime, whole_year, invalid = label(), label(), label(), label()

    with frame(at, present, year, month, day, clock) as leave:
        mov(at, text)
        mov(present, now)
        cmp(length, IMF_FIXDATE)
        b.eq(imf_fixdate)
        cmp(length, ASCTIME)
        b.eq(asctime)
        read_long_day(at, length, invalid)
        del text, length, now
        read_rfc_850(at, year, month, day, clock, invalid)

        mov(x0, present)
        bl(calendar)
        remainder(x11, x12, x0, 100)
        sub(x0, x0, x11)
        add(year, year, x0)
        mov(x9, FIFTY_YEARS)
        add(present, present, x9)
        mov(x0, year)
        mov(x1, month)
        mov(x2, day)
        bl(days_until)
        mov(x9, DAY)
        madd(x0, x0, x9, clock)
        cmp(x0, present)
        b.le(whole_year)
        sub(year, year, 100)
        b(whole_year)

        here(imf_fixdate)
        read_imf_fixdate(at, year, month, day, clock, invalid)
        b(whole_year)

        here(asctime)
        read_asctime(at, year, month, day, clock, invalid)

        here(whole_year)
        mov(x0, year)
        mov(x1, month)
        mov(x2, day)
        bl(days_until)
        sub(day, day, 1)
        cmp(day, x1)  # unsigned: day 0 has wrapped around
        b.hs(invalid)
        mov(x9, DAY)
        madd(x0, x0, x9, clock)
        b(leave)

        here(invalid)
        mov(x0, INVALID_DATE)

    ret()


@routine
def days_until(year: x0, month: x1, day: x2) -> tuple[x0, x1]:
    """Days since the epoch of a day, month 0 is January; and how many days the month has.

    The day need not be one of them.  Years from 0 to 9999.

    >>> days_until(2000, 1, 29)
    (11016, 29)
    """
    lengths, days, start, rest = x11, x12, x13, x14
    common, from_march = label(), label()

    adr(lengths, MONTH_LENGTHS)
    ldrb(lengths.w, [lengths, month])
    cmp(month, FEBRUARY)
    b.ne(common)
    remainder(rest, start, year, 100)
    cmp(rest, 0)  # the last year of a century is a leap year if the century can be divided by four
    csel(rest, start, year, Condition.eq)
    tst(rest, 3)
    cinc(lengths, lengths, Condition.eq)

    here(common)
    add(year, year, 400)  # so that no year is negative, from March on
    sub(month, month, 2)
    tbz(month, 63, from_march)
    sub(year, year, 1)
    add(month, month, 12)

    here(from_march)
    first_of_year(days, year)
    quotient(start, year, 400)
    add(days, days, start)
    first_of_month(start, month)
    add(days, days, start)
    add(days, days, day)
    mov(x9, EPOCH + ERA + 1)
    sub(x0, days, x9)
    mov(x1, lengths)
    ret()


FEBRUARY = 1
MONTH_LENGTHS = Data([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
assert sum(MONTH_LENGTHS) == YEAR


def read_imf_fixdate(at: X, year: X, month: X, day: X, clock: X, invalid: Label) -> None:
    """Macro: "Sun, 06 Nov 1994 08:49:37 GMT"; x9 to x13 are lost, as by all these."""
    read_name(x13, at, 0, DAYS, invalid)
    expect(at, 3, ",", invalid)
    expect(at, 4, " ", invalid)
    read_digits(day, at, 5, 2, invalid)
    expect(at, 7, " ", invalid)
    read_name(month, at, 8, MONTHS, invalid)
    expect(at, 11, " ", invalid)
    read_digits(year, at, 12, 4, invalid)
    expect(at, 16, " ", invalid)
    read_clock(clock, at, 17, invalid)
    expect(at, 25, " GMT", invalid)


def read_rfc_850(at: X, year: X, month: X, day: X, clock: X, invalid: Label) -> None:
    """Macro: "06-Nov-94 08:49:37 GMT", after the day's name."""
    read_digits(day, at, 0, 2, invalid)
    expect(at, 2, "-", invalid)
    read_name(month, at, 3, MONTHS, invalid)
    expect(at, 6, "-", invalid)
    read_digits(year, at, 7, 2, invalid)
    expect(at, 9, " ", invalid)
    read_clock(clock, at, 10, invalid)
    expect(at, 18, " GMT", invalid)


def read_asctime(at: X, year: X, month: X, day: X, clock: X, invalid: Label) -> None:
    """Macro: "Sun Nov  6 08:49:37 1994"; the first digit of the day may be a space."""
    units, day_is_read = label(), label()
    read_name(x13, at, 0, DAYS, invalid)
    expect(at, 3, " ", invalid)
    read_name(month, at, 4, MONTHS, invalid)
    expect(at, 7, " ", invalid)
    ldrb(w9, [at, 8])
    cmp(w9, ord(" "))
    b.eq(units)
    read_digits(day, at, 8, 2, invalid)
    b(day_is_read)

    here(units)
    read_digits(day, at, 9, 1, invalid)

    here(day_is_read)
    expect(at, 10, " ", invalid)
    read_clock(clock, at, 11, invalid)
    expect(at, 19, " ", invalid)
    read_digits(year, at, 20, 4, invalid)


def read_long_day(at: X, length: X, invalid: Label) -> None:
    """Macro: the day's name in a date of RFC 850; at goes on to what is behind it."""
    found = label()
    sub(x9, length, RFC_850_REST)  # how long the name is, with comma and space
    sub(x10, x9, 8)
    cmp(x10, max(map(len, DAY_NAMES)) + 2 - 8)
    b.hi(invalid)
    ldr(x11, [at])
    ldr(x12, [at, x10])
    add(at, at, x9)
    adr(x10, LONG_DAYS)
    for _ in DAY_NAMES:
        ldr(x13, [x10], 8)
        cmp(x9, x13)
        ldp(x13, x14, [x10], 16)
        ccmp(x11, x13, 0, Condition.eq)
        ccmp(x12, x14, 0, Condition.eq)
        b.eq(found)
    b(invalid)

    here(found)


def read_clock(d: X, text: X, at: int, invalid: Label) -> None:
    """Macro: d = the second of the day, from "08:49:37"; up to 23:59:60."""
    read_digits(d, text, at, 2, invalid)
    cmp(d, 23)
    b.hi(invalid)
    expect(text, at + 2, ":", invalid)
    read_digits(x11, text, at + 3, 2, invalid)
    cmp(x11, 59)
    b.hi(invalid)
    mov(x9, 60)
    madd(d, d, x9, x11)
    expect(text, at + 5, ":", invalid)
    read_digits(x11, text, at + 6, 2, invalid)
    cmp(x11, 60)  # a leap second
    b.hi(invalid)
    mov(x9, 60)
    madd(d, d, x9, x11)


def read_digits(d: X, text: X, at: int, count: int, invalid: Label) -> None:
    """Macro: d = a number of so many digits."""
    mov(x10, 10)
    mov(d, 0)
    for n in range(count):
        ldrb(w9, [text, at + n])
        sub(w9, w9, ord("0"))
        cmp(w9, 9)
        b.hi(invalid)
        madd(d, d, x10, x9)


def read_name(d: X, text: X, at: int, names: Data, invalid: Label) -> None:
    """Macro: d = which name of three letters stands there; a byte behind it is read."""
    found = label()
    ldur(w9, [text, at])
    adr(x10, names)
    mov(d, 0)

    again = here()
    ldr(w11, [x10, d, lsl(2)])
    eor(w11, w11, w9)
    tst(w11, 0xFFFFFF)
    b.eq(found)
    add(d, d, 1)
    cmp(d, len(names) // 4)
    b.ne(again)
    b(invalid)

    here(found)


def expect(text: X, at: int, what: str, invalid: Label) -> None:
    """Macro: one byte, or four, must stand there."""
    {1: ldrb, 4: ldur}[len(what)](w9, [text, at])
    mov(w10, int.from_bytes(what.encode(), "little"))
    cmp(w9, w10)
    b.ne(invalid)
