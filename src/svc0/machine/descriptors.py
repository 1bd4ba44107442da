"""Descriptors: the small numbers by which a guest names its open files."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass

from .world import File, failure


@dataclass
class Descriptor:
    file: File
    close_on_exec: bool


class Descriptors:
    """Lowest free number first, as every Unix promises."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._open: dict[int, Descriptor] = {}
        self._lowest = 0  # nothing below it is free

    def __getitem__(self, number: int) -> Descriptor:
        try:
            return self._open[number]
        except KeyError:
            raise failure(errno.EBADF) from None

    def __contains__(self, number: int) -> bool:
        return number in self._open

    def __iter__(self) -> Iterator[int]:
        """Open ones, of which some may be closed meanwhile."""
        return iter(list(self._open))

    def __len__(self) -> int:
        return len(self._open)

    def add(self, file: File, *, close_on_exec: bool = False, lowest: int = 0) -> int:
        number = max(lowest, self._lowest)
        while number in self._open:
            number += 1
        if number >= self.most:
            if not file.uses:
                file.close()
            raise failure(errno.EMFILE)
        if lowest <= self._lowest:
            self._lowest = number + 1
        self._put(number, file, close_on_exec)
        return number

    def replace(self, number: int, file: File, *, close_on_exec: bool) -> None:
        """Put it at this number, whatever was there."""
        if not 0 <= number < self.most:
            raise failure(errno.EBADF)
        if number in self._open:
            self.close(number)
        self._put(number, file, close_on_exec)

    def close(self, number: int) -> None:
        file = self[number].file
        del self._open[number]
        self._lowest = min(self._lowest, number)
        file.uses -= 1
        if not file.uses:
            file.close()

    def _put(self, number: int, file: File, close_on_exec: bool) -> None:
        self._open[number] = Descriptor(file, close_on_exec)
        file.uses += 1
