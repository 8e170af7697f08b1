"""Waits until the service is idle: no call in flight, and no segment work pending."""

import asyncio

from attrs import frozen

from customers.core.errors.availability import Unavailable
from customers.core.ports.storage import Storage
from customers.core.services.sweeper import Sweeper
from customers.entrypoints.http.drain import CallsInFlight

LEASE_SECONDS = 10.0
MAX_SECONDS = 30.0


@frozen
class IdleControl:
    _storage: Storage
    _sweeper: Sweeper
    _calls_in_flight: CallsInFlight

    async def refresh_segments(self) -> None:
        """Refreshes and backfills all segments, and updates members by the current time."""
        await self._refresh()
        await self._sweeper.follow_time(LEASE_SECONDS)
        await self._refresh()

    async def wait_until_idle(self) -> None:
        """Returns when no call is in flight and no segment work is pending.

        Raises Unavailable after half a minute.
        """
        try:
            async with asyncio.timeout(MAX_SECONDS):
                await self._calls_in_flight.wait_for_zero()
                await self.refresh_segments()
        except TimeoutError as error:
            raise Unavailable("calls are still in flight, or segments are being built") from error

    async def _refresh(self) -> None:
        while await self._storage.tenants_to_refresh():
            await self._sweeper.refresh(LEASE_SECONDS)
            await asyncio.sleep(0)
