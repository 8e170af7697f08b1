"""Communications in PostgreSQL."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, exists, insert, select, update

from customers.adapters.postgres.customers.owned_rows import (
    CUSTOMER_EXISTS,
    after_key,
    existing,
    key_values,
    newest_of,
    of_customer,
)
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.owned_tables import customer_communications
from customers.adapters.postgres.schema.types import TEXT, TEXTS
from customers.core.errors import CommunicationNotFound
from customers.core.model.journal import Communication, CommunicationType, Direction
from customers.core.model.query import JournalKey
from customers.core.ports.journal import CommunicationRepository

COMMUNICATIONS = RowMapping(Communication, customer_communications)


class PostgresCommunications(CommunicationRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def newest(
        self,
        customer_id: UUID,
        after: JournalKey | None,
        limit: int,
        *,
        types: Collection[CommunicationType] = (),
        directions: Collection[Direction] = (),
    ) -> Sequence[Communication]:
        rows = await self._session.rows(
            _NEWEST if after is None else _AFTER,
            **key_values(after),
            customer_id=customer_id,
            types=list(types) or _ALL_TYPES,
            directions=list(directions) or _ALL_DIRECTIONS,
            limit=limit,
        )
        return COMMUNICATIONS.read_all(existing(rows))

    async def find(
        self, customer_id: UUID, communication_type: CommunicationType, external_id: str
    ) -> Communication | None:
        row = await self._session.row(
            _FIND,
            customer_id=customer_id,
            communication_type=communication_type,
            external_id=external_id,
        )
        return None if row is None else COMMUNICATIONS.read(row)

    async def get_for_update(self, customer_id: UUID, communication_id: UUID) -> Communication:
        row = await self._session.row(_GET_FOR_UPDATE, customer_id=customer_id, id=communication_id)
        if row is None:
            raise CommunicationNotFound
        return COMMUNICATIONS.read(row)

    async def add(self, communication: Communication) -> None:
        await self._session.run(_ADD, **COMMUNICATIONS.write(communication))

    async def save(self, communication: Communication) -> None:
        await self._session.run(_SAVE, **COMMUNICATIONS.write(communication))


_ALL_TYPES, _ALL_DIRECTIONS = list(CommunicationType), list(Direction)
_communication = customer_communications.c
_SORT = (_communication.created_at, _communication.id)
_FILTER = (
    _communication.communication_type == any_(bindparam("types", type_=TEXTS)),
    _communication.direction == any_(bindparam("directions", type_=TEXTS)),
)
_BY_ID = (of_customer(customer_communications), _communication.id == bindparam("id", type_=Uuid()))
_NEWEST = Statement.of(newest_of(customer_communications, *_SORT, *_FILTER))
_AFTER = Statement.of(newest_of(customer_communications, *_SORT, *_FILTER, after_key(*_SORT)))
_FIND = Statement.of(
    select(customer_communications).where(
        of_customer(customer_communications),
        _communication.communication_type == bindparam("communication_type", type_=TEXT),
        _communication.external_id == bindparam("external_id", type_=TEXT),
    )
)
_GET_FOR_UPDATE = Statement.of(
    select(customer_communications)
    .where(*_BY_ID, exists().where(CUSTOMER_EXISTS))
    .with_for_update(key_share=True)
)
_ADD = Statement.of(insert(customer_communications).values(**parameters(customer_communications)))
_SAVE = Statement.of(
    update(customer_communications)
    .where(*_BY_ID)
    .values(**parameters(customer_communications, but=("tenant_id", "id", "customer_id")))
)
