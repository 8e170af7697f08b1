"""An explanation: why a customer is in a segment, or not."""

from datetime import datetime

from attrs import frozen

from customers.core.model.membership import Assignment
from customers.core.model.rules.explain import ExplainedGroup


@frozen(kw_only=True)
class Explanation:
    """Whether a customer is in a segment, explained by the tree of its rule or by an assignment.

    `next_change_at` is the next moment at which time alone changes that.
    """

    is_member: bool
    evaluated_at: datetime
    next_change_at: datetime | None = None
    tree: ExplainedGroup | None = None
    assignment: Assignment | None = None
