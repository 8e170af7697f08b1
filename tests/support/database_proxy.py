"""A line to a database server that a test can cut, hang up, silence and mend."""

import asyncio
from asyncio import StreamReader, StreamWriter, Task
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Line:
    """Passes on what is said between clients and the server, and remembers what clients said."""

    def __init__(self, url: str) -> None:
        self._far = urlsplit(url)
        self._port = 0
        self._calls: set[Task[None]] = set()
        self._ends: set[StreamWriter] = set()
        self._speaking = asyncio.Event()
        self._speaking.set()
        self.heard = bytearray()

    @property
    def url(self) -> str:
        login = self._far.netloc.rpartition("@")[0]
        return self._far._replace(netloc=f"{login}@127.0.0.1:{self._port}").geturl()

    async def mend(self) -> None:
        """Lets clients in, always under the same URL."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Hangs up and lets nobody in."""
        self._server.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Ends the connections that there are."""
        for end in self._ends:
            end.transport.abort()

    def silence(self) -> None:
        """From now on nothing is passed on, and nobody is told."""
        self._speaking.clear()

    async def end(self) -> None:
        self._speaking.set()
        self.cut()
        await asyncio.gather(*self._calls)

    def _answer(self, near: StreamReader, near_end: StreamWriter) -> None:
        self._calls.add(asyncio.create_task(self._connect(near, near_end)))

    async def _connect(self, near: StreamReader, near_end: StreamWriter) -> None:
        far, far_end = await asyncio.open_connection(self._far.hostname, self._far.port)
        self._ends |= {near_end, far_end}
        there = self._pass_on(near, far_end, self.heard)
        back = self._pass_on(far, near_end, bytearray())
        await asyncio.gather(there, back)
        self._ends -= {near_end, far_end}

    async def _pass_on(self, source: StreamReader, end: StreamWriter, heard: bytearray) -> None:
        with suppress(OSError):
            while said := await source.read(65536):
                heard += said
                await self._speaking.wait()
                end.write(said)
        end.close()


@asynccontextmanager
async def a_line(url: str) -> AsyncIterator[Line]:
    line = Line(url)
    await line.mend()
    try:
        yield line
    finally:
        await line.end()
