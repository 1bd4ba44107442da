"""The host world: this computer's own files, sockets, signals and processes, through Python.

Only the standard library is used, and of it only what every Unix has, with better ways where there
are any (`select.epoll`, `os.eventfd`).
"""

from .world import HostWorld

__all__ = ["HostWorld"]
