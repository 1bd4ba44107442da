"""Conditions: what If-… and Range make of a request for a file (RFC 9110, 13.2.2 and 14.2)."""

from svc0.a64 import *

from .conditions import etag_listed, range_holds
from .connection import Buffer
from .dates import parse_date
from .methods import Method
from .ranges import UNSATISFIABLE, parse_range
from .request import Kind, field_value, only_value
from .workspace import Workspace

CONDITIONS = sum(
    1 << kind
    for kind in (
        Kind.IF_MATCH,
        Kind.IF_NONE_MATCH,
        Kind.IF_MODIFIED_SINCE,
        Kind.IF_UNMODIFIED_SINCE,
        Kind.RANGE,
        Kind.IF_RANGE,
    )
)
"""The fields without which it is 200, as bits."""


@routine
def evaluate(buffer: x0, worker: x28) -> w0:
    """Which status the conditions of a GET or HEAD lead to: 200, 206, 304, 412 or 416.

    The workspace has the file's size, its modification time and its entity-tag; for
    206 ``first`` and ``end`` are set to the part that is asked for.
    """
    of = x19
    no_match, none_match, modified, part, failed, fresh = (label() for _ in range(6))

    with frame(of) as leave:
        mov(of, buffer)
        ldr(w9, [of, Buffer.request.seen])
        tbz(w9, Kind.IF_MATCH, no_match)
        mov(w1, Kind.IF_MATCH)
        mov(w2, 0)
        bl(any_listed)
        cbz(w0, failed)
        b(none_match)

        here(no_match)
        mov(x0, of)
        mov(w1, Kind.IF_UNMODIFIED_SINCE)
        bl(not_modified_since)
        cbz(w0, failed)  # 0: modified since; 1: not; negative: there is no such date

        here(none_match)
        ldr(w9, [of, Buffer.request.seen])
        tbz(w9, Kind.IF_NONE_MATCH, modified)
        mov(x0, of)
        mov(w1, Kind.IF_NONE_MATCH)
        mov(w2, 1)
        bl(any_listed)
        cbnz(w0, fresh)
        b(part)

        here(modified)
        mov(x0, of)
        mov(w1, Kind.IF_MODIFIED_SINCE)
        bl(not_modified_since)
        cmp(w0, 1)
        b.eq(fresh)

        here(part)
        mov(x0, of)
        bl(take_range)
        b(leave)

        here(failed)
        mov(w0, 412)
        b(leave)

        here(fresh)
        mov(w0, 304)
    ret()


@routine
def any_listed(buffer: x0, kind: w1, weakly: w2, worker: x28) -> w0:
    """1 if any field of a kind lists the file's entity-tag, compared weakly or strongly; else 0."""
    of, which, how, after = x19, x20, x21, x22
    none = label()

    with frame(of, which, how, after) as leave:
        mov(of, buffer)
        mov(which.w, kind)
        mov(how.w, weakly)
        mov(after, 0)

        again = here()
        mov(x0, of)
        mov(w1, which.w)
        mov(x2, after)
        bl(field_value)
        cbz(x0, none)
        mov(after, x2)
        add(x2, worker, Workspace.facts.etag)
        ldr(x3, [worker, Workspace.facts.etag_size])
        mov(w4, how.w)
        bl(etag_listed)
        cbz(w0, again)
        cmp(w0, 1)  # what is no list matches nothing, and is the last that is looked at
        cset(w0, Condition.eq)
        b(leave)

        here(none)
        mov(w0, 0)
    ret()


@routine
def not_modified_since(buffer: x0, kind: w1, worker: x28) -> w0:
    """Whether the file was not modified after the date of a field: 1, else 0.

    -1 if the field did not come once, with a valid date.
    """
    none = label()

    with frame() as leave:
        bl(only_value)
        cbz(x0, none)
        ldr(x2, [worker, Workspace.now])
        bl(parse_date)
        cmp(x0, 1)  # a date before 1970 is negative too
        b.vs(none)
        ldr(x9, [worker, Workspace.facts.modified])
        cmp(x9, x0)
        cset(w0, Condition.le)
        b(leave)

        here(none)
        mov(w0, -1)
    ret()


@routine
def take_range(buffer: x0, worker: x28) -> w0:
    """Which part of the file is asked for: 206 (``first`` and ``end`` are set), 416, or 200."""
    of = x19
    all_of_it, beyond = label(), label()

    with frame(of) as leave:
        mov(of, buffer)
        ldrb(w9, [of, Buffer.request.method])
        cmp(w9, Method.GET)
        b.ne(all_of_it)
        ldr(w9, [of, Buffer.request.seen])
        tbz(w9, Kind.RANGE, all_of_it)
        ldr(w9, [of, Buffer.request.repeated])
        tbnz(w9, Kind.RANGE, all_of_it)
        bl(still_the_same)
        cbz(w0, all_of_it)
        mov(x0, of)
        mov(w1, Kind.RANGE)
        bl(only_value)
        ldr(x2, [worker, Workspace.facts.total])
        bl(parse_range)
        cmn(x0, -UNSATISFIABLE)
        b.eq(beyond)
        tbnz(x0, 63, all_of_it)
        add(x1, x1, 1)
        str_(x0, [worker, Workspace.first])
        str_(x1, [worker, Workspace.end])
        mov(w0, 206)
        b(leave)

        here(beyond)
        mov(w0, 416)
        b(leave)

        here(all_of_it)
        mov(w0, 200)
    ret()


@routine
def still_the_same(buffer: x0, worker: x28) -> w0:
    """Whether If-Range holds, or is not there: 1, else 0 (RFC 9110, 13.1.5)."""
    yes, no = label(), label()

    with frame() as leave:
        ldr(w9, [buffer, Buffer.request.seen])
        tbz(w9, Kind.IF_RANGE, yes)
        ldr(w9, [buffer, Buffer.request.repeated])
        tbnz(w9, Kind.IF_RANGE, no)
        mov(w1, Kind.IF_RANGE)
        bl(only_value)
        add(x2, worker, Workspace.facts.etag)
        ldr(x3, [worker, Workspace.facts.etag_size])
        ldr(x4, [worker, Workspace.facts.modified])
        ldr(x5, [worker, Workspace.now])
        bl(range_holds)
        b(leave)

        here(no)
        mov(w0, 0)
        b(leave)

        here(yes)
        mov(w0, 1)
    ret()
