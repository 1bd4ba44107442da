"""The cache: answers that are ready but for their date, found by the path that is asked for.

An *entry* is what is known of one path: a file, a directory that wants its slash, or nothing at
all.  Its *answer* lies in one piece, head and body, so that one call sends both; of a file too
large for that the head alone lies there, and the file is kept open.

    path ── CRC-32C ──► BUCKETS ──► entry ──► …          key, facts, how the file was then
                                      └──► answer        HTTP/1.1 200 OK … \\r\\n\\r\\n <html>…

Entries of about one size share a *shelf*, with as many places as it has; who needs one when all are
taken gets that of the next entry round the shelf that was not asked for lately (a clock with a
second chance), and never one that is being sent.  All of it is laid out at the start.

An entry may be sent while its ``epoch`` is the worker's.  That one grows every second, and whenever
the kernel tells of a change (watch.py); then the file is looked at again before it is used.  So a
change is seen at once where the kernel tells, and in any case after ``cache_seconds``.  A file that
was changed just now, whose entity-tag is weak, is not kept; nor is what is asked for once.

Only paths that mean themselves are kept: so the bytes of a target may be looked up as they came.
"""

from enum import IntEnum
from typing import NamedTuple

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.structs import Stat

from .connection import NO_FILE
from .pool import map_pool
from .settings import SETTINGS, Settings
from .workspace import Facts, Workspace

KEY_MAX = 256
"""Bytes of a path that is kept."""

HEAD_ROOM = 1024
"""Bytes for a head; the longest has type, entity-tag, three dates and a size."""

SLACK = 128
"""Zeros behind what is kept in memory: who copies some of it by steps reads on over its end."""

FRESH_ROOM = 256
"""Bytes for the whole answer that says that nothing has changed (304)."""

SLASH, END_ROOM = 6, 22
"""Where in the end of Content-Range its slash is, and the bytes for that, in steps of 16."""


class Shelf(NamedTuple):
    """Places for answers of up to so many bytes."""

    places: int
    room: int


class Size(IntEnum):
    """The shelves."""

    OPEN = 0  # the file itself is kept open
    SMALL = 1
    MEDIUM = 2
    LARGE = 3
    OTHER = 4  # what is no file: nobody can drive files out by asking for what is not there


SHELVES = {
    Size.OPEN: Shelf(128, HEAD_ROOM),
    Size.SMALL: Shelf(512, 4 << 10),
    Size.MEDIUM: Shelf(192, 20 << 10),
    Size.LARGE: Shelf(64, 72 << 10),
    Size.OTHER: Shelf(128, 4 << 10),
}
BUCKETS = 2048
assert max(shelf.room for shelf in SHELVES.values()) < 10 ** (SLASH - len("-"))
assert SLASH + len("/") + SLASH - len("-") + len("\r\n\r\n") <= END_ROOM - SLASH
assert sum(shelf.places for shelf in SHELVES.values()) <= BUCKETS // 2
NEWCOMERS = 1024


class Life(IntEnum):
    """What an entry is."""

    FREE = 0
    KEPT = 1
    GONE = 2  # it is no longer true, and still being sent


class Entry(Struct):
    """What is known of one path."""

    next: u64  # in its bucket
    epoch: u64  # the worker's, when it was known to be true
    looked: u64  # the tick at which its file was looked at
    last: u64  # of the key: its last eight bytes, or all of fewer
    hash: u32
    key_size: u32
    answer: u64  # where its answer lies,
    body: u64  # in that what is behind the head,
    rest: u64  # and the fields behind the number of Content-Length
    answer_size: u32  # head and body
    head_size: u32
    fresh_size: u32
    length_at: u32  # in the head: where the number behind Content-Length begins
    length_end: u32  # where one of four digits ends, in the head of a part
    rest_size: u32  # of those fields, and of Content-Range up to what it says
    kept: u32  # bytes of the file that lie behind the head
    end_size: u32  # of how Content-Range ends, less the unit that Range has before its numbers,
    end: u8 = array(END_ROOM)  # from SLASH on: "/1000" and the empty line; before it: "-999"
    last_size: u8  # of what is before it
    fields_end: u32  # in the head: where the last field ends
    date_at: u32  # where Date is
    status: u32
    pins: u32  # connections to which it is being sent
    file: i32  # kept open, or NO_FILE
    life: u8
    used: u8  # 1: asked for since the clock came by
    shelf: u8
    device: u32  # of the file, and so on: what would be different if it were another
    inode: u64
    changed: u64
    changed_part: u64
    tail_size: u32
    tail: u8 = array(32)  # how its line in the log ends
    watch: u32  # on macOS the descriptor that tells of changes in the file; 0: none
    facts: Facts
    key: u8 = array(KEY_MAX)
    fresh: u8 = array(FRESH_ROOM)


class Places(Struct):
    """A shelf, as it is now."""

    begin: u64  # its entries
    fresh: u64  # from here on they were never used,
    end: u64
    hand: u64  # where the clock is
    answers: u64  # where the answer of the next fresh one will lie


class Cache(Struct):
    """All of it."""

    shelves: Places = array(len(Size))
    buckets: u64 = array(BUCKETS)
    newcomers: u32 = array(NEWCOMERS)  # hashes of what was asked for once


CACHE = Bss(Cache, align=64)


# --- the start ------------------------------------------------------------------------


@routine
def open_cache(worker: x28) -> x0:
    """Lay the shelves out: 0, or -errno."""
    places, memory = x19, x20

    with frame(places, memory) as leave:
        adr(places, CACHE)
        for size, shelf in SHELVES.items():
            mov(x0, shelf.places * Entry.size)
            bl(map_pool)
            tbnz(x0, 63, leave)
            mov(memory, x0)
            mov(x0, shelf.places * shelf.room)
            bl(map_pool)
            tbnz(x0, 63, leave)
            add(x9, places, int(size) * Places.size)
            str_(memory, [x9, Places.begin])
            str_(memory, [x9, Places.fresh])
            str_(memory, [x9, Places.hand])
            mov(x10, shelf.places * Entry.size)
            add(x10, memory, x10)
            str_(x10, [x9, Places.end])
            str_(x0, [x9, Places.answers])
        mov(x0, 0)
    ret()


assert Cache.shelves == 0


# --- finding --------------------------------------------------------------------------


def hash_path(hash: X, path: X, size: X, last: X) -> None:
    """Macro: the CRC-32C of a path and its size, and the last eight bytes, or all of fewer.

    x11 to x13 are lost.
    """
    at, left, part = x11, x12, x13
    more, few, fewer, joined, done = (label() for _ in range(5))

    mov(hash, size)
    subs(left, size, 8)
    b.lo(few)
    mov(at, path)

    here(more)
    ldr(part, [at], 8)
    crc32cx(hash.w, hash.w, part)
    subs(left, left, 8)
    b.hi(more)
    add(at, path, size)
    ldur(last, [at, -8])
    b(joined)

    here(few)
    mov(last, 0)
    tbz(size, 2, fewer)
    ldr(last.w, [path])
    sub(at, size, 4)
    ldr(part.w, [path, at])
    lsl(at, at, 3)
    lsl(part, part, at)
    orr(last, last, part)
    b(joined)

    here(fewer)
    cbz(size, done)
    ldrb(last.w, [path])
    lsr(at, size, 1)  # of one byte the first, of two the second, of three the middle one
    ldrb(part.w, [path, at])
    orr(last, last, part, lsl(8))
    sub(at, size, 1)
    ldrb(part.w, [path, at])
    orr(last, last, part, lsl(16))

    here(joined)
    crc32cx(hash.w, hash.w, last)

    here(done)


@routine
def find_entry(path: x0, size: x1) -> tuple[x0, x1]:
    """The entry of a path, or 0; and the path's hash."""
    hash, last, entry, at, left = x9, x10, x14, x15, x16
    look, next_one, words, found = label(), label(), label(), label()

    hash_path(hash, path, size, last)
    adr(x11, CACHE)
    add(x11, x11, Cache.buckets)
    and_(x12, hash, BUCKETS - 1)
    ldr(entry, [x11, x12, lsl(3)])

    here(look)
    cbz(entry, found)
    ldr(w11, [entry, Entry.hash])
    ldr(x12, [entry, Entry.last])
    ldr(w13, [entry, Entry.key_size])
    cmp(w11, hash.w)
    ccmp(x12, last, 0, Condition.eq)
    ccmp(x13, size, 0, Condition.eq)
    b.ne(next_one)

    # The last eight bytes are the same; of those before, eight at a step.
    subs(left, size, 8)
    b.ls(found)
    add(at, entry, Entry.key)
    mov(x11, 0)

    here(words)
    ldr(x12, [at, x11])
    ldr(x13, [path, x11])
    add(x11, x11, 8)
    cmp(x12, x13)
    b.ne(next_one)
    cmp(x11, left)
    b.lo(words)

    here(found)
    mov(x0, entry)
    mov(x1, hash)
    ret()

    here(next_one)
    ldr(entry, [entry, Entry.next])
    b(look)


@routine
def is_known(hash: w0) -> w0:
    """1 if what has this hash was asked for not long ago, else 0; now it was."""
    adr(x9, CACHE)
    mov(w10, Cache.newcomers)
    add(x9, x9, x10)
    and_(w10, hash, NEWCOMERS - 1)
    ldr(w11, [x9, x10, lsl(2)])
    str_(hash, [x9, x10, lsl(2)])
    cmp(w11, hash)
    cset(w0, Condition.eq)
    ret()


# --- places ---------------------------------------------------------------------------


def index_shelf(d: X, shelf: W) -> None:
    """Macro: d = the address of a shelf's Places.  Uses x9."""
    adr(d, CACHE)
    mov(w9, Places.size)
    umaddl(d, shelf, w9, d)


@routine
def take_entry(shelf: w0) -> x0:
    """An entry on a shelf, of which nothing is known but where its answer will lie; 0: none now."""
    places, which, entry, rounds = x19, w20, x21, x22
    taken, turn, on, second, none = (label() for _ in range(5))

    with frame(places, which.x, entry, rounds) as leave:
        mov(which, shelf)
        index_shelf(places, which)
        ldr(entry, [places, Places.fresh])
        ldr(x9, [places, Places.end])
        cmp(entry, x9)
        b.hs(turn)
        begins(entry, Entry, zeroed=True)
        mov(x9, Entry.size)
        add(x9, entry, x9)
        str_(x9, [places, Places.fresh])
        ldr(x9, [places, Places.answers])
        str_(x9, [entry, Entry.answer])
        adr(x10, ROOMS)
        ldr(w10, [x10, which.x, lsl(2)])
        add(x9, x9, x10)
        str_(x9, [places, Places.answers])
        strb(which, [entry, Entry.shelf])
        b(taken)

        here(turn)  # all were used: the clock goes round, twice at most
        ldr(x9, [places, Places.begin])
        ldr(x10, [places, Places.end])
        sub(rounds, x10, x9)
        lsl(rounds, rounds, 1)

        here(on)
        cbz(rounds, none)
        sub(rounds, rounds, Entry.size)
        ldr(entry, [places, Places.hand])
        mov(x9, Entry.size)
        add(x9, entry, x9)
        ldr(x10, [places, Places.end])
        ldr(x11, [places, Places.begin])
        cmp(x9, x10)
        csel(x9, x11, x9, Condition.eq)
        str_(x9, [places, Places.hand])
        ldr(w9, [entry, Entry.pins])
        cbnz(w9, on)
        ldrb(w9, [entry, Entry.life])
        cbz(w9, taken)
        ldrb(w9, [entry, Entry.used])
        cbnz(w9, second)
        mov(x0, entry)
        bl(drop_entry)
        b(taken)

        here(second)
        strb(wzr, [entry, Entry.used])
        b(on)

        here(none)
        mov(x0, 0)
        b(leave)

        here(taken)
        mov(w9, NO_FILE)
        str_(w9, [entry, Entry.file])
        mov(x0, entry)
    ret()


ROOMS = Data(b"".join(SHELVES[size].room.to_bytes(4, "little") for size in Size), align=4)
assert Life.FREE == 0


@routine
def link_entry(entry: x0) -> None:
    """From now on an entry is found."""
    adr(x9, CACHE)
    add(x9, x9, Cache.buckets)
    ldr(w10, [entry, Entry.hash])
    and_(x10, x10, BUCKETS - 1)
    ldr(x11, [x9, x10, lsl(3)])
    str_(x11, [entry, Entry.next])
    str_(entry, [x9, x10, lsl(3)])
    mov(w9, Life.KEPT)
    strb(w9, [entry, Entry.life])
    ret()


@routine
def drop_entry(entry: x0) -> None:
    """An entry is no longer true: it is not found any more, and free when nobody sends it."""
    place, this = x9, x10
    look, found, pinned = label(), label(), label()

    adr(place, CACHE)
    add(place, place, Cache.buckets)
    ldr(w11, [entry, Entry.hash])
    and_(x11, x11, BUCKETS - 1)
    add(place, place, x11, lsl(3))
    ldr(this, [place])

    here(look)
    cmp(this, entry)
    b.eq(found)
    add(place, this, Entry.next)
    ldr(this, [place])
    b(look)

    here(found)
    ldr(x11, [entry, Entry.next])
    str_(x11, [place])
    ldr(w11, [entry, Entry.pins])
    cbnz(w11, pinned)
    b(free_entry)

    here(pinned)
    mov(w11, Life.GONE)
    strb(w11, [entry, Entry.life])
    ret()


@routine
def free_place(entry: x0) -> None:
    """An entry that nobody finds or sends: its place is free, and its file closed."""
    none = label()

    strb(wzr, [entry, Entry.life])
    strb(wzr, [entry, Entry.used])
    ldr(w9, [entry, Entry.file])
    tbnz(w9, 31, none)
    with frame():
        mov(w10, NO_FILE)
        str_(w10, [entry, Entry.file])
        mov(w0, w9)
        calls.close()

    here(none)
    ret()


@routine
def free_watched(entry: x0) -> None:
    """The same on macOS, where its file may be watched besides."""
    of = x19
    unwatched = label()

    ldr(w9, [entry, Entry.watch])
    cbz(w9, unwatched)
    with frame(of):
        mov(of, entry)
        str_(wzr, [of, Entry.watch])
        mov(w0, w9)
        calls.close()
        mov(x0, of)

    here(unwatched)
    b(free_place)


free_entry = chosen(linux=free_place, macos=free_watched)


@routine
def release_entry(entry: x0) -> None:
    """One connection less sends an entry."""
    kept = label()

    ldr(w9, [entry, Entry.pins])
    sub(w9, w9, 1)
    str_(w9, [entry, Entry.pins])
    cbnz(w9, kept)
    ldrb(w9, [entry, Entry.life])
    cmp(w9, Life.GONE)
    b.ne(kept)
    b(free_entry)

    here(kept)
    ret()


# --- truth ----------------------------------------------------------------------------


@routine
def note_file(entry: x0, worker: x28) -> None:
    """Remember of an entry's file what would be different if it were another."""
    stat = x9

    add(stat, worker, Workspace.stat)
    ldr(w10, [stat, Stat.device])
    str_(w10, [entry, Entry.device])
    for field, known in FILE_MARKS:
        ldr(x10, [stat, field])
        str_(x10, [entry, known])
    ret()


FILE_MARKS = (
    (Stat.inode, Entry.inode),
    (Stat.changed.seconds, Entry.changed),
    (Stat.changed.nanoseconds, Entry.changed_part),
    (Stat.file_size, Entry.facts.total),
)


@routine
def is_same(entry: x0, status: w1, worker: x28) -> w0:
    """1 if what an entry says is what was found now: this status, and this file; else 0."""
    stat = x9
    no, yes = label(), label()

    ldr(w10, [entry, Entry.status])
    cmp(w10, status)
    b.ne(no)
    cmp(w10, 200)
    b.ne(yes)
    add(stat, worker, Workspace.stat)
    ldr(w10, [stat, Stat.device])
    ldr(w11, [entry, Entry.device])
    cmp(w10, w11)
    for field, known in FILE_MARKS:
        ldr(x10, [stat, field])
        ldr(x11, [entry, known])
        ccmp(x10, x11, 0, Condition.eq)
    b.ne(no)

    here(yes)
    mov(w0, 1)
    ret()

    here(no)
    mov(w0, 0)
    ret()


@routine
def is_untouched(entry: x0, worker: x28) -> w0:
    """1 if the file that an entry keeps open is as it was, or it keeps none open; else 0.

    Whatever is written into that file would be sent behind the head of what it was.
    """
    of = x19
    yes = label()

    ldr(w9, [entry, Entry.file])
    tbnz(w9, 31, yes)
    with frame(of) as leave:
        mov(of, entry)
        mov(w0, w9)
        add(x1, worker, Workspace.stat)
        calls.fstat()
        mov(x9, x0)
        mov(w0, 0)
        tbnz(x9, 63, leave)
        mov(x0, of)
        mov(w1, 200)
        bl(is_same)
    ret()

    here(yes)
    mov(w0, 1)
    ret()


@routine
def confirm_entry(entry: x0, worker: x28) -> None:
    """An entry is known to be true now: it carries today's Date, and may be sent in this epoch."""
    answer = x9

    ldr(x10, [worker, Workspace.epoch])
    str_(x10, [entry, Entry.epoch])
    add(x10, worker, Workspace.date)
    ldp(x11, x12, [x10])
    ldr(x13, [x10, 16])
    ldur(x14, [x10, 21])  # of the 29 bytes the last eight
    ldr(answer, [entry, Entry.answer])
    ldr(w10, [entry, Entry.date_at])
    add(answer, answer, x10)
    write_over(answer)
    add(answer, entry, Entry.fresh)
    add(answer, answer, FRESH_DATE)
    write_over(answer)
    ret()


def write_over(at: X) -> None:
    """Macro: write the date in x11 to x14 over another."""
    stp(x11, x12, [at])
    str_(x13, [at, 16])
    stur(x14, [at, 21])


FRESH_DATE = len("HTTP/1.1 304 Not Modified\r\nServer: svc0\r\nDate: ")


@routine
def may_be_sent(entry: x0, worker: x28) -> w0:
    """1 if an entry need not be looked at, because that is not long ago; else 0.

    Then it is confirmed.  It was looked at in the last ``cache_seconds``, and since then nothing
    below the root has changed as far as the kernel tells.
    """
    no = label()

    with frame() as leave:
        ldr(x9, [entry, Entry.epoch])
        ldr(x10, [worker, Workspace.changed])
        cmp(x9, x10)
        b.lo(no)
        ldr(x9, [entry, Entry.looked])
        adr(x10, SETTINGS)
        ldr(w10, [x10, Settings.cache_seconds])
        add(x9, x9, x10)
        ldr(x10, [worker, Workspace.ticks])
        cmp(x9, x10)
        b.ls(no)
        bl(confirm_entry)
        mov(w0, 1)
        b(leave)

        here(no)
        mov(w0, 0)
    ret()
