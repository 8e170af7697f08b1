"""Customers in the memory of one process: a storage for tests, demonstrations and other teams.

It keeps every promise of the ports, rollback and locks included; what works here works on a
database. The differences:

- nothing outlives the process, and one event loop has the storage to itself;
- the transactions of a tenant run one after another, in the order in which they began: there is
  no deadlock here, no time-out, and no Unavailable but after `close`;
- a view is never behind what was committed;
- a filter looks at every customer, and the first list in some order after a write sorts them all:
  some tenths of a second for 100,000, who take about 100 MB; whoever looks for customers in doubt
  looks at every one too;
- no write is ever under way beside another one of its tenant, so all are watched at once;
- the lease of the sweeper is kept by the clock of the event loop;
- what the model lets pass is kept as it is, there is no column that it could be too long for.

In turn it notices what a database cannot: a write to what the transaction has not locked raises
RuntimeError, and so does a `before` that is not what is stored, or locking the members after
something else. All of them doom the transaction.
"""

from asyncio import get_running_loop
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from attrs import define, field, frozen

from customers.adapters.memory.addresses import MemoryAddresses, MemoryAddressReader
from customers.adapters.memory.assignments import MemoryAssignmentReader, MemoryAssignments
from customers.adapters.memory.autocommit import MemoryAutocommit
from customers.adapters.memory.communications import (
    MemoryCommunicationReader,
    MemoryCommunications,
)
from customers.adapters.memory.customers import MemoryCustomerReader, MemoryCustomers
from customers.adapters.memory.draft import Draft
from customers.adapters.memory.erasures import MemoryErasures
from customers.adapters.memory.lease import Lease
from customers.adapters.memory.memberships import (
    MemoryMembershipReader,
    MemoryMemberships,
    needs_refresh,
)
from customers.adapters.memory.notes import MemoryNoteReader, MemoryNotes
from customers.adapters.memory.orders import MemoryOrderReader, MemoryOrders
from customers.adapters.memory.payment_methods import (
    MemoryPaymentMethodReader,
    MemoryPaymentMethods,
)
from customers.adapters.memory.segments import MemorySegmentReader, MemorySegments
from customers.adapters.memory.snapshots.whole import dumped, restored
from customers.adapters.memory.state import State
from customers.adapters.memory.tenants import Glance, Tenants
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.money import Currency
from customers.core.ports.storage import Autocommit, Storage, Transaction, View

_ROOT = JsonPointer()


@define(kw_only=True, eq=False)
class MemoryStorage(Storage):
    """A storage that is empty when it is made. Averages are rounded to the currency's unit."""

    _currency: Currency
    _tenants: Tenants = field(factory=Tenants, init=False)
    _lease: Lease | None = field(default=None, init=False)

    @asynccontextmanager
    async def view(self, tenant_id: str) -> AsyncIterator[View]:
        async with self._tenants.glance(tenant_id) as glance:
            yield MemoryView(glance)

    @asynccontextmanager
    async def consistent_view(self, tenant_id: str) -> AsyncIterator[View]:
        async with self._tenants.consistent_view(tenant_id) as glance:
            yield MemoryView(glance)

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        async with self._tenants.draft(tenant_id) as draft:
            yield MemoryTransaction(draft, self._currency)

    def autocommit(self, tenant_id: str) -> Autocommit:
        return MemoryAutocommit(self._tenants, tenant_id, self._currency)

    async def wait_for_capture_barrier(
        self,
        tenant_id: str,
        segment_id: UUID,
        seconds: float,  # noqa: ARG002 - no write of the tenant runs beside this one
    ) -> bool:
        self._tenants.check()
        state = self._tenants.committed().get(tenant_id)
        return state is not None and segment_id in state.segments

    async def tenants_with_segments(self) -> Sequence[str]:
        return sorted(id for id, state in self._tenants.committed().items() if state.segments)

    async def tenants_to_refresh(self) -> Sequence[str]:
        return sorted(id for id, state in self._tenants.committed().items() if needs_refresh(state))

    async def lease(self, holder: UUID, seconds: float) -> bool:
        self._tenants.check()
        known = self._lease or Lease(holder=holder, until=0)
        self._lease = known.asked(holder, now=get_running_loop().time(), seconds=seconds)
        return self._lease.holder == holder

    def dump(self) -> dict[str, Any]:
        """All that is committed, by tenant, as JSON can hold it; see `snapshots`.

        Equal states give equal data, and so does a state that was restored from it. Nobody else is
        served meanwhile.
        """
        return dumped(self._tenants.committed())

    async def restore(self, data: object, at: JsonPointer = _ROOT) -> None:
        """Replaces everything, every tenant's, by what was dumped.

        Waits for the transactions that have begun; views that are open see the new state from then
        on, snapshots do not. Raises Invalid, nothing being changed, with every place that is wrong;
        pointers begin at `at`, the place of the data in its document.
        """
        await self._tenants.replace(restored(data, self._currency, at))

    async def forget(self, tenant_id: str | None = None) -> None:
        """Empties one tenant, or all, once the transactions that have begun are over."""
        if tenant_id is None:
            await self._tenants.replace({})
            return
        async with self._tenants.draft(tenant_id) as draft:
            draft.keep(State())

    async def open(self) -> None:
        """There is nothing to open."""

    async def check(self) -> None:
        self._tenants.check()

    async def close(self) -> None:
        await self._tenants.close()


@frozen
class MemoryView(View):
    _glance: Glance

    @property
    def customers(self) -> MemoryCustomerReader:
        return MemoryCustomerReader(self._glance)

    @property
    def addresses(self) -> MemoryAddressReader:
        return MemoryAddressReader(self._glance)

    @property
    def payment_methods(self) -> MemoryPaymentMethodReader:
        return MemoryPaymentMethodReader(self._glance)

    @property
    def notes(self) -> MemoryNoteReader:
        return MemoryNoteReader(self._glance)

    @property
    def communications(self) -> MemoryCommunicationReader:
        return MemoryCommunicationReader(self._glance)

    @property
    def orders(self) -> MemoryOrderReader:
        return MemoryOrderReader(self._glance)

    @property
    def segments(self) -> MemorySegmentReader:
        return MemorySegmentReader(self._glance)

    @property
    def assignments(self) -> MemoryAssignmentReader:
        return MemoryAssignmentReader(self._glance)

    @property
    def memberships(self) -> MemoryMembershipReader:
        return MemoryMembershipReader(self._glance)


@frozen
class MemoryTransaction(Transaction):
    _draft: Draft
    _currency: Currency

    @property
    def customers(self) -> MemoryCustomers:
        return MemoryCustomers(self._draft)

    @property
    def addresses(self) -> MemoryAddresses:
        return MemoryAddresses(self._draft)

    @property
    def payment_methods(self) -> MemoryPaymentMethods:
        return MemoryPaymentMethods(self._draft)

    @property
    def notes(self) -> MemoryNotes:
        return MemoryNotes(self._draft)

    @property
    def communications(self) -> MemoryCommunications:
        return MemoryCommunications(self._draft)

    @property
    def orders(self) -> MemoryOrders:
        return MemoryOrders(self._draft, self._currency)

    @property
    def segments(self) -> MemorySegments:
        return MemorySegments(self._draft)

    @property
    def assignments(self) -> MemoryAssignments:
        return MemoryAssignments(self._draft)

    @property
    def memberships(self) -> MemoryMemberships:
        return MemoryMemberships(self._draft)

    @property
    def erasures(self) -> MemoryErasures:
        return MemoryErasures(self._draft)
