"""Callers that tell facts over REST and over gRPC, again and again until they are answered."""

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

PATIENCE_SECONDS = 0.05


class Teller(Protocol):
    async def tell(self, fact: Fact) -> None:
        """Tells a fact once. Raises Unanswered."""
        ...


class Unanswered(Exception):
    """Nobody knows whether the fact was taken in."""


class HttpTeller(Teller):
    def __init__(self, session: aiohttp.ClientSession, address: str, tenant: str) -> None:
        self._session, self._address, self._tenant = session, address, tenant

    async def tell(self, fact: Fact) -> None:
        path, body = _as_json(fact)
        url = f"{self._address}/api/v1/customers/{fact.customer_id}{path}"
        headers = {"X-Tenant-ID": self._tenant, "Content-Type": "application/json"}
        data = json.dumps(body).encode()
        try:
            async with self._session.post(url, data=data, headers=headers) as answer:
                said = await answer.text()
        except (aiohttp.ClientError, OSError) as error:
            raise Unanswered from error
        if answer.status == 503:
            raise Unanswered(said)
        assert answer.status == 200, said


class RpcTeller(Teller):
    def __init__(self, channel: grpc.aio.Channel, tenant: str) -> None:
        self._stub, self._tenant = CustomersServiceStub(channel), tenant

    async def tell(self, fact: Fact) -> None:
        call, request = self._request(fact)
        try:
            await call(request)
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                raise
            raise Unanswered from error

    def _request(self, fact: Fact) -> tuple[Callable[[Any], Any], Any]:
        whose: dict[str, Any] = {
            "tenant_id": self._tenant,
            "customer_id": str(fact.customer_id),
            "order_id": fact.order_id,
        }
        if fact.kind == "order":
            return self._stub.RecordOrder, messages.RecordOrderRequest(
                **whose, order_total=_money(fact.amount), order_date=_timestamp(fact.date)
            )
        if fact.kind == "refund":
            return self._stub.RefundOrder, messages.RefundOrderRequest(
                **whose, refund_id=f"refund-{fact.number}", amount=_money(fact.amount)
            )
        return self._stub.CancelOrder, messages.CancelOrderRequest(**whose)


@asynccontextmanager
async def tellers(http: str, rpc: str, tenant: str, *, of_each: int) -> AsyncIterator[list[Teller]]:
    """So many callers of each kind, each with a connection of its own."""
    sessions = [aiohttp.ClientSession() for _ in range(of_each)]
    channels = [_channel(rpc, number) for number in range(of_each)]
    try:
        yield [
            *(HttpTeller(session, http, tenant) for session in sessions),
            *(RpcTeller(channel, tenant) for channel in channels),
        ]
    finally:
        await asyncio.gather(*(session.close() for session in sessions))
        await asyncio.gather(*(channel.close() for channel in channels))


async def tell_all(callers: list[Teller], facts: list[Fact], told: list[Fact]) -> None:
    """Tells every fact, each caller one at a time, until it is answered; `told` grows."""
    waiting = iter(facts)

    async def work(caller: Teller) -> None:
        for fact in waiting:
            await _insist(caller, fact)
            told.append(fact)

    await asyncio.gather(*map(work, callers))


async def customers_of(http: str, tenant: str, count: int) -> list[UUID]:
    """The ids of so many new customers."""
    headers = {"X-Tenant-ID": tenant}
    async with aiohttp.ClientSession(headers=headers) as session:
        ids = []
        for number in range(count):
            buyer = {"email": f"buyer-{number}@example.test", "firstName": "B", "lastName": ""}
            async with session.post(f"{http}/api/v1/customers", json=buyer) as answer:
                ids.append(UUID((await answer.json())["id"]))
        return ids


async def _insist(caller: Teller, fact: Fact) -> None:
    while True:
        try:
            return await caller.tell(fact)
        except Unanswered:
            await asyncio.sleep(PATIENCE_SECONDS)


def _as_json(fact: Fact) -> tuple[str, dict[str, Any]]:
    order = f"/orders/{fact.order_id}"
    if fact.kind == "order":
        told = {"orderId": fact.order_id, "totalAmount": float(fact.amount)}
        return "/record-order", told | {"orderDate": fact.date.isoformat()}
    if fact.kind == "refund":
        refund_id = f"refund-{fact.number}"
        return f"{order}/refunds", {"refundId": refund_id, "amount": str(fact.amount)}
    return f"{order}/cancel", {}


def _channel(address: str, number: int) -> grpc.aio.Channel:
    """A channel that shares its connection with no other, and is quick to connect again."""
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
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
