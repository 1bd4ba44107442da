"""Deadlines: the lists of who waits for what, against lists of Python's."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from svc0.a64 import *
from svc0.machine.call import caller
from svc0.server import deadlines as under_test
from svc0.server.connection import Connection
from svc0.server.deadlines import FAREWELL_SECONDS, LINGER_SECONDS
from svc0.server.settings import SETTINGS, packed
from svc0.server.workspace import Patience, Workspace
from tests.server.memory import Memory

SECONDS = {"idle_seconds": 7, "head_seconds": 2, "body_seconds": 3, "send_seconds": 3}
PATIENCE = {
    Patience.IDLE: SECONDS["idle_seconds"],
    Patience.HEAD: SECONDS["head_seconds"],
    Patience.BODY: SECONDS["body_seconds"],
    Patience.SEND: SECONDS["send_seconds"],
    Patience.LINGER: LINGER_SECONDS,
    Patience.FAREWELL: FAREWELL_SECONDS,
}
SLOTS = 6


@routine
def change(what: x1, patience: w0, connection: x27, worker: x28) -> None:
    """One of the things that happen to lists, by its place in CHANGES."""
    ways = [label() for _ in CHANGES]

    with frame() as leave:
        for number, way in enumerate(ways):
            cmp(what, number)
            b.eq(way)
        brk(1)
        for routine, way in zip(CHANGES, ways, strict=True):
            here(way)
            bl(routine)
            b(leave)
    ret()


CHANGES = (
    under_test.set_deadlines,
    under_test.be_patient,
    under_test.join_list,
    under_test.leave_list,
)

patiences = st.sampled_from(Patience)


class Lists(RuleBasedStateMachine):
    """A table of connections, of which some are in a list; the model has the lists themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.context = caller(change)
        self.machine = self.context.__enter__()
        self.machine.write(self.machine.address(SETTINGS), packed(**SECONDS))
        self.worker = Memory(self.machine, Workspace)
        self.slots = [Memory(self.machine, Connection) for _ in range(SLOTS)]
        for slot in self.slots:  # what a slot holds that nobody uses means nothing
            slot[Connection.earlier] = slot[Connection.later] = 0x5555
            slot[Connection.deadline] = 3
        self.lists: dict[Patience, list[int]] = {patience: [] for patience in Patience}
        self.deadlines: dict[int, int] = {}
        self.ticks = 0
        self.pass_time(0)

    def teardown(self) -> None:
        self.machine.write(self.machine.address(SETTINGS), bytes(SETTINGS))
        self.context.__exit__(None, None, None)

    def call(self, what: Routine, at: int = 0, patience: int = 0) -> None:
        about = int(self.slots[at]), int(self.worker)
        self.machine.call(CHANGES.index(what), patience, *about)

    @property
    def members(self) -> list[int]:
        return [at for all_ in self.lists.values() for at in all_]

    @rule(seconds=st.integers(0, 3))
    def pass_time(self, seconds: int) -> None:
        self.ticks += seconds
        self.worker[Workspace.ticks] = self.ticks
        self.call(under_test.set_deadlines)

    @precondition(lambda self: len(self.members) < SLOTS)
    @rule(data=st.data(), patience=patiences)
    def join(self, data: st.DataObject, patience: Patience) -> None:
        """A new connection, whose deadline its owner has set."""
        at = data.draw(st.sampled_from([n for n in range(SLOTS) if n not in self.members]))
        self.slots[at][Connection.deadline] = self.deadlines[at] = self.ticks + PATIENCE[patience]
        self.call(under_test.join_list, at, patience)
        self.lists[patience].append(at)

    @precondition(lambda self: self.members)
    @rule(data=st.data(), patience=patiences)
    def wait(self, data: st.DataObject, patience: Patience) -> None:
        """Its time begins anew: it goes to the end, unless that would change no deadline."""
        at = data.draw(st.sampled_from(self.members))
        deadline = self.ticks + PATIENCE[patience]
        self.call(under_test.be_patient, at, patience)
        if at not in self.lists[patience] or self.deadlines[at] != deadline:
            self.remove(at)
            self.lists[patience].append(at)
        self.deadlines[at] = deadline

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from(self.members))
        self.call(under_test.leave_list, at)
        self.remove(at)
        del self.deadlines[at]

    def remove(self, at: int) -> None:
        for members in self.lists.values():
            if at in members:
                members.remove(at)

    @invariant()
    def lists_are_those(self) -> None:
        """From both ends, with nobody lost, nobody twice, and in order of their deadlines."""
        places = [int(slot) for slot in self.slots]
        for patience, members in self.lists.items():
            expected = [places[at] for at in members]
            for start, link, order in (
                (Workspace.soonest, Connection.later, expected),
                (Workspace.latest, Connection.earlier, expected[::-1]),
            ):
                way: list[int] = []
                at = self.worker[start[patience]]
                while at and len(way) <= SLOTS:
                    way.append(at)
                    at = self.slots[places.index(at)][link]
                assert way == order
            assert all(self.slots[at][Connection.patience] == patience for at in members)
            deadlines = [self.slots[at][Connection.deadline] for at in members]
            assert deadlines == sorted(deadlines) == [self.deadlines[at] for at in members]


Lists.TestCase.settings = settings(max_examples=60, stateful_step_count=40)


def test_lists() -> None:
    Lists.TestCase("runTest").debug()


seconds = st.integers(1, 86400)


@given(ticks=st.integers(0, 1 << 62), idle=seconds, head=seconds, body=seconds, send=seconds)
def test_set_deadlines(ticks: int, **given: int) -> None:
    named: dict[str, Any] = {f"{name}_seconds": value for name, value in given.items()}
    with caller(under_test.set_deadlines) as machine:
        machine.write(machine.address(SETTINGS), packed(**named))
        try:
            worker = Memory(machine, Workspace)
            worker[Workspace.ticks] = ticks
            machine.call(int(worker))
            expected = {Patience[name.upper()]: value for name, value in given.items()}
            expected |= {Patience.LINGER: LINGER_SECONDS, Patience.FAREWELL: FAREWELL_SECONDS}
            for patience in Patience:
                assert worker[Workspace.until[patience]] == ticks + expected[patience]
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))
