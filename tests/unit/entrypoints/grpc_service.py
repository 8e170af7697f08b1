"""A real gRPC server over the memory storage, and what tests need to call it.

The storage can be told to be away, and to hold back those who come to write.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
import pytest
from attrs import define, field, frozen
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from google.type.money_pb2 import Money

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import Unavailable
from customers.core.model.customer import Customer
from customers.core.model.money import Currency
from customers.core.model.order import Entry, fold_ledger
from customers.core.ports.storage import Autocommit, Storage, Transaction, View
from customers.core.services.orders import Orders
from customers.entrypoints.grpc.generated.customers_pb2 import (
    CancelOrderRequest,
    RecordOrderRequest,
    RefundOrderRequest,
)
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from customers.entrypoints.grpc.server import RpcServer
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics
from customers.entrypoints.observability.metrics import Metrics
from tests.support.builders import USD, FixedClock, a_customer

TENANT = "tenant"


@define(eq=False)
class MoodyStorage(Storage):
    """A storage that is away or has a defect when it is told to, and whose writers wait while its
    gate is closed. It goes away by itself after `orders_left` orders, if that is a number.

    The next writers take as many turns of the loop as `turns` says, those after them one.
    """

    _inner: Storage
    is_away: bool = False
    is_silent: bool = False
    is_broken: bool = False
    orders_left: int | None = None
    gate: asyncio.Event = field(factory=asyncio.Event)
    came: asyncio.Event = field(factory=asyncio.Event)
    turns: list[int] = field(factory=list)
    context: int = 0
    writing: int = 0
    most_writing: int = 0

    def view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        self._expect_there()
        return self._inner.view(tenant_id)

    def consistent_view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        self._expect_there()
        return self._inner.consistent_view(tenant_id)

    def transaction(self, tenant_id: str) -> AbstractAsyncContextManager[Transaction]:
        self._expect_there()
        return self._inner.transaction(tenant_id)

    def autocommit(self, tenant_id: str) -> Autocommit:
        self.context += 1
        self._expect_there()
        return HeldBack(self, self._inner.autocommit(tenant_id))

    async def wait_for_capture_barrier(
        self, tenant_id: str, segment_id: UUID, seconds: float
    ) -> bool:
        self._expect_there()
        return await self._inner.wait_for_capture_barrier(tenant_id, segment_id, seconds)

    async def tenants_with_segments(self) -> Sequence[str]:
        self._expect_there()
        return await self._inner.tenants_with_segments()

    async def tenants_to_refresh(self) -> Sequence[str]:
        self._expect_there()
        return await self._inner.tenants_to_refresh()

    async def lease(self, holder: UUID, seconds: float) -> bool:
        self._expect_there()
        return await self._inner.lease(holder, seconds)

    async def open(self) -> None:
        await self._inner.open()

    async def check(self) -> None:
        if self.is_silent:
            await asyncio.Event().wait()
        self._expect_there()

    async def close(self) -> None:
        await self._inner.close()

    async def admit(self) -> None:
        turns = self.turns.pop(0) if self.turns else 1
        self.came.set()
        await self.gate.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        if self.orders_left is not None:
            self.is_away = self.is_away or self.orders_left == 0
            self.orders_left -= 1
        self._expect_there()

    def _expect_there(self) -> None:
        if self.is_broken:
            raise ZeroDivisionError("a secret of the driver")
        if self.is_away:
            raise Unavailable


@frozen
class HeldBack(Autocommit):
    _storage: MoodyStorage
    _inner: Autocommit

    async def add_customer(self, customer: Customer) -> bool:
        return await self._inner.add_customer(customer)

    async def record_order(self, entry: Entry, now: datetime) -> Customer | None:
        self._storage.writing += 1
        self._storage.most_writing = max(self._storage.most_writing, self._storage.writing)
        try:
            await self._storage.admit()
            return await self._inner.record_order(entry, now)
        finally:
            self._storage.writing -= 1


@frozen(kw_only=True)
class Rpc:
    """A server that serves, and a channel to it."""

    server: RpcServer
    port: int
    channel: grpc.aio.Channel
    stub: CustomersServiceStub
    storage: MoodyStorage
    clock: FixedClock
    metrics: Metrics

    async def add_customer(self, tenant: str = TENANT) -> str:
        """The id of a new customer."""
        customer = a_customer(tenant_id=tenant)
        assert await self.storage.autocommit(tenant).add_customer(customer)
        return str(customer.id)

    async def entries(self, customer_id: str) -> Sequence[Entry]:
        """The ledger of a customer of our tenant, whose statistics must be its fold."""
        async with self.storage.view(TENANT) as view:
            entries = await view.orders.newest(UUID(customer_id), None, 10_000)
            customer = await view.customers.get(UUID(customer_id))
        assert customer.statistics == fold_ledger(entries, USD)
        return entries

    async def all_left(self) -> None:
        """Returns when the server knows of no caller who waits for an answer."""
        while self.counted("customers_grpc_requests_in_flight"):  # noqa: ASYNC110 - a number
            await asyncio.sleep(0.001)

    def counted(self, sample: str) -> float:
        """The value of a sample in the text for Prometheus; 0 when it is not there."""
        lines = self.metrics.render()[0].decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(sample + " ")), 0)


@asynccontextmanager
async def serving(
    currency: Currency = USD, *, address: str = "127.0.0.1:0", reuse_port: bool = False
) -> AsyncIterator[Rpc]:
    storage, clock = MoodyStorage(MemoryStorage(currency=currency)), FixedClock()
    storage.gate.set()
    metrics = Metrics.create(version="1.0")
    server = RpcServer(
        orders=Orders(storage, clock),
        decoder=Decoder(currency, clock),
        ledger_metrics=LedgerMetrics(metrics, "grpc"),
        metrics=metrics,
        currency=currency,
        storage=storage,
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
                clock=clock,
                metrics=metrics,
            )
    finally:
        storage.gate.set()
        await server.stop(1)


def usd(units: int, nanos: int = 0, currency_code: str = "") -> Money:
    return Money(units=units, nanos=nanos, currency_code=currency_code)


def an_order(customer_id: str, order_id: str = "order-1", **told: Any) -> RecordOrderRequest:
    """An order of 12.50, at no date."""
    given: dict[str, Any] = {"tenant_id": TENANT, "order_total": usd(12, 500_000_000)}
    return RecordOrderRequest(customer_id=customer_id, order_id=order_id, **given | told)


def a_refund(customer_id: str, order_id: str = "order-1", **told: Any) -> RefundOrderRequest:
    """A refund of 2.50."""
    given: dict[str, Any] = {
        "tenant_id": TENANT,
        "refund_id": "refund-1",
        "amount": usd(2, 500_000_000),
    }
    return RefundOrderRequest(customer_id=customer_id, order_id=order_id, **given | told)


def a_cancellation(customer_id: str, order_id: str = "order-1", **told: Any) -> CancelOrderRequest:
    given = {"tenant_id": TENANT}
    return CancelOrderRequest(customer_id=customer_id, order_id=order_id, **given | told)


async def refusal(call: Awaitable[object]) -> tuple[grpc.StatusCode, Status]:
    """The code and the whole status, if there is one, of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    error = failed.value
    trailing = dict(error.trailing_metadata() or ())
    return error.code(), Status.FromString(trailing.get("grpc-status-details-bin", b""))


def reason(status: Status) -> str:
    """The reason that the status gives to programs."""
    info = ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.reason


def bad_fields(status: Status) -> dict[str, str]:
    """The fields that the status names, and why."""
    bad = BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    return {each.field: each.reason for each in bad.field_violations}
