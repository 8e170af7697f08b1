"""Keys that are fetched from a provider in the background, so that no request waits for it."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
from attrs import field, frozen

from customers.adapters.jwt.key_set import KeySet
from customers.adapters.jwt.keys import Keys
from customers.adapters.jwt.providers import CannotFetch, NoKeysLeft, Provider

_log = logging.getLogger(__name__)
_NO_KEYS: Final = KeySet()


@frozen(kw_only=True)
class FetchTimes:
    """How often keys are fetched, and how long they are used; all in seconds.

    `interval` is the pause after a fetch, `after_failure` the one after a fetch that failed. A
    token whose key may be missing causes an earlier fetch, at most one per `between_misses`.
    `timeout` limits each fetch, `first` the wait of `open`. Keys are used until they are `good_for`
    old. `now` is a monotonic clock.
    """

    interval: float = 300.0
    after_failure: float = 10.0
    between_misses: float = 30.0
    timeout: float = 10.0
    first: float = 3.0
    good_for: float = 24 * 3600.0
    now: Callable[[], float] = field(default=monotonic)


class FetchedKeys(Keys):
    """The keys of a provider. A fetch that fails leaves the known ones in use; if the provider has
    withdrawn all of its keys, none is left.
    """

    def __init__(self, provider: Provider, times: FetchTimes | None = None) -> None:
        self._provider = provider
        self._times = times or FetchTimes()
        self._keys, self._fetched_at = _NO_KEYS, 0.0
        self._missed_at = -self._times.between_misses + self._times.now()
        self._failure = ""
        self._is_missing = asyncio.Event()
        self._has_tried = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Starts to fetch in the background; waits up to `first` seconds for the first attempt."""
        self._following = asyncio.create_task(self._follow())
        with suppress(TimeoutError):
            async with asyncio.timeout(self._times.first):
                await self._has_tried.wait()

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])

    def current(self) -> KeySet:
        is_good = self._times.now() - self._fetched_at < self._times.good_for
        return self._keys if is_good else _NO_KEYS

    def miss(self) -> None:
        self._is_missing.set()

    async def _follow(self) -> None:
        timeout = ClientTimeout(total=self._times.timeout)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with ClientSession(
            timeout=timeout, headers=headers, cookie_jar=DummyCookieJar()
        ) as session:
            while True:
                await self._fetch(session)
                self._has_tried.set()
                await self._rest()

    async def _fetch(self, session: ClientSession) -> None:
        self._is_missing.clear()
        try:
            async with asyncio.timeout(self._times.timeout):
                self._keys = await self._provider.fetch(session)
        except NoKeysLeft as error:
            self._keys = _NO_KEYS
            self._report(str(error))
        except CannotFetch as error:
            self._report(str(error))
        except TimeoutError:
            self._report("the provider does not answer in time")
        except Exception:  # whatever a provider answers, the next fetch may succeed
            _log.exception("fetching the keys of tokens failed")
            self._failure = "defect"
        else:
            self._fetched_at = self._times.now()
            self._report("")

    def _report(self, failure: str) -> None:
        """Logs a failure unless the previous fetch failed for the same cause, and logs the first
        success after a failure. `failure` is empty after a success.
        """
        if failure and failure != self._failure:
            _log.warning("the keys of tokens cannot be fetched: %s", failure)
        elif self._failure and not failure:
            _log.warning("the keys of tokens are fetched again")
        self._failure = failure

    async def _rest(self) -> None:
        """Returns when the next fetch is due: after the pause, or earlier if a key is missing."""
        pause = self._times.after_failure if self._failure else self._times.interval
        try:
            async with asyncio.timeout(pause):
                await self._is_missing.wait()
                await asyncio.sleep(
                    self._missed_at + self._times.between_misses - self._times.now()
                )
        except TimeoutError:
            return
        self._missed_at = self._times.now()
