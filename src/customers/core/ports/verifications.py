"""The verifications of customers' e-mail addresses."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from customers.core.model.verification import Verification


class VerificationReader(Protocol):
    async def all(self, customer_id: UUID) -> Sequence[Verification]:
        """The stored verifications of a customer, oldest first. Raises CustomerNotFound."""
        ...


class VerificationRepository(VerificationReader, Protocol):
    async def add(self, verification: Verification) -> None:
        """Stores a new verification of a locked customer."""
        ...

    async def remove(self, customer_id: UUID, sent_until: datetime) -> None:
        """Removes a locked customer's verifications that were sent at or before `sent_until`."""
        ...

    async def use(self, customer_id: UUID, now: datetime) -> None:
        """Marks all unused verifications of a locked customer as used at `now`, which ends their
        tokens. Does nothing while a database has no verifications yet.
        """
        ...
