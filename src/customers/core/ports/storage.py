"""The storage: views, transactions, autocommit writes, look-ups, and its own life cycle."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from attrs import frozen

from customers.core.errors.availability import StorageFault
from customers.core.model.api_key import ApiKey
from customers.core.model.customer import Customer, Profile
from customers.core.model.journal import Note
from customers.core.model.ledger import Entry
from customers.core.model.pending_changes import Backlog
from customers.core.model.verification import VerificationWithEmail
from customers.core.ports.api_keys import ApiKeyReader, ApiKeyRepository
from customers.core.ports.customers import (
    AddressReader,
    AddressRepository,
    CustomerReader,
    CustomerRepository,
    ErasureRepository,
    PaymentMethodReader,
    PaymentMethodRepository,
)
from customers.core.ports.journal import (
    CommunicationReader,
    CommunicationRepository,
    NoteReader,
    NoteRepository,
)
from customers.core.ports.ledger import OrderReader, OrderRepository
from customers.core.ports.membership import MembershipReader, MembershipRepository
from customers.core.ports.personal_data import PersonalDataReader
from customers.core.ports.segments import (
    AssignmentReader,
    AssignmentRepository,
    SegmentReader,
    SegmentRepository,
)
from customers.core.ports.verifications import VerificationReader, VerificationRepository


class View(Protocol):
    """Reads the data of one tenant; see `Storage.view` and `Storage.consistent_view`."""

    async def give_way(self) -> None:
        """Lets other tasks run if this task has worked for some milliseconds. Call it in loops that
        evaluate rules. Raises Unavailable after the deadline of the view or transaction.
        """
        ...

    @property
    def customers(self) -> CustomerReader: ...
    @property
    def addresses(self) -> AddressReader: ...
    @property
    def payment_methods(self) -> PaymentMethodReader: ...
    @property
    def notes(self) -> NoteReader: ...
    @property
    def communications(self) -> CommunicationReader: ...
    @property
    def orders(self) -> OrderReader: ...
    @property
    def segments(self) -> SegmentReader: ...
    @property
    def assignments(self) -> AssignmentReader: ...
    @property
    def memberships(self) -> MembershipReader: ...
    @property
    def api_keys(self) -> ApiKeyReader: ...
    @property
    def personal_data(self) -> PersonalDataReader: ...
    @property
    def verifications(self) -> VerificationReader: ...


class Transaction(Protocol):
    """Reads and writes that all take effect, or none.

    After a refused write the transaction cannot commit: the end of its block raises, even if the
    block caught the error.
    """

    async def give_way(self) -> None:
        """Lets other tasks run if this task has worked for some milliseconds. Call it in loops that
        evaluate rules. Raises Unavailable after the deadline of the view or transaction.
        """
        ...

    @property
    def customers(self) -> CustomerRepository: ...
    @property
    def addresses(self) -> AddressRepository: ...
    @property
    def payment_methods(self) -> PaymentMethodRepository: ...
    @property
    def notes(self) -> NoteRepository: ...
    @property
    def communications(self) -> CommunicationRepository: ...
    @property
    def orders(self) -> OrderRepository: ...
    @property
    def segments(self) -> SegmentRepository: ...
    @property
    def assignments(self) -> AssignmentRepository: ...
    @property
    def memberships(self) -> MembershipRepository: ...
    @property
    def api_keys(self) -> ApiKeyRepository: ...
    @property
    def verifications(self) -> VerificationRepository: ...
    @property
    def erasures(self) -> ErasureRepository: ...


class Autocommit(Protocol):
    """The most frequent writes: each takes one or two round trips, and needs no `Transaction`.
    Orders that are recorded one by one at the same time may share a round trip; each has an outcome
    of its own.
    """

    async def add_customer(self, customer: Customer) -> bool:
        """As `CustomerRepository.add`."""
        ...

    async def change_customer(
        self, customer_id: UUID, change: Callable[[Customer], Customer]
    ) -> Customer | None:
        """Reads the customer, saves what `change` returns for it, and returns the saved customer.
        Stores a pending change as `CustomerRepository.save` does. If `change` returns the same
        customer, nothing is saved.

        Returns None, and saves nothing, if another write changed the version meanwhile, or if the
        e-mail key changes; a transaction can then make the change. `change` must increment the
        version, and must not delete the customer. Raises CustomerNotFound, and as `change` does.
        """
        ...

    async def add_note(self, note: Note) -> bool:
        """Stores a new note. Returns False, and stores nothing, if the customer does not exist."""
        ...

    async def record_order(self, entry: Entry, now: datetime) -> Customer | None:
        """Stores the entry of a new order and adds it to the customer's statistics.

        Returns the customer with the new statistics, version and update time. The statistics equal
        the fold of the ledger. Returns None, and changes nothing, if the order is already stored or
        the customer does not exist; a transaction can then find out which. Stores a pending change
        while the tenant captures orders.
        """
        ...

    async def record_orders(
        self, entries: Sequence[Entry], now: datetime
    ) -> Sequence[Customer | None]:
        """As `record_order` for each of the entries, one after another, in one transaction.

        Returns what these calls would return, in the order of the entries: the customer after each
        order; None for an order that was not stored, such as a second one with the same id. All
        orders are committed, or none. Stores one pending change per customer for all their orders.
        """
        ...


class Lookups(Protocol):
    """The most frequent reads, each of one customer: reads that arrive while others are under way
    may share one round trip. A read sees every write that was committed before the read began.
    """

    async def profile(self, customer_id: UUID) -> Profile:
        """The customer with addresses and payment methods. Raises CustomerNotFound."""
        ...

    async def by_email(self, email_key: str) -> Customer | None:
        """As `CustomerReader.by_email`."""
        ...


@frozen(kw_only=True)
class SchemaRevision:
    """The revision of a database's schema (None: it was never migrated), and the oldest one that
    this program works with.
    """

    current: str | None
    needed: str


@frozen(kw_only=True)
class StorageStatus:
    """What a reachable storage reports about itself.

    `schema` is None for a storage without a schema; `fault` says why the storage must not be used,
    and is None if it may be; `limitation` says what a usable storage cannot do, for example write.
    """

    schema: SchemaRevision | None = None
    fault: StorageFault | None = None
    limitation: StorageFault | None = None


class Storage(Protocol):
    """Stores the data of all tenants."""

    def view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        """Reads without a transaction, each with its own snapshot."""
        ...

    def consistent_view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        """Reads that all see the same moment."""
        ...

    def transaction(self, tenant_id: str) -> AbstractAsyncContextManager[Transaction]:
        """Commits when its block ends; rolls back when an exception leaves the block.

        Await nothing but the transaction inside the block. A transaction inside a transaction
        raises RuntimeError. A transaction that was rolled back because of another one raises
        WriteConflict: see `retry`.
        """
        ...

    def autocommit(self, tenant_id: str) -> Autocommit: ...

    def lookups(self, tenant_id: str) -> Lookups: ...

    @property
    def analytic(self) -> "Storage":
        """The same storage for work that may take long, such as previews and builds of segments:
        this work never takes a connection from short requests.
        """
        ...

    async def wait_for_capture_barrier(
        self, tenant_id: str, segment_id: UUID, seconds: float
    ) -> bool:
        """Waits at most `seconds` for the capture barrier of a segment; returns whether it has
        passed. See `MembershipRepository.capture_barrier_passed`.
        """
        ...

    async def tenants_with_segments(self) -> Sequence[str]:
        """Every tenant that has segments, sorted."""
        ...

    async def tenants_to_refresh(self) -> Sequence[str]:
        """The tenants that have pending changes or a backfill under way, sorted."""
        ...

    async def backlog(self, limit: int) -> Backlog:
        """The pending changes of all tenants, in one statement that reads at most `limit` of them.

        If there are more, the number is `limit`, and the oldest is the oldest of those read.
        """
        ...

    async def failed_builds(self) -> int:
        """The number of segments of all tenants whose build has failed."""
        ...

    async def lease(self, holder: UUID, seconds: float) -> bool:
        """Acquires or renews the sweeper's lease for `seconds`; returns whether `holder` has it.

        At most one holder has the lease, and loses it by not renewing it in time.
        """
        ...

    async def rewrite_search_texts(self, limit: int) -> int:
        """Rewrites search texts that an older release wrote in another form, for at most `limit`
        customers of all tenants; returns the number of these customers. For the sweeper.
        """
        ...

    async def api_key(self, key_id: UUID) -> ApiKey | None:
        """The API key with this id, of any tenant, revoked and expired keys included; None if there
        is none. It takes no tenant, because authentication learns the tenant from the key.
        """
        ...

    async def api_keys_of_every_tenant(self) -> Sequence[ApiKey]:
        """The keys of all tenants that are not revoked, by tenant, then newest first, ties by id,
        the greatest first. For commands of operators, who name no tenant.
        """
        ...

    async def deployment_secret(self) -> bytes | None:
        """Secret random bytes, the same for every process that uses this storage.

        The first call generates and stores them; they never change. None while the storage cannot
        store them.
        """
        ...

    async def find_verification(self, token_hash: str) -> VerificationWithEmail | None:
        """The verification of any tenant with this hash, with the e-mail key of its customer; None
        if there is none, or the customer is deleted.
        """
        ...

    async def open(self) -> None:
        """Prepares the storage for use. Does not fail while the storage cannot be reached; raises
        Unavailable for a fault that waiting does not cure.
        """
        ...

    async def check(self) -> StorageStatus:
        """The status of the storage: whether it can be used, for example with its current schema.

        Raises Unavailable when the storage does not answer.
        """
        ...

    async def close(self) -> None:
        """Waits for work in flight, then releases every resource."""
        ...
