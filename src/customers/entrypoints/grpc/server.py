"""The gRPC server of one process: made, listening, drained and ended.

It serves the contract's service, its health and its descriptors, without encryption: the port is
for services of the same platform.
"""

from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from customers.core.model.money import Currency
from customers.core.ports.storage import Storage
from customers.core.services.orders import Orders
from customers.entrypoints.grpc.background_tasks import BackgroundTasks
from customers.entrypoints.grpc.generated.customers_pb2_grpc import (
    add_CustomersServiceServicer_to_server,
)
from customers.entrypoints.grpc.health import Health
from customers.entrypoints.grpc.interceptor import Interceptor
from customers.entrypoints.grpc.ledger import Ledger
from customers.entrypoints.grpc.messages import Messages
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.process.sockets import bind_sockets

SERVICE = "customers.v1.CustomersService"
HEALTH = "grpc.health.v1.Health"
MOST_BYTES = 4 * 1024 * 1024

_OPTIONS = (
    ("grpc.max_receive_message_length", MOST_BYTES),
    # Calls that wait for their turn; beyond the first number gRPC drops some, as if cancelled.
    ("grpc.server.max_pending_requests", 10_000),
    ("grpc.server.max_pending_requests_hard_limit", 20_000),
    # Find out within a minute and a half that a caller's machine has gone, calls or no calls.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Let callers do the same; by default they are sent away for it.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class RpcServer:
    def __init__(
        self,
        *,
        orders: Orders,
        decoder: Decoder,
        ledger_metrics: LedgerMetrics,
        metrics: Metrics,
        currency: Currency,
        storage: Storage,
        outside: Sequence[grpc.aio.ServerInterceptor] = (),
    ) -> None:
        """The interceptors `outside` stand around the frame of every call."""
        self._begun = BackgroundTasks()
        self._ledger = Ledger(orders, ledger_metrics, Messages(decoder, currency), self._begun)
        self._health = Health(storage, SERVICE)
        self._interceptors = [*outside, Interceptor(metrics)]
        self._server: grpc.aio.Server | None = None

    async def start(self, address: str, *, reuse_port: bool = False) -> int:
        """Serves at `host:port`, where port 0 takes a free one; answers the port.

        Other processes can serve at the same port if they all `reuse_port`. Raises OSError when
        the address cannot be had.
        """
        await _expect_free(address, reuse_port=reuse_port)
        # gRPC shares ports unless it is told not to, and two services would halve their calls.
        options = [*_OPTIONS, ("grpc.so_reuseport", int(reuse_port))]
        server = grpc.aio.server(interceptors=self._interceptors, options=options)
        add_CustomersServiceServicer_to_server(self._ledger, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((SERVICE, HEALTH, reflection.SERVICE_NAME), server)
        try:
            port = server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot serve gRPC at {address}: {error}") from error
        await server.start()
        self._server = server
        return port

    def stopping(self) -> None:
        """From now on the health says that we do not serve; calls are still answered."""
        self._health.stop()

    async def stop(self, grace: float) -> None:
        """Takes no more calls, and returns when those that have begun are finished.

        Callers are answered for `grace` seconds; what they have begun is finished after that too.
        """
        self.stopping()
        if self._server is not None:
            await self._server.stop(grace)
        await self._begun.finished()


async def _expect_free(address: str, *, reuse_port: bool) -> None:
    """Raises OSError when a socket of ours cannot be bound to every address that this one means.

    gRPC is content with one of them, and does not say what is wrong with the others.
    """
    host, _, port = address.rpartition(":")
    trials = await bind_sockets(
        host.strip("[]"), int(port), interface="gRPC", reuse_port=reuse_port
    )
    for trial in trials:
        trial.close()
