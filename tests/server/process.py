"""A process as its kernel sees it: what it says, and how it ends."""

from __future__ import annotations

from svc0.machine.call import Caller
from tests.server.kernel import Kernel


class Ended(Exception):  # noqa: N818 - it is no error
    """The process ended, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Process(Kernel):
    """``said`` is what was written, each time with the descriptor."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[int, bytes]] = []

    def write(self, machine: Caller, file: int, data: int, size: int) -> int:
        self.said.append((file, machine.read(data, size)))
        return size

    def exit(self, machine: Caller, status: int) -> int:
        raise Ended(status)
