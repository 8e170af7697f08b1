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
        """The customers with addresses and payment methods, by id; ids without a customer are left
        out.
        """
        ...

    async def by_email(self, email_key: str) -> Customer | None:
        """The customer with this e-mail key, or None."""
        ...

    async def by_emails(self, email_keys: Sequence[str]) -> Mapping[str, Customer]:
        """Customers by e-mail key; keys without a customer are left out."""
        ...

    async def by_user(self, user_id: UUID) -> Customer | None:
        """The customer with this account, or None; of several the oldest, then the smallest id."""
        ...

    async def page(
        self, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
    ) -> Sequence[Customer]:
        """One page of the customers, in the order of `sort`; empty past the end."""
        ...

    async def page_with_total(
        self, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
    ) -> CustomerPage:
        """The page, and the total number of customers. The total may be newer than the page, but is
        never less than the page shows.
        """
        ...

    async def page_after(
        self,
        customer_filter: CustomerFilter,
        sort: CustomerSort,
        key: CustomerKey | None,
        limit: int,
    ) -> Sequence[Customer]:
        """At most `limit` customers after `key`, or from the beginning if it is None; the cost does
        not grow with the position.
        """
        ...

    async def count(self, customer_filter: CustomerFilter) -> int:
        """The number of customers; read from counters if only status and type are filtered."""
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
        """Those of the ids that exist, in any order; locks their customers in id order."""
        ...

    async def add(self, customer: Customer) -> bool:
        """Stores a new customer. Returns False, and stores nothing, if the e-mail address is taken.

        Stores a pending change while the tenant captures changes of customers.
        """
        ...

    async def reserve_email(self, customer: Customer) -> None:
        """Reserves the e-mail address of this customer until the transaction ends.

        Call it before a `save` that changes the address or restores the customer, so that no
        database writes the address of a duplicate into its own log. Raises EmailTaken.
        """
        ...

    async def reserve_user(self, user_id: UUID) -> None:
        """Reserves an account until the transaction ends; waits for a transaction that holds it.

        Call it before `by_user` when a customer is linked if the account has none yet. Take it
        before the lock of any customer. A write that links an account does not check it.
        """
        ...

    async def save(self, customer: Customer) -> None:
        """Stores the new value of a locked customer, who may be deleted or restored by it.

        Stores a pending change while the tenant captures writes of this kind; its cause is an order
        if only statistics, version and update time changed. Raises EmailTaken.
        """
        ...

    async def get_many_for_update(
        self, customer_ids: Collection[UUID], email_keys: Collection[str]
    ) -> Sequence[Customer]:
        """The customers with these ids, deleted and erased ones included, and the living customers
        with these e-mail keys, in any order; locks them until the transaction ends.

        Reserves the e-mail keys that none of them has, as `reserve_email` does. Locks in one order,
        so that transactions which call it once, before any other lock, wait for each other without
        a deadlock. Raises WriteConflict if another transaction holds a customer who got one of the
        e-mail keys meanwhile.
        """
        ...

    async def write_many(self, added: Sequence[Customer], changed: Sequence[Customer]) -> None:
        """Stores new customers, and new values of locked customers who were and are living. Each of
        them has an e-mail key that the transaction has reserved or locked; nobody gets one that
        another customer gives up in the same call.

        Stores a pending change for each of them, as `add` and `save` do; the cause of a changed one
        is the customer. Raises WriteConflict, and stores nothing of the transaction, if another
        transaction has stored a customer with the id of a new one meanwhile.
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
        """Releases the tokens of a customer who is being deleted, so that others can have them; the
        methods stay stored.
        """
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
        """Removes all personal data of a locked customer, and returns the receipt.

        Stores the receipt, and `customer`, which is the customer without personal data. The ledger
        keeps order and refund ids, amounts and dates.
        """
        ...
