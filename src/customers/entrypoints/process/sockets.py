"""Addresses of this machine: binds sockets to them, and writes them in URLs.

Nothing here listens.
"""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import NamedTuple


class Ports(NamedTuple):
    """The ports that a service listens on; `metrics` is None unless METRICS_PORT is set."""

    http: int
    rpc: int
    metrics: int | None = None


class CannotListen(Exception):
    """The service cannot listen on an address of its settings."""


@contextmanager
def explain_port_errors(setting: str) -> Iterator[None]:
    """Turns an OSError into CannotListen, whose message says which setting to change."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotListen(f"{reason}: set another {setting}, or free the port") from error


async def bind_sockets(
    host: str, port: int, *, interface: str, reuse_port: bool = False
) -> list[socket.socket]:
    """A socket for each address of the host that this machine has, all on one port; port 0 picks a
    free one.

    Other processes can bind the same port if all of them set `reuse_port`. Raises CannotListen for
    a bad host; any other OSError has a message that names the `interface`, such as HTTP, and
    the address.
    """
    try:
        return await _bind(host, port, reuse_port=reuse_port)
    except OSError as error:
        if reason := _host_problem(error):
            raise CannotListen(f"HOST: {host} {reason}") from error
        address, cause = f"{url_host(host)}:{port}", (error.strerror or str(error)).lower()
        message = f"cannot serve {interface} at {address}: {cause}"
        raise OSError(error.errno, message) from error


def _host_problem(error: OSError) -> str | None:
    """What is wrong with the host, and what to do about it; None if the error has another cause."""
    if isinstance(error, socket.gaierror):
        return "cannot be resolved: use another name, or an IP address"
    if error.errno == errno.EADDRNOTAVAIL:
        return "is not an address of this machine: use one that is, or 0.0.0.0"
    return None


def url_host(host: str) -> str:
    """The host as URLs write it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def reachable_host(host: str) -> str:
    """The host, or the loopback address if the host means every address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    loopback = {4: "127.0.0.1", 6: "::1"}
    return loopback[address.version] if address.is_unspecified else host


def is_loopback(host: str) -> bool:
    """Whether the host is a loopback address or `localhost`; False for any other name."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


async def _bind(host: str, port: int, *, reuse_port: bool) -> list[socket.socket]:
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    bound: list[socket.socket] = []
    with ExitStack() as opened:
        for family, kind, _, _, address in addresses:
            listener = opened.enter_context(socket.socket(family, kind))
            _set_options(listener, reuse_port=reuse_port, is_only_address=len(addresses) == 1)
            if _try_to_bind(listener, (address[0], port, *address[2:])):
                bound.append(listener)
                port = listener.getsockname()[1]
        if not bound:
            raise OSError(errno.EADDRNOTAVAIL, "this machine has no such address")
        opened.pop_all()
    return bound


def _set_options(listener: socket.socket, *, reuse_port: bool, is_only_address: bool) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if listener.family == socket.AF_INET6:
        # "::" alone accepts IPv4 too; an IPv6 address beside an IPv4 one must not.
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not is_only_address))


def _try_to_bind(listener: socket.socket, address: tuple[object, ...]) -> bool:
    """Binds the socket. Returns False if the machine lacks the address: a host may have others."""
    try:
        listener.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return False
        raise
    return True
