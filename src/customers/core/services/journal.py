"""Use cases of the journal: notes and communications."""

from collections.abc import Collection, Sequence
from uuid import UUID

from customers.core.errors import CustomerNotFound
from customers.core.model.journal import (
    Communication,
    CommunicationDetails,
    CommunicationStatus,
    CommunicationType,
    Direction,
    Note,
    NoteDetails,
)
from customers.core.model.principal import Principal
from customers.core.model.query import JournalKey
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction


class Journal:
    def __init__(self, storage: Storage, clock: Clock, ids: IdGenerator) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    async def notes(
        self, tenant_id: str, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Note]:
        """At most `limit` + 1 notes after a key, newest first. Raises CustomerNotFound."""
        async with self._storage.view(tenant_id) as view:
            return await view.notes.newest(customer_id, after, limit + 1)

    @retries_conflict
    async def add_note(
        self, tenant_id: str, customer_id: UUID, details: NoteDetails, *, principal: Principal
    ) -> Note:
        """Adds a note. Raises CustomerNotFound."""
        now = self._clock.now()
        note = Note(
            id=self._ids.new(),
            customer_id=customer_id,
            tenant_id=tenant_id,
            note=details.note,
            created_by=principal.actor,
            created_at=now,
            updated_at=now,
        )
        if not await self._storage.autocommit(tenant_id).add_note(note):
            raise CustomerNotFound
        return note

    @retries_conflict
    async def remove_note(self, tenant_id: str, customer_id: UUID, note_id: UUID) -> None:
        """Removes a note. Raises CustomerNotFound, NoteNotFound."""
        async with self._storage.transaction(tenant_id) as tx:
            await tx.customers.get_for_update(customer_id)
            await tx.notes.remove(customer_id, note_id)

    async def communications(
        self,
        tenant_id: str,
        customer_id: UUID,
        after: JournalKey | None,
        limit: int,
        *,
        types: Collection[CommunicationType] = (),
        directions: Collection[Direction] = (),
    ) -> Sequence[Communication]:
        """At most `limit` + 1 communications after a key, newest first. Raises CustomerNotFound."""
        async with self._storage.view(tenant_id) as view:
            return await view.communications.newest(
                customer_id, after, limit + 1, types=types, directions=directions
            )

    @retries_conflict
    async def add_communication(
        self, tenant_id: str, customer_id: UUID, details: CommunicationDetails
    ) -> tuple[Communication, bool]:
        """Adds a communication, unless the customer has one with that type and external id.

        Returns the communication and whether it is new. Raises CustomerNotFound.
        """
        async with self._storage.transaction(tenant_id) as tx:
            await tx.customers.get_for_update(customer_id)
            if stored := await _find(tx, customer_id, details):
                return stored, False
            id, now = self._ids.new(), self._clock.now()
            communication = Communication.new(
                details, id=id, customer_id=customer_id, tenant_id=tenant_id, now=now
            )
            await tx.communications.add(communication)
            return communication, True

    @retries_conflict
    async def move_communication(
        self, tenant_id: str, customer_id: UUID, communication_id: UUID, status: CommunicationStatus
    ) -> Communication:
        """Sets the status of a communication. Raises CustomerNotFound, CommunicationNotFound,
        StatusBackward.
        """
        async with self._storage.transaction(tenant_id) as tx:
            await tx.customers.get_for_update(customer_id)
            communication = await tx.communications.get_for_update(customer_id, communication_id)
            moved = communication.move(status)
            if moved is not communication:
                await tx.communications.save(moved)
            return moved


async def _find(
    tx: Transaction, customer_id: UUID, details: CommunicationDetails
) -> Communication | None:
    """The customer's communication with this type and external id, if there is one."""
    if not details.external_id:
        return None
    kind, external_id = details.communication_type, details.external_id
    return await tx.communications.find(customer_id, kind, external_id)
