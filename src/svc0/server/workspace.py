"""The workspace: what a worker has besides its connections.

There is one for each process, in zeroed memory of the image.  Routines that
say ``worker: x28`` in their signature are given its address in x28, and the
connection they are about in x27.
"""

from enum import IntEnum

from svc0.a64 import *
from svc0.kernel.structs import EpollEvent, IoVector, Kevent, SocketAddress, Stat

from .limits import PATH_MAX

EVENTS_MAX = 64
"""Events taken from the kernel at once."""

LOG_ROOM = 64 * 1024
"""Bytes of access log that wait to be written together."""

INDEX = b"index.html"


BATCH_MAX = 64
"""Answers to pipelined requests that leave together."""


class Own(IntEnum):
    """What events carry that are no connection's: a connection's carry its address."""

    LISTENER = 1
    TIMER = 2
    SIGNALS = 3
    CHANGES = 4


class Patience(IntEnum):
    """How long a connection may take for what is waited for: the lists of deadlines."""

    IDLE = 0  # between two requests
    HEAD = 1
    BODY = 2
    SEND = 3
    LINGER = 4
    FAREWELL = 5  # for a first request, when the worker was told to stop


class Facts(Struct):
    """What an answer says of a file."""

    total: u64  # bytes of it
    modified: u64  # seconds since the epoch
    type: u64  # Content-Type: address and length
    type_size: u64
    etag_size: u64
    etag: u8 = array(40)


class Queued(Struct):
    """An answer that waits to leave together with others."""

    entry: u64  # it lies there
    start: u32  # where its request starts in the input
    log_size: u32  # of the log, before its line
    head_size: u32
    status: u32
    spare: u64  # so that its place is found by a shift


class Workspace(Struct):
    """The worker's descriptors, its clock, its pools, and scratch for one answer."""

    poller: i32
    listener: i32
    timer: i32  # of Linux's poller; macOS's needs none
    signals: i32
    supervisor: u32  # its process number
    root: i32  # the directory that is served
    stopping: u32  # 1: finish what is in flight, then end
    no_confinement: u32  # 1: this kernel does not keep paths beneath a directory by itself
    changes: i32  # a descriptor that tells of changes below the root, or -1
    requests: u32  # most of one connection; 0 when stopping: then each is its last
    queued: u32  # answers that wait to leave together
    active: u32  # connections in use
    deaf: u32  # 1: no descriptor was left for a client; the next tick hears the listener again
    now: u64  # seconds since the epoch
    ticks: u64  # seconds since the worker started; deadlines are counted in them
    epoch: u64  # grows with every tick, and whenever something below the root may have changed
    changed: u64  # the epoch of the last change
    names: u64  # which fields heads are searched for (head.py)
    stop_tick: u64  # when to give up finishing
    connections: u64  # the table of connections
    fresh_connections: u64  # from here on they were never used
    connections_end: u64
    free_connections: u64  # those that were, as a list through Connection.next
    fresh_buffers: u64  # the same of buffers
    buffers_end: u64
    free_buffers: u64
    log_size: u32  # bytes in the log that wait
    status: u32
    file: i32  # the file that is to be sent, or NO_FILE
    first: u64  # of the bytes to be sent, and the one behind the last
    end: u64
    path_size: u64
    facts: Facts  # of the file
    stat: Stat
    peer: SocketAddress
    until: u64 = array(len(Patience))  # the deadline that each patience has now,
    soonest: u64 = array(len(Patience))  # and the connections that have it, in this order
    latest: u64 = array(len(Patience))
    date: u8 = array(32)  # now, as in Date
    log_time: u8 = array(48)  # and as in the log, with what stands around it
    tail: u8 = array(32)  # the end of a line of the log
    vector: IoVector = array(BATCH_MAX)  # the answers that wait,
    queue: Queued = array(BATCH_MAX)  # and what is to be known of them
    events: u64 = array(EVENTS_MAX * max(EpollEvent.size, Kevent.size) // 8)
    path: u8 = array(PATH_MAX + 32)  # decoded, with room for INDEX and a NUL
    log: u8 = array(LOG_ROOM)


assert len(INDEX) + 2 < 32
WORKSPACE = Bss(Workspace, align=64)
