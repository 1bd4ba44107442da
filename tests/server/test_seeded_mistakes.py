"""Mistakes that other servers in assembly had, planted into copies of our routines: all are found.

Each is planted into a world of its own (plant.py), so that it is in the way of every routine and
every test that needs what it is in, and then runs what a routine's tests run: a test of ours, one
example of a property, or a conversation with a client.  Without the mistake all of that passes.
With it somebody must object, and it is said who:

    ASSEMBLER    refuses the line
    CONTRACT     proves, before anything runs, that there is a way on which it goes wrong
    SANITIZER    stops the access, and names routine, line, object and field
    ORACLE       a test, or its scripted kernel, gets something else than it must

Most wrong accesses here stay where there is memory: in the next field, in another slot, among bytes
that nobody has sent.  A page that is not there would see nothing of them.  The oracle is left with
what touches no byte that it must not: numbers, descriptors, and bytes that are stale but whole.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from traceback import extract_tb
from typing import Any

import pytest

from svc0.a64 import AssemblyError
from svc0.kernel.structs import SocketAddress
from svc0.machine.call import CallError
from tests.server.plant import SERVER, Mistake, World, world

TESTS = str(Path(__file__).parents[1])
DECISION = Path(__file__).parents[2] / "docs" / "decisions" / "0008-sanitizer.md"


class Finder(Enum):
    """Who finds a mistake."""

    ASSEMBLER = "assembler"
    CONTRACT = "contract"
    SANITIZER = "sanitizer"
    ORACLE = "oracle"


ASSEMBLER, CONTRACT, SANITIZER, ORACLE = Finder
OBJECTIONS: dict[Finder, tuple[type[Exception], ...]] = {
    ASSEMBLER: (AssemblyError,),
    CONTRACT: (AssemblyError,),
    SANITIZER: (CallError,),
    ORACLE: (AssertionError, KeyError),
}


# --- what is run ------------------------------------------------------------------------

Run = Callable[[World], object]


def of(test: str, /, *arguments: Any, **values: Any) -> Run:
    """A test, or what tests call; with values for a property, that one example of it."""
    module, _, called = test.partition(".")

    def run(world: World) -> None:
        function = getattr(world(module), called)
        if values and hasattr(function, "hypothesis"):
            function = function.hypothesis.inner_test
        function(*arguments, **values)

    return run


def client(*pieces: bytes) -> Run:
    """A client that sends these pieces, and a model that says what becomes of them."""
    return of("test_conversation.agree", b"".join(pieces), pieces)


GET = b"GET /one.txt HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
LONG_PATH = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 5000)
CLOSEST = GET[:-2] + b"Connection: closest\r\n\r\n"
CHUNK, REST = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx", b"\r\n0\r\n\r\n"
QUOTES = b'/"' * 2000


def address(text: bytes) -> Run:
    """A text that is no address, to be made a sockaddr of, which is more than its address."""

    def run(world: World) -> None:
        routine = world("address").parse_address
        with world("test_address").caller(routine) as machine:
            out = world("memory").Memory(machine, SocketAddress)
            assert machine.call(text, len(text), int(out)) == world("text").INVALID

    return run


def welcomed(world: World) -> None:
    """A client whose address ends with zeros."""
    tests, workspace = world("test_worker"), world("workspace").Workspace
    sockaddr = world("test_address").sockaddr(ip_address("2001:db8::").packed, 1, 0)
    with tests.working(world("worker").welcome) as at:
        slot = at.add(tests.State.FREE)
        at.worker[workspace.peer] = sockaddr
        at.machine.call(int(slot), int(at.worker))


def limit_behind(world: World) -> None:
    """A line's limit that lies before what was looked at, which nobody here asks for."""
    with world("test_request").caller(world("request").next_line) as machine:
        buffer = world("memory").Input(machine, GET)
        buffer[world("connection").Buffer.scanned] = len(GET)
        assert machine.call(int(buffer), 2, -414)[0] == -414


def many_events(world: World) -> None:
    """As many events as there is room for: all of a timer, by which no time has passed."""
    tests, room = world("test_worker"), world("workspace").Workspace.events.size
    kernel = tests.World()
    with tests.working(world("worker").handle_events) as at:
        count = room // int(world("poller").EVENT_SIZE)
        at.call(tests.put_events(at, kernel, *[tests.Own.TIMER] * count), kernel=kernel)


def late_event(world: World) -> None:
    """An event of a connection that is over."""
    tests = world("test_conversation")
    with tests.serving([GET]) as server:
        server.run()
        for what in (world("pool").give_connection, world("conversation").wake):
            about = int(server.connection), int(server.worker)
            number = tests.HAPPENINGS.index(what)
            assert server.machine.call(number, *about, kernel=server.kernel) == tests.WAIT


def asked_again(size: int, gives: Iterable[int] = ()) -> Run:
    """A file of so many bytes that is asked for three times, and read as a kernel gives it."""

    def run(world: World) -> None:
        tests, model = world("test_conversation"), world("kernel")
        content = bytes(range(1, 251)) * (size // 250 + 1)
        site = model.Directory({b"page": model.File(content[:size], tests.NOON)})
        with tests.serving(site=site) as server:
            server.kernel.gives.extend(gives)
            server.kernel.pieces.extend([tests.get(b"/page")] * 3)
            server.run()
            assert server.kernel.sent.count(content[:size]) == 3

    return run


# --- what is planted ----------------------------------------------------------------------


@dataclass(frozen=True)
class Seed:
    """A mistake, what is run, and who says what: of which line of our files, in which words.

    The oracle's line is one of our tests, and its words are the name of the function there.
    """

    routine: str
    right: str
    wrong: str
    run: Run
    finder: Finder
    line: str
    words: str

    @property
    def mistake(self) -> Mistake:
        return Mistake(self.routine, self.right, self.wrong)


SEEDS = {
    "stale half register": [
        Seed(
            "request.take_field",
            "mov(kind.w, w0)",
            "mov(kind, x0)",
            client(GET),
            CONTRACT,
            "mov(kind.w, w0)",
            "line (x0) is not set on every way to here",
        ),
        Seed(
            "request.only_value",
            "lsr(w9, w9, kind)",
            "lsr(x9, x9, kind.x)",
            client(GET),
            CONTRACT,
            "lsr(w9, w9, kind)",
            "kind (x1) is not set on every way to here",
        ),
        Seed(
            "target.host_valid",
            "mov(allowed.w, empty_allowed)",
            "mov(allowed, empty_allowed.x)",
            client(GET),
            CONTRACT,
            "mov(allowed.w, empty_allowed)",
            "empty_allowed (x2) is not set on every way to here",
        ),
        Seed(
            "request.next_line",
            "ldr(end.w, [of, Buffer.received])",
            "ldr(end, [of, Buffer.received])",
            client(GET),
            ASSEMBLER,
            "ldr(end.w, [of, Buffer.received])",
            "this moves 8 bytes, but Buffer.received has 4",
        ),
        # A sign that is asked for in the wrong half is a number, and no access.
        Seed(
            "target.unescape",
            "tbnz(d.w, 31, invalid)",
            "tbnz(d, 63, invalid)",
            of("test_target.test_normalize", path=b"/%zz"),
            ORACLE,
            "assert normalize(path) == expected_path(path)",
            "test_normalize",
        ),
        Seed(
            "response.let_go",
            "tbnz(w0, 31, none)",
            "tbnz(x0, 63, none)",
            client(b"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n"),
            ORACLE,
            "del self.open[file]",
            "close",
        ),
        Seed(
            "body.drop_data",
            "cmp(there, left)",
            "cmp(there.w, left.w)",
            of("test_body.test_drop_data_alone", before=b"", data=b"abc", left=1 << 32),
            ORACLE,
            "assert machine.call(int(buffer)) == (COMPLETE if dropped == left else INCOMPLETE)",
            "test_drop_data_alone",
        ),
    ],
    "off by one at the end": [
        Seed(
            "text.parse_decimal",
            "b.hs(done)",
            "b.hi(done)",
            of("test_text.test_parse_decimal", digits="1024", tail=b""),
            SANITIZER,
            "ldrb(digit.w, [text, count])",
            "parse_decimal: reads 1 byte 1 behind the end of text",
        ),
        Seed(
            "text.trim",
            "sub(last, length, 1)",
            "mov(last, length)",
            of("test_request.test_judge_field", line=b"Host: a", before=b"", times=1),
            SANITIZER,
            "ldrb(char.w, [text, last])",
            "trim: reads 1 byte of which Buffer.input[7] of Buffer was never written",
        ),
        Seed(
            "text.copy",
            "strb(first.w, [out], 1)",
            "strh(first.w, [out], 1)",
            of("test_text.test_copy", text=b"abc"),
            SANITIZER,
            "strb(first.w, [out], 1)",
            "copy: writes 2 bytes of which 1 lie behind the end of out",
        ),
        Seed(
            "pool.take",
            "b.hs(out_of_room)",
            "b.hi(out_of_room)",
            of("test_pool.test_any_order", steps=[(0, 0)] * 5),
            SANITIZER,
            "take(",
            "take_connection: a Connection has no room",
        ),
        Seed(
            "request.parse_fields",
            "b.hs(too_many)",
            "b.hi(too_many)",
            of("test_request.test_limits_of_fields", 1),
            ORACLE,
            "assert result == head",
            "fields_agree",
        ),
        Seed(
            "address.longest_zeros",
            "b.hs(counted)",
            "b.hi(counted)",
            welcomed,
            SANITIZER,
            "ldrh(group.w, [groups, at, lsl(1)])",
            "longest_zeros: reads 2 bytes 1 behind the end of SocketAddress.ipv6 of Workspace",
        ),
        Seed(
            "worker.handle_events",
            "b.hs(leave)",
            "b.hi(leave)",
            many_events,
            SANITIZER,
            "ldr(connection, [event, Event.data])",
            "behind the end of Workspace.events of Workspace",
        ),
    ],
    "off by two at the end": [
        Seed(
            "address.put_group",
            "b.hs(broken)",
            "b.hi(broken)",
            address(b"1:2:3:4:5:6:7:8:9"),
            SANITIZER,
            "put_group(address, filled, value, broken)",
            "parse_ipv6: writes 2 bytes 1 behind the end of SocketAddress.ipv6 of SocketAddress",
        ),
        Seed(
            "address.parse_ipv6",
            "cmp(filled, BYTES - 4)",
            "cmp(filled, BYTES - 2)",
            address(b"1:2:3:4:5:6:7:1.2.3.4"),
            SANITIZER,
            "strb(value.w, [out], 1)",
            "parse_ipv4: writes 1 byte 1 behind the end of SocketAddress.ipv6 of SocketAddress",
        ),
        Seed(
            "target.decoded_length",
            "cmp(x9, ESCAPE)",
            "cmp(x9, ESCAPE - 2)",
            of("test_target.test_normalize", path=b"/%"),
            SANITIZER,
            "unescape(x9, at, bad)",
            "decoded_length: reads 1 byte 1 behind the end of path",
        ),
        Seed(
            "text.load_few",
            "sub(behind, length, 4)",
            "sub(behind, length, 2)",
            of("test_text.test_find_byte", text=b"123456", byte=0, more=0),
            SANITIZER,
            "none = scan(text, length, stops)",
            "find_byte: reads 4 bytes of which 2 lie behind the end of text",
        ),
        Seed(
            "conversation.drop_rest",
            "mov(x2, INPUT_MAX)",
            "mov(x2, sizeof(Buffer.input) + 2)",
            of("test_conversation.test_lingering"),
            SANITIZER,
            "take_input()",
            "of which 2 lie behind the end of Buffer.input of Buffer",
        ),
        Seed(
            "connection.forget_request",
            "range(0, Request.firsts, 32)",
            "range(-16, Request.firsts, 32)",
            client(GET),
            SANITIZER,
            "stp(v0.q, v0.q, [x10, at])",
            "forget_request: writes 8 bytes 16 before the start of Buffer.request of Buffer",
        ),
        Seed(
            "request.parse_version",
            'cmp(length, len(" HTTP/1.1"))',
            'cmp(length, len(" HTTP/1"))',
            of("request.parse_version", b" HTTP/1", 7),
            SANITIZER,
            "ldur(version, [text, 1])",
            "parse_version: reads 8 bytes of which 2 lie behind the end of text",
        ),
    ],
    "unsigned subtraction": [
        Seed(
            "request.next_line",
            "csel(x1, x1, xzr, Condition.hi)",
            "nop()",
            limit_behind,
            SANITIZER,
            "none = scan(text, length, stops)",
            "of Buffer was never written",
        ),
        Seed(
            "ranges.skip_unit",
            "b.lo(other)",
            "nop()",
            of("test_ranges.test_parse_range", value=b"b", size=5),
            SANITIZER,
            "ldr(char.w, [text])",
            "skip_unit: reads 4 bytes of which 3 lie behind the end of text",
        ),
        Seed(
            "text.copy",
            "b.hs(again)",
            "b.ne(again)",
            of("test_conversation_parts.test_make_room", data=GET[:18], state=1, one=0, two=1),
            SANITIZER,
            "ldp(first, second, [text], 16)",
            "copy: reads 8 bytes of which Buffer.input[50] of Buffer was never written",
        ),
        Seed(
            "mime.parse_extension",
            "csel(first, first, xzr, Condition.hs)",
            "nop()",
            client(GET.replace(b"one.txt", b"types/a")),
            SANITIZER,
            "ldrb(byte.w, pre[at, -1])",
            "parse_extension: reads 1 byte 1 before the start of Workspace.path of Workspace",
        ),
        Seed(
            "escape.write_logged",
            "subs(limit, limit, LOGGED)\n    b.lo(done)",
            "sub(limit, limit, LOGGED)\n    cbz(limit, done)",
            of("test_escape.test_write_logged", text=b'"', limit=3),
            SANITIZER,
            'write_number(out, char, digits, b"\\\\x")',
            "write_logged: writes 1 byte 1 behind the end of what was placed",
        ),
        # A count that is too large is a number still.
        Seed(
            "log.body_sent",
            "csel(x0, x0, xzr, Condition.hs)",
            "nop()",
            of("test_log.test_body_sent", body=1, head=1, taken=0, where="file"),
            ORACLE,
            "assert machine.call(int(connection)) == max(taken - head, 0)",
            "test_body_sent",
        ),
        Seed(
            "body.drop_data",
            "Condition.lo)",
            "Condition.lt)",
            of("test_body.test_drop_data_alone", before=b"", data=b"abc", left=1 << 63),
            ORACLE,
            "assert machine.call(int(buffer)) == (COMPLETE if dropped == left else INCOMPLETE)",
            "test_drop_data_alone",
        ),
    ],
    "unchecked copy": [
        Seed(
            "target.normalize",
            "b.hi(closely)",
            "nop()",
            client(LONG_PATH),
            SANITIZER,
            "stp(first, second, [out], 16)",
            "copy: writes 8 bytes 1 behind the end of Workspace.path of Workspace",
        ),
        Seed(
            "target.normalize_closely",
            "cmp(x0, PATH_MAX)",
            "cmp(x0, 2 * PATH_MAX)",
            client(LONG_PATH),
            SANITIZER,
            "stp(first, second, [out], 16)",
            "copy: writes 8 bytes 1 behind the end of Workspace.path of Workspace",
        ),
        Seed(
            "log.log_line",
            "mov(w10, LOG_ROOM - LINE_ROOM)",
            "mov(w10, LOG_ROOM)",
            of("test_log.test_lines_wait_for_company_until_there_is_no_room"),
            SANITIZER,
            "write_client(at)",
            "behind the end of Workspace.log of Workspace",
        ),
        Seed(
            "log.write_odd_line",
            "mov(x3, REQUEST_ROOM)",
            "mov(x3, LOG_ROOM)",
            of("test_log.test_a_hostile_request_stays_one_line_of_limited_length", 1),
            ORACLE,
            "assert len(content) <= LINE_ROOM",
            "test_a_hostile_request_stays_one_line_of_limited_length",
        ),
        Seed(
            "conversation.move_down",
            "put_stop(x0)",
            "nop()",
            of("test_conversation.test_what_was_moved_is_not_read_where_it_was", 16384, b"GET"),
            SANITIZER,
            "ldp(first, second, [text], 16)",
            "copy: reads 8 bytes of which Buffer.input[16509] of Buffer",
        ),
        Seed(
            "repeats.remember",
            "b.hi(done)",
            "nop()",
            of("test_repeats.test_sizes", 1),
            ORACLE,
            "assert place_of(both, size)[Repeat.text_size] == (size if fits else 0)",
            "test_sizes",
        ),
        Seed(
            "repeats.compare_block",
            "(v2, v16)",
            "(v16, v2)",
            of("test_repeats.test_every_byte_counts", 300),
            ORACLE,
            "assert not recalls(both, LINE + bytes(near))",
            "test_every_byte_counts",
        ),
        Seed(
            "conversation.receive",
            "sub(x2, x2, x10)",
            "nop()",
            client(HEAD + b"X: ", b"a" * 30_000),
            SANITIZER,
            "put_stop(x9)",
            "receive: writes 8 bytes of which 4 lie behind the end of Buffer.input of Buffer",
        ),
        Seed(
            "address.put_group",
            "b.hs(broken)",
            "nop()",
            of("test_target.test_host_valid", text=b"[1:2:3:4:5:6:7:8:9]"),
            SANITIZER,
            "put_group(address, filled, value, broken)",
            "parse_ipv6: writes 2 bytes 1 behind the end of the room of literal_length",
        ),
    ],
    "use after close": [
        Seed(
            "pool.give_and_rest",
            "give_back(buffer)",
            "give_back(buffer); str_(wzr, [buffer, Buffer.start])",
            client(GET),
            SANITIZER,
            "give_back(buffer)",
            "give_and_rest: writes 4 bytes of Buffer.start of Buffer, after give_and_rest ended it",
        ),
        Seed(
            "conversation.wake",
            "cbz(w9, free)",
            "tbnz(w9, 31, free)",
            late_event,
            SANITIZER,
            "ldr(x9, [connection, Connection.buffer])",
            "receive: reads 8 bytes of Connection.buffer of Connection, after give_connection",
        ),
        Seed(
            "worker.close_connection",
            "bl(let_go)",
            "bl(give_connection); bl(let_go)",
            of("test_worker.test_handle_events"),
            SANITIZER,
            "ldr(x0, [connection, Connection.entry])",
            "let_go: reads 8 bytes of Connection.entry of Connection, after give_connection",
        ),
        Seed(
            "worker.close_connection",
            "        bl(give_connection)",
            "        bl(give_connection); bl(give_connection)",
            of("test_worker.test_handle_events"),
            SANITIZER,
            "ldr(x9, [connection, Connection.buffer])",
            "give_buffer: reads 8 bytes of Connection.buffer of Connection, after give_connection",
        ),
        Seed(
            "pool.take",
            "str_(x9, [x28, free])",
            "nop()",
            of("test_pool.test_any_order", steps=[(0, 0), (0, 0), (1, 0), (1, 0), (0, 0), (0, 0)]),
            SANITIZER,
            "take(",
            "take_connection: begins where Connection still is",
        ),
        # A descriptor is a number: who closes it knows.
        Seed(
            "response.let_go",
            "str_(w9, [connection, Connection.file])\n    calls",
            "nop()\n    calls",
            client(GET, GET),
            ORACLE,
            "assert sending or self.connection[Connection.file] == NO_FILE",
            "check",
        ),
        Seed(
            "worker.begin_to_stop",
            "str_(w9, [worker, Workspace.listener])",
            "nop()",
            of("test_worker.test_handle_events"),
            ORACLE,
            "assert socket == 2**32 - 1",
            "accept",
        ),
    ],
    "read past the head": [
        Seed(
            "request.next_line",
            "ldr(end.w, [of, Buffer.received])",
            "mov(end, sizeof(Buffer.input))",
            client(GET[:2], GET[2:]),
            SANITIZER,
            "none = scan(text, length, stops)",
            "find_byte: reads 8 bytes of which Buffer.input[34] of Buffer was never written",
        ),
        Seed(
            "request.next_line",
            "csel(end, end, most, Condition.lo)",
            "csel(end, end, most, Condition.hi)",
            of("test_request.test_next_line", data=b"GET", room=8, places=[]),
            SANITIZER,
            "none = scan(text, length, stops)",
            "find_byte: reads 8 bytes of which Buffer.input[3] of Buffer was never written",
        ),
        Seed(
            "text.scan",
            "subs(last, length, STEP)",
            "subs(last, length, STEP // 2)",
            of("test_text.test_find_byte", text=b"123456789012", byte=0, more=0),
            SANITIZER,
            "none = scan(text, length, stops)",
            "find_byte: reads 8 bytes of which 4 lie behind the end of text",
        ),
        Seed(
            "request.take_field",
            "sub(left, left, 1)",
            "nop()",
            of("test_request.test_take_field", line=b"Host: a"),
            SANITIZER,
            "none = scan(text, length, stops)",
            "value_length: reads 1 byte 1 behind the end of what was placed",
        ),
        Seed(
            "body.drop_chunks",
            "b.hs(more)",
            "b.hi(more)",
            client(CHUNK, REST),
            ORACLE,
            "assert not differences(bytes(server.kernel.sent), expected, Times(NOW, NOW))",
            "agree",
        ),
        Seed(
            "pool.take_buffer",
            "stp(wzr, wzr, [x0, Buffer.start])",
            "str_(wzr, [x0, Buffer.start])",
            client(GET),
            SANITIZER,
            "ldr(w10, [x9, Buffer.received])",
            "receive: reads 4 bytes of which Buffer.received of Buffer was never written",
        ),
        # What is read are bytes of the request before: they were written, and where they may be.
        Seed(
            "conversation.move_down",
            "str_(w10, [buffer, Buffer.received])",
            "nop()",
            client(GET + GET[:9], GET[9:]),
            ORACLE,
            "assert not differences(bytes(server.kernel.sent), expected, Times(NOW, NOW))",
            "agree",
        ),
    ],
    "what the cache has": [
        Seed(
            "keeping.choose_shelf",
            "SHELVES[size].room - HEAD_ROOM",
            "SHELVES[size].room",
            asked_again(72 << 10),
            SANITIZER,
            "calls.pread()",
            "lie behind the end of what was placed",
        ),
        Seed(
            "keeping.is_key",
            "cmp(size, KEY_MAX)",
            "cmp(size, 2 * KEY_MAX)",
            client(
                *[b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 200 + b"/" + b"b" * 100)] * 2
            ),
            SANITIZER,
            "stp(first, second, [out], 16)",
            "behind the end of Entry.key of Entry",
        ),
        Seed(
            "keeping.read_file",
            "add(done, done, x0)",
            "mov(done, total)",
            asked_again(9000, gives=[1]),
            SANITIZER,
            "calls.sendmsg()",
            "send_memory: the kernel reads 9000 bytes of which offset 243 of what was placed was",
        ),
        Seed(
            "parts.take_part",
            "add(size, size, 1)",
            "nop()",
            of("test_parts.test_what_is_asked_for", requests=[(b"100.webmanifest", b"bytes=7-70")]),
            ORACLE,
            "assert answer == bytes(server.tree.sent) == long_way(server, head)",
            "check_range",
        ),
        Seed(
            "parts.read_number",
            "b.le(none)",
            "b.lt(none)",
            of("test_parts.test_what_is_asked_for", requests=[(b"100.webmanifest", b"bytes=07-8")]),
            ORACLE,
            "assert answer == bytes(server.tree.sent) == long_way(server, head)",
            "check_range",
        ),
        Seed(
            "parts.find_room",
            "OUTPUT_MAX - PART_ROOM",
            "OUTPUT_MAX",
            of("test_parts.test_as_many_parts_as_there_is_room_for"),
            SANITIZER,
            "write_part(first, size)",
            "behind the end of Buffer.output of Buffer",
        ),
        Seed(
            "shortcut.adopt",
            "str_(w10, [x9, Entry.pins])",
            "nop()",
            of("test_conversation.test_an_entry_that_changes_while_it_is_sent"),
            ORACLE,
            "assert entry[Entry.pins] == (int(entry) == sent)",
            "check_entries",
        ),
        Seed(
            "response.let_go",
            "str_(xzr, [connection, Connection.entry])",
            "nop()",
            of(
                "test_conversation_parts.test_finish",
                then=0,
                unread=0,
                stopping=0,
                file="pinned",
            ),
            ORACLE,
            "assert held.connection[Connection.entry] == 0",
            "test_finish",
        ),
        Seed(
            "cache.may_be_sent",
            "cmp(x9, x10)\n        b.lo(no)",
            "cmp(x9, x10)\n        nop()",
            of(
                "test_conversation.test_files_that_change",
                steps=["ask twice", "change", "told", "ask"],
                takes=[],
            ),
            ORACLE,
            "assert found in set[int]().union(*possible)",
            "test_files_that_change",
        ),
        Seed(
            "shortcut.adopt",
            "str_(w10, [worker, Workspace.log_size])",
            "nop()",
            of("test_conversation.test_a_batch_of_which_anything_is_taken"),
            ORACLE,
            "assert log_lines(server.logged) == log_of(answers, taken)[:-1]",
            "test_a_batch_of_which_anything_is_taken",
        ),
        Seed(
            "unsent.is_taking",
            "str_(w0, [connection, Connection.unsent])",
            "nop()",
            of("test_conversation.test_a_client_that_takes_slowly_what_the_kernel_holds"),
            ORACLE,
            "assert server.happen(expire) == CLOSE",
            "test_a_client_that_takes_slowly_what_the_kernel_holds",
        ),
        Seed(
            "deadlines.leave_list",
            "str_(x10, [x12, x9, lsl(3)])",
            "nop()",
            of("test_worker.test_close_connection", -1, False),
            ORACLE,
            "assert ways[0] == ways[1][::-1]",
            "waiting",
        ),
    ],
    "prefix match": [
        Seed(
            "text.equal_folded",
            "b.ne(other)\n",
            "b.lo(other)\n",
            client(CLOSEST),
            SANITIZER,
            "ldrb(expected.w, [lower, length])",
            "equal_folded: reads 1 byte 2 behind the end of CLOSE_TOKEN",
        ),
        Seed(
            "target.judge",
            "cmp(x2, len(WELL_KNOWN))\n        b.ne(no)",
            "cmp(x2, len(WELL_KNOWN))\n        b.hi(no)",
            of("target.judge", b".git", 4),
            SANITIZER,
            "ldr(x9, [at])",
            "judge: reads 8 bytes of which 4 lie behind the end of path",
        ),
        # Whoever compares too little touches nothing that it must not.
        Seed(
            "text.equal_folded",
            "b.ne(other)\n",
            "b.hi(other)\n",
            of("test_text.test_list_has", text=b"a", wanted=b"ab"),
            ORACLE,
            "assert under_test.list_has(text, len(text), wanted, len(wanted)) == expected",
            "test_list_has",
        ),
        Seed(
            "target.judge",
            "cmp(x2, len(WELL_KNOWN))\n        b.ne(no)",
            "cmp(x2, len(WELL_KNOWN))\n        b.lo(no)",
            of("test_target.test_normalize", path=b"/.well-known-too/x"),
            ORACLE,
            "assert normalize(path) == expected_path(path)",
            "test_normalize",
        ),
        Seed(
            "request.parse_version",
            "b.ne(bad)\n    ldrb(w13, [text])",
            "b.lo(bad)\n    ldrb(w13, [text])",
            of("test_request.test_parse_version", version=b"HTTP/1.10", space=b" "),
            ORACLE,
            "assert under_test.parse_version(text, len(text)) == expected",
            "test_parse_version",
        ),
        Seed(
            "ranges.skip_unit",
            "b.ne(other)\n    add(text",
            "nop()\n    add(text",
            of("test_ranges.test_parse_range", value=b"byte\x13=0-1", size=5),
            ORACLE,
            "assert parse_range(value, len(value), size) == expected(value, size)",
            "test_parse_range",
        ),
        Seed(
            "mime.content_type",
            "cmp(found, high)\n    b.ne(unknown)",
            "cmp(found, high)\n    nop()",
            of("test_mime.test_anything", name=b"a.webmanifbnl"),  # it has webmanifest's slot
            ORACLE,
            "assert look_up(name) == expected(name)",
            "test_anything",
        ),
        Seed(
            "framing.codings",
            "mov(x3, len(CHUNKED))",
            "mov(x3, x1)",
            of("test_framing.test_judge_coding", values=[b"chunke"], minor=1, both=False),
            ORACLE,
            "assert result_of(under_test.judge_coding, head) == (min(said, 0), framing, 0, 0)",
            "test_judge_coding",
        ),
    ],
}


def named() -> Iterator[Any]:
    """Each with the name of its class and of its routine."""
    for kind, seeds in SEEDS.items():
        for each in seeds:
            yield pytest.param(each, id=f"{kind}, {each.routine}")


UNSTABLE = re.compile(r" \([^()]*= 0x[^()]*\)|(, which \w+ began)? \(\w+\.py:\d+\)")
"""What registers hold, and where it was that something began or ended."""


def told(error: BaseException) -> tuple[str, str]:
    """The line that somebody objects to, and in which words."""
    if isinstance(error, AssemblyError | CallError):
        first = str(error).splitlines()[0]
        place, *routine, _, what = UNSTABLE.sub("", first).split(": ")
        file, number = place.split(":")
        return linecache.getline(str(SERVER / file), int(number)).strip(), ": ".join(
            [*routine, what]
        )
    last = [frame for frame in extract_tb(error.__traceback__) if frame.filename.startswith(TESTS)]
    return str(last[-1].line), last[-1].name


@pytest.mark.parametrize("seed", named())
def test_what_is_planted_is_found(seed: Seed) -> None:
    with world(seed.mistake) as planted, pytest.raises(OBJECTIONS[seed.finder]) as found:
        seed.run(planted)
    line, words = told(found.value)
    assert line == seed.line
    assert seed.words in words


@pytest.mark.parametrize("kind", SEEDS)
def test_nothing_is_found_where_nothing_is_planted(kind: str) -> None:
    with world(None) as sound:
        for seed in SEEDS[kind]:
            seed.run(sound)


def rows() -> Iterator[str]:
    """All of it for people: class, place and mistake, who finds it, and what is said."""
    for kind, seeds in SEEDS.items():
        for seed in seeds:
            lines = zip(seed.right.splitlines(), seed.wrong.splitlines(), strict=True)
            changes = [f"`{b.strip()}` for `{a.strip()}`" for a, b in lines if a != b]
            planted = f"{seed.routine}: {', '.join(changes)}"
            said = f"`{seed.line}`" if seed.finder == ORACLE else seed.words
            yield f"| {kind} | {planted} | {seed.finder.value} | {said} |"


@pytest.mark.platform("linux")
def test_the_decision_tells_all_of_it() -> None:
    assert "\n".join(rows()) in DECISION.read_text()
