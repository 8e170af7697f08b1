"""Changes of customers that are captured, but not yet applied to the stored members of segments."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.membership import Cause, MembershipChange


@frozen(kw_only=True)
class PendingChange:
    """A captured change of a customer that is not applied to the stored members yet.

    `before` is the customer before the change; None if the change created or erased the customer.
    `number` is greater than that of the customer's earlier changes.
    """

    number: int
    at: datetime
    cause: Cause
    before: Customer | None


@frozen(kw_only=True)
class Backlog:
    """The number of pending changes of all tenants, and the moment of the oldest one, if any."""

    size: int = 0
    oldest_at: datetime | None = None

    def age(self, now: datetime) -> timedelta:
        """The age of the oldest pending change; zero if there are none."""
        return max(now - (self.oldest_at or now), timedelta())


@frozen(kw_only=True)
class CustomerVersion:
    """A customer as they were after a change, with the moment and the cause of the change."""

    customer: Customer
    at: datetime
    cause: Cause

    def membership_change(self, segment_id: UUID, *, entered: bool) -> "MembershipChange":
        """The entry into a segment, or the exit from it, that this version causes."""
        id, at, cause = self.customer.id, self.at, self.cause
        return MembershipChange(
            segment_id=segment_id, customer_id=id, entered=entered, at=at, cause=cause
        )


@frozen(kw_only=True)
class StaleCandidate:
    """A customer, deleted or not, whose stored memberships may be out of date.

    `member_of` are the segments of which the customer is a stored member, `assigned_to` the
    segments they are assigned to by hand. `pending_changes` are in the order in which they were
    stored.
    """

    customer: Customer
    member_of: frozenset[UUID] = frozenset()
    assigned_to: frozenset[UUID] = frozenset()
    pending_changes: tuple[PendingChange, ...] = ()

    @cached_property
    def versions(self) -> Sequence[CustomerVersion]:
        """The customer after each pending change, oldest first; unknown values are left out."""
        following = [change.before for change in self.pending_changes[1:]]
        following.append(self.customer)
        return [
            CustomerVersion(customer=customer, at=change.at, cause=change.cause)
            for change, customer in zip(self.pending_changes, following, strict=False)
            if customer is not None
        ]
