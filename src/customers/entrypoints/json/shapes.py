"""What answers look like, key by key: the types of the JSON that `showing` and handlers make.

A checker holds the code to them, and the OpenAPI document is made from them. A key that is not
`NotRequired` is always there. A text in `Annotated` is what the document says of the key. Which
value stands at a key is decided where the JSON is made.
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

Amount = Annotated[Decimal, "An exact decimal, with the decimals of the currency's minor unit."]


class Locking(TypedDict, total=False):
    """Of a customer who was locked: what is set of it."""

    lockReason: str
    lockedAt: datetime
    lockedBy: UUID
    unlockReason: str
    unlockedAt: datetime
    unlockedBy: UUID


class Customer(Locking):
    id: UUID
    tenantId: str
    userId: Annotated[UUID | None, "The account in another system; null for a guest."]
    email: str
    firstName: str
    lastName: str
    phone: str
    status: CustomerStatus
    customerType: CustomerType
    totalOrders: Annotated[int, "Orders that are not cancelled."]
    totalSpent: Annotated[Decimal, "What those orders amount to, less their refunds."]
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
    version: Annotated[int, "Rises with every change to what the answer shows."]
    dateOfBirth: NotRequired[Annotated[str, "Midnight in UTC of the day."]]


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
    country: Annotated[str, "A country code of two letters."]
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
    """A customer with what hangs on them, each key there only when there is any of it."""

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
    totalPages: Annotated[int, "0 when nothing is found."]
    pagination: Pagination


class CustomerCursorPage(TypedDict):
    """A page by cursor."""

    customers: Sequence[Customer]
    nextCursor: Annotated[str | None, "Asks for the next page; null on the last one."]
    pageSize: int


class BatchCustomer(TypedDict):
    id: UUID
    found: bool
    customer: NotRequired[Annotated[Profile, "There when found is true."]]


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


class LedgerResult(TypedDict):
    """What became of a fact."""

    message: str
    customer: Customer
    duplicate: Annotated[bool, "Whether it was told before; then nothing was counted."]


class Erasure(TypedDict):
    """The receipt of an erasure; a repeat answers the same."""

    message: str
    customerId: UUID
    erasedAt: datetime
    tables: Annotated[Mapping[str, int], "How many rows of each table it touched."]


class Segment(TypedDict):
    id: UUID
    tenantId: str
    name: str
    description: str
    rules: Annotated[Any, "As they were written: same keys, order and numbers; or null."]
    isDynamic: bool
    isActive: bool
    customerCount: int
    createdAt: datetime
    updatedAt: datetime
    segmentType: SegmentType
    memberCount: int
    buildStatus: Literal["ready", "building"]
    buildProgress: Annotated[float, "The share of customers seen while it is built, 0 to 1."]


class MembersAdded(TypedDict):
    message: str
    added: Annotated[int, "How many were not in it before."]


class MembersRemoved(TypedDict):
    message: str
    removed: Annotated[int, "How many were in it."]


class Sample(TypedDict):
    count: int
    sample: Annotated[Sequence[Customer], "The newest of them."]


class Preview(Sample):
    warnings: Annotated[Sequence[str], "Why nobody ever could match, or fewer than it seems."]


class ChangePreview(TypedDict):
    entering: Sample
    leaving: Sample


class ExplainedCondition(TypedDict):
    field: Field
    operator: Operator
    expected: Any
    actual: Any
    matches: bool
    changesAt: Annotated[datetime | None, "When time alone next changes the verdict."]


class ExplainedGroup(TypedDict):
    logic: Logic
    matches: bool
    conditions: "Sequence[ExplainedCondition | ExplainedGroup]"


class Explanation(TypedDict):
    member: bool
    evaluatedAt: datetime
    nextChangeAt: datetime | None
    tree: Annotated[ExplainedGroup | None, "Null for a manual segment."]
    assignedAt: NotRequired[Annotated[datetime | None, "Of a manual segment."]]
    assignedBy: NotRequired[Annotated[UUID | None, "Of a manual segment."]]


class MembershipChange(TypedDict):
    sequence: int
    segmentId: UUID
    customerId: UUID
    change: Literal["entered", "left"]
    at: datetime
    cause: Cause


class MembershipChanges(TypedDict):
    changes: Sequence[MembershipChange]
    next: Annotated[int, "What `after` asks for the changes behind these."]


class Detail(TypedDict):
    """One bad field."""

    field: str
    message: str
    code: str
    pointer: NotRequired[Annotated[str, "The place in the body (RFC 6901)."]]


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
    """RFC 9457, for those who accept application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    details: NotRequired[Sequence[Detail]]


class Health(TypedDict):
    status: Literal["healthy"]
    service: str
    version: str
    database: Literal["up"]


class Unhealthy(PlainError):
    status: Literal["unhealthy"]
    service: str
    version: str
    database: Literal["down"]


class Ready(TypedDict):
    status: Literal["ready"]


class NotReady(PlainError):
    status: Literal["not ready", "stopping"]


class Live(TypedDict):
    status: Literal["alive"]
