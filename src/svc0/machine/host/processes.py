"""Other processes, watched from here."""

from __future__ import annotations

import errno
import os
import select
import sys

from ..world import End, Ended, failure
from .files import HostFile


class HostEnd(HostFile, End):
    """A file that can be read from when a process ends: what Linux calls a pidfd."""

    def __init__(self, process: int) -> None:
        self._process = process
        super().__init__(watch(process))
        if select.select([self.number], [], [], 0)[0]:
            self.close()
            raise failure(errno.ESRCH)
        self.child = is_child(process)

    def ended(self) -> Ended | None:
        found = look(self._process) if self.child else None
        if found is None:
            return None
        exited = found.si_code == os.CLD_EXITED
        status, signal = (found.si_status, 0) if exited else (0, found.si_status)
        return Ended(self._process, status, signal)


def look(process: int) -> os.waitid_result | None:
    """How a child ended, if it did, for whoever asks next too."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def is_child(process: int) -> bool:
    try:
        look(process)
    except ChildProcessError:
        return False
    return True


def watch(process: int) -> int:
    """A new descriptor; where there is no pidfd, one of a kqueue."""
    if sys.platform == "linux":
        return os.pidfd_open(process)
    queue = select.kqueue()
    wanted = select.kevent(
        process, select.KQ_FILTER_PROC, select.KQ_EV_ADD, fflags=select.KQ_NOTE_EXIT
    )
    queue.control([wanted], 0)
    number = os.dup(queue.fileno())
    queue.close()
    return number
