"""The address and port of the gRPC server."""

import asyncio
import errno
import re
import socket
from contextlib import ExitStack

import pytest

from customers.entrypoints.process.sockets import CannotListen
from tests.support.grpc_service import a_cancellation, serving


async def test_a_port_in_use_is_reported_with_its_address() -> None:
    async with serving() as first:
        address = f"127.0.0.1:{first.port}"
        message = f"cannot serve gRPC at {address}: address already in use"
        with pytest.raises(OSError, match=re.escape(message)) as failed:
            async with serving(address=address):
                pass
        assert failed.value.errno == errno.EADDRINUSE


async def test_a_port_in_use_at_one_address_of_a_host_name_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"localhost:{other.getsockname()[1]}"
        with pytest.raises(OSError, match="address already in use"):
            async with serving(address=address):
                pass


async def test_no_other_program_can_share_the_port_by_default() -> None:
    async with serving() as rpc:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", rpc.port))


async def test_an_address_of_another_machine_is_reported() -> None:
    with pytest.raises(CannotListen, match=re.escape("HOST: 192.0.2.1 is not an address of this ")):
        async with serving(address="192.0.2.1:0"):
            pass


async def test_servers_with_reuse_port_share_a_port() -> None:
    async with serving(reuse_port=True) as first:
        address = f"127.0.0.1:{first.port}"
        async with serving(address=address, reuse_port=True) as second:
            assert second.port == first.port
        with pytest.raises(OSError, match="address already in use"):
            async with serving(address=address):
                pass


async def test_a_port_is_free_again_after_its_server_stopped() -> None:
    async with serving() as first:
        await first.stub.CancelOrder(a_cancellation(await first.add_customer()))
    async with serving(address=f"127.0.0.1:{first.port}") as second:
        await second.stub.CancelOrder(a_cancellation(await second.add_customer()))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_connections_over_the_limit_are_closed_at_once(host: str) -> None:
    async with serving(address=f"{host}:0", max_connections=4) as rpc:
        with ExitStack() as opened:
            callers = [
                opened.enter_context(socket.create_connection((address, rpc.port)))
                for address in [host, "127.0.0.1"] * 5
            ]
            await asyncio.sleep(0.5)
            assert 1 <= sum(map(_is_open, callers)) <= 4
        cancellation = a_cancellation(await rpc.add_customer())
        await rpc.stub.CancelOrder(cancellation, wait_for_ready=True)


def _is_open(caller: socket.socket) -> bool:
    caller.setblocking(False)
    try:
        return caller.recv(1024) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
