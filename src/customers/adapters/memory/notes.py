"""Notes in memory."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.sorting import newest
from customers.adapters.memory.state import EMPTY, State
from customers.core.errors import NoteNotFound
from customers.core.model.journal import Note
from customers.core.model.query import JournalKey
from customers.core.ports.journal import NoteReader, NoteRepository


@frozen
class MemoryNoteReader(NoteReader):
    _source: StateReader

    async def newest(
        self, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Note]:
        state = self._source.state
        state.customer(customer_id)
        return newest(state.notes.get(customer_id, EMPTY).values(), _position, after, limit)


@frozen
class MemoryNotes(MemoryNoteReader, NoteRepository):
    _source: Draft

    async def remove(self, customer_id: UUID, note_id: UUID) -> None:
        state = self._source.state
        notes = state.notes.get(customer_id, EMPTY)
        if customer_id not in state.living or note_id not in notes:
            raise NoteNotFound
        remaining = notes.delete(note_id)
        self._source.replace(evolve(state, notes=state.notes.set(customer_id, remaining)))


def with_note(state: State, note: Note) -> State:
    notes = state.notes.get(note.customer_id, EMPTY).set(note.id, note)
    return evolve(state, notes=state.notes.set(note.customer_id, notes))


def _position(note: Note) -> tuple[datetime, str]:
    return (note.created_at, str(note.id))
