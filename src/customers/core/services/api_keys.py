"""Use cases of API keys: creating, listing and revoking them, and what authentication needs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from customers.core.errors import ApiKeyLimitExceeded, ApiKeyNotFound
from customers.core.model.api_key import (
    MAX_KEYS,
    ApiKey,
    ApiKeyDetails,
    Credential,
    NewApiKey,
)
from customers.core.model.principal import Principal
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.random_secrets import RandomSecrets
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction


class ApiKeys:
    def __init__(
        self, storage: Storage, clock: Clock, ids: IdGenerator, secrets: RandomSecrets
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._secrets = secrets

    async def all(self, tenant_id: str) -> Sequence[ApiKey]:
        """The keys that are not revoked, newest first; at most MAX_KEYS."""
        async with self._storage.view(tenant_id) as view:
            return await view.api_keys.all()

    async def of_every_tenant(self) -> Sequence[ApiKey]:
        """The keys of all tenants that are not revoked, by tenant, then newest first."""
        return await self._storage.api_keys_of_every_tenant()

    @retries_conflict
    async def create(
        self, tenant_id: str, details: ApiKeyDetails, *, principal: Principal
    ) -> NewApiKey:
        """Creates a key, whose permissions must be among those of the principal.

        Raises Invalid, PermissionDenied, ApiKeyLimitExceeded.
        """
        now = self._clock.now()
        details.expect_allowed(principal, now)
        credential = Credential.of(self._ids.new(), self._secrets.new())
        key = ApiKey.new(details, credential, tenant_id=tenant_id, now=now)
        async with self._storage.transaction(tenant_id) as tx:
            await tx.api_keys.acquire_lock()
            await _make_room(tx, now)
            await tx.api_keys.add(key)
        return NewApiKey(key=key, text=credential.text)

    @retries_conflict
    async def revoke(self, tenant_id: str, key_id: UUID) -> None:
        """Revokes a key. Raises ApiKeyNotFound."""
        async with self._storage.transaction(tenant_id) as tx:
            await tx.api_keys.revoke(key_id, self._clock.now())

    async def revoke_of_any_tenant(self, key_id: UUID) -> ApiKey:
        """Revokes a key by its id alone, and returns the key as it was before. Raises
        ApiKeyNotFound.
        """
        key = await self.get(key_id)
        await self.revoke(key.tenant_id, key_id)
        return key

    async def get(self, key_id: UUID) -> ApiKey:
        """The key with this id, of any tenant, also if it is revoked or expired. Raises
        ApiKeyNotFound.
        """
        if (key := await self.find(key_id)) is None:
            raise ApiKeyNotFound
        return key

    async def find(self, key_id: UUID) -> ApiKey | None:
        """As `get`, but returns None for an unknown id."""
        return await self._storage.api_key(key_id)

    @retries_conflict
    async def mark_used(self, tenant_id: str, uses: Mapping[UUID, datetime]) -> None:
        """Stores when keys of the tenant were last used, by their ids."""
        async with self._storage.transaction(tenant_id) as tx:
            await tx.api_keys.mark_used(uses)


async def _make_room(tx: Transaction, now: datetime) -> None:
    """Revokes the expired keys of a tenant that has the maximum number of keys. Raises
    ApiKeyLimitExceeded if none has expired.
    """
    if len(keys := await tx.api_keys.all()) < MAX_KEYS:
        return
    if not (expired := [key.id for key in keys if key.has_expired(now)]):
        raise ApiKeyLimitExceeded
    for key_id in expired:
        await tx.api_keys.revoke(key_id, now)
