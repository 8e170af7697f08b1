"""The orders that are reported one by one: those of a tenant that wait together share a statement.

No two such statements are about the same customer at once. A statement leaves out the orders of
customers whom another transaction has locked; if it has to wait long for an order that another
transaction is inserting, it fails, and all its orders are left out. `bulkheads.groups` says how
orders that were left out are tried again. When the connection is lost, it is unknown whether the
orders were recorded, so none is tried again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from attrs import define

from customers.adapters.postgres.customers.lock_timeout import has_lock_timed_out
from customers.adapters.postgres.customers.order_groups import try_orders
from customers.adapters.postgres.customers.single_orders import record_order, try_order
from customers.adapters.postgres.engine.faults import was_rolled_back
from customers.adapters.postgres.engine.session import Session
from customers.bulkheads.groups import LEFT_OUT, GroupObserver, Groups, LeftOut
from customers.core.errors.availability import Unavailable
from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry
from customers.core.model.money import Currency


@define(eq=False)
class _Report:
    """A report of an order. Two reports of the same order are not equal."""

    entry: Entry
    now: datetime


Answers = Mapping[_Report, Customer | LeftOut | Exception]


class SharedOrders:
    """Records the orders of all tenants, over sessions of one storage."""

    def __init__(
        self,
        session: Callable[[str], AbstractAsyncContextManager[Session]],
        observer: GroupObserver,
        currency: Currency,
    ) -> None:
        self._currency = currency
        self._groups = Groups(
            session,
            self._record,
            observer,
            may_repeat=was_rolled_back,
            subject_of=lambda report: report.entry.customer_id,
            insist=self._record_alone,
        )

    async def record(self, tenant_id: str, entry: Entry, now: datetime) -> Customer | None:
        """See `Autocommit.record_order`."""
        return await self._groups.call(tenant_id, _Report(entry, now))

    async def close(self) -> None:
        """Waits until no order is under way."""
        await self._groups.close()

    async def _record(self, session: Session, reports: Sequence[_Report]) -> Answers:
        try:
            if len(reports) == 1:
                return await self._record_one(session, reports[0])
            return await self._record_several(session, reports)
        except Unavailable as error:
            if not has_lock_timed_out(error):
                raise
            return dict.fromkeys(reports, LEFT_OUT)

    async def _record_several(self, session: Session, reports: Sequence[_Report]) -> Answers:
        entries, now = [one.entry for one in reports], max(one.now for one in reports)
        results, available = await try_orders(session, entries, now, self._currency)
        answers: dict[_Report, Customer | LeftOut | Exception] = {}
        for report, result in zip(reports, results, strict=True):
            if result is not None:
                answers[report] = result
            elif report.entry.customer_id not in available:
                answers[report] = LEFT_OUT
        return answers

    async def _record_one(self, session: Session, report: _Report) -> Answers:
        customer, is_available = await try_order(session, report.entry, report.now, self._currency)
        if customer is not None:
            return {report: customer}
        return {} if is_available else {report: LEFT_OUT}

    async def _record_alone(self, session: Session, report: _Report) -> Customer | None:
        return await record_order(session, report.entry, report.now, self._currency)
