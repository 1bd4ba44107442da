"""Keeping: how an answer gets into the cache.

A head is written by the same routines that write it for one client (response.py), so what is kept
is what would be said; and what a file held is kept only if it was the same file before and after it
was read.
"""

from svc0.a64 import *
from svc0.kernel import calls

from .cache import (
    HEAD_ROOM,
    KEY_MAX,
    SHELVES,
    SLACK,
    SLASH,
    Entry,
    Size,
    confirm_entry,
    free_entry,
    hash_path,
    is_same,
    link_entry,
    note_file,
    take_entry,
)
from .connection import Buffer, Connection
from .log import write_tail
from .macros import point, put
from .parts import LENGTH_END
from .ranges import UNIT
from .response import (
    BEFORE_DATE,
    CONTENT_RANGE,
    DATE_SIZE,
    put_ranges,
    put_refusal,
    put_status,
    put_type,
    put_validators,
)
from .settings import SETTINGS, Settings
from .status import status_line
from .text import STEP, copy, find_byte, visible_length, write_decimal
from .watch import watch_file, watch_path
from .workspace import Facts, Workspace


@routine
def keep(status: w0, connection: x27, worker: x28) -> x0:
    """Keep the answer to the workspace's path, which has this status: its entry, or 0 if not.

    Of a file, which is open in the workspace and described there, or of what is none (301, 404).
    """
    code, entry = w19, x20
    file, no = label(), label()

    with frame(code.x, entry) as leave:
        mov(code, status)
        bl(is_key)
        cbz(w0, no)
        cmp(code, 200)
        b.eq(file)
        mov(w0, code)
        bl(keep_other)
        b(leave)

        here(file)
        ldrb(w9, [worker, Workspace.facts.etag])
        cmp(w9, ord("W"))
        b.eq(no)  # it was changed just now: soon it will have another entity-tag
        ldr(x9, [worker, Workspace.facts.etag_size])
        cmp(x9, 2 * STEP)
        b.hi(no)
        bl(keep_file)
        b(leave)

        here(no)
        mov(x0, 0)
    ret()


@routine
def is_key(worker: x28) -> w0:
    """1 if the workspace's path may be looked up as it stands in a target, and is short; else 0.

    It has no empty or dot segments any more, so what means something else is a delimiter or an
    escape.
    """
    path, size = x19, x20
    no = label()

    with frame(path, size) as leave:
        adr(x9, SETTINGS)
        ldr(w9, [x9, Settings.cache_seconds])
        cbz(w9, no)
        point(path, worker, Workspace.path)
        ldr(size, [worker, Workspace.path_size])
        cmp(size, KEY_MAX)
        b.hi(no)
        for special in "?#%":
            mov(x0, path)
            mov(x1, size)
            mov(w2, ord(special))
            bl(find_byte)
            tbz(x0, 63, no)
        mov(x0, path)
        mov(x1, size)
        bl(visible_length)
        cmp(x0, size)
        cset(w0, Condition.eq)
        b(leave)

        here(no)
        mov(w0, 0)
    ret()


@routine
def name_entry(entry: x0, status: w1, worker: x28) -> None:
    """Note the path that an entry is about, what is said of it, and when it was looked at."""
    of, size = x14, x15

    mov(of, entry)
    str_(status, [of, Entry.status])
    ldr(x9, [worker, Workspace.ticks])
    str_(x9, [of, Entry.looked])
    point(x1, worker, Workspace.path)
    ldr(size, [worker, Workspace.path_size])
    str_(size.w, [of, Entry.key_size])
    hash_path(x9, x1, size, x10)
    str_(w9, [of, Entry.hash])
    str_(x10, [of, Entry.last])
    mov(x2, size)
    add(x0, of, Entry.key)
    b(copy)


@routine
def keep_other(status: w0, connection: x27, worker: x28) -> x0:
    """Keep that there is nothing (404), or a directory without its slash (301): its entry, or 0."""
    of, out, code = x19, x20, w21
    right, no = label(), label()

    with frame(of, out, code.x) as leave:
        mov(code, status)
        cmp(code, 404)
        b.eq(right)
        cmp(code, 301)
        b.ne(no)
        ldr(x9, [connection, Connection.buffer])
        ldr(x9, [x9, Buffer.request.query_size])
        cbnz(x9, no)  # where to go would depend on it

        here(right)
        mov(w0, Size.OTHER)
        bl(take_entry)
        cbz(x0, leave)
        mov(of, x0)
        mov(w1, code)
        bl(name_entry)
        bl(watch_path)
        mov(w1, code)
        ldr(x0, [of, Entry.answer])
        mov(w2, 0)
        bl(put_refusal)
        mov(out, x0)
        put(out, b"\r\n\r\n")
        ldr(x9, [of, Entry.answer])
        sub(x9, out, x9)
        str_(w9, [of, Entry.head_size])
        add(x9, x9, x2)
        str_(w9, [of, Entry.answer_size])
        mov(x0, out)
        mov(out, x2)
        bl(copy)
        mov(x0, of)
        mov(w1, code)
        mov(x2, out)
        bl(note_tail)
        mov(w0, code)
        bl(status_line)
        add(x9, x1, len(BEFORE_DATE))
        str_(w9, [of, Entry.date_at])
        mov(x0, of)
        bl(link_entry)
        mov(x0, of)
        bl(confirm_entry)
        mov(x0, of)
        b(leave)

        here(no)
        mov(x0, 0)
    ret()


@routine
def note_tail(entry: x0, status: w1, sent: x2) -> None:
    """Write how the line of the log ends about an answer with so many bytes of body."""
    of = x19

    with frame(of):
        mov(of, entry)
        add(x0, of, Entry.tail)
        bl(write_tail)
        add(x9, of, Entry.tail)
        sub(x9, x0, x9)
        str_(w9, [of, Entry.tail_size])
    ret()


# --- files ----------------------------------------------------------------------------


@routine
def keep_file(worker: x28) -> x0:
    """Keep the file that is open in the workspace: its entry, or 0; then the file is open still."""
    of, answer = x19, x20
    opened, no = label(), label()

    with frame(of, answer) as leave:
        ldr(x0, [worker, Workspace.facts.total])
        bl(choose_shelf)
        bl(take_entry)
        cbz(x0, leave)
        mov(of, x0)
        mov(w1, 200)
        bl(name_entry)
        mov(x0, of)
        bl(note_file)
        watch_file(of)
        mov(x0, of)
        bl(write_heads)
        ldrb(w9, [of, Entry.shelf])
        cmp(w9, Size.OPEN)
        b.eq(opened)
        mov(x0, of)
        bl(read_file)
        tbnz(x0, 63, no)

        here(opened)  # is it what it was, behind all this?
        ldr(w0, [worker, Workspace.file])
        add(x1, worker, Workspace.stat)
        calls.fstat()
        tbnz(x0, 63, no)
        mov(x0, of)
        mov(w1, 200)
        bl(is_same)
        cbz(w0, no)
        mov(x0, of)
        bl(take_file)
        mov(x0, of)
        bl(link_entry)
        mov(x0, of)
        bl(confirm_entry)
        mov(x0, of)
        b(leave)

        here(no)
        mov(x0, of)
        bl(free_entry)
        mov(x0, 0)
    ret()


@routine
def choose_shelf(total: x0) -> w0:
    """The shelf for a file of so many bytes.

    >>> choose_shelf(612) == Size.SMALL, choose_shelf(1 << 20) == Size.OPEN
    (True, True)
    """
    found = label()

    mov(x9, total)
    for size in Size.SMALL, Size.MEDIUM, Size.LARGE:
        mov(w0, size)
        mov(x10, SHELVES[size].room - HEAD_ROOM)
        cmp(x9, x10)
        b.ls(found)
    mov(w0, Size.OPEN)

    here(found)
    ret()


@routine
def write_heads(entry: x0, worker: x28) -> None:
    """Write the heads of 200 and 304 of the file that the workspace describes."""
    of, at = x19, x20

    with frame(of, at):
        mov(of, entry)
        ldr(at, [of, Entry.answer])
        mov(x0, at)
        mov(w1, 200)
        bl(put_status)
        note_place(of, at, Entry.date_at, DATE_SIZE)
        bl(put_type)
        note_place(of, at, Entry.length_at)
        add(x9, x9, LENGTH_END)
        str_(w9, [of, Entry.length_end])
        ldr(x1, [worker, Workspace.facts.total])
        bl(write_decimal)
        str_(x0, [of, Entry.rest])
        bl(put_validators)
        bl(put_ranges)
        note_place(of, at, Entry.fields_end)
        ldr(x10, [of, Entry.rest])
        note_place(of, x10, Entry.rest_size, -len(CONTENT_RANGE))
        put(x0, b"\r\n\r\n")
        str_(x0, [of, Entry.body])
        note_place(of, at, Entry.head_size)
        note_place(of, at, Entry.answer_size)
        mov(x0, of)
        mov(w1, 200)
        ldr(x2, [worker, Workspace.facts.total])
        bl(note_tail)

        add(at, of, Entry.fresh)
        mov(x0, at)
        mov(w1, 304)
        bl(put_status)
        bl(put_validators)
        put(x0, b"\r\n\r\n")
        note_place(of, at, Entry.fresh_size)
        for word in range(0, Facts.size, 16):
            add(x9, worker, Workspace.facts)
            ldr(v0.q, [x9, word])
            add(x9, of, Entry.facts)
            str_(v0.q, [x9, word])
    ret()


def note_place(entry: X, begin: X, field: int, before: int = 0) -> None:
    """Macro: note where x0 is in a head, or so many bytes before.  Uses x9."""
    sub(x9, x0, begin)
    if before:
        sub(x9, x9, before) if before > 0 else add(x9, x9, -before)
    str_(w9, [entry, field])


@routine
def read_file(entry: x0, worker: x28) -> x0:
    """Read the whole file behind the head: 0, or negative if it cannot be read, or is shorter."""
    of, to, done, total = x19, x20, x21, x22
    whole, failed = label(), label()

    with frame(of, to, done, total) as leave:
        mov(of, entry)
        ldr(to, [of, Entry.answer])
        ldr(w9, [of, Entry.head_size])
        add(to, to, x9)
        ldr(total, [of, Entry.facts.total])
        mov(done, 0)

        again = here()
        mov(x0, 0)
        subs(x2, total, done)
        ldr(w9, [of, Entry.head_size])
        add(x9, x9, total)
        str_(w9, [of, Entry.answer_size])
        str_(total.w, [of, Entry.kept])
        b.eq(whole)
        ldr(w0, [worker, Workspace.file])
        add(x1, to, done)
        mov(x3, done)
        calls.pread()
        cmp(x0, 0)
        b.le(failed)
        add(done, done, x0)
        b(again)

        here(whole)
        add(x9, to, total)
        movi(v0.b16, 0)
        for at in range(0, SLACK, 32):
            stp(v0.q, v0.q, [x9, at])
        cbz(total, leave)
        mov(x0, of)
        bl(note_end)
        mov(x0, 0)
        b(leave)

        here(failed)
        mov(x0, -1)
    ret()


@routine
def note_end(entry: x0) -> None:
    """Write how Content-Range ends if a part of an entry's file goes on up to its end.

    "-999" "/1000\\r\\n\\r\\n"       up to SLASH, and from there on
    """
    of = x19

    with frame(of):
        mov(of, entry)
        add(x0, of, Entry.end)
        mov(w9, ord("-"))
        strb(w9, [x0], 1)
        ldr(w1, [of, Entry.kept])
        sub(x1, x1, 1)
        bl(write_decimal)
        add(x9, of, Entry.end)
        sub(x10, x0, x9)
        strb(w10, [of, Entry.last_size])
        mov(x11, SLASH)
        sub(x11, x11, x10)
        lsl(x11, x11, 3)
        ldr(x10, [x9])
        lsl(x10, x10, x11)
        str_(x10, [x9])
        add(x0, x9, SLASH)
        mov(w9, ord("/"))
        strb(w9, [x0], 1)
        ldr(w1, [of, Entry.kept])
        bl(write_decimal)
        mov(w9, int.from_bytes(b"\r\n\r\n", "little"))
        str_(w9, [x0], 4)
        add(x9, of, int(Entry.end) + SLASH)
        sub(x9, x0, x9)
        sub(x9, x9, len(UNIT))
        str_(w9, [of, Entry.end_size])
    ret()


@routine
def take_file(entry: x0, worker: x28) -> None:
    """The entry has what it needs of the open file: it keeps it open, or closes it."""
    keep_open = label()

    ldr(w9, [worker, Workspace.file])
    ldrb(w10, [entry, Entry.shelf])
    cmp(w10, Size.OPEN)
    b.eq(keep_open)
    with frame():
        mov(w0, w9)
        calls.close()
    ret()

    here(keep_open)
    str_(w9, [entry, Entry.file])
    ret()
