"""An HTTP session for an event loop that ends with it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import AddrInfoType, ClientSession, TCPConnector

from tests.support.patience import until


@asynccontextmanager
async def closing_session() -> AsyncIterator[ClientSession]:
    """A session that waits, at its end, until its sockets are closed.

    aiohttp does not wait for a connection that had its answer before all of its request was sent:
    its socket would still be open when the loop ends.
    """
    sockets: list[socket.socket] = []

    def a_socket(address: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, _ = address
        sockets.append(opened := socket.socket(family, kind, protocol))
        return opened

    async with ClientSession(connector=TCPConnector(socket_factory=a_socket)) as session:
        yield session
    await until(lambda: all(opened.fileno() == -1 for opened in sockets))
