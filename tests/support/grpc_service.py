"""A real gRPC server over the memory storage, builders of requests, and readers of statuses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import grpc
import pytest
from attrs import frozen
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from google.type.money_pb2 import Money
from prometheus_client import CollectorRegistry

from customers.adapters.memory.storage import MemoryStorage
from customers.core.model.ledger import Entry, fold_ledger
from customers.core.model.money import Currency
from customers.core.model.tenant import TenantGate
from customers.core.services.orders import Orders
from customers.entrypoints.access.authenticator import NoAuthentication
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.admission.background_tasks import BackgroundTasks
from customers.entrypoints.admission.door import Door
from customers.entrypoints.grpc.access import RpcAccess
from customers.entrypoints.grpc.generated.customers_pb2 import (
    CancelOrderRequest,
    RecordOrderRequest,
    RefundOrderRequest,
)
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from customers.entrypoints.grpc.server import RpcServer
from customers.entrypoints.ledger.batch import OrderBatches
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.builders import USD, FixedClock, a_customer
from tests.support.faulty_storage import FaultyStorage
from tests.support.patience import PATIENCE_SECONDS

TENANT = "tenant"


@frozen(kw_only=True)
class Rpc:
    """A running server with its storage and metrics, and a channel and a stub to call it."""

    server: RpcServer
    port: int
    channel: grpc.aio.Channel
    stub: CustomersServiceStub
    storage: FaultyStorage
    metrics: Metrics

    async def add_customer(self, tenant: str = TENANT) -> str:
        """The id of a new customer."""
        customer = a_customer(tenant_id=tenant)
        assert await self.storage.autocommit(tenant).add_customer(customer)
        return str(customer.id)

    async def entries(self, customer_id: str) -> Sequence[Entry]:
        """The ledger of a customer of TENANT; checks that the statistics are its fold."""
        async with self.storage.view(TENANT) as view:
            entries = await view.orders.newest(UUID(customer_id), None, 10_000)
            customer = await view.customers.get(UUID(customer_id))
        assert customer.statistics == fold_ledger(entries, USD)
        return entries

    async def wait_until_idle(self) -> None:
        """Waits until no call is in flight."""
        while self.sample("customers_grpc_requests_in_flight"):  # noqa: ASYNC110 - a number
            await asyncio.sleep(0.001)

    def sample(self, name: str) -> float:
        """The value of a sample in the metrics text, 0 if it is absent; `name` includes labels."""
        lines = self.metrics.render()[0].decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name + " ")), 0)


@asynccontextmanager
async def serving(
    currency: Currency = USD,
    *,
    address: str = "127.0.0.1:0",
    reuse_port: bool = False,
    places: int = 200,
    max_wait: float = PATIENCE_SECONDS,
    max_connections: int = 100,
) -> AsyncIterator[Rpc]:
    storage, clock = FaultyStorage(MemoryStorage(currency=currency)), FixedClock()
    storage.gate.set()
    registry = CollectorRegistry()
    refusals, background_tasks = RefusalMetrics(registry), BackgroundTasks()
    metrics = Metrics.create(version="1.0", registry=registry, refusals=refusals)
    orders = Orders(storage, clock)
    server = RpcServer(
        orders=orders,
        batches=OrderBatches(orders, background_tasks, refusals, PATIENCE_SECONDS),
        door=Door(
            places,
            max_wait=max_wait,
            request_timeout=PATIENCE_SECONDS,
            refusals=refusals,
        ),
        access=RpcAccess(Guard(NoAuthentication(), is_open=True), is_documentation_public=True),
        background_tasks=background_tasks,
        ledger_metrics=LedgerMetrics(metrics, "grpc"),
        metrics=metrics,
        currency=currency,
        tenants=TenantGate(),
        clock=clock,
        storage=storage,
        max_connections=max_connections,
    )
    port = await server.start(address, reuse_port=reuse_port)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Rpc(
                server=server,
                port=port,
                channel=channel,
                stub=CustomersServiceStub(channel),
                storage=storage,
                metrics=metrics,
            )
    finally:
        storage.gate.set()
        await server.stop(1)


def usd(units: int, nanos: int = 0, currency_code: str = "") -> Money:
    return Money(units=units, nanos=nanos, currency_code=currency_code)


def an_order(customer_id: str, order_id: str = "order-1", **fields: Any) -> RecordOrderRequest:
    """An order of 12.50 without a date, unless `fields` say otherwise."""
    defaults: dict[str, Any] = {"tenant_id": TENANT, "order_total": usd(12, 500_000_000)}
    return RecordOrderRequest(customer_id=customer_id, order_id=order_id, **defaults | fields)


def a_refund(customer_id: str, order_id: str = "order-1", **fields: Any) -> RefundOrderRequest:
    """A refund of 2.50, unless `fields` say otherwise."""
    defaults: dict[str, Any] = {
        "tenant_id": TENANT,
        "refund_id": "refund-1",
        "amount": usd(2, 500_000_000),
    }
    return RefundOrderRequest(customer_id=customer_id, order_id=order_id, **defaults | fields)


def a_cancellation(
    customer_id: str, order_id: str = "order-1", *, tenant_id: str = TENANT
) -> CancelOrderRequest:
    return CancelOrderRequest(tenant_id=tenant_id, customer_id=customer_id, order_id=order_id)


async def failure(call: Awaitable[object]) -> tuple[grpc.StatusCode, Status]:
    """The code of a call that must fail, and its status with details, empty if it has none."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    error = failed.value
    trailing = dict(error.trailing_metadata() or ())
    return error.code(), Status.FromString(trailing.get("grpc-status-details-bin", b""))


def reason(status: Status) -> str:
    """The reason in the status's ErrorInfo."""
    info = ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.reason


def violations(status: Status) -> dict[str, str]:
    """The reasons in the status's BadRequest by field."""
    bad_request = BadRequest()
    assert any(detail.Unpack(bad_request) for detail in status.details)
    return {violation.field: violation.reason for violation in bad_request.field_violations}
