"""What the core refuses, by name: one root, four kinds, named leaves.

Nothing here knows HTTP or gRPC; the entrypoints map kinds to their statuses.
"""

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen


@frozen(kw_only=True)
class Problem:
    """One bad field: its name, a JSON pointer (None outside a body), a sentence and a code."""

    field: str
    pointer: str | None = None
    message: str
    code: str


class InvalidValue(ValueError):
    """One value was refused by a gate of the model, which does not know the field's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def at(self, field: str, pointer: str | None = None) -> Problem:
        return Problem(field=field, pointer=pointer, message=self.message, code=self.code)


class CustomersError(Exception):
    """The root: a sentence for people and a code for programs."""

    code: ClassVar[str] = "CUSTOMERS_ERROR"
    message: ClassVar[str] = "the request was refused"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)


class NotFound(CustomersError):
    """Absent, deleted, or another tenant's: the three look alike."""


class Conflict(CustomersError):
    """The request disagrees with what is stored."""


class Unavailable(CustomersError):
    """The storage is away; the same request may succeed in some seconds."""

    retry_after_seconds: ClassVar[int] = 2
    code = "STORAGE_UNAVAILABLE"
    message = "the storage is not available, try again in a moment"


class Invalid(CustomersError):
    """Bad input. Names every bad field, not only the first."""

    code = "VALIDATION_FAILED"
    message = "the request is invalid"
    _headlines: ClassVar = (
        "CURRENCY_MISMATCH",
        "CARD_NUMBER_REFUSED",
        "TENANT_REQUIRED",
        "TENANT_MISMATCH",
        "INVALID_JSON",
    )

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self._sentence())

    @property
    def headline(self) -> str:
        """The code of the whole refusal: some problems give theirs, whatever else is wrong."""
        codes = {problem.code for problem in self.problems}
        return next((code for code in self._headlines if code in codes), self.code)

    def _sentence(self) -> str:
        told = "; ".join(
            f"{problem.field}: {problem.message}" if problem.field else problem.message
            for problem in self.problems[:5]
        )
        return told or self.message


class CustomerNotFound(NotFound):
    code = "CUSTOMER_NOT_FOUND"
    message = "customer not found"


class AddressNotFound(NotFound):
    code = "ADDRESS_NOT_FOUND"
    message = "address not found"


class PaymentMethodNotFound(NotFound):
    code = "PAYMENT_METHOD_NOT_FOUND"
    message = "payment method not found"


class NoteNotFound(NotFound):
    code = "NOTE_NOT_FOUND"
    message = "note not found"


class CommunicationNotFound(NotFound):
    code = "COMMUNICATION_NOT_FOUND"
    message = "communication not found"


class SegmentNotFound(NotFound):
    code = "SEGMENT_NOT_FOUND"
    message = "segment not found"


class EmailTaken(Conflict):
    code = "EMAIL_TAKEN"
    message = "another customer has this e-mail address"


class AlreadyBlocked(Conflict):
    code = "ALREADY_BLOCKED"
    message = "the customer is already blocked"


class NotBlocked(Conflict):
    code = "NOT_BLOCKED"
    message = "the customer is not blocked"


class StaleVersion(Conflict):
    """The caller's precondition names a version that is no longer the stored one."""

    code = "PRECONDITION_FAILED"
    message = "the customer has changed since it was read: read it again"


class AddressLimitExceeded(Invalid):
    code = "ADDRESS_LIMIT_EXCEEDED"
    message = "a customer has at most 20 addresses: delete one first"

    def __init__(self) -> None:
        super().__init__(())


class PaymentMethodTaken(Conflict):
    code = "PAYMENT_METHOD_TAKEN"
    message = "another customer has this payment method"


class StatusBackward(Conflict):
    code = "STATUS_BACKWARD"
    message = "the status of a communication only moves on"


class OrderConflict(Conflict):
    code = "ORDER_CONFLICT"
    message = "this order was told before with another amount, date or customer"


class RefundConflict(Conflict):
    code = "REFUND_CONFLICT"
    message = "this refund was told before with another amount"


class RefundExceedsOrder(Conflict):
    code = "REFUND_EXCEEDS_ORDER"
    message = "the refunds of an order cannot exceed its amount"


class SegmentNameTaken(Conflict):
    code = "SEGMENT_NAME_TAKEN"
    message = "another segment has this name"


class SegmentIsDynamic(Conflict):
    code = "SEGMENT_IS_DYNAMIC"
    message = "the members of a dynamic segment follow its rule and cannot be set by hand"


class SegmentBuilding(Conflict):
    code = "SEGMENT_BUILDING"
    message = "the members of the segment are being built: try again when its buildStatus is ready"
