"""The gRPC server of one process: starts, serves, and stops gracefully.

It serves our service, its health and reflection. Without a certificate, connections are not
encrypted: the port is for services of the same platform.
"""

from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from customers.core.model.money import Currency
from customers.core.model.tenant import TenantGate
from customers.core.ports.clock import Clock
from customers.core.ports.storage import Storage
from customers.core.services.orders import Orders
from customers.entrypoints.admission.background_tasks import BackgroundTasks
from customers.entrypoints.admission.door import Door
from customers.entrypoints.grpc.access import RpcAccess
from customers.entrypoints.grpc.generated.customers_pb2_grpc import (
    add_CustomersServiceServicer_to_server,
)
from customers.entrypoints.grpc.health import Health
from customers.entrypoints.grpc.interceptor import Interceptor
from customers.entrypoints.grpc.ledger import Ledger
from customers.entrypoints.grpc.messages import Messages
from customers.entrypoints.ledger.batch import OrderBatches
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.process.sockets import bind_sockets
from customers.entrypoints.tls.certificate import Certificate

SERVICE = "customers.v1.CustomersService"
HEALTH = "grpc.health.v1.Health"
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_METADATA_BYTES = 32 * 1024

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # Between the two sizes, gRPC would refuse some calls at random.
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    # Calls that wait to be handled: above the first number gRPC drops some of them, above the
    # second one all, as if they were cancelled.
    ("grpc.server.max_pending_requests", 10_000),
    ("grpc.server.max_pending_requests_hard_limit", 20_000),
    # Disconnect callers that do not speak HTTP/2 in time; by default they have two minutes.
    ("grpc.server_handshake_timeout_ms", 10_000),
    # End connections without calls; clients connect again by themselves.
    ("grpc.max_connection_idle_ms", 75_000),
    # Detect within a minute and a half that a caller's machine is gone, even between calls.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Let callers ping every ten seconds; by default gRPC disconnects those that ping often.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class RpcServer:
    def __init__(
        self,
        *,
        orders: Orders,
        batches: OrderBatches,
        ledger_metrics: LedgerMetrics,
        metrics: Metrics,
        currency: Currency,
        tenants: TenantGate,
        clock: Clock,
        storage: Storage,
        door: Door,
        access: RpcAccess,
        certificate: Certificate | None = None,
        background_tasks: BackgroundTasks,
        max_connections: int,
        outer_interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    ) -> None:
        """`outer_interceptors` run before our own interceptor. gRPC closes a new connection at
        once while `max_connections` are open.
        """
        self._max_connections = max_connections
        self._background_tasks = background_tasks
        self._certificate = certificate
        messages = Messages(currency, clock, tenants)
        self._ledger = Ledger(orders, batches, ledger_metrics, messages)
        self._health = Health(storage, SERVICE)
        self._interceptors = [
            *outer_interceptors,
            Interceptor(metrics, access, door, background_tasks),
        ]
        self._server: grpc.aio.Server | None = None

    async def start(self, address: str, *, reuse_port: bool = False) -> int:
        """Serves at `host:port` and returns the port; port 0 takes a free one.

        With `reuse_port`, other processes that set it too can serve at the same port. Raises
        OSError when the address cannot be bound.
        """
        addresses = await _expect_free(address, reuse_port=reuse_port)
        server = self._new_server(addresses, reuse_port=reuse_port)
        try:
            port = self._add_port(server, address)
        except RuntimeError as error:
            raise OSError(f"cannot serve gRPC at {address}: {error}") from error
        await server.start()
        self._server = server
        return port

    def _add_port(self, server: grpc.aio.Server, address: str) -> int:
        if self._certificate is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, self._certificate.rpc_credentials())

    def report_not_serving(self) -> None:
        """Reports NOT_SERVING in health checks from now on; calls are still served."""
        self._health.report_not_serving()

    async def stop(self, grace: float) -> None:
        """Accepts no more calls, and returns when all work that has started is done.

        Running calls that take longer than `grace` seconds get no answer. The work of a single call
        is still completed; of a batch, only what has begun to be recorded.
        """
        self.report_not_serving()
        if self._server is not None:
            await self._server.stop(grace)
        await self._background_tasks.wait_until_done()

    def _new_server(self, addresses: int, *, reuse_port: bool) -> grpc.aio.Server:
        # gRPC counts the connections of each address for itself.
        of_address = max(self._max_connections // addresses, 1)
        options = [
            *_OPTIONS,
            # gRPC shares ports by default, and then two services would each get half of the calls.
            ("grpc.so_reuseport", int(reuse_port)),
            ("grpc.max_allowed_incoming_connections", of_address),
        ]
        server = grpc.aio.server(interceptors=self._interceptors, options=options)
        add_CustomersServiceServicer_to_server(self._ledger, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((SERVICE, HEALTH, reflection.SERVICE_NAME), server)
        return server


async def _expect_free(address: str, *, reuse_port: bool) -> int:
    """The number of addresses that the host name resolves to. Raises OSError when one of them
    cannot be bound.

    gRPC serves if it can bind only one of them, and does not report why the others failed.
    """
    host, _, port = address.rpartition(":")
    sockets = await bind_sockets(
        host.strip("[]"), int(port), interface="gRPC", reuse_port=reuse_port
    )
    for socket in sockets:
        socket.close()
    return len(sockets)
