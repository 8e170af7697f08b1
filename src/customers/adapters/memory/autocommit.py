"""The most frequent writes in memory, each an ordinary draft: there are no round trips to save."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from uuid import UUID

from attrs import frozen

from customers.adapters.memory.change_capture import saved
from customers.adapters.memory.customers import MemoryCustomers
from customers.adapters.memory.notes import with_note
from customers.adapters.memory.tenants import TenantStates
from customers.core.model.customer import Customer
from customers.core.model.journal import Note
from customers.core.model.ledger import Entry, with_order
from customers.core.model.money import Currency
from customers.core.ports.storage import Autocommit


@frozen
class MemoryAutocommit(Autocommit):
    _tenants: TenantStates
    _tenant_id: str
    _currency: Currency

    async def add_customer(self, customer: Customer) -> bool:
        async with self._tenants.draft(self._tenant_id) as draft:
            return await MemoryCustomers(draft).add(customer)

    async def change_customer(
        self, customer_id: UUID, change: Callable[[Customer], Customer]
    ) -> Customer | None:
        async with self._tenants.draft(self._tenant_id) as draft:
            customer = draft.state.customer(customer_id)
            changed = change(customer)
            if changed.email_key != customer.email_key:
                return None
            if changed is not customer:
                draft.replace(saved(draft.state, changed))
            return changed

    async def add_note(self, note: Note) -> bool:
        async with self._tenants.draft(self._tenant_id) as draft:
            if note.customer_id not in draft.state.living:
                return False
            draft.replace(with_note(draft.state, note))
            return True

    async def record_order(self, entry: Entry, now: datetime) -> Customer | None:
        [customer] = await self.record_orders([entry], now)
        return customer

    async def record_orders(
        self, entries: Sequence[Entry], now: datetime
    ) -> Sequence[Customer | None]:
        async with self._tenants.draft(self._tenant_id) as draft:
            state, updated = draft.state, dict[UUID, Customer]()
            results = list[Customer | None]()
            for entry in entries:
                customer = updated.get(entry.customer_id, state.living.get(entry.customer_id))
                if customer is None or entry.order_id in state.order_owners:
                    results.append(None)
                    continue
                customer = self._with_order(customer, entry, now)
                updated[customer.id], state = customer, state.with_entry(entry)
                results.append(customer)
            draft.replace(reduce(saved, updated.values(), state))
            return results

    def _with_order(self, customer: Customer, entry: Entry, now: datetime) -> Customer:
        statistics = with_order(customer.statistics, entry, self._currency)
        return customer.with_statistics(statistics, now=now)
