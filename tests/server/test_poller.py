"""The poller: what a worker asks of epoll, or of a kqueue, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import Routine, platform
from svc0.kernel.constants import (
    EV_ADD,
    EV_DELETE,
    EVFILT_PROC,
    EVFILT_READ,
    EVFILT_SIGNAL,
    EVFILT_TIMER,
    EVFILT_WRITE,
    NOTE_EXIT,
    NOTE_SECONDS,
    SIGTERM,
)
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import kqueue
from svc0.server import poller as under_test
from svc0.server.connection import Connection
from svc0.server.poller import Event
from svc0.server.workspace import EVENTS_MAX, Own, Workspace
from tests.server.memory import Memory
from tests.server.notes import Note
from tests.server.poller import POLLER, SIGNALS, SUPERVISOR, TIMER, Poller

SOCKET = 7

files = st.integers(20, 2**31 - 1)
datas = st.integers(0, 2**64 - 1)


class Waiting:
    """A workspace whose poller is open, in a machine for one routine."""

    def __init__(self, machine: Caller) -> None:
        self.machine = machine
        self.worker = Memory(machine, Workspace)
        for field, value in {
            Workspace.poller: POLLER,
            Workspace.timer: TIMER,
            Workspace.signals: SIGNALS,
            Workspace.supervisor: SUPERVISOR,
        }.items():
            self.worker[field] = value

    def call(self, *arguments: int, kernel: Poller) -> int:
        return self.machine.call(*arguments, int(self.worker), kernel=kernel)


@contextmanager
def waiting(routine: Routine) -> Generator[Waiting]:
    with caller(routine) as machine:
        yield Waiting(machine)


# --- opening ------------------------------------------------------------------------


def test_open_poller() -> None:
    """It tells of the worker's own; on Linux the supervisor's end is a SIGTERM (process.py)."""
    kernel = Poller()
    with waiting(under_test.open_poller) as at:
        for field in (Workspace.poller, Workspace.timer, Workspace.signals):
            at.worker[field] = -1
        assert at.call(kernel=kernel) == 0
        assert at.worker[Workspace.poller] == POLLER
        if platform() == "linux":
            assert at.worker[Workspace.timer] == TIMER
            assert at.worker[Workspace.signals] == SIGNALS
    end = {("end", SUPERVISOR): Own.SIGNALS} if platform() == "macos" else {}
    assert kernel.watched == end | {
        ("seconds", 1): Own.TIMER,
        ("signal", SIGTERM): Own.SIGNALS,
    }
    assert kernel.happens == []


@pytest.mark.platform("linux")
@pytest.mark.parametrize(
    "what",
    ["epoll_create1", "timerfd_create", "timerfd_settime", "signalfd4", "seconds", "signal"],
)
def test_an_epoll_that_cannot_be_opened(what: str) -> None:
    with waiting(under_test.open_poller) as at:
        assert at.call(kernel=Poller(**{what: Errno.EMFILE})) == -Errno.EMFILE


@pytest.mark.platform("macos")
@pytest.mark.parametrize("what", ["kqueue", "seconds", "signal", "end"])
@pytest.mark.parametrize("error", [Errno.ENOMEM, Errno.ESRCH])
def test_a_kqueue_that_cannot_be_opened(what: str, error: int) -> None:
    """-ESRCH is what a supervisor leaves that has ended already."""
    kernel = Poller(**{what: error})
    with waiting(under_test.open_poller) as at:
        assert at.call(kernel=kernel) == -error
    assert "kill" not in kernel.names


@pytest.mark.platform("macos")
def test_what_a_kqueue_is_asked_for_at_the_start() -> None:
    kernel = Poller()
    with waiting(under_test.open_poller) as at:
        at.call(kernel=kernel)
    assert kernel.names[:2] == ["kqueue", "kevent"]
    assert kernel.changes == [
        Note(Own.TIMER, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1, Own.TIMER),
        Note(SIGTERM, EVFILT_SIGNAL, EV_ADD, udata=Own.SIGNALS),
        Note(SUPERVISOR, EVFILT_PROC, EV_ADD, NOTE_EXIT, udata=Own.SIGNALS),
    ]


@pytest.mark.platform("macos")
@pytest.mark.parametrize("came", [0, 1])
@pytest.mark.parametrize("error", [0, Errno.EFAULT])
def test_a_signal_that_came_before_the_queue_comes_again(came: int, error: int) -> None:
    """A queue does not count what is pending already."""
    kernel = Poller(sigpending=error)
    kernel.watched["signal", SIGTERM] = Own.SIGNALS
    kernel.signals = came
    with caller(kqueue.repeat_pending) as machine:
        machine.call(kernel=kernel)
    assert kernel.happens == ([Own.SIGNALS] if came and not error else [])


@pytest.mark.platform("macos")
def test_open_poller_repeats_what_is_pending() -> None:
    kernel = Poller()
    kernel.signals = 1
    with waiting(under_test.open_poller) as at:
        assert at.call(kernel=kernel) == 0
    assert kernel.happens == [Own.SIGNALS]


# --- descriptors --------------------------------------------------------------------


@given(file=files, data=datas, error=st.sampled_from([0, 0, Errno.ENOSPC, Errno.EPERM]))
def test_watch_for_input(file: int, data: int, error: int) -> None:
    kernel = Poller(input=error)
    with waiting(under_test.watch_for_input) as at:
        assert at.call(file, data, kernel=kernel) == -error
    assert kernel.watched == ({} if error else {("input", file): data})
    if platform() == "macos":
        assert kernel.changes == [Note(file, EVFILT_READ, EV_ADD, udata=data)]


@given(file=files, data=datas, watched=st.booleans())
def test_ignore_input(file: int, data: int, watched: bool) -> None:
    """Whether it is watched or not; whatever else is stays so."""
    kernel = Poller()
    others = {("seconds", 1): int(Own.TIMER), ("signal", SIGTERM): int(Own.SIGNALS)}
    kernel.watched = others | ({("input", file): data} if watched else {})
    with waiting(under_test.ignore_input) as at:
        at.call(file, kernel=kernel)
    assert kernel.watched == others
    assert len(kernel.names) == 1
    if platform() == "macos":
        assert kernel.changes == [Note(file, EVFILT_READ, EV_DELETE)]


def test_await_output_and_input() -> None:
    """A connection is waited for in one way at a time, and what it is stays with it."""
    kernel = Poller()
    with caller(under_test.await_output) as writing, caller(under_test.await_input) as reading:
        for machine, thing, before in (
            (writing, "output", "input"),
            (reading, "input", "output"),
        ):
            kernel.watched = {(before, SOCKET): 1}
            at = Waiting(machine)
            connection = Memory(machine, Connection)
            connection[Connection.socket] = SOCKET
            at.call(int(connection), kernel=kernel)
            assert kernel.watched == {(thing, SOCKET): int(connection)}
    assert len(kernel.names) == 2
    if platform() == "macos":
        added, dropped = kernel.changes[:2]
        assert dropped == Note(SOCKET, EVFILT_READ, EV_DELETE)
        assert added[:5] == Note(SOCKET, EVFILT_WRITE, EV_ADD)[:5]
        added, dropped = kernel.changes[2:]
        assert dropped == Note(SOCKET, EVFILT_WRITE, EV_DELETE)
        assert added[:5] == Note(SOCKET, EVFILT_READ, EV_ADD)[:5]


# --- waiting ------------------------------------------------------------------------


@given(milliseconds=st.integers(-(2**31), 2**31 - 1))
@example(milliseconds=0)
@example(milliseconds=-1)
@example(milliseconds=999)
@example(milliseconds=1000)
@example(milliseconds=2**31 - 1)
def test_wait_for_events_so_long(milliseconds: int) -> None:
    """Not at all, a while, or without end."""
    kernel = Poller()
    with waiting(under_test.wait_for_events) as at:
        assert at.call(milliseconds, kernel=kernel) == 0
    assert kernel.timeouts == [max(milliseconds, -1)]


@given(data=st.lists(datas | st.sampled_from(Own), max_size=EVENTS_MAX))
def test_wait_for_events(data: list[int]) -> None:
    """As many as there is room for; each is found by what it carries."""
    kernel = Poller()
    kernel.happens = data
    with waiting(under_test.wait_for_events) as at:
        assert at.call(100, kernel=kernel) == len(data)
        first = int(at.worker) + Workspace.events
        events = [int(first + n * under_test.EVENT_SIZE) for n in range(len(data))]
        assert [Memory(at.machine, Event, event)[Event.data] for event in events] == data


@pytest.mark.parametrize("error", [Errno.EINTR, Errno.EBADF])
def test_a_wait_that_fails(error: int) -> None:
    with waiting(under_test.wait_for_events) as at:
        assert at.call(-1, kernel=Poller(wait=error)) == -error


# --- the worker's own ---------------------------------------------------------------


@pytest.mark.platform("macos")
def test_a_signal_that_the_queue_missed_is_found_with_a_tick() -> None:
    """The kernel told the queues before ours was there, and called it pending after we looked."""
    kernel = Poller()
    kernel.seconds, kernel.signals = 1, 1
    kernel.watched["signal", SIGTERM] = Own.SIGNALS
    with waiting(under_test.seconds_passed) as at:
        assert at.call(at.machine.place(kernel.event(Own.TIMER)), kernel=kernel) == 1
    assert kernel.happens == [Own.SIGNALS]


@given(seconds=st.integers(1, 2**62))
def test_seconds_passed(seconds: int) -> None:
    """A worker that was held up is told of all of them at once."""
    kernel = Poller()
    kernel.seconds = seconds
    with waiting(under_test.seconds_passed) as at:
        event = at.machine.place(kernel.event(Own.TIMER))
        assert at.call(event, kernel=kernel) == seconds


@pytest.mark.platform("linux")
def test_a_timer_whose_time_has_not_come() -> None:
    """Its event may be one that was answered already."""
    with waiting(under_test.seconds_passed) as at:
        assert at.call(0, kernel=Poller()) == 0


def test_told_to_stop() -> None:
    kernel = Poller()
    kernel.signals = 1
    with waiting(under_test.told_to_stop) as at:
        assert at.call(kernel=kernel) == 1


@pytest.mark.platform("linux")
def test_a_signal_is_heard_once() -> None:
    kernel = Poller()
    kernel.signals = 1
    with waiting(under_test.told_to_stop) as at:
        assert [at.call(kernel=kernel) for _ in range(2)] == [1, 0]
