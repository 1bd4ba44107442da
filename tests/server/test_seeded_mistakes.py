"""Mistakes that other servers in assembly had, planted into copies of our routines: all are found.

A copy is made of the routine's own source, of which one piece is replaced that must be there once:
so a copy is never of a routine that was.  It is run as the routine's own tests run it.  Who finds
it is said: the assembler, at the line; the contract's proof, before anything runs; the sanitizer,
before the access happens; or the oracle, where no byte is touched that must not be.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from svc0.a64 import AssemblyError, Routine
from svc0.machine.call import CallError, caller
from svc0.server import conversation, pool, request, response, target, text, worker
from svc0.server.connection import NO_FILE, Buffer, Connection, State
from svc0.server.limits import INPUT_MAX, PATH_MAX
from svc0.server.workspace import Workspace
from tests.clients.sites import SITE
from tests.server.kernel import SOCKET, Client
from tests.server.memory import Input, Memory
from tests.server.test_conversation import GET, GET_LARGE, serving

Run = Callable[[Routine], object]


def planted(routine: Routine, right: str, wrong: str) -> Routine:
    """A copy of a routine with one piece of its source replaced; its lines are the original's."""
    lines, first = inspect.getsourcelines(routine.body)
    source = "".join(lines)
    assert source.count(right) == 1, f"{routine} has {source.count(right)} of {right!r}"
    assert wrong.count("\n") == right.count("\n"), "lines stay where they are"
    code = compile("\n" * (first - 1) + source.replace(right, wrong), routine.file, "exec")
    names = dict(routine.body.__globals__)
    exec(code, names)
    copy: Routine = names[routine.name]
    return copy


# --- how they are run -------------------------------------------------------------------


def with_input(data: bytes, *arguments: int, scanned: int = 0) -> Run:
    """With a buffer into which some bytes have come, and nothing behind them."""

    def run(routine: Routine) -> object:
        with caller(routine) as machine:
            buffer = Input(machine, data)
            buffer[Buffer.scanned] = scanned
            return machine.call(int(buffer), *arguments)

    return run


def with_text(*arguments: bytes | int, room: int = 0) -> Run:
    """With bytes that end where a page does; the first argument may be room to write to."""

    def run(routine: Routine) -> object:
        return routine(*([bytearray(room)] if room else []), *arguments)

    return run


def with_connection(pieces: list[bytes | int]) -> Run:
    """With a connection that has a buffer, and a client that sends."""

    def run(routine: Routine) -> object:
        with caller(routine) as machine:
            held, work = Memory(machine, Connection), Memory(machine, Workspace)
            buffer = Input(machine, b"GET ")
            held[Connection.buffer], held[Connection.socket] = buffer.address, SOCKET
            held[Connection.state], held[Connection.file] = State.HEAD, NO_FILE
            given = {"connection": int(held), "worker": int(work)}
            arguments = [given[name] for name in routine.parameters]
            return machine.call(*arguments, kernel=Open(pieces))

    return run


class Open(Client):
    """A client whose socket is closed like any file."""

    def __init__(self, pieces: list[bytes | int]) -> None:
        super().__init__(SITE, pieces)
        self.open[SOCKET] = SITE


# --- what is planted ----------------------------------------------------------------------


@dataclass(frozen=True)
class Seed:
    """A mistake: its class, where it is planted, how it is run, and what is said of it."""

    kind: str
    routine: Routine
    right: str
    wrong: str
    run: Run
    message: str
    finder: type[Exception] = CallError


SEEDS = [
    Seed(
        "stale half register",
        target.host_valid,
        "mov(allowed.w, empty_allowed)",
        "mov(allowed, empty_allowed.x)",
        with_text(b":80", 3, 1),
        r"mov x19, x2: empty_allowed \(x2\) is not set on every way to here",
        AssemblyError,
    ),
    Seed(
        "stale half register",
        request.next_line,
        "ldr(end.w, [of, Buffer.received])",
        "ldr(end, [of, Buffer.received])",
        with_input(b"GET / HTTP/1.1\r\n", 100, -414),
        "this moves 8 bytes, but Buffer.received has 4",
        AssemblyError,
    ),
    Seed(
        "off by one at the end",
        text.parse_decimal,
        "cmp(count, length)\n    b.hs(done)",
        "cmp(count, length)\n    b.hi(done)",
        with_text(b"1024", 4),
        "reads 1 byte 1 behind the end of text",
    ),
    Seed(
        "off by one at the end",
        text.trim,
        "sub(last, length, 1)",
        "mov(last, length)",
        with_text(b"a ", 2),
        "reads 1 byte 1 behind the end of text",
    ),
    Seed(
        "off by one at the end",
        text.copy,
        "strb(first.w, [out], 1)",
        "strh(first.w, [out], 1)",
        with_text(b"abc", 3, room=3),
        "writes 2 bytes of which 1 lie behind the end of out",
    ),
    Seed(
        "off by two at the end",
        request.parse_version,
        'cmp(length, len(" HTTP/1.1"))',
        'cmp(length, len(" HTTP/1"))',
        with_text(b" HTTP/1", 7),
        "reads 8 bytes of which 2 lie behind the end of text",
    ),
    Seed(
        "off by two at the end",
        target.decoded_length,
        "cmp(x9, ESCAPE)",
        "cmp(x9, ESCAPE - 2)",
        with_text(b"/%", 2),
        "reads 1 byte 1 behind the end of path",
    ),
    Seed(
        "unsigned subtraction",
        request.next_line,
        "csel(x1, x1, xzr, Condition.hi)",
        "nop()",
        with_input(b"GET / HTTP/1.1", 2, -414, scanned=14),
        "was never written",
    ),
    Seed(
        "unsigned subtraction",
        text.copy,
        "b.lo(few)",
        "b.eq(few)",
        with_text(b"index", 5, room=5),
        "reads 8 bytes of which 3 lie behind the end of text",
    ),
    Seed(
        "unchecked copy",
        target.normalize,
        "b.hi(closely)",
        "nop()",
        with_text(b"/" + b"a" * (PATH_MAX + 8), PATH_MAX + 9, room=PATH_MAX + 2),
        "lie behind the end of out",
    ),
    Seed(
        "unchecked copy",
        conversation.receive,
        "sub(x1, x1, x10)",
        "nop()",
        with_connection([bytes(INPUT_MAX)]),
        "the kernel writes 24576 bytes of which 4 lie behind the end of Buffer.input",
    ),
    Seed(
        "use after close",
        worker.close_connection,
        "bl(close_file)",
        "bl(give_connection); bl(close_file)",
        with_connection([]),
        r"reads 4 bytes of Connection.file of Connection, after give_connection ended it \(pool.py",
    ),
    Seed(
        "use after close",
        conversation.await_client,
        "bl(give_buffer)",
        "bl(give_buffer); ldr(w9, [of, Buffer.received])",
        lambda routine: emptied(routine),
        r"reads 4 bytes of Buffer.received of Buffer, after give_buffer ended it \(pool.py",
    ),
    Seed(
        "use after close",
        pool.give_connection,
        "bl(give_buffer)",
        "bl(give_buffer); bl(give_connection_too)",
        lambda routine: given_twice(routine),
        "ends Connection again: give_connection ended it",
    ),
    Seed(
        "use after close",
        response.close_file,
        "str_(w9, [connection, Connection.file])",
        "nop()",
        lambda routine: closed_twice(routine),
        "101",
        KeyError,
    ),
    Seed(
        "read past the head",
        request.next_line,
        "csel(end, end, most, Condition.lo)",
        "csel(end, end, most, Condition.hi)",
        with_input(b"GET / HTTP/1.1", 100, -414),
        r"which Buffer.input\[14\] of Buffer was never written",
    ),
    Seed(
        "read past the head",
        request.take_field,
        "sub(left, left, 1)",
        "nop()",
        with_text(b"Host: a", 7),
        "reads 1 byte 1 behind the end of line",
    ),
    Seed(
        "prefix match",
        text.equal_folded,
        "cmp(length, lower_length)\n    b.ne(other)",
        "cmp(length, lower_length)\n    b.lo(other)",
        with_text(b"closed", 6, b"close", 5),
        "reads 1 byte 1 behind the end of lower",
    ),
    Seed(
        "prefix match",
        text.equal_folded,
        "cmp(length, lower_length)\n    b.ne(other)",
        "cmp(length, lower_length)\n    b.hi(other)",
        lambda routine: expect(routine(b"clos", 4, b"close", 5), 0),
        "1 instead of 0",
        AssertionError,
    ),
    Seed(
        "prefix match",
        target.judge,
        "cmp(x2, len(WELL_KNOWN))\n        b.ne(no)",
        "cmp(x2, len(WELL_KNOWN))\n        b.hi(no)",
        with_text(b".git", 4),
        "reads 8 bytes of which 4 lie behind the end of path",
    ),
]


def test_every_pointer_is_followed() -> None:
    """From request to answer and log, no pointer of the server goes into what is not followed."""
    pieces = [
        GET + GET_LARGE,
        b"HEAD /a%20b HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\r\n",
        b"x\r\n",
    ]
    with serving(pieces) as server:
        server.run()
        assert server.machine.sanitizer
        assert server.machine.sanitizer.unfollowed == {}


def expect(found: object, right: object) -> None:
    """An oracle's word."""
    assert found == right, f"{found} instead of {right}"


def emptied(routine: Routine) -> object:
    """A connection whose buffer is used up."""
    with caller(routine) as machine:
        held, work = Memory(machine, Connection), Memory(machine, Workspace)
        buffer = Input(machine)
        held[Connection.buffer], held[Connection.state] = buffer.address, State.HEAD
        return machine.call(int(held), int(work))


def given_twice(routine: Routine) -> object:
    """The copy calls the routine that it was made of, on the same connection."""
    routine.body.__globals__["give_connection_too"] = pool.give_connection
    return with_connection([])(routine)


def closed_twice(routine: Routine) -> None:
    """A file that is closed stays closed."""
    kernel = Client(SITE)
    kernel.open[101] = SITE
    with caller(routine) as machine:
        held = Memory(machine, Connection)
        held[Connection.file] = 101
        for _ in range(2):
            machine.call(int(held), kernel=kernel)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.kind}, {seed.routine}")
def test_what_is_planted_is_found(seed: Seed) -> None:
    """By whom, in which routine's line, and in which words."""
    with pytest.raises(seed.finder, match=seed.message) as found:
        seed.run(planted(seed.routine, seed.right, seed.wrong))
    if seed.finder in (CallError, AssemblyError):
        assert re.search(r"\w+\.py:\d+: ", str(found.value)), "no line"


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.kind}, {seed.routine}")
def test_what_is_not_planted_is_not_found(seed: Seed) -> None:
    """The routine as it is passes where its copy does not."""
    if seed.routine is not pool.give_connection:
        seed.run(planted(seed.routine, seed.right, seed.right))
