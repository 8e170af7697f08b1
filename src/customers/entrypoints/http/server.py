"""The HTTP server of one process: made, listening, closed to newcomers and ended."""

import asyncio

from aiohttp import web

from customers.entrypoints.http.protocol import Protocol
from customers.entrypoints.process.sockets import bind_sockets

BACKLOG = 1024


class HttpServer:
    def __init__(self, app: web.Application, *, seconds_to_end: float) -> None:
        """What is unfinished when it ends gets so many seconds, and again when it is cancelled."""
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=seconds_to_end)
        self._listeners: list[asyncio.Server] = []

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Serves at the host's addresses, where port 0 takes a free one; answers the port.

        Other processes can serve at the same port if they all `reuse_port`. Raises OSError when
        the address cannot be had.
        """
        sockets = await bind_sockets(host, port, interface="HTTP", reuse_port=reuse_port)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        for each in sockets:
            listener = await loop.create_server(self._connection, sock=each, backlog=BACKLOG)
            self._listeners.append(listener)
        taken: int = sockets[0].getsockname()[1]
        return taken

    def close(self) -> None:
        """Takes no new connection; those that are there are served as before."""
        for listener in self._listeners:
            listener.close()

    async def end(self) -> None:
        """Closes every connection, at once where nothing is being answered."""
        self.close()
        await self._runner.cleanup()

    def _connection(self) -> Protocol:
        server = self._runner.server
        if server is None:
            raise RuntimeError("a connection to a server that has not been started")
        return Protocol(server, loop=asyncio.get_running_loop())
