"""The poller: how a worker waits for everything at once.

    Linux    epoll, with descriptors for timer and signals     epoll.py
    macOS    a kqueue, which has both itself                   kqueue.py

It is level-triggered on both: what is there and was not taken makes an event again.
"""

from svc0.a64 import *
from svc0.kernel.structs import EpollEvent, Kevent

from . import epoll, kqueue

open_poller = chosen(linux=epoll.open_epoll, macos=kqueue.open_kqueue)
watch_for_input = chosen(linux=epoll.add_to_epoll, macos=kqueue.add_to_kqueue)
ignore_input = chosen(linux=epoll.drop_from_epoll, macos=kqueue.drop_from_kqueue)
await_input = chosen(linux=epoll.await_epollin, macos=kqueue.await_readable)
await_output = chosen(linux=epoll.await_epollout, macos=kqueue.await_writable)
wait_for_events = chosen(linux=epoll.wait_for_epoll, macos=kqueue.wait_for_kqueue)
seconds_passed = chosen(linux=epoll.read_timer, macos=kqueue.count_seconds)
told_to_stop = chosen(linux=epoll.read_signal, macos=kqueue.hear_signal)

EVENT_SIZE = either(linux=EpollEvent.size, macos=Kevent.size)
"""Bytes from one event to the next, in Workspace.events."""

EVENT_SHIFT = either(linux=4, macos=5)
assert (EpollEvent.size, Kevent.size) == (1 << 4, 1 << 5)


class Event(Struct):
    """What is read of an event: the data that was given with what is waited for."""

    data: u64 = at(either(linux=int(EpollEvent.data), macos=int(Kevent.udata)))
