"""The errors of the core: one root, a class for each kind of error, and one for each error.

The entrypoints map the kinds, and a few single errors, to statuses of HTTP and gRPC. Errors of
access, availability, the ledger and verification have modules of their own.
"""

from collections.abc import Sequence
from typing import ClassVar, Self

from attrs import frozen

# The code of a query parameter that the operation does not have.
UNKNOWN_PARAMETER = "UNKNOWN_PARAMETER"
# The code of a rule that would cost too much.
RULE_TOO_EXPENSIVE = "RULE_TOO_EXPENSIVE"
# The code of an invalid tenant id.
INVALID_TENANT = "INVALID_TENANT"


@frozen(kw_only=True)
class Problem:
    """What is wrong with one field of a request: a message for people, and a code for programs.

    `pointer` is a JSON pointer into a JSON body; None for a field outside such a body.
    """

    field: str
    pointer: str | None = None
    message: str
    code: str


class InvalidValue(ValueError):
    """A value that a gate (the check of a single value) refuses. The gate does not know the field
    of the value; `at` adds the field and returns a Problem.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def at(self, field: str, pointer: str | None = None) -> Problem:
        """The problem of the field with this name and JSON pointer."""
        return Problem(field=field, pointer=pointer, message=self.message, code=self.code)


class CustomersError(Exception):
    """The root of the core's errors: a message for people and a code for programs."""

    code: ClassVar[str] = "CUSTOMERS_ERROR"
    message: ClassVar[str] = "the request was refused"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)


class NotFound(CustomersError):
    """The record does not exist, is deleted, or belongs to another tenant or customer."""


class Conflict(CustomersError):
    """The request is not possible in the current state of the stored data."""


class Forbidden(CustomersError):
    """The caller may not do what the request asks for."""


class Invalid(CustomersError):
    """Invalid input, with the problems of its fields; some subclasses have no problems."""

    code = "VALIDATION_FAILED"
    message = "the request is invalid"
    _headlines: ClassVar = (
        "CURRENCY_MISMATCH",
        "CARD_NUMBER_REFUSED",
        "TENANT_REQUIRED",
        "TENANT_MISMATCH",
        INVALID_TENANT,
        "INVALID_JSON",
        UNKNOWN_PARAMETER,
        RULE_TOO_EXPENSIVE,
    )

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self._sentence())

    @classmethod
    def at(cls, pointer: str, code: str, message: str) -> Self:
        """The error with one problem, at a JSON pointer; the empty pointer is the whole body."""
        field = pointer.rpartition("/")[2]
        return cls([Problem(field=field, pointer=pointer, message=message, code=code)])

    @property
    def headline(self) -> str:
        """The code of the whole error: the first of `_headlines` that a problem has, or `code`."""
        codes = {problem.code for problem in self.problems}
        return next((code for code in self._headlines if code in codes), self.code)

    def _sentence(self) -> str:
        text = "; ".join(
            f"{problem.field}: {problem.message}" if problem.field else problem.message
            for problem in self.problems[:5]
        )
        return text or self.message


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


class OrderNotFound(NotFound):
    code = "ORDER_NOT_FOUND"
    message = "order not found"


class SegmentNotFound(NotFound):
    code = "SEGMENT_NOT_FOUND"
    message = "segment not found"


class ApiKeyNotFound(NotFound):
    code = "KEY_NOT_FOUND"
    message = "key not found"


class EmailTaken(Conflict):
    code = "EMAIL_TAKEN"
    message = "another customer already has this e-mail address"


class AlreadyBlocked(Conflict):
    code = "ALREADY_BLOCKED"
    message = "the customer is already blocked"


class NotBlocked(Conflict):
    code = "NOT_BLOCKED"
    message = "the customer is not blocked"


class StaleVersion(Conflict):
    """The precondition of the request does not name the current version."""

    code = "PRECONDITION_FAILED"
    message = "the customer has changed since it was read: read it again and retry"


class AddressLimitExceeded(Invalid):
    code = "ADDRESS_LIMIT_EXCEEDED"
    message = "a customer has at most 20 addresses: delete one first"

    def __init__(self) -> None:
        super().__init__(())


class PaymentMethodLimitExceeded(Invalid):
    code = "PAYMENT_METHOD_LIMIT_EXCEEDED"
    message = "a customer has at most 50 payment methods: delete one first"

    def __init__(self) -> None:
        super().__init__(())


class SegmentLimitExceeded(Invalid):
    code = "SEGMENT_LIMIT_EXCEEDED"
    message = "a tenant has at most 500 segments: delete one first"

    def __init__(self) -> None:
        super().__init__(())


class ApiKeyLimitExceeded(Invalid):
    code = "KEY_LIMIT_EXCEEDED"
    message = "a tenant has at most 100 API keys: revoke one first"

    def __init__(self) -> None:
        super().__init__(())


class PaymentMethodTaken(Conflict):
    code = "PAYMENT_METHOD_TAKEN"
    message = "another customer already has this payment method"


class StatusBackward(Conflict):
    code = "STATUS_BACKWARD"
    message = "the status of a communication cannot go back"


class SegmentNameTaken(Conflict):
    code = "SEGMENT_NAME_TAKEN"
    message = "another segment already has this name"


class SegmentIsDynamic(Conflict):
    code = "SEGMENT_IS_DYNAMIC"
    message = "the members of a dynamic segment follow its rule and cannot be assigned by hand"


class SegmentFailed(Conflict):
    code = "SEGMENT_FAILED"
    message = "the members of the segment could not be built: its buildError says what to do"


class SegmentBuilding(Conflict):
    code = "SEGMENT_BUILDING"
    message = "the members of the segment are being built: try again when its buildStatus is ready"
