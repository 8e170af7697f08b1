"""Connections that nobody uses, at both ports, leave files for the probes and for callers."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import aiohttp
import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from benchmarks.connections import FILES, HTTP2_GREETING, SILENT
from benchmarks.footprint import MEMORY
from benchmarks.processes import service
from tests.support.patience import PATIENCE_SECONDS

SECONDS_TO_ACCEPT = 0.5


@pytest.mark.parametrize("greeting", [b"", HTTP2_GREETING], ids=["silent", "idle"])
async def test_idle_connections_leave_files_to_the_probes(greeting: bytes) -> None:
    async with service(MEMORY | {"METRICS_PORT": "0"}, max_files=FILES) as server:
        with _opened(server.http, b""), _opened(server.grpc, greeting):
            await asyncio.sleep(SECONDS_TO_ACCEPT)
            assert len(os.listdir(f"/proc/{server.pid}/fd")) < FILES - 32
            for url in (server.http, server.probes):
                async with aiohttp.ClientSession(url) as caller, caller.get("/live") as answer:
                    assert answer.status == 200
        async with grpc.aio.insecure_channel(server.grpc) as channel:
            check = HealthStub(channel).Check  # type: ignore[attr-defined]
            request = HealthCheckRequest()
            health = await check(request, timeout=PATIENCE_SECONDS, wait_for_ready=True)
            assert health.status == HealthCheckResponse.SERVING


@contextmanager
def _opened(address: str, greeting: bytes) -> Iterator[None]:
    """Opens many connections, which greet and then wait; the service may have closed some."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    with ExitStack() as opened:
        for _ in range(SILENT):
            caller = opened.enter_context(socket.create_connection((host, int(port))))
            with suppress(ConnectionError):
                caller.sendall(greeting)
        yield
