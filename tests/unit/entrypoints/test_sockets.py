"""Where a service can listen, and the errors for addresses where it cannot."""

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from customers.entrypoints.process.sockets import (
    CannotListen,
    bind_sockets,
    explain_port_errors,
    is_loopback,
    reachable_host,
    url_host,
)


@contextmanager
def listening(sockets: Sequence[socket.socket]) -> Iterator[list[tuple[str, int]]]:
    """The addresses of the sockets, which listen while the block runs."""
    with ExitStack() as opened:
        for listener in sockets:
            opened.enter_context(listener).listen()
        yield [listener.getsockname()[:2] for listener in sockets]


async def test_port_0_picks_one_free_port_for_every_address_of_a_name() -> None:
    with listening(await bind_sockets("localhost", 0, interface="HTTP")) as addresses:
        assert len({port for _, port in addresses}) == 1
        assert addresses[0][1] > 0


async def test_the_unspecified_ipv6_address_accepts_ipv4_connections_too() -> None:
    with listening(await bind_sockets("::", 0, interface="HTTP")) as ((_, port),):
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()


async def test_the_error_about_a_taken_port_names_its_address() -> None:
    with listening(await bind_sockets("127.0.0.1", 0, interface="HTTP")) as ((_, port),):
        message = f"cannot serve gRPC at 127.0.0.1:{port}: address already in use"
        with pytest.raises(OSError, match=re.escape(message)):
            await bind_sockets("127.0.0.1", port, interface="gRPC")


async def test_a_port_is_shared_only_if_all_its_sockets_reuse_it() -> None:
    with listening(await bind_sockets("127.0.0.1", 0, interface="HTTP", reuse_port=True)) as (
        (_, port),
    ):
        with listening(await bind_sockets("127.0.0.1", port, interface="HTTP", reuse_port=True)):
            pass
        with pytest.raises(OSError, match="address already in use"):
            await bind_sockets("127.0.0.1", port, interface="HTTP")


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.1", "is not an address of this machine"),
        ("no-such-host.invalid", "cannot be resolved"),
    ],
)
async def test_the_host_of_another_machine_is_an_error(host: str, reason: str) -> None:
    with pytest.raises(CannotListen, match=re.escape(f"HOST: {host} {reason}")):
        await bind_sockets(host, 0, interface="HTTP")


def test_a_port_error_names_the_setting_to_change() -> None:
    message = "cannot serve HTTP at h:1: it is raining: set another PORT, or free the port"
    with pytest.raises(CannotListen, match=message), explain_port_errors("PORT"):
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
def test_the_unspecified_address_is_reached_through_loopback(host: str, address: str) -> None:
    assert url_host(reachable_host(host)) == address


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_a_loopback_address_is_reached_from_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "fe80::1%1", "localhost.example"])
def test_another_address_may_be_reached_from_other_machines(host: str) -> None:
    assert not is_loopback(host)
