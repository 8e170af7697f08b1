"""API keys of tenants."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from customers.core.model.api_key import ApiKey


class ApiKeyReader(Protocol):
    async def all(self) -> Sequence[ApiKey]:
        """The keys that are not revoked, newest first, ties by id, the greatest first."""
        ...


class ApiKeyRepository(ApiKeyReader, Protocol):
    async def acquire_lock(self) -> None:
        """Takes the lock of the tenant's keys until the transaction ends."""
        ...

    async def add(self, key: ApiKey) -> None:
        """Stores a new key. Needs the lock, because the number of keys is limited."""
        ...

    async def revoke(self, key_id: UUID, now: datetime) -> None:
        """Revokes a key. Raises ApiKeyNotFound, also for a key that is already revoked."""
        ...

    async def mark_used(self, uses: Mapping[UUID, datetime]) -> None:
        """Stores when keys were last used, by their ids. Ignores unknown ids, and moments earlier
        than the stored one.
        """
        ...
