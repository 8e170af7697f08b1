"""Communications in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.memory.draft import Draft, Source
from customers.adapters.memory.sorting import newest
from customers.adapters.memory.state import NOTHING
from customers.core.errors import CommunicationNotFound
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication, CommunicationType, Direction
from customers.core.model.query import JournalKey
from customers.core.ports.journal import CommunicationReader, CommunicationRepository


@frozen
class MemoryCommunicationReader(CommunicationReader):
    _source: Source

    async def newest(
        self,
        customer_id: UUID,
        after: JournalKey | None,
        limit: int,
        *,
        types: Collection[CommunicationType] = (),
        directions: Collection[Direction] = (),
    ) -> Sequence[Communication]:
        state = self._source.state
        state.customer(customer_id)
        kept = (
            each
            for each in state.communications.get(customer_id, NOTHING).values()
            if (not types or each.communication_type in types)
            and (not directions or each.direction in directions)
        )
        return newest(kept, _place, after, limit)


@frozen
class MemoryCommunications(MemoryCommunicationReader, CommunicationRepository):
    _source: Draft

    async def find(
        self, customer_id: UUID, communication_type: CommunicationType, external_id: str
    ) -> Communication | None:
        for each in self._source.state.communications.get(customer_id, NOTHING).values():
            if (each.communication_type, each.external_id) == (communication_type, external_id):
                return each
        return None

    async def get_for_update(self, customer_id: UUID, communication_id: UUID) -> Communication:
        state = self._source.state
        found = state.communications.get(customer_id, NOTHING).get(communication_id)
        if customer_id not in state.living or found is None:
            raise CommunicationNotFound
        self._source.lock(Communication, communication_id)
        return found

    async def add(self, communication: Communication) -> None:
        self._source.expect_lock(Customer, communication.customer_id)
        self._source.lock(Communication, communication.id)
        await self.save(communication)

    async def save(self, communication: Communication) -> None:
        state = self._source.state
        self._source.expect_lock(Communication, communication.id)
        customer_id = communication.customer_id
        theirs = state.communications.get(customer_id, NOTHING).set(communication.id, communication)
        self._source.keep(
            evolve(state, communications=state.communications.set(customer_id, theirs))
        )


def _place(communication: Communication) -> tuple[datetime, str]:
    return (communication.created_at, str(communication.id))
