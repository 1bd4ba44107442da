"""Signals: which of them are ignored, blocked and heard, and that none is lost."""

from __future__ import annotations

from collections import deque

import pytest

from svc0.kernel.constants import (
    SIG_DFL,
    SIG_IGN,
    SIGCHLD,
    SIGHUP,
    SIGINT,
    SIGPIPE,
    SIGQUIT,
    SIGSET_SIZE,
    SIGTERM,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import SignalAction
from svc0.machine.call import Caller, caller
from svc0.server import signals as under_test
from tests.server.process import Process
from tests.server.signals import SIGNALS, Signals, heeded


class Dispositions(Process):
    """What a process says that signals do."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers: dict[int, int] = {}

    def rt_sigaction(
        self, machine: Caller, signal: int, action: int, old: int, mask_size: int
    ) -> int:
        assert mask_size == SIGSET_SIZE
        return self.sigaction(machine, signal, action, old)

    def sigaction(self, machine: Caller, signal: int, action: int, old: int) -> int:
        assert old == 0
        size = int(SignalAction.size)
        content = machine.read(action, size)
        assert not any(content[8:]), "no flags, and nothing that is blocked"
        self.handlers[signal] = int.from_bytes(content[:8], "little")
        return 0


def test_prepare_signals() -> None:
    """Who has gone is an error, and children are told of, whatever was ignored before."""
    kernel = Dispositions()
    with caller(under_test.prepare_signals) as machine:
        machine.call(kernel=kernel)
    assert kernel.handlers == {SIGPIPE: SIG_IGN, int(SIGCHLD): SIG_DFL}


def test_open_signals() -> None:
    """What is heeded is heard and blocked, and nothing else is."""
    kernel = Signals()
    with caller(under_test.open_signals) as machine:
        assert machine.call(kernel=kernel) == SIGNALS
    assert kernel.heard == kernel.blocked == heeded()


@pytest.mark.platform("linux")
def test_no_descriptor_is_left() -> None:
    with caller(under_test.open_signals) as machine:
        assert machine.call(kernel=Signals(signalfd4=Errno.EMFILE)) == -Errno.EMFILE


@pytest.mark.platform("macos")
def test_no_queue_is_left() -> None:
    with caller(under_test.open_signals) as machine:
        assert machine.call(kernel=Signals(kqueue=Errno.EMFILE)) == -Errno.EMFILE


@pytest.mark.platform("macos")
@pytest.mark.parametrize("number", [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD])
def test_a_signal_that_cannot_be_heard(number: int) -> None:
    """Then none is blocked: whoever wants us to end can still say so."""
    kernel = Signals(hearing=number)
    with caller(under_test.open_signals) as machine:
        assert machine.call(kernel=kernel) == -Errno.ENOMEM
    assert kernel.blocked == set()


class Waking(Signals):
    """It wakes the supervisor with these, one after the other."""

    def __init__(self, wakes: list[int]) -> None:
        super().__init__()
        self.wakes = deque(wakes)

    def next_signal(self) -> int:
        return self.wakes.popleft()


def test_next_signal() -> None:
    """One at a time; what else wakes us is none."""
    signals = sorted(heeded())
    kernel = Waking([*signals, -Errno.EINTR, *signals])
    with caller(under_test.next_signal) as machine:
        heard = [machine.call(SIGNALS, kernel=kernel) for _ in range(2 * len(signals) + 1)]
    assert heard == [*signals, 0, *signals]
