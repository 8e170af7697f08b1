"""API keys in memory."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.state import State
from customers.core.errors import ApiKeyNotFound
from customers.core.model.api_key import ApiKey
from customers.core.ports.api_keys import ApiKeyReader, ApiKeyRepository

_ALL = "all"


@frozen
class MemoryApiKeyReader(ApiKeyReader):
    _source: StateReader

    async def all(self) -> Sequence[ApiKey]:
        return _listed(self._source.state)


@frozen
class MemoryApiKeys(MemoryApiKeyReader, ApiKeyRepository):
    _source: Draft

    async def acquire_lock(self) -> None:
        self._source.lock(ApiKey, _ALL)

    async def add(self, key: ApiKey) -> None:
        self._source.expect_lock(ApiKey, _ALL)
        self._save(key)

    async def revoke(self, key_id: UUID, now: datetime) -> None:
        key = self._source.state.api_keys.get(key_id)
        if key is None or key.revoked_at is not None:
            raise ApiKeyNotFound
        self._save(evolve(key, revoked_at=now))

    async def mark_used(self, uses: Mapping[UUID, datetime]) -> None:
        for key_id, moment in uses.items():
            key = self._source.state.api_keys.get(key_id)
            if key is not None and (key.last_used_at is None or key.last_used_at < moment):
                self._save(evolve(key, last_used_at=moment))

    def _save(self, key: ApiKey) -> None:
        state = self._source.state
        self._source.replace(evolve(state, api_keys=state.api_keys.set(key.id, key)))


def keys_of_every_tenant(states: Iterable[State]) -> Sequence[ApiKey]:
    """The keys that are not revoked, by tenant, then newest first."""
    keys = [key for state in states for key in _listed(state)]
    return sorted(keys, key=lambda key: key.tenant_id)


def _listed(state: State) -> Sequence[ApiKey]:
    keys = (key for key in state.api_keys.values() if key.revoked_at is None)
    return sorted(keys, key=lambda key: (key.created_at, key.id), reverse=True)
