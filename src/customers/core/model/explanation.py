"""An explanation: why a customer is in a segment, or not."""

from datetime import datetime

from attrs import evolve, frozen

from customers.core.errors import SegmentFailed
from customers.core.model.customer import Customer
from customers.core.model.membership import Assignment, is_member
from customers.core.model.rules.explain import ExplainedGroup, explain
from customers.core.model.rules.matches import CustomerValues
from customers.core.model.rules.timing import next_change
from customers.core.model.segment import Segment


@frozen(kw_only=True)
class Explanation:
    """Whether a customer is in a segment, explained by the tree of its rule or by an assignment.

    `next_change_at` is the next moment at which time alone changes whether they are in it.
    """

    is_member: bool
    evaluated_at: datetime
    next_change_at: datetime | None = None
    tree: ExplainedGroup | None = None
    assignment: Assignment | None = None


def explanation_of(
    segment: Segment, customer: Customer, assignment: Assignment | None, now: datetime
) -> Explanation:
    """Why a customer is or is not in a segment at `now`; `assignment` is the customer's, if there
    is one. Raises SegmentFailed if the rule is too expensive, also for an inactive segment.
    """
    if segment.rule is not None and segment.rule.is_too_expensive:
        raise SegmentFailed
    assigned_to = [] if assignment is None else [segment.id]
    is_inside = is_member(segment, CustomerValues(customer, now), assigned_to)
    explanation = Explanation(is_member=is_inside, evaluated_at=now)
    if segment.rule is None:
        return evolve(explanation, assignment=assignment)
    next_change_at = next_change(segment.rule, customer, now) if segment.is_active else None
    tree = explain(segment.rule, segment.rules_value, customer, now)
    return evolve(explanation, next_change_at=next_change_at, tree=tree)
