"""Addresses of this machine: sockets bound to them, and how others reach them.

Nothing here listens.
"""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address


class CannotListen(Exception):
    """An address that settings name cannot be had."""


@contextmanager
def explained(setting: str) -> Iterator[None]:
    """Raises CannotListen with the way out, by the name of the port's setting, for an OSError."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise CannotListen(f"{why}: set another {setting}, or end what is there") from error


async def bound(
    host: str, port: int, *, interface: str, shared: bool = False
) -> list[socket.socket]:
    """A socket for each address that the host means, all on one port; port 0 takes a free one.

    Other processes can bind the same where all of them are `shared`. Raises OSError, which says
    what `interface` cannot be served, and where.
    """
    try:
        return await _bound(host, port, shared=shared)
    except OSError as error:
        address, why = f"{bracketed(host)}:{port}", (error.strerror or str(error)).lower()
        raise OSError(error.errno, f"cannot serve {interface} at {address}: {why}") from error


def bracketed(host: str) -> str:
    """The host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def reachable(host: str) -> str:
    """The host, or an address of this machine where the host is every address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    loopback = {4: "127.0.0.1", 6: "::1"}
    return loopback[address.version] if address.is_unspecified else host


async def _bound(host: str, port: int, *, shared: bool) -> list[socket.socket]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    sockets: list[socket.socket] = []
    with ExitStack() as opened:
        for family, kind, _, _, where in found:
            one = opened.enter_context(socket.socket(family, kind))
            _set_options(one, shared=shared, is_alone=len(found) == 1)
            if _is_bound(one, (where[0], port, *where[2:])):
                sockets.append(one)
                port = one.getsockname()[1]
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, "this machine has no such address")
        opened.pop_all()
    return sockets


def _set_options(one: socket.socket, *, shared: bool, is_alone: bool) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if one.family == socket.AF_INET6:
        # "::" takes callers of both families; an address beside an IPv4 one must not.
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not is_alone))


def _is_bound(one: socket.socket, where: tuple[object, ...]) -> bool:
    """False for an address that the machine does not have: a name may mean one of those, too."""
    try:
        one.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return False
        raise
    return True
