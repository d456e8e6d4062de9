"""One end of a tunnel: what connects at LISTEN is carried to CONNECT, each a port of 127.0.0.1 or a Unix socket's path.

    python -m tests.support.forwarder LISTEN CONNECT

It says `ready` when it listens, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio import StreamReader, StreamWriter


async def serve(listen: str, connect: str) -> None:
    """Carry connections until standard input ends."""

    async def carry(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            there = await _open(connect)
        except OSError:
            writer.close()  # as ssh does, without a listener on the other side
            return
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    if listen.isdecimal():
        server = await asyncio.start_server(carry, "127.0.0.1", int(listen))
    else:
        server = await asyncio.start_unix_server(carry, listen)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


async def _open(connect: str) -> tuple[StreamReader, StreamWriter]:
    if connect.isdecimal():
        return await asyncio.open_connection("127.0.0.1", int(connect))
    return await asyncio.open_unix_connection(connect)


async def _pump(reader: StreamReader, writer: StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
