"""A proxy in front of a database server whose connections a test can cut, silence and restore."""

import asyncio
from asyncio import StreamReader, StreamWriter, Task
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class DatabaseProxy:
    """Forwards bytes between clients and the server; records those of the clients in `received`."""

    def __init__(self, url: str) -> None:
        self._server_url = urlsplit(url)
        self._port = 0
        self._connections: set[Task[None]] = set()
        self._writers: set[StreamWriter] = set()
        self._forwards = asyncio.Event()
        self._forwards.set()
        self.received = bytearray()

    @property
    def url(self) -> str:
        login = self._server_url.netloc.rpartition("@")[0]
        return self._server_url._replace(netloc=f"{login}@127.0.0.1:{self._port}").geturl()

    async def restore(self) -> None:
        """Accepts connections, always under the same URL."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Aborts all connections and refuses new ones."""
        self._server.close()
        self.abort_connections()

    def abort_connections(self) -> None:
        """Aborts the open connections; new ones are accepted."""
        for writer in self._writers:
            writer.transport.abort()

    def silence(self) -> None:
        """Stops forwarding without closing a connection."""
        self._forwards.clear()

    def forward(self) -> None:
        """Forwards again, also what was sent meanwhile."""
        self._forwards.set()

    async def close(self) -> None:
        self._forwards.set()
        self.cut()
        await asyncio.gather(*self._connections)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._writers.add(writer)
        self._connections.add(asyncio.create_task(self._connect(reader, writer)))

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        server, port = self._server_url.hostname, self._server_url.port
        server_reader, server_writer = await asyncio.open_connection(server, port)
        self._writers.add(server_writer)
        await asyncio.gather(
            self._forward(reader, server_writer, self.received),
            self._forward(server_reader, writer, bytearray()),
        )
        self._writers -= {writer, server_writer}

    async def _forward(
        self, reader: StreamReader, writer: StreamWriter, received: bytearray
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                received += chunk
                await self._forwards.wait()
                writer.write(chunk)
        writer.close()


@asynccontextmanager
async def proxy_of(url: str) -> AsyncIterator[DatabaseProxy]:
    proxy = DatabaseProxy(url)
    await proxy.restore()
    try:
        yield proxy
    finally:
        await proxy.close()
