"""Notes in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, exists, insert, select
from sqlalchemy.sql.dml import ReturningInsert

from customers.adapters.postgres.customers.owned_rows import (
    CUSTOMER_EXISTS,
    after_key,
    existing,
    key_values,
    newest_of,
    of_customer,
)
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.owned_tables import customer_notes
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.core.errors import NoteNotFound
from customers.core.model.journal import Note
from customers.core.model.query import JournalKey
from customers.core.ports.journal import NoteRepository

NOTES = RowMapping(Note, customer_notes)


class PostgresNotes(NoteRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def newest(
        self, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Note]:
        rows = await self._session.rows(
            _NEWEST if after is None else _AFTER,
            **key_values(after),
            customer_id=customer_id,
            limit=limit,
        )
        return NOTES.read_all(existing(rows))

    async def remove(self, customer_id: UUID, note_id: UUID) -> None:
        if not await self._session.run(_REMOVE, customer_id=customer_id, id=note_id):
            raise NoteNotFound


async def add_note(session: Session, note: Note) -> bool:
    """See `Autocommit.add_note`."""
    return await session.row(_ADD, **NOTES.write(note)) is not None


def _add() -> ReturningInsert[Any]:
    """Adds the note and returns its id; no row if the customer does not exist or is deleted, even
    by a transaction for which this statement has to wait.
    """
    values = parameters(customer_notes)
    statistics = customer_statistics.c
    own = (statistics.tenant_id == TENANT, statistics.customer_id == values["customer_id"])
    living = select(*values.values()).where(*own, statistics.is_living)
    of_living = living.with_for_update(key_share=True)
    return insert(customer_notes).from_select(list(values), of_living).returning(_note.id)


_note = customer_notes.c
_SORT = (_note.created_at, _note.id)
_NEWEST = Statement.of(newest_of(customer_notes, *_SORT))
_AFTER = Statement.of(newest_of(customer_notes, *_SORT, after_key(*_SORT)))
_ADD = Statement.of(_add())
_REMOVE = Statement.of(
    delete(customer_notes).where(
        of_customer(customer_notes),
        _note.id == bindparam("id", type_=Uuid()),
        exists().where(CUSTOMER_EXISTS),
    )
)
