"""The shapes of errors."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, NotRequired, TypedDict

from customers.entrypoints.json.shapes.customers import Amount


class Detail(TypedDict):
    """One invalid field, or a field that differs from the ledger."""

    field: str
    message: str
    code: str
    pointer: NotRequired[Annotated[str, "A JSON pointer into the body (RFC 6901)."]]
    given: NotRequired[Annotated[Amount | datetime | None, "The value in the request."]]
    stored: NotRequired[
        Annotated[
            Amount | datetime | None,
            "The recorded value, or the amount left to refund; null for a date that nobody stated.",
        ]
    ]


class PlainError(TypedDict):
    error: str
    message: str
    code: str
    details: NotRequired[Sequence[Detail]]


class WrappedReason(TypedDict):
    code: str
    message: str
    details: NotRequired[Sequence[Detail]]


class WrappedError(TypedDict):
    success: Literal[False]
    error: WrappedReason
    message: str
    code: str


class ProblemDocument(TypedDict):
    """A problem document (RFC 9457), for requests that accept application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    details: NotRequired[Sequence[Detail]]
