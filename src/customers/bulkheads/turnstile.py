"""A turnstile: a task waits at it until its tenant may have one of a limited number of places."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from customers.bulkheads.shares import Shares, Usage

Waiter: TypeAlias = "asyncio.Future[None]"


class Turnstile:
    """Lets a task in when its tenant may have a place; see `Shares` for who may."""

    def __init__(self, size: int, per_tenant: int | None = None) -> None:
        """There are `size` places; a tenant never has more than `per_tenant`, if that is set."""
        self._shares = Shares[Waiter](size, per_tenant)
        self.try_enter = self._shares.take
        """Takes a place if the tenant may have one at once; returns whether it did."""
        self.has_place_for = self._shares.has_place_for
        """Whether the tenant may have a place at once."""

    async def enter(self, tenant_id: str, seconds: float | None = None) -> None:
        """Takes a place as soon as the tenant may have one; the task must call `leave` afterwards.

        Raises TimeoutError after `seconds` (None waits for ever), and the error of `turn_away`.
        """
        if not self._shares.take(tenant_id):
            await self._wait(tenant_id, seconds)

    def leave(self, tenant_id: str) -> None:
        """Frees a place of the tenant; the next waiter who may have it gets it."""
        if self._shares.give_back(tenant_id):
            self._admit()

    @asynccontextmanager
    async def place(self, tenant_id: str, seconds: float | None = None) -> AsyncIterator[None]:
        """Holds a place while the block runs. Raises what `enter` raises."""
        await self.enter(tenant_id, seconds)
        try:
            yield
        finally:
            self.leave(tenant_id)

    def turn_away(self, error: Callable[[], Exception]) -> None:
        """Makes every waiting task raise an error, made by a call of `error` for each of them."""
        for waiter in self._shares.waiters():
            if not waiter.done():
                waiter.set_exception(error())

    def is_busy_with(self, tenant_id: str) -> bool:
        """Whether the tenant has at least its share of the places; see `Shares`."""
        return self._shares.has_its_share(tenant_id)

    def usage(self) -> Usage:
        return self._shares.usage()

    async def _wait(self, tenant_id: str, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        waiter: Waiter = loop.create_future()
        self._shares.add_waiter(tenant_id, waiter)
        # asyncio.timeout would cost several times as much.
        timer = None if seconds is None else loop.call_later(seconds, _give_up, waiter)
        try:
            await waiter
        except BaseException:
            if _is_admitted(waiter):  # it got a place while its task was being cancelled
                self._shares.give_back(tenant_id)
            self._shares.remove_waiter(tenant_id, waiter)
            self._admit()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _admit(self) -> None:
        while (admitted := self._shares.admit_next()) is not None:
            tenant_id, waiter = admitted
            if waiter.done():  # it gave up, and its task has not run since
                self._shares.give_back(tenant_id)
            else:
                waiter.set_result(None)


def _give_up(waiter: Waiter) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


def _is_admitted(waiter: Waiter) -> bool:
    return waiter.done() and not waiter.cancelled() and waiter.exception() is None
