"""The shapes of pages and batches of customers."""

from collections.abc import Sequence
from typing import Annotated, Literal, NotRequired, TypedDict
from uuid import UUID

from customers.entrypoints.json.shapes.customers import Customer, Profile


class Pagination(TypedDict):
    page: int
    limit: int
    total: int
    totalPages: int
    hasNext: bool
    hasPrevious: bool


class CustomerPage(TypedDict):
    """A page of customers, selected by its number."""

    customers: Sequence[Customer]
    total: int
    page: int
    pageSize: int
    totalPages: Annotated[int, "0 if there are no customers."]
    pagination: Pagination


class CustomerCursorPage(TypedDict):
    """A page of customers, reached by a cursor."""

    customers: Sequence[Customer]
    nextCursor: Annotated[str | None, "The `cursor` of the next page; null on the last page."]
    pageSize: int


class BatchCustomer(TypedDict):
    id: UUID
    found: bool
    customer: NotRequired[Annotated[Profile, "Present if `found` is true."]]


class BatchSummary(TypedDict):
    requested: int
    found: int
    notFound: int


class Batch(TypedDict):
    customers: Sequence[BatchCustomer]
    summary: BatchSummary


class BatchResponse(TypedDict):
    success: Literal[True]
    data: Batch
