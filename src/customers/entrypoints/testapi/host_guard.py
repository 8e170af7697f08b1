"""Refuses calls of the test API that a web page of another site may have made.

A browser on a developer's machine calls whatever a page tells it to. It sends the page's site in
`Origin`. If the site has pointed its own name at this machine (DNS rebinding), the browser sends
that name in `Host`. So both headers must name this machine.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from aiohttp import web
from attrs import frozen

from customers.core.errors import Forbidden

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+))(?::[0-9]{1,5})?", re.ASCII)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII)
_LOCAL_NAME: Final = "localhost"


class ForeignHost(Forbidden):
    """A call that was not addressed to this machine, or that a page of another site made."""

    code = "FOREIGN_HOST"
    message = (
        "the test API serves only this machine, and Host or Origin names another one: "
        "use localhost, or the name that HOST is set to"
    )


@frozen
class HostGuard:
    """Lets a call pass if `Host`, and `Origin` if there is one, name a loopback name or address, or
    where the service listens: the host of the settings, or the address at which the call arrived.
    """

    _listening_host: str

    def check(self, request: web.Request) -> None:
        """Raises ForeignHost unless the call may pass."""
        own = set(self._own_hosts(request))
        if not all(_is_local(host) or host in own for host in _named_hosts(request)):
            raise ForeignHost

    def _own_hosts(self, request: web.Request) -> Iterator[str]:
        yield _canonical(self._listening_host)
        if request.transport is not None:
            address = request.transport.get_extra_info("sockname")
            if isinstance(address, tuple):
                yield _canonical(str(address[0]))


def _named_hosts(request: web.Request) -> Iterator[str]:
    """The hosts that the headers name; an empty one for each header that names none."""
    yield from map(_host, request.headers.getall("Host", [""]))
    for origin in request.headers.getall("Origin", ()):
        yield _host(_SCHEME.sub("", origin, count=1))


def _host(text: str) -> str:
    """The host in a header, without its port; empty if the text is not a host."""
    match = _HOST.fullmatch(text.strip())
    return _canonical(match[1] or match[2]) if match else ""


def _canonical(host: str) -> str:
    if (address := _address(host)) is not None:
        return str(address)
    return host.lower().removesuffix(".")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address, or None; an IPv4 address that is mapped to IPv6 becomes IPv4."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_local(host: str) -> bool:
    """Whether a canonical host always means this machine."""
    if (address := _address(host)) is not None:
        return address.is_loopback
    return host == _LOCAL_NAME or host.endswith(f".{_LOCAL_NAME}")
