"""A proxy in front of a database server. While its wire is cut, it swallows everything sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from attrs import define

_CHUNK = 65_536


@define
class Wire:
    """The connections through the proxy: what is sent while the wire is cut never arrives."""

    is_cut: bool = False


@asynccontextmanager
async def network(dsn: str) -> AsyncIterator[tuple[str, Wire]]:
    """Runs a proxy; yields the URL of the database through the proxy, and the wire to cut."""
    url, wire = urlsplit(dsn), Wire()
    tasks: set[asyncio.Task[None]] = set()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if wire.is_cut:
            await _swallow(reader)
            writer.close()
            return
        there = await asyncio.open_connection(url.hostname, url.port)
        for source, sink in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(_pass_on(source, sink, wire))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield dsn.replace(f":{url.port}/", f":{port}/"), wire
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()


async def _swallow(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(_CHUNK):
            pass


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, wire: Wire) -> None:
    try:
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                if not wire.is_cut:
                    sink.write(data)
                    await sink.drain()
    finally:
        sink.close()
