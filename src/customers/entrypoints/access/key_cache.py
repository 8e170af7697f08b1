"""A cache of recently used API keys, so that not every request looks its key up in the storage.

A key is looked up again after a few seconds, so a revoked key stops working within that time.
Unknown ids are cached too, but separately: a flood of invented keys evicts no real key.
"""

from asyncio import Task, create_task, shield, timeout
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from attrs import define, field, frozen

from customers.core.errors.availability import Unavailable
from customers.core.model.api_key import ApiKey

# Together less than the five seconds within which a revoked key must stop.
MAX_AGE_SECONDS: Final = 3.0
MAX_LOOK_UP_SECONDS: Final = 1.5
MAX_ENTRIES: Final = 10_000

Find = Callable[[UUID], Awaitable[ApiKey | None]]


@frozen
class _Entry:
    """The result of a look-up (None: no such key), and when the look-up began, in seconds."""

    key: ApiKey | None
    since: float


@define(eq=False, kw_only=True)
class KeyCache:
    """Caches keys by their ids for `max_age` seconds. With a `max_age` of 0 nothing is cached.

    `seconds` is a clock that only moves forward.
    """

    _find: Find
    _seconds: Callable[[], float]
    _max_age: float = MAX_AGE_SECONDS
    _max_entries: int = MAX_ENTRIES
    _known: OrderedDict[UUID, _Entry] = field(factory=OrderedDict, init=False)
    _unknown: OrderedDict[UUID, _Entry] = field(factory=OrderedDict, init=False)
    _look_ups: dict[UUID, Task[ApiKey | None]] = field(factory=dict, init=False)

    async def get(self, key_id: UUID) -> ApiKey | None:
        """The key; None if there is none. Raises Unavailable.

        Concurrent calls for one key share one look-up.
        """
        entry = self._known.get(key_id) or self._unknown.get(key_id)
        if entry is not None and self._seconds() - entry.since < self._max_age:
            return entry.key
        if (look_up := self._look_ups.get(key_id)) is None:
            look_up = self._look_ups[key_id] = create_task(self._look_up(key_id))
            look_up.add_done_callback(lambda task: self._end(key_id, task))
        return await shield(look_up)  # a cancelled caller does not cancel it for the others

    async def _look_up(self, key_id: UUID) -> ApiKey | None:
        since = self._seconds()
        try:
            async with timeout(MAX_LOOK_UP_SECONDS):
                key = await self._find(key_id)
        except TimeoutError as error:
            raise Unavailable from error
        self._keep(key_id, _Entry(key, since))
        return key

    def _keep(self, key_id: UUID, entry: _Entry) -> None:
        self._known.pop(key_id, None)
        self._unknown.pop(key_id, None)
        if self._max_age <= 0:
            return
        entries = self._unknown if entry.key is None else self._known
        entries[key_id] = entry
        if len(entries) > self._max_entries:
            entries.popitem(last=False)  # the one that was looked up first

    def _end(self, key_id: UUID, task: Task[ApiKey | None]) -> None:
        del self._look_ups[key_id]
        if not task.cancelled():
            task.exception()  # marks the error as seen, in case no caller waits any more
