"""Maps errors to counted refusals: the kind of a limit, or the reason for denied access."""

from typing import Final

from customers.core.errors import (
    INVALID_TENANT,
    RULE_TOO_EXPENSIVE,
    AddressLimitExceeded,
    ApiKeyLimitExceeded,
    CustomersError,
    Invalid,
    PaymentMethodLimitExceeded,
    Problem,
    SegmentLimitExceeded,
)
from customers.core.errors.access import AccessDenied, Unauthenticated
from customers.core.errors.verification import TooManyAttempts, VerificationLimitExceeded

_BY_CODE: Final = {
    "CARD_NUMBER_REFUSED": "card_number",
    "FOREIGN_HOST": "foreign_host",
    INVALID_TENANT: "tenant",
    RULE_TOO_EXPENSIVE: "rule_cost",
    SegmentLimitExceeded.code: "segments",
    PaymentMethodLimitExceeded.code: "payment_methods",
    AddressLimitExceeded.code: "addresses",
    ApiKeyLimitExceeded.code: "api_keys",
    VerificationLimitExceeded.code: "verifications",
    TooManyAttempts.code: "verification_attempts",
}
_BY_PROBLEM: Final = {
    "DUPLICATE_KEY": "duplicate_key",
    "INVALID_ENCODING": "encoding",
    "MAX_LENGTH": "length",
    "TOO_DEEP": "json_depth",
    "TOO_MANY_CONDITIONS": "rule_conditions",
    "TOO_MANY_PARAMETERS": "parameters",
    "TOO_MANY_PROBLEMS": "problems",
    "TOO_MANY_VALUES": "json_values",
}
_CURSOR: Final = "cursor"


def refusal_kind(error: Exception) -> str | None:
    """The kind of limit that refused the request; None for an error that is not such a refusal."""
    if isinstance(error, Invalid):
        by_problem = (_kind_of(problem) for problem in error.problems)
        return _BY_CODE.get(error.headline) or next(filter(None, by_problem), None)
    return _BY_CODE.get(error.code) if isinstance(error, CustomersError) else None


def access_refusal(error: Exception) -> str | None:
    """The reason why access was refused; None for an error that is not about access."""
    return error.code.lower() if isinstance(error, Unauthenticated | AccessDenied) else None


def _kind_of(problem: Problem) -> str | None:
    return _CURSOR if problem.field == _CURSOR else _BY_PROBLEM.get(problem.code)
