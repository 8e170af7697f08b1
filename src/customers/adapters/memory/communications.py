"""Communications in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.sorting import newest
from customers.adapters.memory.state import EMPTY
from customers.core.errors import CommunicationNotFound
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication, CommunicationType, Direction
from customers.core.model.query import JournalKey
from customers.core.ports.journal import CommunicationReader, CommunicationRepository


@frozen
class MemoryCommunicationReader(CommunicationReader):
    _source: StateReader

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
        communications = (
            communication
            for communication in state.communications.get(customer_id, EMPTY).values()
            if (not types or communication.communication_type in types)
            and (not directions or communication.direction in directions)
        )
        return newest(communications, _position, after, limit)


@frozen
class MemoryCommunications(MemoryCommunicationReader, CommunicationRepository):
    _source: Draft

    async def find(
        self, customer_id: UUID, communication_type: CommunicationType, external_id: str
    ) -> Communication | None:
        of_customer = self._source.state.communications.get(customer_id, EMPTY).values()
        key = (communication_type, external_id)
        same = (one for one in of_customer if (one.communication_type, one.external_id) == key)
        return next(same, None)

    async def get_for_update(self, customer_id: UUID, communication_id: UUID) -> Communication:
        state = self._source.state
        communication = state.communications.get(customer_id, EMPTY).get(communication_id)
        if customer_id not in state.living or communication is None:
            raise CommunicationNotFound
        self._source.lock(Communication, communication_id)
        return communication

    async def add(self, communication: Communication) -> None:
        self._source.expect_lock(Customer, communication.customer_id)
        self._source.lock(Communication, communication.id)
        await self.save(communication)

    async def save(self, communication: Communication) -> None:
        state = self._source.state
        self._source.expect_lock(Communication, communication.id)
        customer_id = communication.customer_id
        of_customer = state.communications.get(customer_id, EMPTY)
        of_customer = of_customer.set(communication.id, communication)
        communications = state.communications.set(customer_id, of_customer)
        self._source.replace(evolve(state, communications=communications))


def _position(communication: Communication) -> tuple[datetime, str]:
    return (communication.created_at, str(communication.id))
