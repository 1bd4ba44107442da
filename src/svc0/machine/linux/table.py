"""The table of Linux's calls: what every Unix answers alike, and in the rooms beside, the rest."""

from __future__ import annotations

from ..posix import CALLS as COMMON
from ..posix.table import Table

CALLS = Table(COMMON)
call = CALLS.call
