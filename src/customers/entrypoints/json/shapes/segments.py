"""The shapes of segments, their members, previews, explanations and changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

from customers.core.model.membership import Cause
from customers.core.model.rules.fields import Field, Operator
from customers.core.model.rules.tree import Logic
from customers.core.model.segment import SegmentType
from customers.entrypoints.json.shapes.customers import Customer


class Segment(TypedDict):
    id: UUID
    tenantId: str
    name: str
    description: str
    rules: Annotated[Any, "As they were sent, with the same keys, order and numbers; or null."]
    isDynamic: bool
    isActive: bool
    customerCount: int
    createdAt: datetime
    updatedAt: datetime
    segmentType: SegmentType
    memberCount: int
    buildStatus: Literal["ready", "building", "failed"]
    buildProgress: Annotated[float, "The share of customers evaluated so far, from 0 to 1."]
    buildError: NotRequired[
        Annotated[str, "Why the build failed; only present if `buildStatus` is `failed`."]
    ]


class MembersAdded(TypedDict):
    message: str
    added: Annotated[int, "The number of these customers that were not in the segment before."]


class MembersRemoved(TypedDict):
    message: str
    removed: Annotated[int, "The number of these customers that were in the segment."]


class Sample(TypedDict):
    count: int
    sample: Annotated[Sequence[Customer], "The newest of the customers."]


class Preview(Sample):
    warnings: Annotated[
        Sequence[str], "Contradictions, such as conditions that can never match together."
    ]


class ChangePreview(TypedDict):
    entering: Sample
    leaving: Sample


class ExplainedCondition(TypedDict):
    field: Field
    operator: Operator
    expected: Any
    actual: Any
    matches: bool
    changesAt: Annotated[datetime | None, "When the passing of time alone next changes `matches`."]


class ExplainedGroup(TypedDict):
    logic: Logic
    matches: bool
    conditions: "Sequence[ExplainedCondition | ExplainedGroup]"


class Explanation(TypedDict):
    member: bool
    evaluatedAt: datetime
    nextChangeAt: datetime | None
    tree: Annotated[ExplainedGroup | None, "Null for a manual segment."]
    assignedAt: NotRequired[Annotated[datetime | None, "Only for a manual segment."]]
    assignedBy: NotRequired[Annotated[UUID | None, "Only for a manual segment."]]


class MembershipChange(TypedDict):
    sequence: int
    segmentId: UUID
    customerId: UUID
    change: Literal["entered", "left"]
    at: datetime
    cause: Cause


class MembershipChanges(TypedDict):
    changes: Sequence[MembershipChange]
    next: Annotated[int, "The `after` of the next page."]
