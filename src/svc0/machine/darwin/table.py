"""The table of Darwin's calls: what every Unix answers alike, and in the rooms beside, the rest."""

from __future__ import annotations

from ..posix import CALLS as COMMON
from ..posix.table import Table

CALLS = Table(COMMON)
call = CALLS.call


class Two(int):
    """A call's result for x0, and one more for x1."""

    second: int

    def __new__(cls, first: int, second: int) -> Two:
        made = super().__new__(cls, first)
        made.second = second
        return made
