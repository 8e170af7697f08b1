"""Use cases of addresses: each change goes through the address book, with the customer locked."""

from collections.abc import Sequence
from uuid import UUID

from customers.core.model.address import Address, AddressBook, AddressChange, AddressDetails
from customers.core.model.customer import Customer
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction


class Addresses:
    def __init__(self, storage: Storage, clock: Clock, ids: IdGenerator) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    async def all(self, tenant_id: str, customer_id: UUID) -> Sequence[Address]:
        """The addresses, default first, then oldest first. Raises CustomerNotFound."""
        async with self._storage.view(tenant_id) as view:
            return await view.addresses.all(customer_id)

    async def get(self, tenant_id: str, customer_id: UUID, address_id: UUID) -> Address:
        """The address. Raises CustomerNotFound, AddressNotFound."""
        return AddressBook(await self.all(tenant_id, customer_id))[address_id]

    @retries_conflict
    async def add(self, tenant_id: str, customer_id: UUID, details: AddressDetails) -> Address:
        """Adds an address. Raises CustomerNotFound, AddressLimitExceeded."""
        async with self._storage.transaction(tenant_id) as tx:
            customer, book = await self._open(tx, customer_id)
            now = self._clock.now()
            address = Address.new(
                details, id=self._ids.new(), customer_id=customer_id, tenant_id=tenant_id, now=now
            )
            changed = book.add(address, is_default=details.is_default, now=now)
            await self._save(tx, customer, book, changed)
            return changed[address.id]

    @retries_conflict
    async def change(
        self, tenant_id: str, customer_id: UUID, address_id: UUID, change: AddressChange
    ) -> Address:
        """Changes an address. Raises CustomerNotFound, AddressNotFound."""
        async with self._storage.transaction(tenant_id) as tx:
            customer, book = await self._open(tx, customer_id)
            changed = book.change(address_id, change, now=self._clock.now())
            await self._save(tx, customer, book, changed)
            return changed[address_id]

    @retries_conflict
    async def remove(self, tenant_id: str, customer_id: UUID, address_id: UUID) -> None:
        """Removes an address. Raises CustomerNotFound, AddressNotFound."""
        async with self._storage.transaction(tenant_id) as tx:
            customer, book = await self._open(tx, customer_id)
            await self._save(tx, customer, book, book.remove(address_id, now=self._clock.now()))

    async def _open(self, tx: Transaction, customer_id: UUID) -> tuple[Customer, AddressBook]:
        customer = await tx.customers.get_for_update(customer_id)
        return customer, AddressBook(await tx.addresses.all(customer_id))

    async def _save(
        self, tx: Transaction, customer: Customer, before: AddressBook, after: AddressBook
    ) -> None:
        if after is before:
            return
        await tx.addresses.replace(customer.id, before.addresses, after.addresses)
        await tx.customers.save(customer.with_next_version(self._clock.now()))
