"""Previews of rules: which customers rules match, without storing the rules."""

from collections.abc import Sequence
from typing import Annotated

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.segment import RulesText
from customers.core.model.values import WholeNumberGate


@frozen(kw_only=True)
class PreviewRequest:
    """Rules to preview, and how many matching customers to return at most."""

    rules: RulesText
    sample: Annotated[int, WholeNumberGate(0, 100)] = 10


@frozen(kw_only=True)
class Sample:
    """The number of customers in a preview, and the newest of them."""

    count: int
    customers: Sequence[Customer]


@frozen(kw_only=True)
class Preview:
    """The customers whom rules match; `warnings` are the messages of `contradictions`."""

    members: Sample
    warnings: Sequence[str]


@frozen(kw_only=True)
class ChangePreview:
    """The customers who would enter and leave a segment if it had other rules."""

    entering: Sample
    leaving: Sample
