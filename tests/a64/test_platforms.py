"""Numbers that platforms have their own of: calculating with one is calculating on each."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest

from svc0.a64 import either
from svc0.a64.platforms import PLATFORMS, on, settled

OPERATIONS: list[Callable[[int, int], int]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.floordiv,
    operator.mod,
    operator.lshift,
    operator.rshift,
    operator.and_,
    operator.or_,
    operator.xor,
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operators(operation: Callable[[int, int], int]) -> None:
    """On either side and on both; none of them sees the number that is nobody's."""
    one, other = either(linux=12, macos=7), either(linux=3, macos=5)
    for left, right in ((one, other), (one, 3), (13, other)):
        result = operation(left, right)
        for name in PLATFORMS:
            expected = operation(settled(left, name), settled(right, name))
            assert settled(result, name) == expected
            with on(name):
                assert result == expected
