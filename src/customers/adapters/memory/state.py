"""Everything that is kept of one tenant, as one immutable value.

A change is a new state that shares with the old one all that stayed the same, so to roll back is
to forget. The indexes (e-mails, tallies, tokens, names, owners) say again what the entities say;
those that follow a customer are kept in step here, the others by the one repository that writes
them. Who may read or write which state, and when, is not decided here.
"""

from collections.abc import Iterable, Iterator
from functools import partial
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
from customers.core.model.membership import Assignment, PendingChange, RefreshState, SequencedChange
from customers.core.model.order import Entry, StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerSort,
    MembersOf,
    SortField,
)
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
    assignments: Map[UUID, Map[UUID, Assignment]] = NOTHING  # by segment, the deleted included
    members: Map[UUID, Map[UUID, bool]] = NOTHING  # by segment, those who are stored at True
    refresh_states: Map[UUID, RefreshState] = NOTHING  # their numbers of members are not kept up
    feeds: Map[UUID, Map[int, SequencedChange]] = NOTHING  # by segment, numbered from 0
    last_sequence: int = 0  # of all feeds

    pending_changes: Map[UUID, tuple[PendingChange, ...]] = (
        NOTHING  # by customer, who has at least one
    )
    last_pending_change: int = 0
    captures_customers: bool = False
    captures_orders: bool = False

    erasures: Map[UUID, Erasure] = NOTHING

    _sorted: dict[SortField, Sorted] = field(factory=dict, init=False)

    def customer(self, customer_id: UUID) -> Customer:
        """The living customer. Raises CustomerNotFound."""
        if (customer := self.living.get(customer_id)) is None:
            raise CustomerNotFound
        return customer

    def known(self, customer_id: UUID) -> Customer | None:
        """The customer, living or not."""
        return self.living.get(customer_id) or self.gone.get(customer_id)

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

    def keeps(self, which: CustomerFilter, customer: Customer) -> bool:
        """Whether a customer, who may be deleted, satisfies the filter."""
        return (
            customer.is_living
            and (which.members_of is None or self._is_member(which.members_of, customer.id))
            and (which.assigned_to is None or self._is_in(which.assigned_to, customer.id))
            and not (which.not_assigned_to and self._is_in(which.not_assigned_to, customer.id))
            and which.keeps(customer)
        )

    def found(self, which: CustomerFilter) -> Iterator[Customer]:
        """The living customers that satisfy the filter, in no order."""
        return filter(partial(self.keeps, which), self._candidates(which))

    def walk(
        self, which: CustomerFilter, order: CustomerSort, key: CustomerKey | None = None
    ) -> Iterator[Customer]:
        """The living customers that satisfy the filter, in order, from beyond a key.

        A state sorts them once, at first use, so that its lists cost what they show.
        """
        if order.by not in self._sorted:
            self._sorted[order.by] = Sorted.of(self.living.values(), order.by)
        everyone = self._sorted[order.by].walk(order.order, key)
        return filter(partial(self.keeps, which), everyone)

    def _candidates(self, which: CustomerFilter) -> Iterable[Customer]:
        """Living customers, among them all that satisfy the filter."""
        ids: Iterable[UUID]
        if which.members_of is not None:
            ids = {*self.members.get(which.members_of.segment_id, NOTHING), *which.members_of.plus}
        elif which.assigned_to is not None:
            ids = self.assignments.get(which.assigned_to, NOTHING)
        else:
            return self.living.values()
        return (self.living[each] for each in ids if each in self.living)

    def _is_member(self, of: MembersOf, customer_id: UUID) -> bool:
        stored = self.members.get(of.segment_id, NOTHING)
        return customer_id in of.plus or (customer_id in stored and customer_id not in of.without)

    def _is_in(self, segment_id: UUID, customer_id: UUID) -> bool:
        """Whether the customer was put into the segment by hand."""
        return customer_id in self.assignments.get(segment_id, NOTHING)


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
