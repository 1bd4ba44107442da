"""A piece of an executable, as it is to be in memory."""

from __future__ import annotations

from typing import NamedTuple


class Piece(NamedTuple):
    """`content` at `address`, and zeros behind it up to `size`; the name is for people."""

    address: int
    size: int
    permissions: int
    content: bytes
    name: str
