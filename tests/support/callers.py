"""Callers that report facts over REST and gRPC, each fact until it is acknowledged."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import aiohttp
import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from customers.entrypoints.grpc.generated import customers_pb2 as messages
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from tests.support.order_facts import Fact

RETRY_SECONDS = 0.05


class Caller(Protocol):
    async def report(self, fact: Fact) -> None:
        """Reports a fact once. Raises NotAcknowledged if the outcome is unknown."""
        ...


class NotAcknowledged(Exception):
    """The fact may have been recorded or not."""


class HttpCaller(Caller):
    def __init__(self, session: aiohttp.ClientSession, address: str, tenant: str) -> None:
        self._session, self._address, self._tenant = session, address, tenant

    async def report(self, fact: Fact) -> None:
        path, body = _as_json(fact)
        url = f"{self._address}/api/v1/customers/{fact.customer_id}{path}"
        headers = {"X-Tenant-ID": self._tenant, "Content-Type": "application/json"}
        data = json.dumps(body).encode()
        try:
            async with self._session.post(url, data=data, headers=headers) as response:
                text = await response.text()
        except (aiohttp.ClientError, OSError) as error:
            raise NotAcknowledged from error
        if response.status == 503:
            raise NotAcknowledged(text)
        assert response.status == 200, text


class GrpcCaller(Caller):
    def __init__(self, channel: grpc.aio.Channel, tenant: str) -> None:
        self._stub, self._tenant = CustomersServiceStub(channel), tenant

    async def report(self, fact: Fact) -> None:
        call, request = self._request(fact)
        try:
            await call(request)
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                raise
            raise NotAcknowledged from error

    def _request(self, fact: Fact) -> tuple[Callable[[Any], Any], Any]:
        ids: dict[str, Any] = {
            "tenant_id": self._tenant,
            "customer_id": str(fact.customer_id),
            "order_id": fact.order_id,
        }
        if fact.kind == "order":
            return self._stub.RecordOrder, messages.RecordOrderRequest(
                **ids, order_total=_money(fact.amount), order_date=_timestamp(fact.date)
            )
        if fact.kind == "refund":
            return self._stub.RefundOrder, messages.RefundOrderRequest(
                **ids, refund_id=f"refund-{fact.number}", amount=_money(fact.amount)
            )
        return self._stub.CancelOrder, messages.CancelOrderRequest(**ids)


@asynccontextmanager
async def callers(http: str, rpc: str, tenant: str, *, pairs: int) -> AsyncIterator[list[Caller]]:
    """`pairs` HTTP callers and as many gRPC callers, each with a connection of its own."""
    sessions = [aiohttp.ClientSession() for _ in range(pairs)]
    channels = [_channel(rpc, number) for number in range(pairs)]
    try:
        yield [
            *(HttpCaller(session, http, tenant) for session in sessions),
            *(GrpcCaller(channel, tenant) for channel in channels),
        ]
    finally:
        await asyncio.gather(*(session.close() for session in sessions))
        await asyncio.gather(*(channel.close() for channel in channels))


async def report_all(callers: list[Caller], facts: list[Fact], acknowledged: list[Fact]) -> None:
    """Reports all facts, one at a time per caller, and appends them to `acknowledged`."""
    remaining = iter(facts)

    async def work(caller: Caller) -> None:
        for fact in remaining:
            await _report_until_acknowledged(caller, fact)
            acknowledged.append(fact)

    await asyncio.gather(*map(work, callers))


async def create_customers(http: str, tenant: str, count: int) -> list[UUID]:
    """The ids of `count` new customers."""
    headers = {"X-Tenant-ID": tenant}
    async with aiohttp.ClientSession(headers=headers) as session:
        ids = []
        for number in range(count):
            body = {"email": f"buyer-{number}@example.test", "firstName": "B", "lastName": ""}
            async with session.post(f"{http}/api/v1/customers", json=body) as response:
                ids.append(UUID((await response.json())["id"]))
        return ids


async def _report_until_acknowledged(caller: Caller, fact: Fact) -> None:
    while True:
        try:
            return await caller.report(fact)
        except NotAcknowledged:
            await asyncio.sleep(RETRY_SECONDS)


def _as_json(fact: Fact) -> tuple[str, dict[str, Any]]:
    """The path below the customer, and the body."""
    order = f"/orders/{fact.order_id}"
    if fact.kind == "order":
        body = {"orderId": fact.order_id, "totalAmount": float(fact.amount)}
        return "/record-order", body | {"orderDate": fact.date.isoformat()}
    if fact.kind == "refund":
        refund_id = f"refund-{fact.number}"
        return f"{order}/refunds", {"refundId": refund_id, "amount": str(fact.amount)}
    return f"{order}/cancel", {}


def _channel(address: str, number: int) -> grpc.aio.Channel:
    """A channel that shares its connection with no other, and reconnects quickly."""
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_reconnect_backoff_ms", 200),
        ("grpc.channel_number", number),
    ]
    return grpc.aio.insecure_channel(address, options=options)


def _money(amount: Decimal) -> Money:
    units = int(amount)
    return Money(units=units, nanos=int((amount - units) * 10**9))


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
