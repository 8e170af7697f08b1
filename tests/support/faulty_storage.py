"""A storage that fails, hangs or blocks writers on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from uuid import UUID

from attrs import define, field, frozen

from customers.core.errors.availability import TenantBusy, Unavailable
from customers.core.model.api_key import ApiKey
from customers.core.model.customer import Customer
from customers.core.model.journal import Note
from customers.core.model.ledger import Entry
from customers.core.model.pending_changes import Backlog
from customers.core.model.verification import VerificationWithEmail
from customers.core.ports.storage import (
    Autocommit,
    Lookups,
    Storage,
    StorageStatus,
    Transaction,
    View,
)


@define(eq=False)
class FaultyStorage(Storage):
    """Delegates to a storage, with the faults that its attributes switch on.

    Orders wait while `gate` is closed, as it is at first, and then for as many turns of the event
    loop as the next item of `turns` says, else one. After `orders_until_outage` orders the storage
    becomes unavailable. A call of `record_orders` counts as one order.
    """

    _inner: Storage
    is_unavailable: bool = False
    is_hanging: bool = False
    is_broken: bool = False
    is_busy: bool = False
    orders_until_outage: int | None = None
    gate: asyncio.Event = field(factory=asyncio.Event)
    order_arrived: asyncio.Event = field(factory=asyncio.Event)
    turns: list[int] = field(factory=list)
    status: StorageStatus = StorageStatus()  # noqa: RUF009 - frozen
    autocommit_count: int = 0
    concurrent_orders: int = 0
    max_concurrent_orders: int = 0

    def view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        self._raise_fault()
        return self._inner.view(tenant_id)

    def consistent_view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        self._raise_fault()
        return self._inner.consistent_view(tenant_id)

    def transaction(self, tenant_id: str) -> AbstractAsyncContextManager[Transaction]:
        self._raise_fault()
        return self._inner.transaction(tenant_id)

    def autocommit(self, tenant_id: str) -> Autocommit:
        self.autocommit_count += 1
        self._raise_fault()
        return _FaultyAutocommit(self, self._inner.autocommit(tenant_id))

    def lookups(self, tenant_id: str) -> Lookups:
        self._raise_fault()
        return self._inner.lookups(tenant_id)

    @property
    def analytic(self) -> Storage:
        return self

    async def wait_for_capture_barrier(
        self, tenant_id: str, segment_id: UUID, seconds: float
    ) -> bool:
        self._raise_fault()
        return await self._inner.wait_for_capture_barrier(tenant_id, segment_id, seconds)

    async def tenants_with_segments(self) -> Sequence[str]:
        self._raise_fault()
        return await self._inner.tenants_with_segments()

    async def tenants_to_refresh(self) -> Sequence[str]:
        self._raise_fault()
        return await self._inner.tenants_to_refresh()

    async def backlog(self, limit: int) -> Backlog:
        self._raise_fault()
        return await self._inner.backlog(limit)

    async def failed_builds(self) -> int:
        self._raise_fault()
        return await self._inner.failed_builds()

    async def lease(self, holder: UUID, seconds: float) -> bool:
        self._raise_fault()
        return await self._inner.lease(holder, seconds)

    async def rewrite_search_texts(self, limit: int) -> int:
        self._raise_fault()
        return await self._inner.rewrite_search_texts(limit)

    async def api_key(self, key_id: UUID) -> ApiKey | None:
        self._raise_fault()
        return await self._inner.api_key(key_id)

    async def api_keys_of_every_tenant(self) -> Sequence[ApiKey]:
        self._raise_fault()
        return await self._inner.api_keys_of_every_tenant()

    async def deployment_secret(self) -> bytes | None:
        self._raise_fault()
        return await self._inner.deployment_secret()

    async def find_verification(self, token_hash: str) -> VerificationWithEmail | None:
        self._raise_fault()
        return await self._inner.find_verification(token_hash)

    async def open(self) -> None:
        await self._inner.open()

    async def check(self) -> StorageStatus:
        if self.is_hanging:
            await asyncio.Event().wait()
        self._raise_fault()
        return self.status

    async def close(self) -> None:
        await self._inner.close()

    async def admit_order(self) -> None:
        """Waits at the gate, then raises if the storage is broken, unavailable or busy."""
        turns = self.turns.pop(0) if self.turns else 1
        self.order_arrived.set()
        await self.gate.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        if self.orders_until_outage is not None:
            self.is_unavailable = self.is_unavailable or self.orders_until_outage == 0
            self.orders_until_outage -= 1
        self._raise_fault()

    def _raise_fault(self) -> None:
        if self.is_broken:
            raise ZeroDivisionError("a secret of the driver")
        if self.is_unavailable:
            raise Unavailable
        if self.is_busy:
            raise TenantBusy


@frozen
class _FaultyAutocommit(Autocommit):
    _storage: FaultyStorage
    _inner: Autocommit

    async def add_customer(self, customer: Customer) -> bool:
        return await self._inner.add_customer(customer)

    async def change_customer(
        self, customer_id: UUID, change: Callable[[Customer], Customer]
    ) -> Customer | None:
        return await self._inner.change_customer(customer_id, change)

    async def add_note(self, note: Note) -> bool:
        return await self._inner.add_note(note)

    async def record_order(self, entry: Entry, now: datetime) -> Customer | None:
        async with self._admitted():
            return await self._inner.record_order(entry, now)

    async def record_orders(
        self, entries: Sequence[Entry], now: datetime
    ) -> Sequence[Customer | None]:
        async with self._admitted():
            return await self._inner.record_orders(entries, now)

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        storage = self._storage
        storage.concurrent_orders += 1
        storage.max_concurrent_orders = max(
            storage.max_concurrent_orders, storage.concurrent_orders
        )
        try:
            await storage.admit_order()
            yield
        finally:
            storage.concurrent_orders -= 1
