"""Filters of customers: which of them a list, a count or a segment contains."""

from collections.abc import Container
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from attrs import evolve, frozen

from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.folding import fold
from customers.core.model.rules.matches import matches
from customers.core.model.rules.tree import Rule
from customers.core.model.search import Search


class DeletedCustomers(StrEnum):
    """Whether a list contains deleted customers. No list contains erased customers."""

    EXCLUDE = "exclude"
    ONLY = "only"
    INCLUDE = "include"


@frozen(kw_only=True)
class RuleAt:
    """A rule, and the moment at which it is evaluated."""

    rule: Rule
    now: datetime


@frozen(kw_only=True)
class MembersOf:
    """Selects the stored members of a segment, except those in `without`, and the customers in
    `plus`.
    """

    segment_id: UUID
    without: frozenset[UUID] = frozenset()
    plus: frozenset[UUID] = frozenset()


@frozen(kw_only=True)
class CustomerFilter:
    """Selects the customers who satisfy every criterion that is set; only living ones, unless
    `deleted` says otherwise.

    A customer must have all `tags`, which are folded. Ranges include both ends; a customer without
    orders is in no range of `last_order` dates. `has_account` is whether an account is linked.
    `members_of` selects stored members of a segment, `assigned_to` and `not_assigned_to` customers
    who are or are not assigned to a segment by hand, `rule` customers whom a rule matches; with any
    of these four, only living customers are found.
    """

    search: Search | None = None
    statuses: frozenset[CustomerStatus] = frozenset()
    types: frozenset[CustomerType] = frozenset()
    tags: frozenset[str] = frozenset()
    country_codes: frozenset[str] = frozenset()
    email_key: str | None = None
    marketing_opt_in: bool | None = None
    email_verified: bool | None = None
    has_account: bool | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    last_order_from: datetime | None = None
    last_order_to: datetime | None = None
    min_total_orders: int | None = None
    max_total_orders: int | None = None
    min_total_spent: Decimal | None = None
    max_total_spent: Decimal | None = None
    members_of: MembersOf | None = None
    assigned_to: UUID | None = None
    not_assigned_to: UUID | None = None
    rule: RuleAt | None = None
    deleted: DeletedCustomers = DeletedCustomers.EXCLUDE

    @property
    def finds_living(self) -> bool:
        return self.deleted is not DeletedCustomers.ONLY

    @property
    def finds_deleted(self) -> bool:
        of_members = (self.members_of, self.assigned_to, self.not_assigned_to, self.rule)
        return self.deleted is not DeletedCustomers.EXCLUDE and not any(of_members)

    @property
    def finds_anyone(self) -> bool:
        """Whether the filter can find living or deleted customers."""
        return self.finds_living or self.finds_deleted

    def keeps(self, customer: Customer, *, by_order: Container[UUID] = ()) -> bool:
        """Whether a customer satisfies the criteria, except those about stored members and
        assignments, which only the storage can check. `by_order` are the ids of the customers of
        the orders that the search finds.
        """
        return (
            (self.finds_living if customer.is_living else self._keeps_deleted(customer))
            and self._matches_search(customer, by_order)
            and self._keeps_person(customer)
            and self._keeps_activity(customer)
            and (self.rule is None or matches(self.rule.rule, customer, self.rule.now))
        )

    def of_members(self, members: "CustomerFilter") -> "CustomerFilter":
        """These criteria and those of `members`, which selects the members of a segment."""
        return evolve(
            self,
            members_of=members.members_of,
            assigned_to=members.assigned_to,
            not_assigned_to=members.not_assigned_to,
            rule=members.rule,
        )

    def _keeps_deleted(self, customer: Customer) -> bool:
        return self.finds_deleted and customer.erased_at is None

    def _matches_search(self, customer: Customer, by_order: Container[UUID]) -> bool:
        search = self.search
        return search is None or customer.id in by_order or search.finds(customer.search_text)

    def _keeps_person(self, customer: Customer) -> bool:
        return (
            (not self.statuses or customer.status in self.statuses)
            and (not self.types or customer.customer_type in self.types)
            and (not self.tags or self.tags <= {fold(tag) for tag in customer.tags})
            and (not self.country_codes or customer.country_code in self.country_codes)
            and self.email_key in (None, customer.email_key)
            and self.marketing_opt_in in (None, customer.marketing_opt_in)
            and self.email_verified in (None, customer.email_verified)
            and self.has_account in (None, customer.user_id is not None)
        )

    def _keeps_activity(self, customer: Customer) -> bool:
        statistics = customer.statistics
        return (
            _within(customer.created_at, self.created_from, self.created_to)
            and _within(customer.updated_at, self.updated_from, self.updated_to)
            and _within(statistics.last_order_date, self.last_order_from, self.last_order_to)
            and _within(statistics.total_orders, self.min_total_orders, self.max_total_orders)
            and _within(statistics.total_spent, self.min_total_spent, self.max_total_spent)
        )


def _within(value: Any, low: Any, high: Any) -> bool:
    """Whether a value is in a range. A missing value is only in the range without ends."""
    if value is None:
        return low is None and high is None
    return (low is None or value >= low) and (high is None or value <= high)
