"""svc0: a web server in pure ARM64 assembly, written in Python."""

from __future__ import annotations

from typing import Any

from svc0.a64 import Routine

__version__ = "0.1.0"


def _run(routine: Routine, *arguments: Any, **options: Any) -> Any:
    """What calling a routine does; the emulator is loaded when it is first wanted."""
    from svc0.machine.call import call

    return call(routine, *arguments, **options)


Routine.runner = staticmethod(_run)
