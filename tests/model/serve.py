"""A server that answers what the reference says: it stands in for the real one.

The tests that judge a server from outside are proved against it; it is asyncio, slow, and not to be
used for anything else.

    python -m tests.model.serve SITE -p 0
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.model import site
from tests.model.conversation import Conversation, End, converse

LINGER_SECONDS = 2
SENTENCE = "The reference says so."

Converse = Callable[..., Conversation]


async def listen(root: site.Directory, port: int, speak: Converse = converse) -> asyncio.Server:
    """Start to answer; speak may be replaced to see whether a test notices."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer, root, speak)
        except ConnectionError:
            pass
        finally:
            writer.close()

    return await asyncio.start_server(client, "127.0.0.1", port, limit=1 << 22)


async def talk(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    root: site.Directory,
    speak: Converse,
) -> None:
    """Judge everything that is there again with each piece that arrives."""
    data, answered = b"", 0
    while True:
        piece = await reader.read(1 << 16)
        data += piece
        said = speak(data, root, int(time.time()), ended=not piece, most=1000 - answered)
        for answer in said.answers:
            writer.write(answer.with_sentence(SENTENCE).encode())
        await writer.drain()
        answered += len(said.answers)
        data = data[said.taken :]
        if said.end == End.CLOSED and piece:
            return await linger(reader, writer)
        if not piece:
            return None


async def linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that this was all, and read what the client still sends."""
    writer.write_eof()
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while await reader.read(1 << 16):
                pass
    except TimeoutError:
        pass


async def main(where: Path, port: int) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await listen(site.read(where), port)
    address, bound = server.sockets[0].getsockname()[:2]
    print(f"http://{address}:{bound}/", file=sys.stderr, flush=True)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("-p", "--port", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.site, arguments.port))
