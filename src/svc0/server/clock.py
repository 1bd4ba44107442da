"""The clock: the time of day, which is asked once a second."""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import CLOCK_REALTIME
from svc0.kernel.structs import Timespec, Timeval


@routine
def seconds_now() -> x0:
    """Seconds since the epoch."""
    with frame(room=Timespec.size):
        if platform() == "linux":
            mov(w0, CLOCK_REALTIME)
            mov(x1, sp)
            calls.clock_gettime()
        else:
            mov(x0, sp)
            mov(x1, 0)
            mov(x2, 0)
            calls.gettimeofday()
        ldr(x0, [sp])
    ret()


assert Timespec.seconds == Timeval.seconds == 0
assert Timespec.size == Timeval.size
