"""Visits a few tenants concurrently, and does not wait for slow visits."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field

from customers.core.membership.pace import Crew, Result, Visit

MAX_VISITS = 4
# Each call of `visit` waits this long at most; slower visits go on until a later call.
PATIENCE_SECONDS = 1.0


@define(eq=False)
class ConcurrentCrew(Crew):
    _slots: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(MAX_VISITS), init=False)
    _under_way: dict[str, asyncio.Task[Any]] = field(factory=dict, init=False)

    async def visit(self, visits: Mapping[str, Visit[Result]]) -> Sequence[Result | Exception]:
        for tenant_id, visit in visits.items():
            if tenant_id not in self._under_way:
                self._under_way[tenant_id] = asyncio.create_task(self._in_slot(visit))
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=PATIENCE_SECONDS)
        return [task.result() for task in self._pop_ended()]

    def leave(self) -> None:
        for task in self._under_way.values():
            task.cancel()

    async def _in_slot(self, visit: Visit[Result]) -> Result | Exception:
        async with self._slots:
            try:
                return await visit()
            except Exception as failure:
                return failure

    def _pop_ended(self) -> Sequence[asyncio.Task[Any]]:
        ended = {id: task for id, task in self._under_way.items() if task.done()}
        for tenant_id in ended:
            del self._under_way[tenant_id]
        return [task for task in ended.values() if not task.cancelled()]
