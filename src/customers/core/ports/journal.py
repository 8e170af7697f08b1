"""The journal of a customer: notes and communications."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from customers.core.model.journal import Communication, CommunicationType, Direction, Note
from customers.core.model.query import JournalKey


class NoteReader(Protocol):
    async def newest(
        self, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Note]:
        """At most `limit` notes after a key, newest first, ties by id, the greatest first.

        Raises CustomerNotFound.
        """
        ...


class NoteRepository(NoteReader, Protocol):
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
        """At most `limit` communications of these types and directions (empty: all) after a key,
        newest first, ties by id, the greatest first. Raises CustomerNotFound.
        """
        ...


class CommunicationRepository(CommunicationReader, Protocol):
    async def find(
        self, customer_id: UUID, communication_type: CommunicationType, external_id: str
    ) -> Communication | None:
        """The communication of a locked customer with that type and external id, or None."""
        ...

    async def get_for_update(self, customer_id: UUID, communication_id: UUID) -> Communication:
        """The communication, locked until the transaction ends. Raises CommunicationNotFound."""
        ...

    async def add(self, communication: Communication) -> None:
        """Stores a new communication of a locked customer."""
        ...

    async def save(self, communication: Communication) -> None:
        """Stores the new value of a locked communication."""
        ...
