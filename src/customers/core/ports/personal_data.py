"""Everything that is stored about one person."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from customers.core.model.customer import Customer

Record = TypeVar("Record")


class PersonalDataReader(Protocol):
    async def customer(self, customer_id: UUID) -> Customer:
        """The customer, living or deleted. Raises CustomerNotFound, also for an erased customer."""
        ...

    def records(
        self, kind: type[Record], customer_id: UUID
    ) -> AsyncGenerator[Sequence[Record], None]:
        """All records of this kind that belong to a customer, living, deleted or erased, in small
        portions, none of them empty.

        The kinds are those of RECORD_KINDS. Addresses and payment methods come by id; notes,
        communications, orders and verifications oldest first, orders that are only stubs last;
        assignments by segment; membership changes by segment, then by sequence; records of other
        kinds in any order.
        """
        ...
