"""Bringing everything to rest: what segments have to settle or to build, and calls under way."""

import asyncio

from attrs import frozen

from customers.core.errors import Unavailable
from customers.core.ports.storage import Storage
from customers.core.services.sweeper import Sweeper
from customers.entrypoints.testapi.in_flight import InFlight

LEASE_SECONDS = 10.0
MOST_SECONDS = 30.0


@frozen
class Settling:
    _storage: Storage
    _sweeping: Sweeper
    _in_flight: InFlight

    async def settle(self) -> None:
        """Settles and builds all segments, and moves those whose time has come."""
        await self._settle()
        await self._sweeping.follow_time(LEASE_SECONDS)
        await self._settle()

    async def rest(self) -> None:
        """Returns once no call is under way and nothing is left to settle.

        Raises Unavailable when that does not come to be in half a minute.
        """
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await self._in_flight.none()
                await self.settle()
        except TimeoutError as error:
            raise Unavailable("calls are still under way, or segments being built") from error

    async def _settle(self) -> None:
        while await self._storage.tenants_to_refresh():
            await self._sweeping.refresh(LEASE_SECONDS)
            await asyncio.sleep(0)
