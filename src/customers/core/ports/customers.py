"""Customers and what belongs to them: addresses, payment methods, and their erasure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from customers.core.model.address import Address
from customers.core.model.customer import Customer, Profile
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.erasure import Erasure
from customers.core.model.payment import PaymentMethod
from customers.core.model.query import CustomerKey, CustomerPage, CustomerSort, Page


class CustomerReader(Protocol):
    async def get(self, customer_id: UUID) -> Customer:
        """The customer. Raises CustomerNotFound."""
        ...

    async def profiles(self, customer_ids: Sequence[UUID]) -> Mapping[UUID, Profile]:
        """The customers with addresses and payment methods by id, without the ids that do not
        exist.
        """
        ...

    async def by_email(self, email_key: str) -> Customer | None:
        """The customer with that e-mail key, or None."""
        ...

    async def by_emails(self, email_keys: Sequence[str]) -> Mapping[str, Customer]:
        """Customers by e-mail key, without the keys that nobody has."""
        ...

    async def by_user(self, user_id: UUID) -> Customer | None:
        """The customer with that account, or None; of several the oldest, ties by id."""
        ...

    async def page(
        self, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
    ) -> Sequence[Customer]:
        """One page in that order; empty past the end."""
        ...

    async def page_with_total(
        self, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
    ) -> CustomerPage:
        """The page and the total at one moment; past the end the total may be newer."""
        ...

    async def page_after(
        self,
        customer_filter: CustomerFilter,
        sort: CustomerSort,
        key: CustomerKey | None,
        limit: int,
    ) -> Sequence[Customer]:
        """The customers after `key`, or the first ones without a key, at a constant cost."""
        ...

    async def count(self, customer_filter: CustomerFilter) -> int:
        """The number of customers; read from counters when only status and type are filtered."""
        ...

    async def counts(
        self, customer_filters: Sequence[CustomerFilter], seconds: float
    ) -> Sequence[int | None]:
        """The number of customers of each filter, counted one after another; None for those that
        were not counted within `seconds` in all.
        """
        ...


class CustomerRepository(CustomerReader, Protocol):
    async def get_for_update(self, customer_id: UUID) -> Customer:
        """The customer, locked until the transaction ends. Raises CustomerNotFound."""
        ...

    async def get_any_for_update(self, customer_id: UUID) -> Customer:
        """As `get_for_update`, deleted and erased customers included."""
        ...

    async def get_ids_for_update(self, customer_ids: Collection[UUID]) -> Collection[UUID]:
        """The ids among these that exist, in any order; the customers are locked in id order."""
        ...

    async def add(self, customer: Customer) -> bool:
        """Stores a new customer; False, and no change, when the e-mail is taken.

        Stores a pending change while the tenant captures changes of customers.
        """
        ...

    async def reserve_email(self, customer: Customer) -> None:
        """Until the transaction ends, nobody else gets the e-mail address of this customer.

        It comes before a `save` that changes the address or restores the customer, so that no
        database reports the address in its own log. Raises EmailTaken.
        """
        ...

    async def save(self, customer: Customer) -> None:
        """Stores the new value of a locked customer, deleted or restored included.

        Stores a pending change as `add` does; its cause is an order when only statistics changed.
        Raises EmailTaken.
        """
        ...


class AddressReader(Protocol):
    async def all(self, customer_id: UUID) -> Sequence[Address]:
        """The addresses, default first, then oldest first. Raises CustomerNotFound."""
        ...


class AddressRepository(AddressReader, Protocol):
    async def replace(
        self, customer_id: UUID, before: Sequence[Address], after: Sequence[Address]
    ) -> None:
        """Replaces the stored addresses `before` of a locked customer by `after`."""
        ...


class PaymentMethodReader(Protocol):
    async def all(self, customer_id: UUID) -> Sequence[PaymentMethod]:
        """The payment methods, default first, then oldest first. Raises CustomerNotFound."""
        ...


class PaymentMethodRepository(PaymentMethodReader, Protocol):
    async def replace(
        self, customer_id: UUID, before: Sequence[PaymentMethod], after: Sequence[PaymentMethod]
    ) -> None:
        """Replaces the stored payment methods `before` of a locked customer by `after`.

        Raises PaymentMethodTaken when another customer has one of the tokens.
        """
        ...

    async def release(self, customer_id: UUID) -> None:
        """Releases the tokens of a customer who is being deleted; the methods stay stored."""
        ...

    async def reclaim(self, customer_id: UUID) -> Sequence[UUID]:
        """Reclaims the tokens of a customer who is being restored.

        Returns the ids of the methods whose tokens another customer has now. Those stay released
        until the caller removes them with `replace`.
        """
        ...


class ErasureRepository(Protocol):
    async def find(self, customer_id: UUID) -> Erasure | None:
        """The receipt of an earlier erasure, or None."""
        ...

    async def erase(self, customer: Customer) -> Erasure:
        """Removes all personal data of a locked customer.

        Stores `customer`, the value without personal data, and the receipt. The ledger keeps order
        and refund ids, amounts and dates.
        """
        ...
