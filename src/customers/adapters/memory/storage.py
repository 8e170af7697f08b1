"""The storage in the memory of one process, for our tests, other teams' tests and demonstrations.

It keeps every promise of the ports, rollback and locks included, so that code tested here works on
a database too. The differences from a database:

- Data is lost when the process ends, and only one event loop can use the storage.
- Transactions of a tenant run one after another, in the order in which they began. There are no
  deadlocks and no time-outs of statements. Unavailable is raised only after `close`, and by the
  evaluation of rules and `give_way` after the deadline of the request.
- A view is never behind what was committed.
- A filter, and a search for stale candidates by date, may look at every customer. The first list in
  some order after a write sorts all customers: some tenths of a second for 100,000 customers, which
  take about 100 MB of memory.
- No write of a tenant runs beside another one, so every capture barrier is passed at once.
- The lease of the sweeper follows the clock of the event loop.
- No column limits the size of a value: what the model accepts is stored.

It also detects mistakes that a database cannot: a write without the lock that it
needs, a `before` that is not what is stored, and a membership lock acquired after other locks
raise RuntimeError and doom the transaction.
"""

from asyncio import get_running_loop
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from secrets import token_bytes
from typing import Any
from uuid import UUID

from attrs import define, field, frozen

from customers.adapters.memory.addresses import MemoryAddresses, MemoryAddressReader
from customers.adapters.memory.api_keys import (
    MemoryApiKeyReader,
    MemoryApiKeys,
    keys_of_every_tenant,
)
from customers.adapters.memory.assignments import MemoryAssignmentReader, MemoryAssignments
from customers.adapters.memory.autocommit import MemoryAutocommit
from customers.adapters.memory.communications import MemoryCommunicationReader, MemoryCommunications
from customers.adapters.memory.customers import MemoryCustomerReader, MemoryCustomers
from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.erasures import MemoryErasures
from customers.adapters.memory.lease import Lease
from customers.adapters.memory.lookups import MemoryLookups
from customers.adapters.memory.memberships import (
    MemoryMembershipReader,
    MemoryMemberships,
    backlog,
    failed_builds,
    needs_refresh,
)
from customers.adapters.memory.notes import MemoryNoteReader, MemoryNotes
from customers.adapters.memory.orders import MemoryOrderReader, MemoryOrders
from customers.adapters.memory.payment_methods import (
    MemoryPaymentMethodReader,
    MemoryPaymentMethods,
)
from customers.adapters.memory.personal_data import MemoryPersonalData
from customers.adapters.memory.segments import MemorySegmentReader, MemorySegments
from customers.adapters.memory.snapshot import dump, restore
from customers.adapters.memory.state import State
from customers.adapters.memory.tenants import TenantStates
from customers.adapters.memory.verifications import (
    MemoryVerificationReader,
    MemoryVerifications,
    find_verification,
)
from customers.bulkheads.turns import Turn
from customers.core.model.api_key import ApiKey
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.money import Currency
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

_ROOT = JsonPointer()


@define(kw_only=True, eq=False)
class MemoryStorage(Storage):
    """A storage that starts empty. Averages are rounded to the minor unit of the currency."""

    _currency: Currency
    _tenants: TenantStates = field(factory=TenantStates, init=False)
    _lease: Lease | None = field(default=None, init=False)
    _secret: bytes = field(factory=partial(token_bytes, 64), init=False, repr=False)

    @asynccontextmanager
    async def view(self, tenant_id: str) -> AsyncIterator[View]:
        async with self._tenants.view(tenant_id) as reader:
            yield MemoryView(reader)

    @asynccontextmanager
    async def consistent_view(self, tenant_id: str) -> AsyncIterator[View]:
        async with self._tenants.consistent_view(tenant_id) as reader:
            yield MemoryView(reader)

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        async with self._tenants.draft(tenant_id) as draft:
            yield MemoryTransaction(draft, self._currency)

    def autocommit(self, tenant_id: str) -> Autocommit:
        return MemoryAutocommit(self._tenants, tenant_id, self._currency)

    def lookups(self, tenant_id: str) -> Lookups:
        return MemoryLookups(self._tenants, tenant_id)

    @property
    def analytic(self) -> Storage:
        return self

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

    async def backlog(self, limit: int) -> Backlog:
        return backlog(self._tenants.committed().values(), limit)

    async def failed_builds(self) -> int:
        return sum(map(failed_builds, self._tenants.committed().values()))

    async def lease(self, holder: UUID, seconds: float) -> bool:
        self._tenants.check()
        lease = self._lease or Lease(holder=holder, until=0)
        self._lease = lease.requested_by(holder, now=get_running_loop().time(), seconds=seconds)
        return self._lease.holder == holder

    async def rewrite_search_texts(
        self,
        limit: int,  # noqa: ARG002 - search texts are not stored
    ) -> int:
        self._tenants.check()
        return 0

    def dump(self) -> dict[str, Any]:
        """All committed state by tenant, as plain JSON values. Blocks the event loop.

        Equal states give equal data, and a restored dump gives the same data again.
        """
        return dump(self._tenants.committed(), self._currency)

    async def restore(self, data: object, at: JsonPointer = _ROOT) -> None:
        """Replaces the state of all tenants by dumped data.

        Waits for the transactions that have begun. Open views show the new state, consistent views
        do not. Raises Invalid with pointers to the bad places and changes nothing; pointers begin
        at `at`, the place of the data in its document.
        """
        await self._tenants.replace(restore(data, self._currency, at))

    async def forget(self, tenant_id: str | None = None) -> None:
        """Deletes all data of one tenant, or of all tenants if it is None.

        Waits for the transactions that have begun.
        """
        if tenant_id is None:
            await self._tenants.replace({})
            return
        async with self._tenants.draft(tenant_id) as draft:
            draft.replace(State())

    async def api_key(self, key_id: UUID) -> ApiKey | None:
        states = self._tenants.committed().values()
        return next((state.api_keys[key_id] for state in states if key_id in state.api_keys), None)

    async def api_keys_of_every_tenant(self) -> Sequence[ApiKey]:
        return keys_of_every_tenant(self._tenants.committed().values())

    async def deployment_secret(self) -> bytes:
        self._tenants.check()
        return self._secret

    async def find_verification(self, token_hash: str) -> VerificationWithEmail | None:
        return find_verification(self._tenants.committed().values(), token_hash)

    async def open(self) -> None:
        """Does nothing: there is nothing to open."""

    async def check(self) -> StorageStatus:
        self._tenants.check()
        return StorageStatus()

    async def close(self) -> None:
        await self._tenants.close()


@frozen
class MemoryView(View):
    _reader: StateReader
    _turn: Turn = field(factory=Turn)

    async def give_way(self) -> None:
        await self._turn.give_way()

    @property
    def customers(self) -> MemoryCustomerReader:
        return MemoryCustomerReader(self._reader)

    @property
    def addresses(self) -> MemoryAddressReader:
        return MemoryAddressReader(self._reader)

    @property
    def payment_methods(self) -> MemoryPaymentMethodReader:
        return MemoryPaymentMethodReader(self._reader)

    @property
    def notes(self) -> MemoryNoteReader:
        return MemoryNoteReader(self._reader)

    @property
    def communications(self) -> MemoryCommunicationReader:
        return MemoryCommunicationReader(self._reader)

    @property
    def orders(self) -> MemoryOrderReader:
        return MemoryOrderReader(self._reader)

    @property
    def segments(self) -> MemorySegmentReader:
        return MemorySegmentReader(self._reader)

    @property
    def assignments(self) -> MemoryAssignmentReader:
        return MemoryAssignmentReader(self._reader)

    @property
    def memberships(self) -> MemoryMembershipReader:
        return MemoryMembershipReader(self._reader)

    @property
    def api_keys(self) -> MemoryApiKeyReader:
        return MemoryApiKeyReader(self._reader)

    @property
    def personal_data(self) -> MemoryPersonalData:
        return MemoryPersonalData(self._reader)

    @property
    def verifications(self) -> MemoryVerificationReader:
        return MemoryVerificationReader(self._reader)


@frozen
class MemoryTransaction(Transaction):
    _draft: Draft
    _currency: Currency
    _turn: Turn = field(factory=Turn)

    async def give_way(self) -> None:
        await self._turn.give_way()

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
    def api_keys(self) -> MemoryApiKeys:
        return MemoryApiKeys(self._draft)

    @property
    def verifications(self) -> MemoryVerifications:
        return MemoryVerifications(self._draft)

    @property
    def erasures(self) -> MemoryErasures:
        return MemoryErasures(self._draft)
