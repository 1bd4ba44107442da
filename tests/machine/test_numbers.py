"""The tables of both kernels: complete, and right in their numbers."""

from __future__ import annotations

from types import ModuleType

import pytest

from svc0.a64.platforms import PLATFORMS, Either, Platform
from svc0.kernel import calls, constants, errors
from svc0.machine import _darwin as darwin
from svc0.machine import _linux as linux
from svc0.machine.darwin.personality import BY_NUMBER as OF_DARWIN
from svc0.machine.darwin.personality import CALLS as DARWIN_CALLS
from svc0.machine.linux.personality import BY_NUMBER as OF_LINUX
from svc0.machine.linux.personality import KNOWN_TO_BE_MISSING

NUMBERS: dict[Platform, ModuleType] = {"linux": linux, "macos": darwin}
ANSWERED = {"linux": OF_LINUX.keys() | KNOWN_TO_BE_MISSING, "macos": OF_DARWIN.keys()}


def value_on(value: object, platform: Platform) -> int | None:
    if isinstance(value, Either):
        return value.on(platform) if platform in value.values else None
    return value if isinstance(value, int) else None


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_call_of_the_server_is_answered(platform: Platform) -> None:
    assert calls.CALLS[platform].keys() <= ANSWERED[platform]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_constants_are_those_of_the_kernel_room(platform: Platform) -> None:
    """Two rooms wrote them down from the same headers, each for itself."""
    room = NUMBERS[platform]
    ours: dict[str, int] = room.ERRORS | room.SIGNALS | room.OPEN_FLAGS | room.FAMILIES
    ours |= room.LIMITS | room.SOCKET_TYPES | room.MESSAGE_FLAGS | room.LEVELS
    ours |= {name: number for names in room.OPTIONS.values() for name, number in names.items()}
    ours |= {name: value for name, value in vars(room).items() if isinstance(value, int)}
    given = vars(errors.Errno) | vars(constants)
    theirs = {name: value_on(value, platform) for name, value in given.items()}
    both = {name for name in ours.keys() & theirs.keys() if theirs[name] is not None}
    assert len(both) > 50
    assert {name: theirs[name] for name in both} == {name: ours[name] for name in both}


def test_every_call_of_darwin_has_a_number() -> None:
    """Those of its own rooms, that is: what all Unixes answer, it may not have."""
    of_darwin = {
        name
        for name, call in DARWIN_CALLS.items()
        if call.function.__module__.startswith("svc0.machine.darwin")
    }
    assert of_darwin <= darwin.CALLS.keys()
    assert not darwin.CALLS.keys() & darwin.OTHER_CALLS.keys()
    everything = [*darwin.CALLS.values(), *darwin.OTHER_CALLS.values(), *darwin.NOCANCEL.values()]
    assert len(set(everything)) == len(everything)
    assert darwin.NOCANCEL.keys() <= darwin.CALLS.keys()
