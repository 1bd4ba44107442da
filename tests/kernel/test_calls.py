"""Every call's number, against Linux's header for arm64; and how a call is made."""

from __future__ import annotations

import pytest

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.calls import CALLS, SystemCall
from svc0.machine.call import Caller, call
from tests.kernel.headers import disagreements

ALL = {name: value for name, value in vars(calls).items() if isinstance(value, SystemCall)}


@routine
def write_there(file: w0, data: x1, size: x2) -> x0:
    """Just the call."""
    with frame():
        calls.write()
    ret()


def test_numbers() -> None:
    facts = {name: f"SYS_{name} == {known.number}" for name, known in ALL.items()}
    assert len(facts) > 30
    assert disagreements(["sys/syscall.h"], facts) == {}


def test_calls_are_found_by_their_numbers() -> None:
    assert {known.number: known for known in ALL.values()} == CALLS


def test_every_call_takes_its_arguments_in_order() -> None:
    for name, known in ALL.items():
        places = [getattr(r, "number", None) for r in known.parameters.values()]
        assert places == list(range(len(places))), name


@pytest.mark.parametrize("result", [0, 3, -11, -4095])
def test_what_a_call_hands_over_and_back(result: int) -> None:
    seen: list[tuple[int, ...]] = []

    def kernel(machine: Caller) -> None:
        seen.append((machine[x8], machine[x0] % 2**32, machine[x2]))
        machine[x0] = result

    assert call(write_there, 1, b"abc", 3, kernel=kernel) == result
    assert seen == [(64, 1, 3)]


def test_a_number_is_declared_once() -> None:
    with pytest.raises(AssertionError, match="call 64 is declared twice"):
        calls.syscall(linux=64)(lambda: None)


def test_arguments_go_in_registers() -> None:
    with pytest.raises(AssertionError, match="arguments of a system call go in registers"):
        calls.write(1)
