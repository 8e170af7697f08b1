"""Where the gRPC server listens."""

import errno
import socket

import pytest

from tests.unit.entrypoints.rpc_service import serving


async def test_a_port_that_is_taken_is_refused_by_name() -> None:
    async with serving() as first, serving() as second:
        address = f"127.0.0.1:{first.port}"
        with pytest.raises(OSError, match=f"gRPC at {address}: address already in use") as refused:
            await second.server.start(address)
        assert refused.value.errno == errno.EADDRINUSE


async def test_a_port_that_any_other_program_has_is_refused() -> None:
    async with serving() as rpc:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(OSError, match="address already in use"):
                await rpc.server.start(f"127.0.0.1:{port}")


async def test_an_address_that_is_not_this_machines_is_refused() -> None:
    async with serving() as rpc:
        with pytest.raises(OSError, match="cannot serve gRPC at 192.0.2.1:0"):
            await rpc.server.start("192.0.2.1:0")
