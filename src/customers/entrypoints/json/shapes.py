"""The types of response bodies, key by key. The type checker and the OpenAPI document use them.

A key is always present unless it is `NotRequired`. A text in `Annotated` is the description of the
key in the document.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

from customers.core.model.address import AddressType
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.journal import CommunicationStatus, CommunicationType, Direction
from customers.core.model.membership import Cause
from customers.core.model.payment import PaymentType
from customers.core.model.rules.fields import Field, Operator
from customers.core.model.rules.tree import Logic
from customers.core.model.segment import SegmentType

Amount = Annotated[Decimal, "An exact decimal with as many decimals as the currency has."]


class Locking(TypedDict, total=False):
    """The lock and unlock of a customer; the keys that are set."""

    lockReason: str
    lockedAt: datetime
    lockedBy: UUID
    unlockReason: str
    unlockedAt: datetime
    unlockedBy: UUID


class Deletion(TypedDict, total=False):
    """When a customer was deleted; only lists of deleted customers show it."""

    deletedAt: datetime


class Customer(Locking, Deletion):
    id: UUID
    tenantId: str
    userId: Annotated[UUID | None, "The account in another system; null for a guest."]
    email: str
    firstName: str
    lastName: str
    phone: str
    status: CustomerStatus
    customerType: CustomerType
    totalOrders: Annotated[int, "The number of orders that are not cancelled."]
    totalSpent: Annotated[Decimal, "The amount of those orders minus their refunds."]
    averageOrderValue: Amount
    lifetimeValue: Amount
    currency: str
    firstOrderDate: datetime | None
    lastOrderDate: datetime | None
    country: str
    countryCode: str
    avatarUrl: str
    tags: Sequence[str]
    notes: str
    marketingOptIn: bool
    emailVerified: bool
    createdAt: datetime
    updatedAt: datetime
    version: Annotated[int, "Increases with every change to the customer."]
    dateOfBirth: NotRequired[Annotated[str, "Midnight of the day, in UTC."]]


class Address(TypedDict):
    id: UUID
    customerId: UUID
    tenantId: str
    addressType: AddressType
    isDefault: bool
    label: str
    firstName: str
    lastName: str
    company: str
    addressLine1: str
    addressLine2: str
    city: str
    state: str
    postalCode: str
    country: Annotated[str, "A two-letter country code."]
    phone: str
    createdAt: datetime
    updatedAt: datetime


class PaymentMethod(TypedDict):
    id: UUID
    customerId: UUID
    tenantId: str
    paymentGateway: str
    gatewayPaymentMethodId: Annotated[str, "The gateway's token; never a card number."]
    paymentType: PaymentType
    cardBrand: str
    lastFour: str
    expiryMonth: int | None
    expiryYear: int | None
    isDefault: bool
    isActive: bool
    createdAt: datetime
    updatedAt: datetime


class Profile(Customer):
    """A customer with their addresses and payment methods, if there are any."""

    addresses: NotRequired[Sequence[Address]]
    paymentMethods: NotRequired[Sequence[PaymentMethod]]


class Pagination(TypedDict):
    page: int
    limit: int
    total: int
    totalPages: int
    hasNext: bool
    hasPrevious: bool


class CustomerPage(TypedDict):
    """A page by number."""

    customers: Sequence[Customer]
    total: int
    page: int
    pageSize: int
    totalPages: Annotated[int, "0 if there are no customers."]
    pagination: Pagination


class CustomerCursorPage(TypedDict):
    """A page by cursor."""

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


class LockResponse(TypedDict):
    success: Literal[True]
    data: Customer


class AddressResponse(TypedDict):
    success: Literal[True]
    data: Address


class AddressList(TypedDict):
    success: Literal[True]
    data: Sequence[Address]
    count: int


class AddressDeleted(TypedDict):
    success: Literal[True]
    message: str


class Message(TypedDict):
    message: str


class Note(TypedDict):
    id: UUID
    customerId: UUID
    tenantId: str
    note: str
    createdBy: UUID | None
    createdAt: datetime
    updatedAt: datetime


class Communication(TypedDict):
    id: UUID
    customerId: UUID
    tenantId: str
    communicationType: CommunicationType
    direction: Direction
    subject: str
    content: str
    status: CommunicationStatus
    externalId: str
    createdAt: datetime


class LedgerOrder(TypedDict):
    orderId: str
    orderNumber: str
    totalAmount: Amount
    currency: str
    orderDate: datetime
    refundedAmount: Amount
    cancelledAt: datetime | None
    recordedAt: datetime


class LedgerRefund(TypedDict):
    refundId: str
    amount: Amount
    refundedAt: datetime
    recordedAt: datetime


class OrderWithRefunds(LedgerOrder):
    refunds: Annotated[list[LedgerRefund], "Oldest first."]


class LedgerResult(TypedDict):
    """The result of recording a fact."""

    message: str
    customer: Customer
    duplicate: Annotated[bool, "Whether it was already recorded; then it did not count again."]
    cancelled: NotRequired[
        Annotated[Literal[True], "The order is cancelled, and does not count; else absent."]
    ]


class OrderOutcome(TypedDict):
    """What came of one order of a batch."""

    customerId: Annotated[str | None, "As given; null for what is no text."]
    orderId: Annotated[str | None, "As given; null for what is no text."]
    status: Annotated[int, "The status that the order would have had by itself."]
    duplicate: NotRequired[Annotated[bool, "With status 200."]]
    cancelled: NotRequired[Annotated[Literal[True], "The order is cancelled; else absent."]]
    code: NotRequired[Annotated[str, "With any other status than 200."]]
    message: NotRequired[str]
    details: NotRequired[list["Detail"]]


class OrderBatchResponse(TypedDict):
    outcomes: Annotated[list[OrderOutcome], "In the order of the request."]


class Erasure(TypedDict):
    """The receipt of an erasure; repeating the erasure returns it again."""

    message: str
    customerId: UUID
    erasedAt: datetime
    tables: Annotated[Mapping[str, int], "The number of rows affected, by table."]


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
        Annotated[str, "Why the members could not be built; only of a build that failed."]
    ]


class MembersAdded(TypedDict):
    message: str
    added: Annotated[int, "The number of customers that were not in the segment before."]


class MembersRemoved(TypedDict):
    message: str
    removed: Annotated[int, "The number of customers that were in the segment."]


class Sample(TypedDict):
    count: int
    sample: Annotated[Sequence[Customer], "The newest of the customers."]


class Preview(Sample):
    warnings: Annotated[
        Sequence[str], "Conditions that can never match together, and other doubtful rules."
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


class Detail(TypedDict):
    """One invalid field, or a field that differs from the ledger."""

    field: str
    message: str
    code: str
    pointer: NotRequired[Annotated[str, "A JSON pointer into the body (RFC 6901)."]]
    given: NotRequired[Annotated[Amount | datetime | None, "The value of the request."]]
    stored: NotRequired[Annotated[Amount | datetime | None, "The recorded value; null: none."]]


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


SchemaRevision = TypedDict("SchemaRevision", {"is": str | None, "needs": str})


class Health(TypedDict):
    status: Literal["healthy"]
    service: str
    version: str
    database: Literal["up"]
    schema: NotRequired[SchemaRevision]


class Unhealthy(PlainError):
    status: Literal["unhealthy"]
    service: str
    version: str
    database: Literal["up", "down"]
    schema: NotRequired[SchemaRevision]


class Ready(TypedDict):
    status: Literal["ready"]


class NotReady(PlainError):
    status: Literal["not ready", "stopping"]


class Live(TypedDict):
    status: Literal["alive"]
