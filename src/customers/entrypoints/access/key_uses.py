"""Records when API keys were last used: requests note it, and a background task writes it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import define, field

from customers.core.errors.availability import Unavailable
from customers.core.model.api_key import ApiKey
from customers.entrypoints.observability.logs import logger

# Often enough that callers see a use within a minute.
FLUSH_SECONDS: Final = 15.0
MAX_FLUSH_SECONDS: Final = 5.0
MAX_LAST_FLUSH_SECONDS: Final = 0.5
MAX_NOTED: Final = 100_000
_MINUTE: Final = timedelta(minutes=1)

Uses = Mapping[UUID, datetime]
Write = Callable[[str, Uses], Awaitable[None]]


@define(eq=False)
class KeyUses:
    """The uses of API keys, to the minute, that this process has noted but not yet written.

    `write` stores the uses of one tenant.
    """

    _write: Write
    _noted: dict[UUID, datetime] = field(factory=dict, init=False)
    _pending: dict[str, dict[UUID, datetime]] = field(factory=lambda: defaultdict(dict), init=False)

    def note(self, key: ApiKey, now: datetime) -> None:
        """Notes a use, at most once per key and minute."""
        noted = self._noted.get(key.id)
        if noted is not None and noted <= now < noted + _MINUTE:
            return
        minute = now.replace(second=0, microsecond=0)
        if len(self._noted) >= MAX_NOTED:
            self._noted.clear()  # some keys may then be written twice in a minute
        self._noted[key.id] = minute
        if key.last_used_at is None or key.last_used_at < minute:
            self._pending[key.tenant_id][key.id] = minute

    async def flush(self) -> None:
        """Writes the uses of every tenant. If those of a tenant cannot be written, they are kept,
        and the last such error is raised after all tenants have been tried.
        """
        failure: Exception | None = None
        for tenant_id in list(self._pending):
            uses = self._pending.pop(tenant_id)
            try:
                await self._write(tenant_id, uses)
            except BaseException as error:
                self._pending[tenant_id] = uses | self._pending.get(tenant_id, {})
                if not isinstance(error, Exception):
                    raise
                failure = error
        if failure is not None:
            raise failure


@asynccontextmanager
async def run_key_uses(uses: KeyUses, pause: float = FLUSH_SECONDS) -> AsyncIterator[None]:
    """Writes the uses every `pause` seconds while the block runs, and once when it ends."""
    task = asyncio.create_task(_flush_regularly(uses, pause))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=MAX_LAST_FLUSH_SECONDS)
        await _flush(uses, MAX_LAST_FLUSH_SECONDS)


async def _flush_regularly(uses: KeyUses, pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        await _flush(uses, MAX_FLUSH_SECONDS)


async def _flush(uses: KeyUses, max_seconds: float) -> None:
    try:
        async with asyncio.timeout(max_seconds):
            await uses.flush()
    except (TimeoutError, Unavailable):
        logger().warning(
            "the last uses of API keys could not be written: the storage is unavailable"
        )
    except Exception:
        logger().exception("the last uses of API keys could not be written")
