"""Addresses in memory: a sorted tuple per customer."""

from collections.abc import Sequence
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.state import with_value
from customers.core.model.address import Address, sort_key
from customers.core.model.customer import Customer
from customers.core.ports.customers import AddressReader, AddressRepository


@frozen
class MemoryAddressReader(AddressReader):
    _source: StateReader

    async def all(self, customer_id: UUID) -> Sequence[Address]:
        state = self._source.state
        state.customer(customer_id)
        return state.addresses.get(customer_id, ())


@frozen
class MemoryAddresses(MemoryAddressReader, AddressRepository):
    _source: Draft

    async def replace(
        self, customer_id: UUID, before: Sequence[Address], after: Sequence[Address]
    ) -> None:
        state = self._source.state
        self._source.expect_lock(Customer, customer_id)
        self._source.expect_stored(before, state.addresses.get(customer_id, ()))
        stored = tuple(sorted(after, key=sort_key)) or None
        addresses = with_value(state.addresses, customer_id, stored)
        self._source.replace(evolve(state, addresses=addresses))
