"""A process as its kernel sees it: what it says, what it is told, and how it ends."""

from __future__ import annotations

from svc0.kernel.constants import CLOCK_REALTIME
from svc0.machine.call import Caller
from svc0.server.terminal import REASONS
from tests.server.kernel import Kernel

OURSELVES = 1000
NOW = 1_700_000_000


class Ended(Exception):  # noqa: N818 - it is no error
    """The process ended, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Process(Kernel):
    """``said`` is what was written, each time with the descriptor; the time is ``now``."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[int, bytes]] = []
        self.now = NOW
        self.paused = 0
        """How often it waited a moment."""

    def write(self, machine: Caller, file: int, data: int, size: int) -> int:
        self.said.append((file, machine.read(data, size)))
        return size

    def exit(self, machine: Caller, status: int) -> int:
        raise Ended(status)

    def getpid(self, machine: Caller) -> int:
        return OURSELVES

    def clock_gettime(self, machine: Caller, clock: int, time: int) -> int:
        assert clock == CLOCK_REALTIME
        machine.write(time, words(self.now, 999_999_999))
        return 0

    def gettimeofday(self, machine: Caller, time: int, zone: int, ticks: int) -> int:
        assert (zone, ticks) == (0, 0)
        machine.write(time, words(self.now, 0xEEEE_EEEE << 32 | 999_999))
        return 0

    def nanosleep(self, machine: Caller, time: int, left: int) -> int:
        assert machine.read(time, 16) == words(0, 100_000_000)
        assert left == 0
        self.paused += 1
        return 0

    def select(self, machine: Caller, files: int, *sets_and_time: int) -> int:
        *sets, time = sets_and_time
        assert (files, sets) == (0, [0, 0, 0]), "there is nothing but the time to wait for"
        assert machine.read(time, 12) == words(0, 100_000)[:12]
        self.paused += 1
        return 0


def words(*numbers: int) -> bytes:
    """Numbers of 64 bits, as they lie in memory."""
    return b"".join(number.to_bytes(8, "little", signed=number < 0) for number in numbers)


def reason(error: int) -> str:
    """What people are told that an error means, on the platform whose scope this is."""
    known = {int(number): text for number, text in REASONS.items()}
    return known.get(int(error), f"error {int(error)}")
