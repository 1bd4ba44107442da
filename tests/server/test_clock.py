"""The clock, with kernels that tell the time in seconds and what is left of one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from svc0.machine.call import caller
from svc0.server.clock import seconds_now
from tests.server.process import Process


@given(now=st.integers(0, 2**62))
def test_seconds_now(now: int) -> None:
    """Whole ones: a second that is almost over is not the next one yet."""
    kernel = Process()
    kernel.now = now
    with caller(seconds_now) as machine:
        assert machine.call(kernel=kernel) == now
    assert len(kernel.names) == 1
