"""The process: its limits, its CPUs, its copies and its pauses, with kernels that may refuse."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import platform
from svc0.kernel.constants import (
    CTL_HW,
    HW_NCPU,
    PR_SET_PDEATHSIG,
    RLIMIT_NOFILE,
    SIGCHLD,
    SIGTERM,
)
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import process as under_test
from svc0.server.process import CPUS_MAX
from tests.server.process import OURSELVES, Process, words

# --- descriptors --------------------------------------------------------------------


class Limits(Process):
    """A process with a soft and a hard limit of descriptors; asking for them may fail."""

    def __init__(self, soft: int, hard: int, error: int = 0) -> None:
        super().__init__()
        self.limit, self.error = (soft, hard), error

    def prlimit64(self, machine: Caller, process: int, resource: int, new: int, old: int) -> int:
        assert process == 0
        assert not (new and old), "one thing at a time"
        if old:
            return self.getrlimit(machine, resource, old)
        return self.setrlimit(machine, resource, new)

    def getrlimit(self, machine: Caller, resource: int, limit: int) -> int:
        assert resource == RLIMIT_NOFILE
        if not self.error:
            machine.write(limit, words(*self.limit))
        return -self.error

    def setrlimit(self, machine: Caller, resource: int, limit: int) -> int:
        assert resource == RLIMIT_NOFILE
        assert not self.error, "nobody knows what to ask for"
        soft, hard = (int.from_bytes(machine.read(limit + at, 8), "little") for at in (0, 8))
        assert hard == self.limit[1], "the hard limit stays"
        assert soft <= hard
        self.limit = soft, hard
        return 0


limits = st.integers(0, 2**63 - 1) | st.sampled_from([0, 256, 10239, 10240, 10241, 2**64 - 1])


@given(soft=limits, hard=limits, error=st.sampled_from([0, 0, Errno.EPERM, Errno.EINVAL]))
@example(soft=256, hard=2**63 - 1, error=0)
@example(soft=20_000, hard=2**63 - 1, error=0)
@example(soft=256, hard=1000, error=0)
def test_raise_file_limit(soft: int, hard: int, error: int) -> None:
    """All that we may have."""
    soft = min(soft, hard)
    kernel = Limits(soft, hard, error)
    with caller(under_test.raise_file_limit) as machine:
        machine.call(kernel=kernel)
    assert kernel.limit == (soft if error else hard, hard)


# --- processors ---------------------------------------------------------------------


class Cpus(Process):
    """A machine with CPUs; Linux tells which ones are ours, in as many words as it has use for."""

    def __init__(self, cpus: set[int], size: int = CPUS_MAX // 8, error: int = 0) -> None:
        super().__init__()
        self.cpus, self.size, self.error = cpus, size, error
        self.chosen: list[int] | None = None

    def sched_getaffinity(self, machine: Caller, process: int, size: int, mask: int) -> int:
        assert process == 0
        if self.error:
            return -self.error
        if self.size > size:
            return -Errno.EINVAL
        bits = sum(1 << cpu for cpu in self.cpus)
        machine.write(mask, bits.to_bytes(self.size, "little"))
        return self.size

    def sched_setaffinity(self, machine: Caller, process: int, size: int, mask: int) -> int:
        assert process == 0
        bits = int.from_bytes(machine.read(mask, size), "little")
        self.chosen = [cpu for cpu in range(8 * size) if bits >> cpu & 1]
        return random.choice([0, -Errno.EPERM])

    def sysctl(
        self, machine: Caller, name: int, parts: int, old: int, old_size: int, *new: int
    ) -> int:
        assert (parts, new) == (2, (0, 0))
        asked = [int.from_bytes(machine.read(name + at, 4), "little") for at in (0, 4)]
        assert asked == [CTL_HW, HW_NCPU]
        assert machine.read(old_size, 8) == words(4)
        if self.error:
            return -self.error
        machine.write(old, len(self.cpus).to_bytes(4, "little"))
        return 0


@given(
    cpus=st.sets(st.integers(0, CPUS_MAX - 1), max_size=100),
    more=st.integers(0, 3),
    error=st.sampled_from([0, 0, Errno.EPERM, Errno.ENOMEM]),
)
def test_count_cpus(cpus: set[int], more: int, error: int) -> None:
    size = min((max(cpus, default=0) // 64 + 1 + more) * 8, CPUS_MAX // 8)
    with caller(under_test.count_cpus) as machine:
        count = machine.call(kernel=Cpus(cpus, size, error))
    assert count == (0 if error else len(cpus))


@pytest.mark.platform("linux")
def test_a_kernel_with_more_cpus_than_are_counted() -> None:
    with caller(under_test.count_cpus) as machine:
        assert machine.call(kernel=Cpus({0, 1}, CPUS_MAX // 8 + 8)) == 0


@given(
    cpus=st.sets(st.integers(0, 200) | st.integers(0, CPUS_MAX - 1), min_size=1, max_size=100),
    workers=st.integers(1, 100),
    data=st.data(),
)
@example(cpus={63, 64}, workers=2, data=None)
@example(cpus={5, 6, 7}, workers=4, data=None)
@example(cpus={0, 1}, workers=1, data=None)
def test_choose_cpu(cpus: set[int], workers: int, data: st.DataObject | None) -> None:
    number = data.draw(st.integers(0, workers - 1)) if data else workers - 1
    kernel = Cpus(cpus, (max(cpus) // 64 + 1) * 8)
    with caller(under_test.choose_cpu) as machine:
        machine.call(number, workers, kernel=kernel)
    if platform() == "macos":
        assert kernel.names == []
    elif 1 < workers <= len(cpus):
        assert kernel.chosen == [sorted(cpus)[number]]
    else:
        assert kernel.chosen is None


class Fewer(Cpus):
    """When it is asked again it has fewer CPUs, or says nothing."""

    def __init__(self, cpus: set[int], then: set[int], error: int) -> None:
        super().__init__(cpus, 16)
        self.then = then, error

    def sched_getaffinity(self, machine: Caller, process: int, size: int, mask: int) -> int:
        result = super().sched_getaffinity(machine, process, size, mask)
        self.cpus, self.error = self.then
        return result


@pytest.mark.platform("linux")
@pytest.mark.parametrize(("cpus", "error"), [({0}, 0), (set[int](), Errno.EPERM)])
def test_cpus_that_go_away(cpus: set[int], error: int) -> None:
    kernel = Fewer({3, 65}, cpus, error)
    with caller(under_test.choose_cpu) as machine:
        machine.call(1, 2, kernel=kernel)
    assert kernel.names == ["sched_getaffinity"] * 2
    assert kernel.chosen is None


# --- children -----------------------------------------------------------------------


class Forks(Process):
    """A process that has a child, is one, or may have none (-errno)."""

    def __init__(self, result: int) -> None:
        super().__init__()
        self.result = result

    def clone(self, machine: Caller, flags: int, *others: int) -> int:
        assert (flags, others) == (SIGCHLD, (0, 0, 0, 0))
        return self.result

    def fork(self, machine: Caller) -> tuple[int, int]:
        """Darwin gives the copy its own number, and a 1 by which it knows."""
        return (self.result, 0) if self.result else (OURSELVES + 1, 1)


@given(result=st.integers(1, 2**31 - 1) | st.sampled_from([0, -Errno.EAGAIN, -Errno.ENOMEM]))
def test_fork(result: int) -> None:
    with caller(under_test.fork) as machine:
        assert machine.call(kernel=Forks(result)) == result


class Mourner(Process):
    """A process that asks to be told of the end of its parent."""

    def prctl(self, machine: Caller, *arguments: int) -> int:
        assert arguments == (PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)
        return 0


def test_ask_for_signal() -> None:
    """On macOS nobody is asked here: the poller hears of it (kqueue.py)."""
    kernel = Mourner()
    with caller(under_test.ask_for_signal) as machine:
        machine.call(kernel=kernel)
    assert kernel.names == (["prctl"] if platform() == "linux" else [])


# --- time ---------------------------------------------------------------------------


def test_pause() -> None:
    kernel = Process()
    with caller(under_test.pause) as machine:
        machine.call(kernel=kernel)
    assert kernel.paused == len(kernel.names) == 1
