"""Which errors are counted as refusals, and under which kind."""

import pytest

from customers.core.errors import (
    ApiKeyLimitExceeded,
    CustomerNotFound,
    Invalid,
    PaymentMethodLimitExceeded,
    Problem,
    SegmentLimitExceeded,
)
from customers.core.errors.verification import TooManyAttempts, VerificationLimitExceeded
from customers.core.model.problems import TOO_MANY_PROBLEMS
from customers.entrypoints.ledger.batch import TOO_MANY_ORDERS
from customers.entrypoints.observability.refusal_kinds import refusal_kind

_PROBLEM = Problem(field="rules", code="INVALID_TYPE", message="must be a rule")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Invalid.at("/rules", "RULE_TOO_EXPENSIVE", "is too expensive"), "rule_cost"),
        (SegmentLimitExceeded(), "segments"),
        (PaymentMethodLimitExceeded(), "payment_methods"),
        (ApiKeyLimitExceeded(), "api_keys"),
        (VerificationLimitExceeded(60), "verifications"),
        (TooManyAttempts(6), "verification_attempts"),
        (Invalid([TOO_MANY_ORDERS]), "length"),
        (Invalid.at("/rules", "TOO_MANY_CONDITIONS", "has too many"), "rule_conditions"),
        (Invalid([_PROBLEM, TOO_MANY_PROBLEMS]), "problems"),
        (Invalid([_PROBLEM]), None),
        (CustomerNotFound(), None),
    ],
)
def test_limits_of_rules_and_numbers_are_counted_by_kind(
    error: Exception, kind: str | None
) -> None:
    assert refusal_kind(error) == kind
