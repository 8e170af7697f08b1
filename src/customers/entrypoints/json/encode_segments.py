"""Encodes previews, explanations and membership changes as JSON."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from customers.core.model.explanation import Explanation
from customers.core.model.membership import SequencedChange
from customers.core.model.preview import ChangePreview, Preview, Sample
from customers.core.model.rules.explain import ExplainedCondition, ExplainedGroup
from customers.core.model.rules.fields import Field
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder, midnight

_AMOUNTS = (Field.TOTAL_SPENT, Field.AVERAGE_ORDER_VALUE, Field.LIFETIME_VALUE)


class SegmentEncoder:
    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def preview(self, preview: Preview) -> shapes.Preview:
        return {**self._sample(preview.members), "warnings": preview.warnings}

    def change_preview(self, preview: ChangePreview) -> shapes.ChangePreview:
        return {
            "entering": self._sample(preview.entering),
            "leaving": self._sample(preview.leaving),
        }

    def explanation(self, explanation: Explanation) -> shapes.Explanation:
        body: shapes.Explanation = {
            "member": explanation.is_member,
            "evaluatedAt": explanation.evaluated_at,
            "nextChangeAt": explanation.next_change_at,
            "tree": None if explanation.tree is None else self._group(explanation.tree),
        }
        if explanation.tree is None:
            assignment = explanation.assignment
            body["assignedAt"] = assignment.assigned_at if assignment else None
            body["assignedBy"] = assignment.assigned_by if assignment else None
        return body

    def changes(self, changes: Sequence[SequencedChange], after: int) -> shapes.MembershipChanges:
        return {
            "changes": [_change(change) for change in changes],
            "next": changes[-1].sequence if changes else after,
        }

    def _sample(self, sample: Sample) -> shapes.Sample:
        customers = [self._encoder.customer(customer) for customer in sample.customers]
        return {"count": sample.count, "sample": customers}

    def _group(self, group: ExplainedGroup) -> shapes.ExplainedGroup:
        return {
            "logic": group.logic,
            "matches": group.matches,
            "conditions": [
                self._group(child) if isinstance(child, ExplainedGroup) else self._condition(child)
                for child in group.conditions
            ],
        }

    def _condition(self, condition: ExplainedCondition) -> shapes.ExplainedCondition:
        return {
            "field": condition.field,
            "operator": condition.operator,
            "expected": condition.expected,
            "actual": self._actual(condition),
            "matches": condition.matches,
            "changesAt": condition.changes_at,
        }

    def _actual(self, condition: ExplainedCondition) -> object:
        """The customer's value, as in the JSON of the customer."""
        value = condition.actual
        if isinstance(value, Decimal) and condition.field in _AMOUNTS:
            return self._encoder.money(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return midnight(value)
        return value


def _change(change: SequencedChange) -> shapes.MembershipChange:
    return {
        "sequence": change.sequence,
        "segmentId": change.segment_id,
        "customerId": change.customer_id,
        "change": "entered" if change.entered else "left",
        "at": change.at,
        "cause": change.cause,
    }
