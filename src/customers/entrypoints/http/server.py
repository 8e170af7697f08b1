"""The HTTP server of one process."""

import asyncio

from aiohttp import web

from customers.entrypoints.http.connections import Connections
from customers.entrypoints.http.protocol import Protocol
from customers.entrypoints.process.sockets import bind_sockets

BACKLOG = 1024


class HttpServer:
    def __init__(
        self,
        app: web.Application,
        *,
        seconds_to_end: float,
        connections: Connections | None = None,
    ) -> None:
        """`seconds_to_end` is how long `end` waits for open requests before it cancels them, and
        again for the cancelled ones. Without `connections` they are not counted, and not limited.
        """
        self._connections = connections
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=seconds_to_end)
        self._listeners: list[asyncio.Server] = []

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listens on all addresses of the host and returns the port; port 0 takes a free one.

        With `reuse_port` other processes that also set it can listen on the same port. Raises
        OSError when the address is not available.
        """
        sockets = await bind_sockets(host, port, interface="HTTP", reuse_port=reuse_port)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        for socket in sockets:
            listener = await loop.create_server(self._connection, sock=socket, backlog=BACKLOG)
            self._listeners.append(listener)
        own_port: int = sockets[0].getsockname()[1]
        return own_port

    def close(self) -> None:
        """Accepts no new connections; open ones are served as before."""
        for listener in self._listeners:
            listener.close()

    async def end(self) -> None:
        """Closes all connections, idle ones at once."""
        self.close()
        await self._runner.cleanup()

    def _connection(self) -> Protocol:
        server = self._runner.server
        if server is None:
            raise RuntimeError("a connection to a server that has not been started")
        return Protocol(server, self._connections)
