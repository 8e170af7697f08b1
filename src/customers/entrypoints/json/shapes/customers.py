"""The shapes of customers and of what belongs to them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

from customers.core.model.address import AddressType
from customers.core.model.customer import CustomerStatus, CustomerType
from customers.core.model.journal import CommunicationStatus, CommunicationType, Direction
from customers.core.model.payment import PaymentType

Amount = Annotated[Decimal, "An exact decimal with as many decimals as the currency has."]


class Locking(TypedDict, total=False):
    """Why, when and by whom a customer was locked and unlocked; keys without a value are absent."""

    lockReason: str
    lockedAt: datetime
    lockedBy: UUID
    unlockReason: str
    unlockedAt: datetime
    unlockedBy: UUID


class Deletion(TypedDict, total=False):
    """When a customer was deleted; only in lists that include deleted customers."""

    deletedAt: datetime


class ExistingCustomer(TypedDict):
    """An existing customer, as shown to callers who register the customer again and do not have the
    permission `customers:view`.
    """

    id: UUID
    email: str
    firstName: str
    lastName: str
    phone: str
    status: CustomerStatus


class VerifiedCustomer(TypedDict):
    """A customer whose e-mail address has been verified, as shown to the caller who sent the token
    and may be somebody else.
    """

    id: UUID
    email: str
    firstName: str
    lastName: str
    emailVerified: bool


class EmailVerified(TypedDict):
    message: str
    customer: VerifiedCustomer


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
    totalSpent: Annotated[
        Decimal, "The amount of all orders that are not cancelled, minus their refunds."
    ]
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


class Erasure(TypedDict):
    """The receipt of an erasure; repeating the erasure returns it again."""

    message: str
    customerId: UUID
    erasedAt: datetime
    tables: Annotated[Mapping[str, int], "The number of rows affected, by table."]
    notReached: Annotated[
        Sequence[str], "Where copies may remain for a time: see the privacy page of the service."
    ]


class PersonalData(TypedDict):
    """Everything that is stored about a customer."""

    customerId: UUID
    tenantId: str
    generatedAt: datetime
    data: Annotated[
        Mapping[str, Sequence[Mapping[str, Any]]],
        "The records, with their fields, by table. Payment tokens and the hashes of verification "
        "tokens are masked.",
    ]
