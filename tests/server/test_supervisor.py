"""The supervisor, with children that live and die as a test says, and signals in any order."""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import platform
from svc0.kernel.constants import (
    SHUT_RD,
    SIGCHLD,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGQUIT,
    SIGTERM,
    WNOHANG,
)
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import supervisor as under_test
from svc0.server.listeners import LISTENING, Listening
from svc0.server.options import WORKERS_MAX
from svc0.server.supervisor import CHILDREN_MAX, FAMILY, Family, supervise
from svc0.server.workspace import WORKSPACE, Workspace
from tests.server.memory import Memory
from tests.server.process import OURSELVES, Ended, Process, reason
from tests.server.signals import SIGNALS, Signals

ROOT = 5
Event = Callable[["System"], None]


class System(Signals):
    """Processes and signals.  What happens next, whenever the supervisor waits, are the ``events``.

    ``forks`` says what a fork does: 0 makes a process, -errno fails; behind its end each makes one.
    """

    def __init__(
        self,
        events: list[Event] | None = None,
        forks: list[int] | None = None,
        **trouble: int,
    ) -> None:
        super().__init__(**trouble)
        self.events, self.forks = deque(events or []), deque(forks or [])
        self.alive: dict[int, list[int]] = {}
        """Each child, with the signals that it was sent."""
        self.ended: deque[tuple[int, int]] = deque()
        self.shut: list[int] = []
        """The listeners to which nobody can connect any more."""
        self.born = OURSELVES

    # What a test does.

    def end(self, child: int, status: int = 0) -> None:
        del self.alive[child]
        self.ended.append((child, status))
        self.pending.add(int(SIGCHLD))

    # What the supervisor asks for.

    def next_signal(self) -> int:
        if random.random() < 0.2:
            return -Errno.EINTR
        while not self.pending:
            assert self.events, "it would wait for ever"
            self.events.popleft()(self)
        return super().next_signal()

    def clone(self, machine: Caller, *how: int) -> int:
        if result := self.forks.popleft() if self.forks else 0:
            return result
        self.born += 1
        self.alive[self.born] = []
        return self.born

    def fork(self, machine: Caller) -> tuple[int, int]:
        return self.clone(machine), 0

    def wait4(self, machine: Caller, process: int, status: int, options: int, usage: int) -> int:
        assert (process, options, usage) == (2**32 - 1, WNOHANG, 0)
        if not self.ended:
            return 0 if self.alive else -Errno.ECHILD
        child, how = self.ended.popleft()
        machine.write(status, how.to_bytes(4, "little"))
        return child

    def kill(self, machine: Caller, process: int, signal: int, posix: int) -> int:
        assert posix == 1
        if process == OURSELVES:
            self.pending.add(signal)
            return 0
        known = {*self.alive, *(child for child, _ in self.ended)}
        assert process in known, "a process of somebody else"
        if process in self.alive:
            self.alive[process].append(signal)
            if signal == SIGKILL:
                self.end(process, SIGKILL)
        return 0

    def shutdown(self, machine: Caller, socket: int, how: int) -> int:
        assert how == SHUT_RD
        self.shut.append(socket)
        return 0

    def close(self, machine: Caller, file: int) -> int:
        self.shut.append(file)
        return 0


def shut(count: int) -> list[int]:
    """What is shut so that nobody comes to so many listeners: on macOS they are all the first."""
    return list(range(20, 20 + count if platform() == "linux" else 21))


def run(system: System, count: int = 2) -> int:
    """Supervise so many workers until it ends: the status it ends with."""
    with caller(supervise) as machine:
        listening = Memory(machine, Listening, machine.address(LISTENING))
        sockets = range(20, 20 + count)
        listening[Listening.sockets] = b"".join(one.to_bytes(4, "little") for one in sockets)
        with pytest.raises(Ended) as ended:
            machine.call(count, ROOT, kernel=system)
    return ended.value.status


def comes(signal: int) -> Event:
    return lambda system: system.pending.add(int(signal))


def ends(status: int = 0) -> Event:
    """The oldest child ends."""
    return lambda system: system.end(min(system.alive), status)


def all_end(system: System) -> None:
    for child in list(system.alive):
        system.end(child)


@pytest.mark.parametrize("signal", [SIGTERM, SIGINT, SIGQUIT])
@pytest.mark.parametrize("count", [1, 3, WORKERS_MAX])
def test_stop(signal: int, count: int) -> None:
    """Each worker is told once, nobody new can connect, and the end is a good one."""
    told: list[list[int]] = []

    def look(system: System) -> None:
        told.extend(system.alive.values())
        all_end(system)

    system = System([comes(signal), look])
    assert run(system, count) == 0
    assert told == [[SIGTERM]] * count
    assert system.shut == shut(count)
    assert system.said == []


def test_a_second_signal_ends_it_at_once() -> None:
    system = System([comes(SIGTERM), comes(SIGINT)])
    assert run(system, 3) == 0
    assert system.alive == {}
    assert system.paused == 0, "at once"
    assert len(system.said) == 3


def test_children_that_end_one_by_one_while_stopping() -> None:
    """None is started anew, not even one that failed."""
    system = System([comes(SIGTERM), ends(), ends(1 << 8), comes(SIGHUP), ends()])
    assert run(system, 3) == 0
    assert system.born == OURSELVES + 3


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (0, b""),
        (1 << 8, b"svc0: worker 1001 ended with status 1\n"),
        (255 << 8, b"svc0: worker 1001 ended with status 255\n"),
        (11, b"svc0: worker 1001 was killed by signal 11\n"),
        (11 | 0x80, b"svc0: worker 1001 was killed by signal 11\n"),
    ],
)
def test_a_worker_that_dies_is_replaced(status: int, said: bytes) -> None:
    alive: list[int] = []
    system = System([ends(status), lambda now: alive.extend(now.alive), comes(SIGTERM), all_end])
    system.events.insert(1, comes(SIGCHLD))  # one that says nothing
    assert run(system, 2) == 0
    assert alive == [OURSELVES + 2, OURSELVES + 3]
    assert b"".join(line for _, line in system.said) == said
    assert system.paused == bool(said)


def test_sighup_starts_new_workers_at_once_and_lets_the_old_finish() -> None:
    told: dict[int, list[int]] = {}
    system = System([comes(SIGHUP), lambda now: told.update(now.alive), comes(SIGTERM), all_end])
    system.events.insert(2, comes(SIGCHLD))
    assert run(system, 2) == 0
    assert list(told) == [1001, 1002, 1003, 1004]
    assert system.shut == shut(2), "only at the end"


def test_sighup_again_while_the_old_are_finishing() -> None:
    """There is never more than one new and one old worker of a listener."""
    most: list[int] = []

    def look(system: System) -> None:
        most.append(len(system.alive))
        system.pending.add(int(SIGCHLD))

    events: list[Event] = [comes(SIGHUP), look] * 3
    events += [ends(), look, comes(SIGHUP), look, comes(SIGTERM), all_end]
    system = System(events)
    assert run(system, 2) == 0
    assert most == [4, 4, 4, 3, 4]


@pytest.mark.parametrize("error", [Errno.EAGAIN, Errno.ENOMEM])
def test_no_worker_can_be_started(error: int) -> None:
    system = System(forks=[-error])
    assert run(system, 3) == 1
    [(file, line)] = system.said
    assert file == 2
    assert line.startswith(b"svc0: cannot start workers: ")


def test_a_worker_that_cannot_be_started_yet() -> None:
    """The others go on, and it is tried again, with pauses, until it is there."""
    system = System([comes(SIGTERM), all_end], forks=[0, -Errno.EAGAIN, -Errno.EAGAIN, 0, 0])
    assert run(system, 3) == 0
    assert system.born == OURSELVES + 3
    assert system.paused == 2
    assert system.said == []


def test_without_a_descriptor_for_signals() -> None:
    system = System(signalfd4=Errno.EMFILE, kqueue=Errno.EMFILE)
    assert run(system) == 1
    assert system.said == [(2, b"svc0: cannot start workers: too many files are open\n")]
    assert not system.alive


@given(
    st.lists(st.sampled_from(["hup", "ends", "fails", "stranger"]), max_size=12), st.integers(1, 4)
)
def test_there_is_always_a_worker_for_each_listener(what: list[str], count: int) -> None:
    def check(system: System) -> None:
        new = [child for child, signals in system.alive.items() if not signals]
        assert len(new) == count
        assert len(system.alive) <= 2 * count

    def stranger(system: System) -> None:
        system.ended.append((77, 1 << 8))  # a child that whoever started us left behind
        system.pending.add(int(SIGCHLD))

    happenings = {"hup": comes(SIGHUP), "ends": ends(), "fails": ends(9), "stranger": stranger}
    events: list[Event] = []
    for name in what:
        events += [happenings[name], check]
    system = System([*events, comes(SIGTERM), all_end])
    assert run(system, count) == 0


# --- in the child --------------------------------------------------------------------


CPUS = [*range(3, 50), *range(80, 100)]


def bits(cpus: list[int]) -> bytes:
    """A set of CPUs, as Linux has it."""
    return sum(1 << cpu for cpu in cpus).to_bytes(16, "little")


class Child(Process):
    """What a new worker sees until it serves."""

    def __init__(self, parent: int) -> None:
        super().__init__()
        self.parent = parent
        self.closed: list[int] = []
        self.chosen: list[int] = []
        """The CPUs that it runs on, as far as it has said so; it may run on CPUS."""

    def sched_getaffinity(self, machine: Caller, process: int, size: int, mask: int) -> int:
        machine.write(mask, bits(CPUS))
        return len(bits(CPUS))

    def sched_setaffinity(self, machine: Caller, process: int, size: int, mask: int) -> int:
        given = machine.read(mask, size)
        self.chosen = [cpu for cpu in CPUS if bits([cpu])[: len(given)] == given]
        return 0

    def clone(self, machine: Caller, *arguments: int) -> int:
        return 0

    def fork(self, machine: Caller) -> tuple[int, int]:
        return OURSELVES + 1, 1

    def prctl(self, machine: Caller, *arguments: int) -> int:
        return 0

    def getppid(self, machine: Caller) -> int:
        if platform() == "linux":
            assert self.names[-2] == "prctl", "else it could die in between, and nobody would tell"
        return self.parent

    def close(self, machine: Caller, file: int) -> int:
        self.closed.append(file)
        return 0

    def openat(self, machine: Caller, directory: int, *arguments: int) -> int:
        self.directory = directory
        raise Ended(99)  # here the worker begins

    def openat2(self, machine: Caller, directory: int, *arguments: int) -> int:
        return self.openat(machine, directory)


def inherited() -> list[int]:
    """What a child has and must not keep: on macOS it does not have the queue."""
    return [SIGNALS] if platform() == "linux" else []


@pytest.mark.parametrize("number", [0, 1, WORKERS_MAX - 1])
def test_a_child_serves_its_listener(number: int) -> None:
    child = Child(OURSELVES)
    with caller(under_test.start_worker) as machine:
        family = Memory(machine, Family, machine.address(FAMILY))
        family[Family.root], family[Family.signals] = ROOT, SIGNALS
        with pytest.raises(Ended) as ended:
            machine.call(number, kernel=child)
    assert ended.value.status == 99
    assert (child.directory, child.closed) == (ROOT, inherited())


def test_a_child_whose_parent_is_gone() -> None:
    with caller(under_test.start_worker) as machine, pytest.raises(Ended) as ended:
        machine.call(0, kernel=Child(1))
    assert ended.value.status == 1


@given(
    children=st.lists(st.integers(1, 5), max_size=2 * WORKERS_MAX, unique=True),
    child=st.integers(1, 6),
)
def test_forget_child(children: list[int], child: int) -> None:
    with caller(under_test.forget_child) as machine:
        family = Memory(machine, Family, machine.address(FAMILY))
        table = b"".join(number.to_bytes(4, "little") for number in children)
        family[Family.children] = table.ljust(8 * WORKERS_MAX, b"\0")
        family[Family.running] = len(children)
        known = child in children
        assert machine.call(child) == known
        assert family[Family.running] == len(children) - known
        left = family.bytes(Family.children, 8 * WORKERS_MAX)
    assert child not in [
        int.from_bytes(left[at : at + 4], "little") for at in range(0, len(left), 4)
    ]


# --- one routine at a time -------------------------------------------------------------


def words(numbers: list[int]) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)


class Parent:
    """The supervisor's variables: a table of children, with their processes by their places."""

    def __init__(self, machine: Caller, places: dict[int, int], listeners: int = 1) -> None:
        self.memory = Memory(machine, Family, machine.address(FAMILY))
        self.memory[Family.children] = words([places.get(n, 0) for n in range(CHILDREN_MAX)])
        self.memory[Family.running] = len(places)
        self.memory[Family.listeners] = listeners

    @property
    def places(self) -> dict[int, int]:
        content = self.memory.bytes(Family.children, 4 * CHILDREN_MAX)
        found = [int.from_bytes(content[4 * n :][:4], "little") for n in range(CHILDREN_MAX)]
        return {place: number for place, number in enumerate(found) if number}

    @property
    def running(self) -> int:
        return self.memory[Family.running]


class Killer(Process):
    """It only knows who was sent which signal."""

    def __init__(self) -> None:
        super().__init__()
        self.killed: list[tuple[int, int]] = []

    def kill(self, machine: Caller, process: int, signal: int, posix: int) -> int:
        assert posix == 1
        self.killed.append((process, signal))
        return random.choice([0, -Errno.ESRCH])


processes = st.integers(2000, 2**31 - 1)
tables = st.lists(processes, unique=True, max_size=12).flatmap(
    lambda numbers: st.permutations(
        [*range(6), *range(WORKERS_MAX - 2, WORKERS_MAX + 6), CHILDREN_MAX - 1]
    ).map(lambda places: dict(zip(places, numbers, strict=False)))
)


@given(places=tables, signal=st.sampled_from([SIGTERM, SIGKILL]))
def test_signal_all(places: dict[int, int], signal: int) -> None:
    kernel = Killer()
    with caller(under_test.signal_all) as machine:
        parent = Parent(machine, places)
        machine.call(signal, kernel=kernel)
        assert parent.places == places
    assert sorted(kernel.killed) == sorted((process, signal) for process in places.values())


@given(places=tables)
def test_replace_all(places: dict[int, int]) -> None:
    """Who can make room does; nobody is forgotten, or told twice."""
    kernel = Killer()
    able = {n for n in places if n < WORKERS_MAX and n + WORKERS_MAX not in places}
    with caller(under_test.replace_all) as machine:
        parent = Parent(machine, places)
        machine.call(kernel=kernel)
        moved = {n + WORKERS_MAX * (n in able): process for n, process in places.items()}
        assert parent.places == moved
        assert parent.running == len(places)
    assert sorted(kernel.killed) == sorted((places[n], SIGTERM) for n in able)


statuses = st.integers(0, 255).map(lambda status: status << 8)
statuses |= st.builds(int.__or__, st.sampled_from([1, 9, 11, 63, 64]), st.sampled_from([0, 0x80]))


def epitaph(child: int, status: int) -> tuple[int, bytes]:
    """What is said of a worker that ended in a way that Python's os module can read."""
    if os.WIFSIGNALED(status):
        how = f"was killed by signal {os.WTERMSIG(status)}"
    else:
        how = f"ended with status {os.WEXITSTATUS(status)}"
    return 2, f"svc0: worker {child} {how}\n".encode()


@given(child=processes, status=statuses)
def test_report(child: int, status: int) -> None:
    kernel = Process()
    with caller(under_test.report) as machine:
        machine.call(child, status, kernel=kernel)
    assert kernel.said == [epitaph(child, status)]


@given(places=tables, stopping=st.booleans(), data=st.data())
def test_reap(places: dict[int, int], stopping: bool, data: st.DataObject) -> None:
    """All that have ended, of whatever number; of a stranger nothing is said."""
    who = st.sampled_from([*places.values(), 77])
    ended = data.draw(st.lists(st.tuples(who, statuses), unique_by=lambda pair: pair[0]))
    kernel = System()
    kernel.ended.extend(ended)
    with caller(under_test.reap) as machine:
        parent = Parent(machine, places)
        parent.memory[Family.stopping] = stopping
        machine.call(kernel=kernel)
        gone = {process for process, _ in ended}
        left = {place: process for place, process in places.items() if process not in gone}
        assert parent.places == left
        assert parent.running == len(left)
    failed = [pair for pair in ended if pair[1] and pair[0] in places.values()]
    assert kernel.said == [epitaph(*pair) for pair in failed]
    assert kernel.paused == (0 if stopping else len(failed))
    assert kernel.names.count("wait4") == len(ended) + 1


@given(error=st.integers(1, 110) | st.just(Errno.EMFILE))
def test_give_up(error: int) -> None:
    kernel = Process()
    with caller(under_test.give_up) as machine, pytest.raises(Ended) as ended:
        machine.call(-error, kernel=kernel)
    assert ended.value.status == 1
    assert kernel.said == [(2, f"svc0: cannot start workers: {reason(error)}\n".encode())]


@given(places=tables, count=st.integers(1, WORKERS_MAX), fails=st.integers(0, WORKERS_MAX))
def test_start_missing(places: dict[int, int], count: int, fails: int) -> None:
    """Each listener without a worker gets one, up to the fork that fails."""
    missing = [n for n in range(count) if n not in places]
    kernel = System(forks=[0] * fails + [-Errno.EAGAIN])
    short = fails < len(missing)
    born = {place: OURSELVES + 1 + n for n, place in enumerate(missing[:fails])}
    with caller(under_test.start_missing) as machine:
        parent = Parent(machine, places, count)
        if short and not places and not fails:
            with pytest.raises(Ended) as ended:
                machine.call(kernel=kernel)
            assert ended.value.status == 1
            assert len(kernel.said) == 1
            return
        machine.call(kernel=kernel)
        assert parent.places == places | born
        assert parent.running == len(places) + len(born)
    assert kernel.paused == short
    assert kernel.pending == ({int(SIGCHLD)} if short else set())
    assert kernel.said == []


@given(
    signal=st.sampled_from([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD]),
    count=st.integers(1, 5),
    stopping=st.booleans(),
    data=st.data(),
)
def test_heed(signal: int, count: int, stopping: bool, data: st.DataObject) -> None:
    """Some workers have ended, and nobody has taken note of it yet."""
    ended = data.draw(st.sets(st.integers(0, count - 1)))
    old = {n: OURSELVES + 1 + n for n in range(count)}
    alive = {n: process for n, process in old.items() if n not in ended}
    system = System()
    system.born = OURSELVES + count
    system.alive = {process: [] for process in old.values()}
    for n in ended:
        system.end(old[n])
    with caller(under_test.heed) as machine:
        listening = Memory(machine, Listening, machine.address(LISTENING))
        listening[Listening.sockets] = words(list(range(20, 20 + count)))
        parent = Parent(machine, old, count)
        parent.memory[Family.stopping] = stopping
        machine.call(signal, kernel=system)
        places, stopped = parent.places, parent.memory[Family.stopping]
    told: list[int] = []
    if signal == SIGHUP:
        assert stopped == stopping
        if stopping:
            assert system.names == []
        else:
            told = [SIGTERM]
            new = {n: OURSELVES + count + 1 + n for n in range(count)}
            assert places == new | {n + WORKERS_MAX: process for n, process in alive.items()}
    elif signal == SIGCHLD:
        assert stopped == stopping
        new = {n: OURSELVES + count + 1 + at for at, n in enumerate(sorted(ended))}
        assert places == (alive if stopping else alive | new)
    else:
        assert (stopped, places) == (1, old)
        assert system.shut == ([] if stopping else shut(count))
        assert system.names.count("kill") == count
        told = [SIGTERM]
        if stopping:
            assert system.alive == {}, "they are killed"
            return
    assert {n: system.alive[process] for n, process in alive.items()} == dict.fromkeys(alive, told)


@given(
    number=st.integers(0, WORKERS_MAX - 1),
    more=st.integers(0, WORKERS_MAX),
    supervisor=processes,
    orphan=st.booleans(),
)
def test_become_worker(number: int, more: int, supervisor: int, orphan: bool) -> None:
    """On Linux it runs on a CPU of its own, if there is one for each worker."""
    workers = min(number + 1 + more, WORKERS_MAX)
    child = Child(1 if orphan else supervisor)
    with caller(under_test.become_worker) as machine:
        family = Memory(machine, Family, machine.address(FAMILY))
        family[Family.root], family[Family.signals] = ROOT, SIGNALS
        family[Family.listeners] = workers
        listening = Memory(machine, Listening, machine.address(LISTENING))
        listening[Listening.sockets] = words(list(range(20, 20 + WORKERS_MAX)))
        with pytest.raises(Ended) as ended:
            machine.call(number, supervisor, kernel=child)
        worker = Memory(machine, Workspace, machine.address(WORKSPACE))
        serves = worker[Workspace.listener], worker[Workspace.root]
        mourns = worker[Workspace.supervisor]
    if orphan:
        assert ended.value.status == 1
        assert child.names[-2:] == ["getppid", "exit"]
    else:
        assert ended.value.status == 99
        assert child.closed == inherited()
        assert serves == (20 + number, ROOT)
        assert mourns == supervisor
        apart = platform() == "linux" and 1 < workers <= len(CPUS)
        assert child.chosen == ([CPUS[number]] if apart else [])
