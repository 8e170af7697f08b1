"""Where the gRPC server listens."""

import errno
import re
import socket

import pytest

from tests.unit.entrypoints.grpc_service import a_cancellation, serving


async def test_a_port_that_another_service_has_is_refused_by_name() -> None:
    async with serving() as first:
        address = f"127.0.0.1:{first.port}"
        why = f"cannot serve gRPC at {address}: address already in use"
        with pytest.raises(OSError, match=re.escape(why)) as refused:
            async with serving(address=address):
                pass
        assert refused.value.errno == errno.EADDRINUSE


async def test_a_port_that_is_taken_at_one_of_a_names_addresses_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"localhost:{other.getsockname()[1]}"
        with pytest.raises(OSError, match="address already in use"):
            async with serving(address=address):
                pass


async def test_no_other_program_can_join_a_port_unasked() -> None:
    async with serving() as rpc:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", rpc.port))


async def test_an_address_that_is_not_this_machines_is_refused() -> None:
    with pytest.raises(OSError, match=re.escape("cannot serve gRPC at 192.0.2.1:0")):
        async with serving(address="192.0.2.1:0"):
            pass


async def test_servers_that_agree_to_it_share_a_port() -> None:
    async with serving(reuse_port=True) as first:
        address = f"127.0.0.1:{first.port}"
        async with serving(address=address, reuse_port=True) as second:
            assert second.port == first.port
        with pytest.raises(OSError, match="address already in use"):
            async with serving(address=address):
                pass


async def test_a_port_is_free_again_once_its_server_has_ended() -> None:
    async with serving() as first:
        await first.stub.CancelOrder(a_cancellation(await first.add_customer()))
    async with serving(address=f"127.0.0.1:{first.port}") as second:
        await second.stub.CancelOrder(a_cancellation(await second.add_customer()))
