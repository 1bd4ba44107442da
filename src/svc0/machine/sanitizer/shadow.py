"""Shadow: what memory has besides its bytes.

Of every byte, whether it was ever written; of every word of eight bytes, which object the address
in it leads to.  Bytes that no object has are missing, and that is what objects are for.  Only pages
of which something is not set are kept, since most are written before anybody reads them.
"""

from __future__ import annotations

from .objects import Extent, Objects

__all__ = ["PAGE", "PAGE_BITS", "SET", "Shadow"]

PAGE_BITS = 12
PAGE = 1 << PAGE_BITS
SET = [b"\1" * size for size in range(17)]
"""So many bytes that are set."""


class Shadow:
    """What is known of memory, by address."""

    def __init__(self) -> None:
        self.pages: dict[int, bytearray] = {}
        """Where not all is set: for each byte of a page 1 if it is, else 0."""
        self.words: dict[int, Extent] = {}
        """What the addresses lead to that lie in memory, by where they lie."""

    def set(self, low: int, high: int) -> None:
        """These bytes were written."""
        self._mark(low, high, b"\1", make=False)

    def unset(self, low: int, high: int) -> None:
        """These bytes are there, and nobody has written them."""
        self._mark(low, high, b"\0", make=True)
        self.forget_words(low, high)

    def _mark(self, low: int, high: int, mark: bytes, *, make: bool) -> None:
        while low < high:
            page, at = divmod(low, PAGE)
            size = min(high - low, PAGE - at)
            if make and page not in self.pages:
                self.pages[page] = bytearray(SET[1] * PAGE)
            if page in self.pages:
                self.pages[page][at : at + size] = mark * size
            low += size

    def first_unset(self, low: int, high: int) -> int | None:
        """The first byte that nobody has written."""
        while low < high:
            page, at = divmod(low, PAGE)
            size = min(high - low, PAGE - at)
            if page in self.pages:
                found = self.pages[page].find(0, at, at + size)
                if found >= 0:
                    return low - at + found
            low += size
        return None

    def forget_words(self, low: int, high: int) -> None:
        """What was written over leads nowhere any more."""
        if self.words:
            if high - low < 8 * len(self.words):
                for address in range(low & -8, high, 8):
                    self.words.pop(address, None)
            else:
                for address in [at for at in self.words if low - 8 < at < high]:
                    del self.words[address]

    def wrote(self, address: int, content: bytes, objects: Objects) -> None:
        """Somebody else wrote: a test, or a kernel.  What looks like an address is one."""
        end = address + len(content)
        self.set(address, end)
        self.forget_words(address, end)
        first = -address % 8
        words = memoryview(content[first : first + (max(len(content) - first, 0) & -8)]).cast("Q")
        leads = {word: objects.at(word) for word in set(words) if word >= PAGE}
        if any(leads.values()):
            for n, word in enumerate(words):
                if found := leads.get(word):
                    self.words[address + first + 8 * n] = found
