"""What a segment tells about itself: previews of a rule, and why a customer is in it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.membership import Assignment
from customers.core.model.rules.explain import ExplainedGroup
from customers.core.model.rules.tree import Group, Logic, Rule
from customers.core.model.segment import WrittenRules
from customers.core.model.values import Whole


@frozen(kw_only=True)
class Trial:
    """Rules to try, and how many of the customers to show."""

    rules: WrittenRules
    sample: Annotated[int, Whole(0, 100)] = 10


@frozen(kw_only=True)
class Sample:
    """So many customers, and the newest of them."""

    count: int
    customers: Sequence[Customer]


@frozen(kw_only=True)
class Preview:
    """Who would be in a segment; `warnings` say why nobody ever could, or less than it seems."""

    members: Sample
    warnings: Sequence[str]


@frozen(kw_only=True)
class ChangePreview:
    """Who would enter and who would leave a segment if its rule were another one."""

    entering: Sample
    leaving: Sample


@frozen(kw_only=True)
class Explanation:
    """Whether a customer is in a segment, and why: by the tree of its rule, or put in by hand.

    `next_change_at` is when time alone will next change it.
    """

    is_member: bool
    evaluated_at: datetime
    next_change_at: datetime | None = None
    tree: ExplainedGroup | None = None
    assignment: Assignment | None = None


def but_not(rule: Rule, other: Rule) -> Rule:
    """The rule of those whom one rule matches and another one does not."""
    if rule.is_empty or other.is_empty:
        return rule
    return Rule(root=Group(members=(rule.root, Group(logic=Logic.NOT, members=(other.root,)))))


def complement(rule: Rule) -> Rule | None:
    """The rule of those whom a rule does not match; None where it matches nobody."""
    return None if rule.is_empty else Rule(root=Group(logic=Logic.NOT, members=(rule.root,)))
