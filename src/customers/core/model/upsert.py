"""Upserts: rows that each change the customer with their id or e-mail address, or create one.

The rows of a group take effect in their order, as if they were sent one after another. A group
decides on values alone; `services/upserts` reads what is stored, and writes what was decided.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TypeAlias
from uuid import UUID

from attrs import evolve, fields, frozen

from customers.core.errors import CustomerNotFound, CustomersError, EmailTaken
from customers.core.model.customer import Customer, CustomerChange, CustomerDetails
from customers.core.model.values import Id

_CHANGEABLE = frozenset(field.name for field in fields(CustomerChange))


@frozen(kw_only=True)
class CustomerRow(CustomerDetails):
    """The values of one row: those of a new customer, and an id that the caller may choose."""

    id: Id | None = None


@frozen(kw_only=True, weakref_slot=False)
class Upsert:
    """One row, and the names of the fields that it gives: an existing customer keeps the others.

    `new` is the customer whom the row creates if there is none, with the row's own id, if any.
    """

    row: CustomerRow
    given: frozenset[str]
    new: Customer

    @cached_property
    def email_key(self) -> str:
        return self.new.email_key

    def change(self, customer: Customer, *, now: datetime, actor: UUID | None) -> Customer:
        """The customer after the row; the customer itself if nothing changes. A missing account is
        linked. The version rises by one at most.
        """
        values = {name: getattr(self.row, name) for name in self.given & _CHANGEABLE}
        changed = customer.change(CustomerChange(**values), now=now, actor=actor)
        linked = changed.linked(self.row.user_id, now=now)
        return linked if changed is customer else evolve(linked, version=changed.version)


@frozen(kw_only=True)
class Upserted:
    """What a row did: it created the customer, or found them and changed something or nothing."""

    customer_id: UUID
    is_new: bool
    is_changed: bool


UpsertOutcome: TypeAlias = Upserted | CustomersError


@frozen(kw_only=True)
class UpsertWrites:
    """What to write at once: new customers, new values of stored ones, and the customers among
    these whose e-mail address has changed. No one gets an address that another one gives up.
    """

    added: Sequence[Customer]
    changed: Sequence[Customer]
    moved: Sequence[Customer]


class UpsertGroup:
    """Applies rows to the stored customers that they may be about: those with the id of a row, also
    deleted ones, and the living ones with the e-mail address of a row.
    """

    def __init__(self, stored: Iterable[Customer], *, now: datetime, actor: UUID | None) -> None:
        self._now = now
        self._actor = actor
        self._by_id = {customer.id: customer for customer in stored}
        living = (customer for customer in self._by_id.values() if customer.is_living)
        self._by_email = {customer.email_key: customer.id for customer in living}
        self._finished: list[UpsertWrites] = []
        self._begin_writes()

    def apply(self, upsert: Upsert) -> UpsertOutcome:
        """The outcome of the next row; a row that is refused has an error, and changes nothing."""
        try:
            before = self._customer(upsert)
        except CustomersError as error:
            return error
        if before is None:
            after = upsert.new
        else:
            after = upsert.change(before, now=self._now, actor=self._actor)
        if after is not before:
            self._put(before, after)
        return Upserted(customer_id=after.id, is_new=before is None, is_changed=after is not before)

    def writes(self) -> Sequence[UpsertWrites]:
        """What to write, in this order."""
        self._end_writes()
        return [one for one in self._finished if one.added or one.changed]

    def _customer(self, upsert: Upsert) -> Customer | None:
        """The customer with the id of the row, otherwise the one with its e-mail address; None if
        the row creates a customer. Raises EmailTaken if another customer has the address that the
        one with the id would get, CustomerNotFound for the id of a deleted customer and an address
        that nobody has.
        """
        holder = self._by_email.get(upsert.email_key)
        customer = None if upsert.row.id is None else self._by_id.get(upsert.row.id)
        if customer is not None and customer.is_living:
            if holder not in (None, customer.id):
                raise EmailTaken
            return customer
        if holder is not None:
            return self._by_id[holder]
        if customer is not None:
            raise CustomerNotFound
        return None

    def _put(self, before: Customer | None, after: Customer) -> None:
        key = after.email_key
        if self._given_up.get(key, after.id) != after.id:
            self._end_writes()
        if before is None:
            self._added.add(after.id)
        elif before.email_key != key:
            del self._by_email[before.email_key]
            self._given_up[before.email_key] = after.id
            self._moved.add(after.id)
        self._by_email[key] = after.id
        self._by_id[after.id] = self._written[after.id] = after

    def _begin_writes(self) -> None:
        self._written: dict[UUID, Customer] = {}
        self._added: set[UUID] = set()
        self._moved: set[UUID] = set()
        self._given_up: dict[str, UUID] = {}
        """Who gave up an e-mail key; the key cannot go to another customer in the same writes."""

    def _end_writes(self) -> None:
        written, added = self._written, self._added
        changed = [customer for customer in written.values() if customer.id not in added]
        writes = UpsertWrites(
            added=[customer for customer in written.values() if customer.id in added],
            changed=changed,
            moved=[customer for customer in changed if customer.id in self._moved],
        )
        self._finished.append(writes)
        self._begin_writes()
