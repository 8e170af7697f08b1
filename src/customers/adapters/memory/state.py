"""Everything that is kept of one tenant, as one immutable value.

A change is a new state that shares with the old one all that stayed the same, so to roll back is
to forget. The indexes (e-mails, tallies, tokens, names, owners) say again what the entities say;
those that follow a customer are kept in step here, the others by the one repository that writes
them. Who may read or write which state, and when, is not decided here.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from attrs import evolve, field, frozen
from immutables import Map

from customers.adapters.memory.sorting import Sorted
from customers.core.errors import CustomerNotFound
from customers.core.model.address import Address
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.erasure import Erasure
from customers.core.model.journal import Communication, Note
from customers.core.model.order import Entry, StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.query import CustomerFilter, CustomerKey, CustomerOrder, CustomerSort
from customers.core.model.segment import Segment

K = TypeVar("K")
V = TypeVar("V")

Tallies = Map[tuple[CustomerStatus, CustomerType], int]

NOTHING: Final[Map[Any, Any]] = Map()


@frozen(kw_only=True, eq=False, repr=False)
class State:
    living: Map[UUID, Customer] = NOTHING
    gone: Map[UUID, Customer] = NOTHING  # deleted and erased
    emails: Map[str, UUID] = NOTHING  # of the living
    tallies: Tallies = NOTHING  # of the living

    addresses: Map[UUID, tuple[Address, ...]] = NOTHING
    methods: Map[UUID, tuple[PaymentMethod, ...]] = NOTHING
    tokens: Map[tuple[str, str], UUID] = NOTHING  # the method that holds it; a free one is not here

    notes: Map[UUID, Map[UUID, Note]] = NOTHING
    communications: Map[UUID, Map[UUID, Communication]] = NOTHING

    owners: Map[str, UUID] = NOTHING  # the customer of an order
    ledger: Map[UUID, Map[str, Entry]] = NOTHING
    refunds: Map[tuple[str, str], StoredRefund] = NOTHING

    segments: Map[UUID, Segment] = NOTHING
    names: Map[str, UUID] = NOTHING  # of segments
    members: Map[UUID, Map[UUID, datetime]] = NOTHING  # put in by hand, the deleted included

    erasures: Map[UUID, Erasure] = NOTHING

    _sorted: dict[CustomerSort, Sorted] = field(factory=dict, init=False)

    def customer(self, customer_id: UUID) -> Customer:
        """The living customer. Raises CustomerNotFound."""
        if (customer := self.living.get(customer_id)) is None:
            raise CustomerNotFound
        return customer

    def is_email_taken(self, customer: Customer) -> bool:
        """Whether another living customer has the customer's e-mail."""
        return self.emails.get(customer.email_key, customer.id) != customer.id

    def with_customer(self, customer: Customer) -> Self:
        """With a new customer, or the new value of a known one."""
        before = self.living.get(customer.id)
        after = customer if customer.is_living else None
        return evolve(
            self,
            living=placed(self.living, customer.id, after),
            gone=placed(self.gone, customer.id, None if after else customer),
            emails=_moved(self.emails, before, after),
            tallies=_tallied(self.tallies, before, after),
        )

    def with_entry(self, entry: Entry) -> Self:
        """With a new entry of the ledger, or the new value of a known one."""
        entries = self.ledger.get(entry.customer_id, NOTHING)
        return evolve(
            self,
            owners=self.owners.set(entry.order_id, entry.customer_id),
            ledger=self.ledger.set(entry.customer_id, entries.set(entry.order_id, entry)),
        )

    def found(self, which: CustomerFilter) -> Iterator[Customer]:
        """The living customers that satisfy the filter, in no order."""
        if which.member_of is None:
            return filter(which.keeps, self.living.values())
        members = self.members.get(which.member_of, NOTHING)
        return filter(which.keeps, (self.living[id] for id in members if id in self.living))

    def walk(
        self, which: CustomerFilter, order: CustomerOrder, key: CustomerKey | None = None
    ) -> Iterator[Customer]:
        """The living customers that satisfy the filter, in order, from beyond a key.

        A state sorts them once, at first use, so that its lists cost what they show.
        """
        if order.by not in self._sorted:
            self._sorted[order.by] = Sorted.of(self.living.values(), order.by)
        everyone = self._sorted[order.by].walk(order.order, key)
        if which.member_of is None:
            return filter(which.keeps, everyone)
        members = self.members.get(which.member_of, NOTHING)
        return (each for each in everyone if each.id in members and which.keeps(each))


def placed(kept: Map[K, V], key: K, value: V | None) -> Map[K, V]:
    """The map with the key at that value; without the key when the value is None."""
    if value is not None:
        return kept.set(key, value)
    return kept.delete(key) if key in kept else kept


def _moved(
    emails: Map[str, UUID], before: Customer | None, after: Customer | None
) -> Map[str, UUID]:
    if before is not None:
        emails = emails.delete(before.email_key)
    return emails if after is None else emails.set(after.email_key, after.id)


def _tallied(tallies: Tallies, before: Customer | None, after: Customer | None) -> Tallies:
    for customer, step in ((before, -1), (after, 1)):
        if customer is not None:
            kind = (customer.status, customer.customer_type)
            tallies = tallies.set(kind, tallies.get(kind, 0) + step)
    return tallies
