"""Ways of the kernel that could be taken, each measured on a floor that does nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bench.floor import Floor, Send, Wait, answer
from bench.servers import Place, Server

KIB: Final = 1024
PIECE_SIZES: Final = 612, 4 * KIB, 16 * KIB, 64 * KIB
FILE_SIZES: Final = 16 * KIB, 64 * KIB, 256 * KIB, 1024 * KIB


@dataclass(frozen=True)
class Alternative:
    """One way, for one size of body."""

    question: str
    way: str
    body: int
    server: Server
    emulated: bool = True
    """Whether qemu-user can run it."""

    @property
    def name(self) -> str:
        return f"{self.question}/{self.way}/{self.body}"


def floor(send: Send = Send.ONE, wait: Wait = Wait.LEVEL) -> Server:
    def files(place: Place) -> Mapping[str, bytes]:
        image = Floor(place.port, place.body, send, wait).image()
        return {"floor": image, "answer": answer(place.body)}

    return Server("the floor", lambda run, place: run.run(place.scratch / "floor"), files)


def alternatives() -> Iterator[Alternative]:
    for wait in Wait:
        yield Alternative("wait", wait, 612, floor(wait=wait), wait is not Wait.RING)
    for size in PIECE_SIZES:
        for send in Send.ONE, Send.COPIED, Send.MESSAGE, Send.PIECES, Send.VECTOR:
            yield Alternative("pieces", send, size, floor(send))
    for size in FILE_SIZES:
        for send in Send.PIECES, Send.FILE:
            yield Alternative("file", send, size, floor(send))


QUESTIONS: Final = {
    "wait": "How to learn that something came",
    "pieces": "How to hand over head and body that are in memory",
    "file": "A body from memory, or from the file",
}
