"""Customers in memory."""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.memory.change_capture import saved
from customers.adapters.memory.draft import Draft, Source
from customers.adapters.memory.state import State
from customers.core.errors import CustomerNotFound, EmailTaken
from customers.core.model.customer import Customer, Profile
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerPage,
    CustomerSort,
    Page,
)
from customers.core.ports.customers import CustomerReader, CustomerRepository

_EVERYONE = CustomerFilter()


@frozen
class MemoryCustomerReader(CustomerReader):
    _source: Source

    async def get(self, customer_id: UUID) -> Customer:
        return self._source.state.customer(customer_id)

    async def profile(self, customer_id: UUID) -> Profile:
        state = self._source.state
        return _profile(state, state.customer(customer_id))

    async def profiles(self, customer_ids: Sequence[UUID]) -> Mapping[UUID, Profile]:
        state = self._source.state
        found = (state.living.get(customer_id) for customer_id in customer_ids)
        return {customer.id: _profile(state, customer) for customer in found if customer}

    async def by_email(self, email_key: str) -> Customer | None:
        state = self._source.state
        customer_id = state.emails.get(email_key)
        return None if customer_id is None else state.customer(customer_id)

    async def page(
        self, which: CustomerFilter, order: CustomerSort, page: Page
    ) -> Sequence[Customer]:
        state = self._source.state
        if page.offset >= len(state.living):
            return []
        return list(islice(state.walk(which, order), page.offset, page.offset + page.size))

    async def page_with_total(
        self, which: CustomerFilter, order: CustomerSort, page: Page
    ) -> CustomerPage:
        found = await self.page(which, order, page)
        return CustomerPage(customers=found, total=await self.count(which), page=page)

    async def page_after(
        self, which: CustomerFilter, order: CustomerSort, key: CustomerKey | None, limit: int
    ) -> Sequence[Customer]:
        return list(islice(self._source.state.walk(which, order, key), limit))

    async def count(self, which: CustomerFilter) -> int:
        state = self._source.state
        if evolve(which, statuses=frozenset(), types=frozenset()) == _EVERYONE:
            return _tallied(state, which)
        return sum(1 for _ in state.found(which))


@frozen
class MemoryCustomers(MemoryCustomerReader, CustomerRepository):
    _source: Draft

    async def get_for_update(self, customer_id: UUID) -> Customer:
        customer = self._source.state.customer(customer_id)
        self._source.lock(Customer, customer_id)
        return customer

    async def get_any_for_update(self, customer_id: UUID) -> Customer:
        customer = self._source.state.known(customer_id)
        if customer is None:
            raise CustomerNotFound
        self._source.lock(Customer, customer_id)
        return customer

    async def lock_ids(self, customer_ids: Collection[UUID]) -> Collection[UUID]:
        living = self._source.state.living
        found = sorted(each for each in set(customer_ids) if each in living)
        for customer_id in found:
            self._source.lock(Customer, customer_id)
        return found

    async def add(self, customer: Customer) -> bool:
        state = self._source.state
        if customer.email_key in state.emails:
            return False
        if state.known(customer.id) is not None:
            self._source.refuse(RuntimeError(f"the id {customer.id} is another customer's"))
        self._source.lock(Customer, customer.id)
        self._source.keep(saved(state, customer))
        return True

    async def save(self, customer: Customer) -> None:
        state = self._source.state
        self._source.expect_lock(Customer, customer.id)
        if customer.is_living and state.is_email_taken(customer):
            self._source.refuse(EmailTaken())
        self._source.keep(saved(state, customer))


def _profile(state: State, customer: Customer) -> Profile:
    return Profile(
        customer=customer,
        addresses=state.addresses.get(customer.id, ()),
        payment_methods=state.methods.get(customer.id, ()),
    )


def _tallied(state: State, which: CustomerFilter) -> int:
    return sum(
        number
        for (status, customer_type), number in state.tallies.items()
        if (not which.statuses or status in which.statuses)
        and (not which.types or customer_type in which.types)
    )
