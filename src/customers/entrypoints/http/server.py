"""The HTTP server of one process."""

import asyncio
from socket import socket as Socket  # noqa: N812 - a type

from aiohttp import web

from customers.entrypoints.http.connections import Connections
from customers.entrypoints.http.protocol import Protocol
from customers.entrypoints.process.sockets import bind_sockets
from customers.entrypoints.tls.certificate import Certificate

BACKLOG = 1024
HANDSHAKE_SECONDS = 10.0


class HttpServer:
    def __init__(
        self,
        app: web.Application,
        *,
        seconds_to_end: float,
        connections: Connections | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        """`seconds_to_end` is how long `end` waits for open requests before it cancels them, and
        again for the cancelled ones. Without `connections`, connections are not limited.
        """
        self._connections = connections
        self._certificate = certificate
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
            self._listeners.append(await self._listen(loop, socket))
        own_port: int = sockets[0].getsockname()[1]
        return own_port

    async def _listen(self, loop: asyncio.AbstractEventLoop, socket: Socket) -> asyncio.Server:
        if self._certificate is None:
            return await loop.create_server(self._connection, sock=socket, backlog=BACKLOG)
        return await loop.create_server(
            self._connection,
            sock=socket,
            backlog=BACKLOG,
            ssl=self._certificate.context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
        )

    def close(self) -> None:
        """Stops accepting new connections; open ones are served as before."""
        for listener in self._listeners:
            listener.close()

    async def end(self) -> None:
        """Closes all connections: idle ones at once, others as `seconds_to_end` says."""
        self.close()
        await self._runner.cleanup()

    def _connection(self) -> Protocol:
        server = self._runner.server
        if server is None:
            raise RuntimeError("a connection to a server that has not been started")
        if self._certificate is not None:
            self._certificate.refresh()  # before the handshake
        return Protocol(server, self._connections)
