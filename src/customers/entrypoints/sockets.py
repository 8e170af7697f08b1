"""Addresses of this machine: sockets bound to them, and how others reach them.

Nothing here listens.
"""

import asyncio
import errno
import socket
from contextlib import ExitStack
from ipaddress import ip_address


async def bound(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """A socket for each address that the host means, all on one port; port 0 takes a free one.

    Other processes can bind the same where all of them are `shared`. Raises OSError.
    """
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        for family, _, _, _, where in sorted(set(found)):
            one = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            _set_options(one, shared=shared, is_alone=len(found) == 1)
            taken = port or (sockets[0].getsockname()[1] if sockets else 0)
            if _is_bound(one, (where[0], taken, *where[2:])):
                sockets.append(one)
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, f"{host} is not an address of this machine")
        opened.pop_all()
    return sockets


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


def _set_options(one: socket.socket, *, shared: bool, is_alone: bool) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if one.family == socket.AF_INET6:
        # "::" alone takes callers of both families; beside an IPv4 address it must not.
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
