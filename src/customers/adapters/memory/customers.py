"""Customers in memory."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.memory.change_capture import saved
from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.state import State
from customers.bulkheads.turns import Turn
from customers.core.errors import CustomerNotFound, EmailTaken
from customers.core.model.customer import Customer, Profile
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.query import CustomerKey, CustomerPage, CustomerSort, Page
from customers.core.ports.customers import CustomerReader, CustomerRepository

_NO_FILTER = CustomerFilter()


@frozen
class MemoryCustomerReader(CustomerReader):
    _source: StateReader

    async def get(self, customer_id: UUID) -> Customer:
        return self._source.state.customer(customer_id)

    async def profiles(self, customer_ids: Sequence[UUID]) -> Mapping[UUID, Profile]:
        state = self._source.state
        customers = (state.living.get(customer_id) for customer_id in customer_ids)
        return {customer.id: _profile(state, customer) for customer in customers if customer}

    async def by_email(self, email_key: str) -> Customer | None:
        state = self._source.state
        customer_id = state.emails.get(email_key)
        return None if customer_id is None else state.customer(customer_id)

    async def by_emails(self, email_keys: Sequence[str]) -> Mapping[str, Customer]:
        customers = {key: await self.by_email(key) for key in email_keys}
        return {key: customer for key, customer in customers.items() if customer is not None}

    async def by_user(self, user_id: UUID) -> Customer | None:
        state = self._source.state
        customers = (state.customer(id) for id in state.users.get(user_id, frozenset()))
        return min(customers, key=_age, default=None)

    async def page(
        self, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
    ) -> Sequence[Customer]:
        state = self._source.state
        if page.offset >= len(state.living) + len(state.deleted):
            return []
        if customer_filter.rule is not None:
            in_order = state.in_order(customer_filter.deleted, sort)
            end = page.offset + page.size
            return (await _matching(state, customer_filter, in_order, end))[page.offset :]
        return list(islice(state.walk(customer_filter, sort), page.offset, page.offset + page.size))

    async def page_with_total(
        self, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
    ) -> CustomerPage:
        customers = await self.page(customer_filter, sort, page)
        return CustomerPage(customers=customers, total=await self.count(customer_filter), page=page)

    async def page_after(
        self,
        customer_filter: CustomerFilter,
        sort: CustomerSort,
        key: CustomerKey | None,
        limit: int,
    ) -> Sequence[Customer]:
        state = self._source.state
        if customer_filter.rule is not None:
            in_order = state.in_order(customer_filter.deleted, sort, key)
            return await _matching(state, customer_filter, in_order, limit)
        return list(islice(state.walk(customer_filter, sort, key), limit))

    async def count(self, customer_filter: CustomerFilter) -> int:
        state = self._source.state
        if evolve(customer_filter, statuses=frozenset(), types=frozenset()) == _NO_FILTER:
            return _sum_counters(state, customer_filter)
        if customer_filter.rule is not None:
            return len(await _matching(state, customer_filter, state.candidates(customer_filter)))
        return state.count(customer_filter)

    async def counts(
        self,
        customer_filters: Sequence[CustomerFilter],
        seconds: float,  # noqa: ARG002 - all filters are counted, however long it takes
    ) -> Sequence[int]:
        return [await self.count(customer_filter) for customer_filter in customer_filters]


async def _matching(
    state: State,
    customer_filter: CustomerFilter,
    customers: Iterable[Customer],
    limit: int | None = None,
) -> list[Customer]:
    """The first `limit` customers that satisfy the filter, or all of them without a limit.

    Gives way to other tasks, because a filter with a rule may take long to evaluate.
    """
    keeps, turn = state.criterion(customer_filter), Turn()
    matching: list[Customer] = []
    for customer in customers:
        if limit is not None and len(matching) >= limit:
            break
        if keeps(customer):
            matching.append(customer)
        await turn.give_way()
    return matching


@frozen
class MemoryCustomers(MemoryCustomerReader, CustomerRepository):
    _source: Draft

    async def get_for_update(self, customer_id: UUID) -> Customer:
        customer = self._source.state.customer(customer_id)
        self._source.lock(Customer, customer_id)
        return customer

    async def get_any_for_update(self, customer_id: UUID) -> Customer:
        customer = self._source.state.any_customer(customer_id)
        if customer is None:
            raise CustomerNotFound
        self._source.lock(Customer, customer_id)
        return customer

    async def get_ids_for_update(self, customer_ids: Collection[UUID]) -> Collection[UUID]:
        living = self._source.state.living
        ids = sorted(customer_id for customer_id in set(customer_ids) if customer_id in living)
        for customer_id in ids:
            self._source.lock(Customer, customer_id)
        return ids

    async def add(self, customer: Customer) -> bool:
        state = self._source.state
        if customer.email_key in state.emails:
            return False
        if state.any_customer(customer.id) is not None:
            self._source.doom(RuntimeError(f"the id {customer.id} is another customer's"))
        self._source.lock(Customer, customer.id)
        self._source.replace(saved(state, customer))
        return True

    async def reserve_email(self, customer: Customer) -> None:
        if self._source.state.is_email_taken(customer):
            self._source.doom(EmailTaken())

    async def reserve_user(self, user_id: UUID) -> None:
        """Does nothing: no other transaction of the tenant runs at the same time."""

    async def save(self, customer: Customer) -> None:
        state = self._source.state
        self._source.expect_lock(Customer, customer.id)
        if customer.is_living and state.is_email_taken(customer):
            self._source.doom(EmailTaken())
        self._source.replace(saved(state, customer))

    async def get_many_for_update(
        self, customer_ids: Collection[UUID], email_keys: Collection[str]
    ) -> Sequence[Customer]:
        state = self._source.state
        holders = (state.emails[key] for key in email_keys if key in state.emails)
        found = (state.any_customer(customer_id) for customer_id in {*customer_ids, *holders})
        customers = [customer for customer in found if customer is not None]
        for customer in customers:
            self._source.lock(Customer, customer.id)
        return customers

    async def write_many(self, added: Sequence[Customer], changed: Sequence[Customer]) -> None:
        turn = Turn()
        for customer in changed:
            await self.save(customer)
            await turn.give_way()
        for customer in added:
            if not await self.add(customer):
                self._source.doom(EmailTaken())
            await turn.give_way()


def _age(customer: Customer) -> tuple[datetime, UUID]:
    return customer.created_at, customer.id


def _profile(state: State, customer: Customer) -> Profile:
    return Profile(
        customer=customer,
        addresses=state.addresses.get(customer.id, ()),
        payment_methods=state.payment_methods.get(customer.id, ()),
    )


def _sum_counters(state: State, customer_filter: CustomerFilter) -> int:
    return sum(
        count
        for (status, customer_type), count in state.counters.items()
        if (not customer_filter.statuses or status in customer_filter.statuses)
        and (not customer_filter.types or customer_type in customer_filter.types)
    )
