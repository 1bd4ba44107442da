"""Connections: what the server remembers of one client between two wake-ups.

A connection is a slot in a table that is laid out once and never grows.  Its
state says what it waits for:

    HEAD ──► BODY ──► SENDING ──► HEAD …           a whole head; its body; every byte sent
      │        │         └──────► LINGERING ──► FREE    the last answer has gone out
      └────────┴──────► FREE                       end of input, an error, no more time

A slot is small.  What a request needs while it is being read and answered is in
a ``Buffer``, which only a connection with bytes at hand holds.

The tables are in memory that starts as zeros, so FREE is 0: a slot that was
never used and one that is free again look the same.
"""

from enum import IntEnum, IntFlag

from svc0.a64 import *

from .limits import FIELDS_MAX, INPUT_MAX, OUTPUT_MAX

PEER_ROOM = 48
"""Bytes for a client's address, which is shorter, in steps of 16."""

STOP = 32
"""Zeros that stand behind what was received: nothing reads on over them."""


class State(IntEnum):
    """What a connection waits for."""

    FREE = 0
    HEAD = 1
    BODY = 2
    SENDING = 3
    LINGERING = 4


class Then(IntFlag):
    """What happens after the answer, and what is waited for meanwhile."""

    CLOSE = 1  # the answer says Connection: close
    LINGER = 2  # bytes of the client may be unread: closing at once could destroy the answer
    WRITABLE = 4  # waiting until the client takes more, not for its bytes
    SAY_KEPT = 8  # an HTTP/1.0 client asked for keep-alive and is told so
    STARTED = 16  # the first byte of a head has come, and its deadline is set


class Connection(Struct):
    """One client, from accept to close."""

    socket: u32
    state: u8
    then: u8 = flags(Then)
    status: u16  # of the answer, for the log
    deadline: u64  # the tick after which it has taken too long
    patience: u8  # a Patience: in which list of deadlines it is
    watched: u8  # 1: the poller tells of it
    peer_size: u16
    served: u32  # requests answered so far
    earlier: u64  # its neighbours in that list
    later: u64
    next: u64  # the next free slot
    buffer: u64  # its Buffer, or 0
    out: u64  # the next byte of head to be sent
    out_end: u64
    rest: u64  # the next byte behind the head to be sent from the cache's memory
    rest_end: u64
    file_offset: u64  # the next byte of the file to be sent
    file_end: u64
    entry: u64  # whose memory or file that is, or 0: nobody else's
    sent: u64  # bytes of body in the answer, for the log
    file: i32  # the file being sent, or NO_FILE
    unsent: u32  # what the kernel held for the client when that was last asked (unsent.py)
    peer: u8 = array(PEER_ROOM)  # the client's address, as text


NO_FILE = -1
assert Connection.size <= 256, "an idle connection costs at most 256 bytes"


class Request(Struct):
    """What a head said: offsets into the input, never copies."""

    phase: u8
    method: u8  # a Method, or 0 while it is not known
    minor: u8  # HTTP/1.minor: 0, or 1 for all others
    empty_lines: u8  # that came before it
    framing: u8  # a Framing: how its body is laid out
    chunk: u8  # a Chunk: where in a chunked body we are
    waits: u8  # 1: the client waits for 100 (Continue) before it sends the body
    field_count: u32  # how many header fields so far
    seen: u32  # a bit for each kind of field that came,
    repeated: u32  # and for each that came more than once
    further: u32  # how many fields are in the table of those
    line: u32  # where its request line starts
    line_size: u32  # without CRLF
    target: u32
    target_size: u32
    head_end: u32  # where its body starts
    trailer: u32  # bytes of trailer section so far
    body_left: u64  # of the body, or of the chunk
    body_total: u64  # of chunk data so far
    path: u64  # after target.split: address and length of the path
    path_size: u64
    query: u64
    query_size: u64
    firsts: u64 = array(16)  # of the first field of each kind: start | size << 32
    table: u64 = array(FIELDS_MAX)  # of the others: start | kind << 16 | size << 32


class Buffer(Struct):
    """The bytes of a client, what they meant, and the answer to them."""

    next: u64  # the next free buffer
    start: u32  # where in the input the current request starts
    received: u32  # where in the input the received bytes end
    cursor: u32  # where the next line, or the rest of the body, starts
    scanned: u32  # up to where there is no LF since the cursor
    request: Request
    input: u8 = array(INPUT_MAX + STOP)
    output: u8 = array(OUTPUT_MAX)


assert Buffer.input % 8 == 0
assert Buffer.size % 8 == 0, "buffers of a table stay aligned"


@routine
def forget_request(buffer: x0) -> x0:
    """Make a buffer ready for the next request, which starts at its ``start``; leaves it."""
    ldr(w9, [buffer, Buffer.start])
    stp(w9, w9, [buffer, Buffer.cursor])
    movi(v0.b16, 0)
    add(x10, buffer, Buffer.request)
    for at in range(0, Request.firsts, 32):
        stp(v0.q, v0.q, [x10, at])
    ret()


assert Buffer.scanned == Buffer.cursor + 4
assert Request.firsts % 32 == 0, "all before the fields is forgotten"
