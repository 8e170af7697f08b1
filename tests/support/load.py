"""Random concurrent load on one tenant over HTTP: writers, publishers of segments, and readers.

Some rules look back a few seconds, so that customers also enter and leave by time alone. Client
errors are expected; a server error fails the test.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from aiohttp import ClientSession
from attrs import define, field

_SECONDS = 1 / 86_400


def _condition(name: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": name, "operator": operator, "value": value}


CONDITIONS = (
    _condition("total_spent", "gte", 50),
    _condition("total_orders", "between", [1, 4]),
    _condition("tags", "has_any", ["vip", "new"]),
    _condition("tags", "is_empty", None),
    _condition("status", "neq", "BLOCKED"),
    _condition("first_name", "starts_with", "a"),
    _condition("created_at", "within_last_days", 5 * _SECONDS),
    _condition("last_order_date", "within_last_days", 3 * _SECONDS),
    _condition("last_order_date", "more_than_days_ago", 2 * _SECONDS),
    _condition("days_since_last_order", "gte", 1),
)


@define(eq=False)
class RandomLoad:
    """The load, the ids it has created, and counts of its requests. `session` sets the tenant."""

    session: ClientSession
    chance: Random
    customers: list[str] = field(factory=list)
    segments: list[str] = field(factory=list)
    manual_segments: list[str] = field(factory=list)
    statuses: Counter[int] = field(factory=Counter)
    writes: int = 0
    rule_changes: int = 0
    _last_number: int = 0

    async def run(self, seconds: float, *, connections: int) -> None:
        """Runs, for at least `seconds`, `connections` writers, two tasks that change segments, one
        that assigns customers, and two readers. Raises AssertionError after a server error.
        """
        for _ in range(20):
            await self._register()
        for _ in range(6):
            await self._publish()
        deadline = asyncio.get_running_loop().time() + seconds

        def has_few() -> bool:
            # A busy machine takes longer for the same number of writes.
            return min(self.writes / connections, self.rule_changes) <= seconds

        async def repeat(action: Callable[[], Awaitable[None]]) -> None:
            while asyncio.get_running_loop().time() < deadline or has_few():
                await action()

        writers = [self._write] * connections
        others = [self._change, self._switch, self._assign, self._read, self._read]
        await asyncio.gather(*map(repeat, [*writers, *others]))

    async def send(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        url = f"/api/v1/customers{path}"
        async with self.session.request(method, url, data=data, headers=headers) as response:
            value = await response.json()
        assert response.status < 500, (method, path, value)
        self.statuses[response.status] += 1
        return value

    async def _write(self) -> None:
        frequent = [self._register, *[self._tag] * 2, *[self._order] * 3]
        rare = [self._refund, self._cancel, self._lock, self._delete, self._restore, self._erase]
        await self.chance.choice([*frequent, *rare])()
        self.writes += 1

    async def _register(self) -> None:
        self._last_number += 1
        name = self.chance.choice(("Ann", "Bob"))
        body = {"email": f"{self._last_number}@example.test", "firstName": name, "lastName": ""}
        self.customers.append((await self.send("POST", "", body))["id"])

    async def _tag(self) -> None:
        tags = self.chance.choice((["vip"], ["new", "vip"], []))
        await self.send("PATCH", f"/{self._customer()}", {"tags": tags})

    async def _order(self) -> None:
        amount = self.chance.randrange(1, 60)
        body = {"orderId": self._order_id(), "totalAmount": amount}
        await self.send("POST", f"/{self._customer()}/record-order", body)

    async def _refund(self) -> None:
        body = {"refundId": str(self.chance.randrange(2)), "amount": 1}
        await self.send("POST", f"/{self._customer()}/orders/{self._order_id()}/refunds", body)

    async def _cancel(self) -> None:
        await self.send("POST", f"/{self._customer()}/orders/{self._order_id()}/cancel")

    async def _lock(self) -> None:
        action = self.chance.choice(("lock", "unlock"))
        await self.send("POST", f"/{self._customer()}/{action}", {"reason": "for a good reason"})

    async def _delete(self) -> None:
        await self.send("DELETE", f"/{self._customer()}")

    async def _restore(self) -> None:
        await self.send("POST", f"/{self._customer()}/restore")

    async def _erase(self) -> None:
        if self.chance.random() < 0.2:
            await self.send("DELETE", f"/{self._customer()}?mode=erase")

    async def _publish(self) -> None:
        self._last_number += 1
        body = {"name": f"segment {self._last_number}", "rules": self._rules()}
        if self.chance.random() < 0.3:
            body = {"name": f"manual {self._last_number}"}
        segment = await self.send("POST", "/segments", body)
        (self.segments if segment["isDynamic"] else self.manual_segments).append(segment["id"])

    async def _change(self) -> None:
        """Changes a rule; sometimes adds or deletes a segment, or makes it manual or dynamic."""
        segment, dice = self.chance.choice(self.segments), self.chance.random()
        if dice < 0.1:
            await self._publish()
        elif dice < 0.2 and len(self.segments) > 3:
            self.segments.remove(segment)
            await self.send("DELETE", f"/segments/{segment}")
        else:
            body = {"rules": self._rules()} if dice < 0.9 else {"isDynamic": dice < 0.95}
            await self.send("PUT", f"/segments/{segment}", body)
        self.rule_changes += 1
        await asyncio.sleep(self.chance.random() / 20)

    async def _switch(self) -> None:
        segment = self.chance.choice(self.segments)
        is_active = self.chance.random() < 0.6
        await self.send("PUT", f"/segments/{segment}", {"isActive": is_active})
        self.rule_changes += 1
        await asyncio.sleep(self.chance.random() / 10)

    async def _assign(self) -> None:
        segment = self.chance.choice([*self.manual_segments, *self.segments])
        method = self.chance.choice(("POST", "POST", "DELETE"))
        body = {"customerIds": [self._customer() for _ in range(3)]}
        await self.send(method, f"/segments/{segment}/customers", body)
        await asyncio.sleep(0.01)

    async def _read(self) -> None:
        segment = self.chance.choice([*self.manual_segments, *self.segments])
        paths = [
            f"/segments/{segment}/customers?page_size=5",
            f"/segments/{segment}/changes",
            "/segments",
            f"/{self._customer()}/segments",
        ]
        await self.send("GET", self.chance.choice(paths))
        await asyncio.sleep(0.02)

    def _customer(self) -> str:
        """One of the newest customers, so that writers collide."""
        return self.chance.choice(self.customers[-40:])

    def _order_id(self) -> str:
        return f"o-{self.chance.randrange(max(self.writes, 1), self.writes + 60)}"

    def _rules(self) -> dict[str, Any]:
        conditions = self.chance.sample(CONDITIONS, k=self.chance.randrange(1, 4))
        return {"logic": self.chance.choice(("AND", "OR", "NOT")), "conditions": conditions}
