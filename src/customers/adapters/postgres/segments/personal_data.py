"""Reads the records that the database holds about one customer, in portions by key."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final, Self, cast
from uuid import UUID

from asyncpg import Record as Row
from attrs import frozen
from sqlalchemy import Column, Integer, Uuid, any_, bindparam, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.addresses import ADDRESSES
from customers.adapters.postgres.customers.communications import COMMUNICATIONS
from customers.adapters.postgres.customers.notes import NOTES
from customers.adapters.postgres.customers.orders import ENTRIES, REFUNDS
from customers.adapters.postgres.customers.owned_rows import of_customer
from customers.adapters.postgres.customers.payment_methods import PAYMENT_METHODS
from customers.adapters.postgres.customers.rows import CUSTOMERS, WITH_STATISTICS
from customers.adapters.postgres.customers.verifications import VERIFICATIONS
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.ledger_tables import customer_orders, customer_refunds
from customers.adapters.postgres.schema.segment_tables import customer_segment_assignments
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import TEXT
from customers.adapters.postgres.segments.membership_changes import CHANGES
from customers.adapters.postgres.segments.stale_candidates import PENDING_AMONG, to_candidate
from customers.core.errors import CustomerNotFound
from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication, Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import SegmentAssignment, SequencedChange
from customers.core.model.order import StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.pending_changes import PendingChange
from customers.core.model.verification import Verification
from customers.core.ports.personal_data import PersonalDataReader, Record

# Rows of a portion. A communication has up to 400 kB, a note up to 40 kB, other rows a few kB.
_PORTION, _PORTION_OF_NOTES, _PORTION_OF_COMMUNICATIONS = 500, 100, 20

_SEGMENT_ASSIGNMENTS = RowMapping(
    SegmentAssignment, customer_segment_assignments, storage_only=("customer_id",)
)


class PostgresPersonalData(PersonalDataReader):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def customer(self, customer_id: UUID) -> Customer:
        row = await self._session.row(_CUSTOMER, id=customer_id)
        if row is None:
            raise CustomerNotFound
        return CUSTOMERS.read(row)

    async def records(
        self, kind: type[Record], customer_id: UUID
    ) -> AsyncGenerator[Sequence[Record], None]:
        portions = self._special(kind, customer_id) or self._walked(_WALKS[kind], customer_id)
        async for portion in portions:
            yield cast("Sequence[Record]", portion)

    def _special(
        self, kind: type, customer_id: UUID
    ) -> AsyncGenerator[Sequence[object], None] | None:
        """The portions of refunds, whose rows do not name the customer, or of pending changes,
        which need the customer's row; None for any other kind.
        """
        if kind is StoredRefund:
            return self._refunds(customer_id)
        return self._pending_changes(customer_id) if kind is PendingChange else None

    async def _walked(
        self, walks: Sequence["_Walk"], customer_id: UUID
    ) -> AsyncGenerator[Sequence[object], None]:
        for walk in walks:
            async for rows in walk.portions(self._session, customer_id):
                yield walk.mapping.read_all(rows)

    async def _refunds(self, customer_id: UUID) -> AsyncGenerator[Sequence[StoredRefund], None]:
        async for entries in self.records(Entry, customer_id):
            ids = [entry.order_id for entry in entries]
            if rows := await self._session.rows(_REFUNDS, order_ids=ids):
                yield REFUNDS.read_all(rows)

    async def _pending_changes(
        self, customer_id: UUID
    ) -> AsyncGenerator[Sequence[PendingChange], None]:
        for row in await self._session.rows(PENDING_AMONG, limit=1, ids=[customer_id]):
            yield to_candidate(row, row["pending_changes"]).pending_changes


@frozen(kw_only=True)
class _Walk:
    """Reads the rows of a customer in the order of a key that no two of them share."""

    mapping: RowMapping[Any]
    key: tuple[Column[Any], ...]
    first: Statement
    following: Statement
    limit: int

    @classmethod
    def of(
        cls,
        mapping: RowMapping[Any],
        *key: str,
        where: Sequence[ColumnElement[bool]] = (),
        limit: int = _PORTION,
    ) -> Self:
        columns = tuple(mapping.table.c[name] for name in key)
        values = (bindparam(f"after_{column.name}", type_=column.type) for column in columns)
        rows = select(*mapping.columns).where(of_customer(mapping.table), *where)
        rows = rows.order_by(*columns).limit(bindparam("limit", type_=Integer()))
        following = rows.where(tuple_(*columns) > tuple_(*values))
        return cls(
            mapping=mapping,
            key=columns,
            first=Statement.of(rows),
            following=Statement.of(following),
            limit=limit,
        )

    async def portions(
        self, session: Session, customer_id: UUID
    ) -> AsyncGenerator[Sequence[Row], None]:
        values = {"customer_id": customer_id, "limit": self.limit}
        rows = await session.rows(self.first, **values)
        while rows:
            yield rows
            if len(rows) < self.limit:
                return
            after = {f"after_{column.name}": rows[-1][column.name] for column in self.key}
            rows = await session.rows(self.following, **values, **after)


_IS_RECORDED = customer_orders.c.order_date.is_not(None)
_WALKS: Final[Mapping[type, Sequence[_Walk]]] = {
    Address: [_Walk.of(ADDRESSES, "id")],
    PaymentMethod: [_Walk.of(PAYMENT_METHODS, "id")],
    Note: [_Walk.of(NOTES, "created_at", "id", limit=_PORTION_OF_NOTES)],
    Communication: [_Walk.of(COMMUNICATIONS, "created_at", "id", limit=_PORTION_OF_COMMUNICATIONS)],
    # Stubs have no date, by which the others are read off the index.
    Entry: [
        _Walk.of(ENTRIES, "order_date", "order_id", where=[_IS_RECORDED]),
        _Walk.of(ENTRIES, "order_id", where=[~_IS_RECORDED]),
    ],
    SegmentAssignment: [_Walk.of(_SEGMENT_ASSIGNMENTS, "segment_id")],
    SequencedChange: [_Walk.of(CHANGES, "segment_id", "sequence")],
    Verification: [_Walk.of(VERIFICATIONS, "sent_at", "token_hash")],
}
_CUSTOMER = Statement.of(
    select(*CUSTOMERS.columns).where(
        customers.c.tenant_id == TENANT,
        WITH_STATISTICS,
        customers.c.id == bindparam("id", type_=Uuid()),
        customers.c.erased_at.is_(None),
    )
)
_REFUNDS = Statement.of(
    select(*REFUNDS.columns)
    .where(
        customer_refunds.c.tenant_id == TENANT,
        customer_refunds.c.order_id == any_(bindparam("order_ids", type_=ARRAY(TEXT))),
    )
    .order_by(customer_refunds.c.order_id, customer_refunds.c.refund_id)
)
