"""A cache of recently used API keys, so that not every request looks its key up in the storage.

A key is looked up again after a few seconds, so a revoked key stops working within that time.
Unknown ids are cached too, but separately: a flood of invented keys evicts no real key. Nor does it
delay the look-ups of keys that are known already: few of the others reach the storage at once.
"""

from asyncio import Semaphore, Task, create_task, shield, timeout
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from attrs import define, field, frozen

from customers.core.errors.availability import Busy, Unavailable
from customers.core.model.api_key import ApiKey
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics

# Together less than the five seconds within which a revoked key must stop.
MAX_AGE_SECONDS: Final = 3.0
MAX_LOOK_UP_SECONDS: Final = 1.5
# How long a known key goes on after its last look-up began, while it cannot be looked up again. All
# that was revoked before that look-up began is known.
MAX_STALE_SECONDS: Final = 5.0
MAX_ENTRIES: Final = 10_000
# Look-ups of ids that are no known keys: how many there may be, and how many of them in the
# storage. After a start, many honest callers may come with keys that are not known yet.
MAX_NEW_LOOK_UPS: Final = 200
MAX_NEW_IN_STORAGE: Final = 20

Find = Callable[[UUID], Awaitable[ApiKey | None]]


@frozen
class _Entry:
    """The result of a look-up (None: no such key), and when the look-up began, in seconds."""

    key: ApiKey | None
    since: float


@define(eq=False, kw_only=True)
class KeyCache:
    """Caches keys by their ids for `max_age` seconds. With a `max_age` of 0 nothing is cached.

    `seconds` is a clock that only moves forward. Look-ups that are refused are counted.
    """

    _find: Find
    _seconds: Callable[[], float]
    _refusals: RefusalMetrics
    _max_age: float = MAX_AGE_SECONDS
    _max_entries: int = MAX_ENTRIES
    _known: OrderedDict[UUID, _Entry] = field(factory=OrderedDict, init=False)
    _unknown: OrderedDict[UUID, _Entry] = field(factory=OrderedDict, init=False)
    _look_ups: dict[UUID, Task[ApiKey | None]] = field(factory=dict, init=False)
    _new: set[UUID] = field(factory=set, init=False)
    _places: Semaphore = field(factory=lambda: Semaphore(MAX_NEW_IN_STORAGE), init=False)

    async def get(self, key_id: UUID) -> ApiKey | None:
        """The key; None if there is none. Raises Unavailable.

        Concurrent calls for one key share one look-up. A known key that cannot be looked up again
        goes on for a moment.
        """
        entry = self._known.get(key_id) or self._unknown.get(key_id)
        if entry is not None and self._age(entry) < self._max_age:
            return entry.key
        try:
            return await shield(self._begin(key_id))  # the others wait on if a caller is cancelled
        except Unavailable:
            stale = self._known.get(key_id)
            if stale is None or self._age(stale) >= MAX_STALE_SECONDS:
                raise
            return stale.key

    def _age(self, entry: _Entry) -> float:
        return self._seconds() - entry.since

    def _begin(self, key_id: UUID) -> Task[ApiKey | None]:
        """The look-up that is under way, or a new one. Raises Unavailable if the id is not that of
        a known key and too many of them are being looked up.
        """
        if (look_up := self._look_ups.get(key_id)) is not None:
            return look_up
        if key_id in self._known:
            look_up = create_task(self._look_up(key_id))
        else:
            self._expect_room()
            self._new.add(key_id)
            look_up = create_task(self._look_up_new(key_id))
        self._look_ups[key_id] = look_up
        look_up.add_done_callback(lambda task: self._end(key_id, task))
        return look_up

    def _expect_room(self) -> None:
        if len(self._new) >= MAX_NEW_LOOK_UPS:
            self._refusals.refused("key_look_ups")
            raise Unavailable("too many API keys are being looked up, try again in a moment")

    async def _look_up_new(self, key_id: UUID) -> ApiKey | None:
        try:
            async with timeout(MAX_LOOK_UP_SECONDS), self._places:
                return await self._look_up(key_id)
        except TimeoutError as error:
            raise Unavailable from error

    async def _look_up(self, key_id: UUID) -> ApiKey | None:
        since = self._seconds()
        try:
            async with timeout(MAX_LOOK_UP_SECONDS):
                key = await self._find(key_id)
        except (TimeoutError, Busy) as error:  # whoever is busy, it is not the tenant of the key
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
        self._new.discard(key_id)
        if not task.cancelled():
            task.exception()  # marks the error as seen, in case no caller waits any more
