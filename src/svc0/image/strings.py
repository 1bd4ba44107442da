"""Strings: a table of names that end in a zero, each once, each known by where it begins."""

from __future__ import annotations

__all__ = ["Strings"]


class Strings:
    """Symbol names, section names, the strings of debug information; the first is empty.

    >>> table = Strings()
    >>> table["main"], table["text.py"], table["main"]
    (1, 6, 1)
    >>> bytes(table)
    b'\\x00main\\x00text.py\\x00'
    """

    def __init__(self) -> None:
        self.offsets: dict[str, int] = {"": 0}
        self.content = bytearray(1)

    def __getitem__(self, name: str) -> int:
        """Where a name begins; it is put at the end if it was not there."""
        if name not in self.offsets:
            self.offsets[name] = len(self.content)
            self.content += name.encode() + b"\0"
        return self.offsets[name]

    def __bytes__(self) -> bytes:
        return bytes(self.content)
