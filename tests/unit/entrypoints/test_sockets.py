"""Where a service can listen, and how an address that cannot be had is told."""

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from customers.entrypoints.process.sockets import (
    CannotListen,
    bound,
    bracketed,
    explained,
    reachable,
)


@contextmanager
def held(sockets: Sequence[socket.socket]) -> Iterator[list[tuple[str, int]]]:
    """The addresses of the sockets, which listen while the block runs."""
    with ExitStack() as opened:
        for one in sockets:
            opened.enter_context(one).listen()
        yield [one.getsockname()[:2] for one in sockets]


async def test_port_0_is_one_free_port_at_every_address_of_a_name() -> None:
    with held(await bound("localhost", 0, interface="HTTP")) as addresses:
        assert len({port for _, port in addresses}) == 1
        assert addresses[0][1] > 0


async def test_every_address_of_ipv6_takes_callers_of_ipv4_too() -> None:
    with held(await bound("::", 0, interface="HTTP")) as ((_, port),):
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()


async def test_a_port_that_is_taken_is_told_with_its_address() -> None:
    with held(await bound("127.0.0.1", 0, interface="HTTP")) as ((_, port),):
        why = f"cannot serve gRPC at 127.0.0.1:{port}: address already in use"
        with pytest.raises(OSError, match=re.escape(why)):
            await bound("127.0.0.1", port, interface="gRPC")


async def test_a_port_is_shared_by_those_alone_who_all_share() -> None:
    with held(await bound("127.0.0.1", 0, interface="HTTP", shared=True)) as ((_, port),):
        with held(await bound("127.0.0.1", port, interface="HTTP", shared=True)):
            pass
        with pytest.raises(OSError, match="address already in use"):
            await bound("127.0.0.1", port, interface="HTTP")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_a_host_that_is_not_this_machine_is_told(host: str) -> None:
    with pytest.raises(OSError, match=re.escape(f"cannot serve HTTP at {host}:0: ")):
        await bound(host, 0, interface="HTTP")


def test_the_way_out_is_told_by_the_name_of_the_setting() -> None:
    told = "cannot serve HTTP at h:1: it is raining: set another PORT, or end what is there"
    with pytest.raises(CannotListen, match=told), explained("PORT"):
        raise OSError(1, "cannot serve HTTP at h:1: it is raining")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("fd00::7", "[fd00::7]"),
        ("10.0.0.7", "10.0.0.7"),
        ("db.internal", "db.internal"),
    ],
)
def test_every_address_is_reached_through_the_loopback(host: str, address: str) -> None:
    assert bracketed(reachable(host)) == address
