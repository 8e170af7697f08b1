"""Which errors are counted as refusals of a wall, and by which kind."""

from typing import Final

from customers.core.errors import (
    INVALID_TENANT,
    RULE_TOO_EXPENSIVE,
    CustomersError,
    Invalid,
    PaymentMethodLimitExceeded,
    SegmentLimitExceeded,
)

_BY_CODE: Final = {
    "CARD_NUMBER_REFUSED": "card_number",
    "FOREIGN_HOST": "foreign_host",
    INVALID_TENANT: "tenant",
    RULE_TOO_EXPENSIVE: "rule_cost",
    SegmentLimitExceeded.code: "segments",
    PaymentMethodLimitExceeded.code: "payment_methods",
}
_CURSOR: Final = "cursor"


def refusal_kind(error: Exception) -> str | None:
    """None for an error that is no refusal of a wall."""
    if isinstance(error, Invalid):
        by_cursor = any(problem.field == _CURSOR for problem in error.problems)
        return _BY_CODE.get(error.headline, _CURSOR if by_cursor else None)
    return _BY_CODE.get(error.code) if isinstance(error, CustomersError) else None
