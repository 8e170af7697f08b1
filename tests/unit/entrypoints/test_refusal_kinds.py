"""Which errors are counted as refusals, and under which kind."""

import pytest

from customers.core.errors import (
    CustomerNotFound,
    Invalid,
    PaymentMethodLimitExceeded,
    SegmentLimitExceeded,
)
from customers.entrypoints.observability.refusal_kinds import refusal_kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Invalid.at("/rules", "RULE_TOO_EXPENSIVE", "is too expensive"), "rule_cost"),
        (SegmentLimitExceeded(), "segments"),
        (PaymentMethodLimitExceeded(), "payment_methods"),
        (Invalid.at("/rules", "INVALID_TYPE", "must be a rule"), None),
        (CustomerNotFound(), None),
    ],
)
def test_limits_of_rules_and_numbers_are_counted_by_kind(
    error: Exception, kind: str | None
) -> None:
    assert refusal_kind(error) == kind
