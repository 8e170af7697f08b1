"""The hot writes in memory: ordinary drafts, since there is no round trip to save."""

from datetime import datetime

from attrs import frozen

from customers.adapters.memory.change_capture import saved
from customers.adapters.memory.customers import MemoryCustomers
from customers.adapters.memory.tenants import Tenants
from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, statistics
from customers.core.model.money import Currency
from customers.core.model.order import Statistics
from customers.core.ports.storage import Autocommit


@frozen
class MemoryAutocommit(Autocommit):
    _tenants: Tenants
    _tenant_id: str
    _currency: Currency

    async def add_customer(self, customer: Customer) -> bool:
        async with self._tenants.draft(self._tenant_id) as draft:
            return await MemoryCustomers(draft).add(customer)

    async def record_order(self, entry: Entry, now: datetime) -> Customer | None:
        async with self._tenants.draft(self._tenant_id) as draft:
            state = draft.state
            customer = state.living.get(entry.customer_id)
            if customer is None or entry.order_id in state.order_owners:
                return None
            updated = customer.with_statistics(self._plus(customer.statistics, entry), now=now)
            draft.replace(saved(state.with_entry(entry), updated))
            return updated

    def _plus(self, before: Statistics, entry: Entry) -> Statistics:
        """The statistics with one more order, without folding the ledger again."""
        dates = [before.first_order_date, before.last_order_date, entry.order_date]
        order_dates = [date for date in dates if date is not None]
        return statistics(
            total_orders=before.total_orders + 1,
            total_spent=before.total_spent + entry.spent,
            first_order_date=min(order_dates, default=None),
            last_order_date=max(order_dates, default=None),
            currency=self._currency,
        )
