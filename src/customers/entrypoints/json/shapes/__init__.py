"""The types of response bodies, key by key. The type checker and the OpenAPI document use them.

A key is always present unless it is `NotRequired` or its class has `total=False`. A text in
`Annotated` is the description of the key in the document.
"""

from customers.entrypoints.json.shapes.bulk import (
    BulkUpsertResponse as BulkUpsertResponse,
)
from customers.entrypoints.json.shapes.bulk import (
    UpsertOutcome as UpsertOutcome,
)
from customers.entrypoints.json.shapes.customers import (
    Address as Address,
)
from customers.entrypoints.json.shapes.customers import (
    AddressDeleted as AddressDeleted,
)
from customers.entrypoints.json.shapes.customers import (
    AddressList as AddressList,
)
from customers.entrypoints.json.shapes.customers import (
    AddressResponse as AddressResponse,
)
from customers.entrypoints.json.shapes.customers import (
    Amount as Amount,
)
from customers.entrypoints.json.shapes.customers import (
    Communication as Communication,
)
from customers.entrypoints.json.shapes.customers import (
    Customer as Customer,
)
from customers.entrypoints.json.shapes.customers import (
    Deletion as Deletion,
)
from customers.entrypoints.json.shapes.customers import (
    EmailVerified as EmailVerified,
)
from customers.entrypoints.json.shapes.customers import (
    Erasure as Erasure,
)
from customers.entrypoints.json.shapes.customers import (
    ExistingCustomer as ExistingCustomer,
)
from customers.entrypoints.json.shapes.customers import (
    Locking as Locking,
)
from customers.entrypoints.json.shapes.customers import (
    LockResponse as LockResponse,
)
from customers.entrypoints.json.shapes.customers import (
    Message as Message,
)
from customers.entrypoints.json.shapes.customers import (
    Note as Note,
)
from customers.entrypoints.json.shapes.customers import (
    PaymentMethod as PaymentMethod,
)
from customers.entrypoints.json.shapes.customers import (
    PersonalData as PersonalData,
)
from customers.entrypoints.json.shapes.customers import (
    Profile as Profile,
)
from customers.entrypoints.json.shapes.customers import (
    VerifiedCustomer as VerifiedCustomer,
)
from customers.entrypoints.json.shapes.errors import (
    Detail as Detail,
)
from customers.entrypoints.json.shapes.errors import (
    PlainError as PlainError,
)
from customers.entrypoints.json.shapes.errors import (
    ProblemDocument as ProblemDocument,
)
from customers.entrypoints.json.shapes.errors import (
    WrappedError as WrappedError,
)
from customers.entrypoints.json.shapes.keys import (
    ApiKey as ApiKey,
)
from customers.entrypoints.json.shapes.keys import (
    NewApiKey as NewApiKey,
)
from customers.entrypoints.json.shapes.ledger import (
    LedgerOrder as LedgerOrder,
)
from customers.entrypoints.json.shapes.ledger import (
    LedgerRefund as LedgerRefund,
)
from customers.entrypoints.json.shapes.ledger import (
    LedgerResult as LedgerResult,
)
from customers.entrypoints.json.shapes.ledger import (
    OrderBatchResponse as OrderBatchResponse,
)
from customers.entrypoints.json.shapes.ledger import (
    OrderOutcome as OrderOutcome,
)
from customers.entrypoints.json.shapes.ledger import (
    OrderWithRefunds as OrderWithRefunds,
)
from customers.entrypoints.json.shapes.lists import (
    Batch as Batch,
)
from customers.entrypoints.json.shapes.lists import (
    BatchCustomer as BatchCustomer,
)
from customers.entrypoints.json.shapes.lists import (
    BatchResponse as BatchResponse,
)
from customers.entrypoints.json.shapes.lists import (
    BatchSummary as BatchSummary,
)
from customers.entrypoints.json.shapes.lists import (
    CustomerCursorPage as CustomerCursorPage,
)
from customers.entrypoints.json.shapes.lists import (
    CustomerPage as CustomerPage,
)
from customers.entrypoints.json.shapes.lists import (
    Pagination as Pagination,
)
from customers.entrypoints.json.shapes.probes import (
    Health as Health,
)
from customers.entrypoints.json.shapes.probes import (
    Live as Live,
)
from customers.entrypoints.json.shapes.probes import (
    NotReady as NotReady,
)
from customers.entrypoints.json.shapes.probes import (
    Ready as Ready,
)
from customers.entrypoints.json.shapes.probes import (
    Unhealthy as Unhealthy,
)
from customers.entrypoints.json.shapes.segments import (
    ChangePreview as ChangePreview,
)
from customers.entrypoints.json.shapes.segments import (
    ExplainedCondition as ExplainedCondition,
)
from customers.entrypoints.json.shapes.segments import (
    ExplainedGroup as ExplainedGroup,
)
from customers.entrypoints.json.shapes.segments import (
    Explanation as Explanation,
)
from customers.entrypoints.json.shapes.segments import (
    MembersAdded as MembersAdded,
)
from customers.entrypoints.json.shapes.segments import (
    MembershipChange as MembershipChange,
)
from customers.entrypoints.json.shapes.segments import (
    MembershipChanges as MembershipChanges,
)
from customers.entrypoints.json.shapes.segments import (
    MembersRemoved as MembersRemoved,
)
from customers.entrypoints.json.shapes.segments import (
    Preview as Preview,
)
from customers.entrypoints.json.shapes.segments import (
    Sample as Sample,
)
from customers.entrypoints.json.shapes.segments import (
    Segment as Segment,
)
from customers.entrypoints.json.shapes.storefront import (
    OwnAddressPage as OwnAddressPage,
)
from customers.entrypoints.json.shapes.storefront import (
    OwnOrder as OwnOrder,
)
from customers.entrypoints.json.shapes.storefront import (
    OwnOrderPage as OwnOrderPage,
)
from customers.entrypoints.json.shapes.storefront import (
    OwnPaymentMethod as OwnPaymentMethod,
)
from customers.entrypoints.json.shapes.storefront import (
    OwnPaymentMethodPage as OwnPaymentMethodPage,
)
from customers.entrypoints.json.shapes.storefront import (
    OwnProfile as OwnProfile,
)
from customers.entrypoints.json.shapes.storefront import (
    OwnProfileResponse as OwnProfileResponse,
)
from customers.entrypoints.json.shapes.storefront import (
    PageMeta as PageMeta,
)
