"""All data of one tenant, as one immutable value.

A write makes a new state, which shares all unchanged values with the old one; a rollback drops the
new state. The indexes (e-mails, users, counters, tokens, order owners, order numbers, segment
names, verification owners) repeat what the entities hold: `payment_methods` maintains the tokens,
this module the others. `draft` and `tenants` decide who may read or write a state.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from attrs import evolve, field, frozen
from immutables import Map

from customers.adapters.memory.sorting import SortedCustomers
from customers.core.errors import CustomerNotFound
from customers.core.model.address import Address
from customers.core.model.api_key import ApiKey
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.customer_filter import CustomerFilter, DeletedCustomers, MembersOf
from customers.core.model.erasure import Erasure
from customers.core.model.journal import Communication, Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import Assignment, RefreshState, SequencedChange
from customers.core.model.order import StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.pending_changes import PendingChange
from customers.core.model.query import CustomerKey, CustomerSort, SortField
from customers.core.model.search import Search, order_number_key
from customers.core.model.segment import Segment
from customers.core.model.verification import Verification

K = TypeVar("K")
V = TypeVar("V")

Counters = Map[tuple[CustomerStatus, CustomerType], int]
Token = tuple[str, str]

EMPTY: Final[Map[Any, Any]] = Map()


@frozen(kw_only=True, eq=False, repr=False)
class State:
    living: Map[UUID, Customer] = EMPTY
    deleted: Map[UUID, Customer] = EMPTY  # erased customers included
    emails: Map[str, UUID] = EMPTY  # of living customers
    users: Map[UUID, frozenset[UUID]] = EMPTY  # of living customers, by account
    counters: Counters = EMPTY  # of living customers

    addresses: Map[UUID, tuple[Address, ...]] = EMPTY
    payment_methods: Map[UUID, tuple[PaymentMethod, ...]] = EMPTY
    tokens: Map[Token, UUID] = EMPTY  # the method that holds each; free tokens are absent

    notes: Map[UUID, Map[UUID, Note]] = EMPTY
    communications: Map[UUID, Map[UUID, Communication]] = EMPTY

    order_owners: Map[str, UUID] = EMPTY
    order_numbers: Map[str, Map[str, bool]] = EMPTY  # by key of the number, then by order id
    ledger: Map[UUID, Map[str, Entry]] = EMPTY
    refunds: Map[tuple[str, str], StoredRefund] = EMPTY  # by order id and refund id

    segments: Map[UUID, Segment] = EMPTY
    segment_names: Map[str, UUID] = EMPTY
    assignments: Map[UUID, Map[UUID, Assignment]] = EMPTY  # by segment; deleted customers included
    members: Map[UUID, Map[UUID, bool]] = EMPTY  # by segment; a member's value is True
    refresh_states: Map[UUID, RefreshState] = EMPTY  # their member counts are not maintained
    feeds: Map[UUID, Map[int, SequencedChange]] = EMPTY  # by segment, then by position from 0
    last_sequence: int = 0  # of all feeds

    pending_changes: Map[UUID, tuple[PendingChange, ...]] = EMPTY  # by customer; never empty
    last_pending_change: int = 0
    captures_customers: bool = False
    captures_orders: bool = False

    erasures: Map[UUID, Erasure] = EMPTY
    api_keys: Map[UUID, ApiKey] = EMPTY  # revoked ones included

    verifications: Map[UUID, tuple[Verification, ...]] = EMPTY  # by customer; never empty
    verification_owners: Map[str, UUID] = EMPTY  # by the hash of the token

    _sorted: dict[tuple[SortField, DeletedCustomers], SortedCustomers] = field(
        factory=dict, init=False
    )

    def customer(self, customer_id: UUID) -> Customer:
        """The living customer. Raises CustomerNotFound."""
        if (customer := self.living.get(customer_id)) is None:
            raise CustomerNotFound
        return customer

    def any_customer(self, customer_id: UUID) -> Customer | None:
        """The customer, living, deleted or erased; None if there is none with this id."""
        return self.living.get(customer_id) or self.deleted.get(customer_id)

    def is_email_taken(self, customer: Customer) -> bool:
        """Whether another living customer has the customer's e-mail address."""
        return self.emails.get(customer.email_key, customer.id) != customer.id

    def with_customer(self, customer: Customer) -> Self:
        """The state with a new customer, or the new value of one."""
        before = self.living.get(customer.id)
        after = customer if customer.is_living else None
        return evolve(
            self,
            living=with_value(self.living, customer.id, after),
            deleted=with_value(self.deleted, customer.id, None if after else customer),
            emails=_moved(self.emails, before, after),
            users=_linked(self.users, before, after),
            counters=_counted(self.counters, before, after),
        )

    def with_entry(self, entry: Entry) -> Self:
        """The state with a new entry of the ledger, or the new value of one."""
        entries = self.ledger.get(entry.customer_id, EMPTY)
        before = entries.get(entry.order_id)
        return evolve(
            self,
            order_numbers=_renumbered(self.order_numbers, before, entry),
            order_owners=self.order_owners.set(entry.order_id, entry.customer_id),
            ledger=self.ledger.set(entry.customer_id, entries.set(entry.order_id, entry)),
        )

    def with_verifications(self, customer_id: UUID, verifications: Iterable[Verification]) -> Self:
        """The state with these verifications of a customer instead of those it has."""
        after = tuple(sorted(verifications, key=lambda one: (one.sent_at, one.token_hash)))
        owners = self.verification_owners
        for one in self.verifications.get(customer_id, ()):
            owners = owners.delete(one.token_hash)
        for one in after:
            owners = owners.set(one.token_hash, customer_id)
        return evolve(
            self,
            verifications=with_value(self.verifications, customer_id, after or None),
            verification_owners=owners,
        )

    def with_segment(self, segment: Segment) -> Self:
        """The state with a new segment, or the new value of one."""
        names = self._names_without(segment.id)
        return evolve(
            self,
            segments=self.segments.set(segment.id, segment),
            segment_names=names.set(segment.name_key, segment.id),
        )

    def without_segment(self, segment_id: UUID) -> Self:
        """The state without a segment and everything that belongs to it."""
        return evolve(
            self,
            segments=with_value(self.segments, segment_id, None),
            segment_names=self._names_without(segment_id),
            assignments=with_value(self.assignments, segment_id, None),
            members=with_value(self.members, segment_id, None),
            refresh_states=with_value(self.refresh_states, segment_id, None),
            feeds=with_value(self.feeds, segment_id, None),
        )

    def with_change(self, change: SequencedChange) -> Self:
        """The state with a change applied to the members and appended to the feed."""
        members = self.members.get(change.segment_id, EMPTY)
        members = with_value(members, change.customer_id, change.entered or None)
        feed = self.feeds.get(change.segment_id, EMPTY)
        return evolve(
            self,
            members=self.members.set(change.segment_id, members),
            feeds=self.feeds.set(change.segment_id, feed.set(len(feed), change)),
            last_sequence=max(self.last_sequence, change.sequence),
        )

    def matches(
        self, customer_filter: CustomerFilter, customer: Customer, by_order: Container[UUID] = ()
    ) -> bool:
        """Whether a customer satisfies the filter; `by_order` are the customers whose orders match
        its search.
        """
        assigned_to, not_assigned_to = customer_filter.assigned_to, customer_filter.not_assigned_to
        return (
            self._is_among(customer_filter.members_of, customer.id)
            and (assigned_to is None or self._is_assigned(assigned_to, customer.id))
            and (not_assigned_to is None or not self._is_assigned(not_assigned_to, customer.id))
            and customer_filter.keeps(customer, by_order=by_order)
        )

    def count(self, customer_filter: CustomerFilter) -> int:
        """The number of customers that satisfy the filter."""
        keeps = self.criterion(customer_filter)
        return sum(map(keeps, self.candidates(customer_filter)))

    def walk(
        self, customer_filter: CustomerFilter, sort: CustomerSort, key: CustomerKey | None = None
    ) -> Iterator[Customer]:
        """The customers that satisfy the filter, in order, after `key` if there is one."""
        customers = self.in_order(customer_filter.deleted, sort, key)
        return filter(self.criterion(customer_filter), customers)

    def in_order(
        self, deleted: DeletedCustomers, sort: CustomerSort, key: CustomerKey | None = None
    ) -> Iterator[Customer]:
        """The customers that `deleted` selects, in order, after `key` if there is one.

        The first walk of a state by a field sorts these customers, later walks do not.
        """
        choice = (sort.by, deleted)
        if choice not in self._sorted:
            self._sorted[choice] = SortedCustomers.of(self._everyone(choice[1]), sort.by)
        return self._sorted[choice].walk(sort.direction, key)

    def criterion(self, customer_filter: CustomerFilter) -> Callable[[Customer], bool]:
        """The function that tells whether a customer satisfies the filter."""
        search = customer_filter.search
        by_order = () if search is None else self._customers_of_orders(search)
        return partial(self.matches, customer_filter, by_order=by_order)

    def _customers_of_orders(self, search: Search) -> Container[UUID]:
        """The customers of recorded orders with the number or one of the ids of a search."""
        number = search.order_number
        numbered = self.order_numbers.get(number, EMPTY) if number else ()
        ids = {*numbered, *search.order_ids}
        entries = (self.ledger[self.order_owners[id]][id] for id in ids if id in self.order_owners)
        return {entry.customer_id for entry in entries if entry.is_recorded}

    def candidates(self, customer_filter: CustomerFilter) -> Iterable[Customer]:
        """A superset of the customers that satisfy the filter."""
        ids: Iterable[UUID]
        if (members_of := customer_filter.members_of) is not None:
            ids = {*self.members.get(members_of.segment_id, EMPTY), *members_of.plus}
        elif customer_filter.assigned_to is not None:
            ids = self.assignments.get(customer_filter.assigned_to, EMPTY)
        else:
            return self._everyone(customer_filter.deleted)
        return (self.living[id] for id in ids if id in self.living)

    def _everyone(self, deleted: DeletedCustomers) -> Iterable[Customer]:
        living = () if deleted is DeletedCustomers.ONLY else self.living.values()
        others = () if deleted is DeletedCustomers.EXCLUDE else self.deleted.values()
        return chain(living, others)

    def _is_among(self, members_of: MembersOf | None, customer_id: UUID) -> bool:
        if members_of is None or customer_id in members_of.plus:
            return True
        members = self.members.get(members_of.segment_id, EMPTY)
        return customer_id in members and customer_id not in members_of.without

    def _is_assigned(self, segment_id: UUID, customer_id: UUID) -> bool:
        return customer_id in self.assignments.get(segment_id, EMPTY)

    def _names_without(self, segment_id: UUID) -> Map[str, UUID]:
        segment = self.segments.get(segment_id)
        names = self.segment_names
        return names if segment is None else names.delete(segment.name_key)


def with_value(mapping: Map[K, V], key: K, value: V | None) -> Map[K, V]:
    """The mapping with the value under the key; without the key if the value is None."""
    if value is not None:
        return mapping.set(key, value)
    return mapping.delete(key) if key in mapping else mapping


def token_of(method: PaymentMethod) -> Token:
    """The gateway and its token for the payment method."""
    return (method.payment_gateway, method.gateway_payment_method_id)


def _moved(
    emails: Map[str, UUID], before: Customer | None, after: Customer | None
) -> Map[str, UUID]:
    if before is not None:
        emails = emails.delete(before.email_key)
    return emails if after is None else emails.set(after.email_key, after.id)


def _linked(
    users: Map[UUID, frozenset[UUID]], before: Customer | None, after: Customer | None
) -> Map[UUID, frozenset[UUID]]:
    if before is not None and before.user_id is not None:
        users = with_value(users, before.user_id, users[before.user_id] - {before.id} or None)
    if after is not None and after.user_id is not None:
        users = users.set(after.user_id, users.get(after.user_id, frozenset()) | {after.id})
    return users


def _renumbered(
    numbers: Map[str, Map[str, bool]], before: Entry | None, after: Entry
) -> Map[str, Map[str, bool]]:
    """The ids of orders by number, updated for an entry that was added or changed."""
    if before is not None and before.order_number:
        key = order_number_key(before.order_number)
        numbers = with_value(numbers, key, numbers[key].delete(before.order_id) or None)
    if after.order_number:
        key = order_number_key(after.order_number)
        numbers = numbers.set(key, numbers.get(key, EMPTY).set(after.order_id, True))
    return numbers


def _counted(counters: Counters, before: Customer | None, after: Customer | None) -> Counters:
    for customer, step in ((before, -1), (after, 1)):
        if customer is not None:
            kind = (customer.status, customer.customer_type)
            counters = counters.set(kind, counters.get(kind, 0) + step)
    return counters
