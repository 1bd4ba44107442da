"""Every call's number on each platform, against its own header; and how a call is made."""

from __future__ import annotations

import re

import pytest

from svc0.a64 import *
from svc0.a64.platforms import Platform
from svc0.kernel import calls
from svc0.kernel.calls import CALLS, SystemCall
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, call
from tests.kernel.headers import disagreements
from tests.system.programs import find_darwin_calls
from tests.tools import lacking

ALL = {name: value for name, value in vars(calls).items() if isinstance(value, SystemCall)}

IN_HEADERS: dict[Platform, dict[str, str]] = {
    "linux": {"exit": "exit_group", "pread": "pread64"},
    "macos": {"fstat": "fstat64", "sendfile_counted": "sendfile"},
}
"""What is called otherwise there."""


@routine
def write_there(file: w0, data: x1, size: x2) -> x0:
    """Just the call."""
    with frame():
        calls.write()
    ret()


@routine
def fork_there() -> tuple[x0, x1]:
    """A call with two results."""
    with frame():
        calls.fork()
    ret()


def numbers(platform: Platform) -> dict[str, int]:
    """Ours, by the names in the platform's header."""
    names = IN_HEADERS[platform]
    found = {
        names.get(name, name): known.numbers[platform]
        for name, known in ALL.items()
        if platform in known.numbers
    }
    assert len(found) > 30
    return found


def test_numbers_of_linux() -> None:
    facts = {name: f"SYS_{name} == {number}" for name, number in numbers("linux").items()}
    assert disagreements(["sys/syscall.h"], facts) == {}


def darwin_numbers() -> dict[str, int]:
    """Apple's sys/syscall.h is in no SDK that can be had; what others made of it is."""
    source = find_darwin_calls()
    if source is None:
        lacking("there are no numbers of Darwin's calls: make setup")
    text = source.read_text()
    assert "usr/include/sys/syscall.h" in text
    found = re.findall(r"^\tSYS_(\w+) += (\d+)$", text, re.MULTILINE)
    return {name.lower(): int(number) for name, number in found}


def test_numbers_of_macos() -> None:
    known = darwin_numbers()
    assert numbers("macos") == {name: known.get(name) for name in numbers("macos")}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_calls_are_found_by_their_numbers(platform: Platform) -> None:
    by_number = {
        known.numbers[platform]: known for known in ALL.values() if platform in known.numbers
    }
    assert by_number == CALLS[platform]


def test_every_call_takes_its_arguments_in_order() -> None:
    for name, known in ALL.items():
        places = [getattr(r, "number", None) for r in known.parameters.values()]
        assert places == list(range(len(places))), name


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("result", [0, 3, -11, -4095, 2**40])
def test_what_a_call_hands_over_and_back(result: int, platform: Platform) -> None:
    seen: list[tuple[int, ...]] = []

    def kernel(machine: Caller) -> None:
        seen.append((machine.number, machine[x0] % 2**32, machine[x2]))
        machine.answer(result)

    assert call(write_there, 1, b"abc", 3, kernel=kernel, platform=platform) == result
    assert seen == [({"linux": 64, "macos": 4}[platform], 1, 3)]


@pytest.mark.parametrize("carry", [False, True])
def test_darwin_tells_a_result_from_an_error_by_the_carry_flag(carry: bool) -> None:
    """Not by its sign, nor by its size."""

    def kernel(machine: Caller) -> None:
        machine.answer(35)
        machine.carry = carry

    expected = -35 if carry else 35
    assert call(write_there, 1, b"abc", 3, kernel=kernel, platform="macos") == expected


def test_a_call_with_two_results() -> None:
    def kernel(machine: Caller) -> None:
        machine.answer(4711, 1)

    assert call(fork_there, kernel=kernel, platform="macos") == (4711, 1)


def test_errors_are_those_of_the_platform() -> None:
    def kernel(machine: Caller) -> None:
        machine.answer(-Errno.EAGAIN)

    assert call(write_there, 1, b"", 0, kernel=kernel, platform="linux") == -11
    assert call(write_there, 1, b"", 0, kernel=kernel, platform="macos") == -35


def test_a_call_that_the_other_platform_has() -> None:
    with pytest.raises(AssemblyError, match=r"test_calls\.py:\d+: linux has no system call fork"):
        fork_there.listing("linux")


def test_a_number_is_declared_once() -> None:
    with pytest.raises(AssertionError, match="call 64 of linux is declared twice"):
        calls.syscall(linux=64)(lambda: None)


def test_arguments_go_in_registers() -> None:
    with pytest.raises(AssertionError, match="arguments of a system call go in registers"):
        calls.write(1)
