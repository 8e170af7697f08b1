"""All we need from the world: a clock, ids, and a storage that keeps what the model decides.

A tenant is given once, to `Storage`; repositories cannot see another tenant. Deleted customers
are hidden unless a sentence says otherwise. Every sentence here has a test in `tests/contract`.
Any method of a storage may raise Unavailable.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from customers.core.model.address import Address
from customers.core.model.customer import Customer, Profile
from customers.core.model.erasure import Erasure
from customers.core.model.journal import (
    Communication,
    CommunicationType,
    Direction,
    Note,
)
from customers.core.model.membership import (
    Assignment,
    Doubt,
    Flip,
    MemberChange,
    Span,
    Standing,
)
from customers.core.model.order import Entry, Statistics, StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerOrder,
    CustomerPage,
    JournalKey,
    Page,
)
from customers.core.model.segment import Segment


class Clock(Protocol):
    def now(self) -> datetime:
        """The moment, in UTC, in whole microseconds."""
        ...


class Ids(Protocol):
    def new(self, tenant_id: str, kind: type) -> UUID:
        """A UUIDv7 that nothing of that kind has in the tenant; of two from one process the later
        sorts after.
        """
        ...


class CustomerReader(Protocol):
    async def get(self, customer_id: UUID) -> Customer:
        """The customer. Raises CustomerNotFound."""
        ...

    async def profile(self, customer_id: UUID) -> Profile:
        """The customer with addresses and payment methods. Raises CustomerNotFound."""
        ...

    async def profiles(self, customer_ids: Sequence[UUID]) -> Mapping[UUID, Profile]:
        """Those of the ids that are customers."""
        ...

    async def by_email(self, email_key: str) -> Customer | None:
        """The customer whose e-mail folds to that key."""
        ...

    async def page(
        self, which: CustomerFilter, order: CustomerOrder, page: Page
    ) -> Sequence[Customer]:
        """One page in that order; past the end it is empty."""
        ...

    async def numbered(
        self, which: CustomerFilter, order: CustomerOrder, page: Page
    ) -> CustomerPage:
        """As `page`, with how many there are at that moment; past the end, at a later one."""
        ...

    async def after(
        self, which: CustomerFilter, order: CustomerOrder, key: CustomerKey | None, limit: int
    ) -> Sequence[Customer]:
        """The next ones after a key, from the beginning without one, at a constant cost."""
        ...

    async def count(self, which: CustomerFilter) -> int:
        """How many there are; without a scan where only status and type are filtered."""
        ...


class CustomerRepository(CustomerReader, Protocol):
    async def lock(self, customer_id: UUID) -> Customer:
        """The customer, as nobody else can change it until the transaction ends.

        Raises CustomerNotFound.
        """
        ...

    async def lock_any(self, customer_id: UUID) -> Customer:
        """As `lock`, and finds deleted and erased customers too."""
        ...

    async def lock_all(self, customer_ids: Collection[UUID]) -> Collection[UUID]:
        """Locks those of the ids that are customers, in id order, and names them."""
        ...

    async def add(self, customer: Customer) -> bool:
        """Keeps a new customer; False, and nothing kept, when its e-mail is taken.

        Leaves a mark where the tenant's changes of customers are watched.
        """
        ...

    async def save(self, customer: Customer) -> None:
        """Keeps a locked customer's new value, deleted or restored ones too. Raises EmailTaken.

        Leaves a mark as `add` does; its cause is an order where only statistics have changed.
        """
        ...


class AddressReader(Protocol):
    async def all(self, customer_id: UUID) -> Sequence[Address]:
        """The addresses, default first, then oldest first. Raises CustomerNotFound."""
        ...


class AddressRepository(AddressReader, Protocol):
    async def replace(
        self, customer_id: UUID, before: Sequence[Address], after: Sequence[Address]
    ) -> None:
        """Turns a locked customer's addresses from `before`, as stored, into `after`."""
        ...


class PaymentMethodReader(Protocol):
    async def all(self, customer_id: UUID) -> Sequence[PaymentMethod]:
        """The methods, default first, then oldest first. Raises CustomerNotFound."""
        ...


class PaymentMethodRepository(PaymentMethodReader, Protocol):
    async def replace(
        self, customer_id: UUID, before: Sequence[PaymentMethod], after: Sequence[PaymentMethod]
    ) -> None:
        """Turns a locked customer's methods from `before`, as stored, into `after`.

        Raises PaymentMethodTaken when another customer has one of the tokens.
        """
        ...

    async def release(self, customer_id: UUID) -> None:
        """Sets free the tokens of a customer who is being deleted; the methods are kept."""
        ...

    async def reclaim(self, customer_id: UUID) -> Sequence[UUID]:
        """Takes back the tokens of a customer who is being restored.

        Names the methods whose tokens other customers have by now: they stay released until the
        caller replaces them away.
        """
        ...


class NoteReader(Protocol):
    async def newest(
        self, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Note]:
        """Notes, newest first, ties by id, the greatest first, beyond a key.

        Raises CustomerNotFound.
        """
        ...


class NoteRepository(NoteReader, Protocol):
    async def add(self, note: Note) -> None:
        """Keeps a locked customer's new note."""
        ...

    async def remove(self, customer_id: UUID, note_id: UUID) -> None:
        """Removes a note. Raises NoteNotFound."""
        ...


class CommunicationReader(Protocol):
    async def newest(
        self,
        customer_id: UUID,
        after: JournalKey | None,
        limit: int,
        *,
        types: Collection[CommunicationType] = (),
        directions: Collection[Direction] = (),
    ) -> Sequence[Communication]:
        """Communications of those types and directions (empty: all), newest first, ties by id,
        the greatest first, beyond a key.

        Raises CustomerNotFound.
        """
        ...


class CommunicationRepository(CommunicationReader, Protocol):
    async def find(
        self, customer_id: UUID, communication_type: CommunicationType, external_id: str
    ) -> Communication | None:
        """A locked customer's communication of that type with that outside id."""
        ...

    async def lock(self, customer_id: UUID, communication_id: UUID) -> Communication:
        """The communication, as nobody else can change it. Raises CommunicationNotFound."""
        ...

    async def add(self, communication: Communication) -> None:
        """Keeps a locked customer's new communication."""
        ...

    async def save(self, communication: Communication) -> None:
        """Keeps a locked communication's new value."""
        ...


class OrderReader(Protocol):
    async def newest(
        self, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Entry]:
        """Entries whose order was told, by order date, newest first, ties by order id, the greatest
        first, beyond a key whose `id` is an order id. Raises CustomerNotFound.
        """
        ...


class OrderRepository(OrderReader, Protocol):
    """The ledger. Its methods are for a customer whom the transaction has locked."""

    async def claim(self, order_id: str, customer_id: UUID) -> Entry:
        """The order's entry, whoever's it is; where there is none, a new stub of the customer."""
        ...

    async def save(self, entry: Entry) -> None:
        """Keeps a claimed entry's new value."""
        ...

    async def refund_amount(self, order_id: str, refund_id: str) -> Decimal | None:
        """The amount a refund was told with; None when it was not."""
        ...

    async def add_refund(self, refund: StoredRefund) -> None:
        """Keeps a refund of a claimed order."""
        ...

    async def statistics(self, customer_id: UUID) -> Statistics:
        """What the customer's ledger folds to, this transaction's changes included."""
        ...


class SegmentReader(Protocol):
    async def get(self, segment_id: UUID) -> Segment:
        """The segment. Raises SegmentNotFound."""
        ...

    async def all(self) -> Sequence[Segment]:
        """Every segment, newest first, ties by id, the greatest first."""
        ...

    async def put_into(self, customer_id: UUID) -> Collection[UUID]:
        """The segments that a customer was put into by hand. Raises CustomerNotFound."""
        ...

    async def assignment(self, segment_id: UUID, customer_id: UUID) -> Assignment | None:
        """When a customer, deleted or not, was put into a segment by hand; None if not."""
        ...

    async def standings(
        self, segment_ids: Collection[UUID] | None = None
    ) -> Mapping[UUID, Standing]:
        """How far the stored members of those segments have come; None: of every segment."""
        ...

    async def doubts(self, spans: Collection[Span], most: int) -> Sequence[Doubt]:
        """Whom the stored members may be wrong about: customers with marks (which are not given),
        deleted ones too, and living ones whose date lies in a span; each once, at most so many.
        """
        ...

    async def roll(self, after: UUID | None, most: int) -> Sequence[Doubt]:
        """The next customers by id, deleted ones too, whether they are in doubt or not."""
        ...

    async def overdue(self, spans: Mapping[UUID, Collection[Span]]) -> Collection[UUID]:
        """The segments with anyone living in one of their spans."""
        ...

    async def changes(self, segment_id: UUID, after: int, limit: int) -> Sequence[MemberChange]:
        """What was settled of a segment's members beyond a sequence, in the order of sequences."""
        ...


class SegmentRepository(SegmentReader, Protocol):
    async def lock(self, segment_id: UUID) -> Segment:
        """The segment, as nobody else can change it. Raises SegmentNotFound."""
        ...

    async def lock_members(self) -> None:
        """Keeps everyone else from the tenant's stored members until the transaction ends.

        Comes before all other locks. Needed for all that follows but `add` and `save`.
        """
        ...

    async def add(self, segment: Segment) -> None:
        """Keeps a new segment without members. Raises SegmentNameTaken."""
        ...

    async def save(self, segment: Segment) -> None:
        """Keeps a locked segment's new value. Raises SegmentNameTaken."""
        ...

    async def remove(self, segment_id: UUID) -> None:
        """Removes a locked segment, its members and its feed."""
        ...

    async def put(
        self, segment_id: UUID, customer_ids: Collection[UUID], by: Assignment
    ) -> Collection[UUID]:
        """Puts customers into a locked segment by hand; those who were not in it."""
        ...

    async def stored(self, segment_id: UUID, customer_ids: Collection[UUID]) -> Collection[UUID]:
        """Those of the customers who are among a segment's stored members."""
        ...

    async def put_members(self, segment_id: UUID, by: Assignment) -> None:
        """Puts everyone into a locked segment by hand who is among its stored members."""
        ...

    async def take(self, segment_id: UUID, customer_ids: Collection[UUID]) -> Collection[UUID]:
        """Takes customers out of a locked segment by hand; those who were in it."""
        ...

    async def empty(self, segment_id: UUID) -> None:
        """Takes out of a locked segment everyone who was put into it by hand, the deleted too."""
        ...

    async def watch(self, *, customers: bool, orders: bool) -> None:
        """Which later writes leave marks: changes of customers, and orders counted in one step.

        A write that is under way may not know it yet: see `is_watched`.
        """
        ...

    async def is_watched(self, segment_id: UUID) -> bool:
        """Whether no write is under way any more that began before the segment's standing was
        last set to be built. From then on every change of a customer has left its mark, and the
        answer stays yes. False for a segment that is not there.
        """
        ...

    async def marked(
        self, most: int, customer_ids: Collection[UUID] | None = None
    ) -> Sequence[Doubt]:
        """Customers with all of their marks, at most so many; with ids, only of those customers."""
        ...

    async def contradicted(
        self, segment_id: UUID, which: CustomerFilter | None, after: UUID | None, most: int
    ) -> tuple[Sequence[Doubt], UUID | None]:
        """Of the next `most` customers by id, deleted ones too, those without marks of whom a
        filter says something else than the segment's stored members; None is a filter that keeps
        nobody. And the last one looked at, None once there is nobody more.
        """
        ...

    async def aged(self, spans: Collection[Span], after: UUID | None, most: int) -> Sequence[Doubt]:
        """The next living customers by id, without marks, whose date lies in one of the spans."""
        ...

    async def settle(self, flips: Sequence[Flip], settled: Sequence[Doubt] = ()) -> None:
        """Makes stored members and the feed follow the flips, in their order, and takes away the
        marks of those who are settled by that.
        """
        ...

    async def stand(self, segment_id: UUID, standing: Standing) -> None:
        """Keeps how far a segment's stored members have come; their number is kept by `settle`."""
        ...


class ErasureRepository(Protocol):
    async def find(self, customer_id: UUID) -> Erasure | None:
        """The receipt of a customer erased before."""
        ...

    async def erase(self, customer: Customer) -> Erasure:
        """Removes every personal value of a locked customer from every table.

        Keeps `customer`, the nameless value, and the receipt. The ledger keeps order and refund
        ids, amounts and dates.
        """
        ...


class View(Protocol):
    """Reads, each of them its own snapshot; a read replica may serve them."""

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


class Transaction(Protocol):
    """Reads and writes that all happen, or none. A refused write dooms it: the block's end
    raises, whatever the block does with the refusal.
    """

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
    def erasures(self) -> ErasureRepository: ...


class OneStep(Protocol):
    """The hot writes, each atomic by itself and done in one round trip."""

    async def add_customer(self, customer: Customer) -> bool:
        """As `CustomerRepository.add`."""
        ...

    async def count_order(self, entry: Entry, now: datetime) -> Customer | None:
        """Keeps the entry of an order that nothing was told about, and counts it in the
        customer's statistics, version and update; the customer as they are then.

        None, and nothing changed, when the order is known or the customer is not there: a
        transaction then finds out which. The statistics equal the fold of the ledger. Leaves a
        mark where the tenant's orders are watched.
        """
        ...


class Storage(Protocol):
    """Where customers are kept."""

    def view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        """Reads without a transaction."""
        ...

    def snapshot(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        """Reads that all see the same moment."""
        ...

    def transaction(self, tenant_id: str) -> AbstractAsyncContextManager[Transaction]:
        """Commits when its block ends, rolls back when an exception leaves it.

        Nothing but the transaction is awaited inside; a transaction inside a transaction raises
        RuntimeError.
        """
        ...

    def one_step(self, tenant_id: str) -> OneStep: ...

    async def wait_until_watched(self, tenant_id: str, segment_id: UUID, seconds: float) -> bool:
        """Waits, at most so long, until a segment is watched; whether it is by then. See
        `SegmentRepository.is_watched`.
        """
        ...

    async def tenants_with_segments(self) -> Sequence[str]:
        """Every tenant that has segments, in order; for the sweeper and the doctor."""
        ...

    async def tenants_to_settle(self) -> Sequence[str]:
        """Those tenants who have marks, or a segment whose members are being built, in order."""
        ...

    async def lease(self, holder: UUID, seconds: float) -> bool:
        """Whether the one who asks is the sweeper for so long: of many who ask one is, until it
        has not asked again in time.
        """
        ...

    async def open(self) -> None:
        """Makes it ready for use. Does not fail because the storage is away."""
        ...

    async def check(self) -> None:
        """Returns when the storage can serve: it answers, at the newest schema."""
        ...

    async def close(self) -> None:
        """Lets go of what the storage holds; in-flight work is finished first."""
        ...
