"""Writers, publishers and readers who do as they like with one tenant, over HTTP, for a while.

Their rules look back over seconds as well, so that time moves customers meanwhile. What is refused
is refused; what fails is a defect.
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
class Storm:
    """What is known of the tenant by now, and how much was done. `session` names the tenant."""

    session: ClientSession
    chance: Random
    customers: list[str] = field(factory=list)
    segments: list[str] = field(factory=list)
    by_hand: list[str] = field(factory=list)
    statuses: Counter[int] = field(factory=Counter)
    writes: int = 0
    rule_changes: int = 0
    _numbers: int = 0

    async def blow(self, seconds: float, *, connections: int) -> None:
        """So many write; two publish, one puts in by hand, two read. Raises AssertionError."""
        for _ in range(20):
            await self._register()
        for _ in range(6):
            await self._publish()
        deadline = asyncio.get_running_loop().time() + seconds

        def has_few() -> bool:
            # A busy machine takes longer for the same number of writes.
            return min(self.writes / connections, self.rule_changes) <= seconds

        async def repeat(act: Callable[[], Awaitable[None]]) -> None:
            while asyncio.get_running_loop().time() < deadline or has_few():
                await act()

        doers = [self._write] * connections
        await asyncio.gather(
            *map(repeat, [*doers, self._change, self._switch, self._assign, self._read, self._read])
        )

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        url = f"/api/v1/customers{path}"
        async with self.session.request(method, url, data=data, headers=headers) as answer:
            said = await answer.json()
        assert answer.status < 500, (method, path, said)
        self.statuses[answer.status] += 1
        return said

    async def _write(self) -> None:
        often = [self._register, *[self._tag] * 2, *[self._order] * 3]
        rarely = [self._refund, self._cancel, self._lock, self._delete, self._restore, self._erase]
        await self.chance.choice([*often, *rarely])()
        self.writes += 1

    async def _register(self) -> None:
        self._numbers += 1
        name = self.chance.choice(("Ann", "Bob"))
        body = {"email": f"{self._numbers}@example.test", "firstName": name, "lastName": ""}
        self.customers.append((await self.ask("POST", "", body))["id"])

    async def _tag(self) -> None:
        tags = self.chance.choice((["vip"], ["new", "vip"], []))
        await self.ask("PATCH", f"/{self._anyone()}", {"tags": tags})

    async def _order(self) -> None:
        amount = self.chance.randrange(1, 60)
        body = {"orderId": self._an_order(), "totalAmount": amount}
        await self.ask("POST", f"/{self._anyone()}/record-order", body)

    async def _refund(self) -> None:
        body = {"refundId": str(self.chance.randrange(2)), "amount": 1}
        await self.ask("POST", f"/{self._anyone()}/orders/{self._an_order()}/refunds", body)

    async def _cancel(self) -> None:
        await self.ask("POST", f"/{self._anyone()}/orders/{self._an_order()}/cancel")

    async def _lock(self) -> None:
        what = self.chance.choice(("lock", "unlock"))
        await self.ask("POST", f"/{self._anyone()}/{what}", {"reason": "for a good reason"})

    async def _delete(self) -> None:
        await self.ask("DELETE", f"/{self._anyone()}")

    async def _restore(self) -> None:
        await self.ask("POST", f"/{self._anyone()}/restore")

    async def _erase(self) -> None:
        if self.chance.random() < 0.2:
            await self.ask("DELETE", f"/{self._anyone()}?mode=erase")

    async def _publish(self) -> None:
        self._numbers += 1
        body = {"name": f"segment {self._numbers}", "rules": self._rules()}
        if self.chance.random() < 0.3:
            body = {"name": f"by hand {self._numbers}"}
        segment = await self.ask("POST", "/segments", body)
        (self.segments if segment["isDynamic"] else self.by_hand).append(segment["id"])

    async def _change(self) -> None:
        """Another rule; now and then a new segment, or one less, or one that is kept by hand."""
        segment, act = self.chance.choice(self.segments), self.chance.random()
        if act < 0.1:
            await self._publish()
        elif act < 0.2 and len(self.segments) > 3:
            self.segments.remove(segment)
            await self.ask("DELETE", f"/segments/{segment}")
        else:
            body = {"rules": self._rules()} if act < 0.9 else {"isDynamic": act < 0.95}
            await self.ask("PUT", f"/segments/{segment}", body)
        self.rule_changes += 1
        await asyncio.sleep(self.chance.random() / 20)

    async def _switch(self) -> None:
        segment = self.chance.choice(self.segments)
        is_active = self.chance.random() < 0.6
        await self.ask("PUT", f"/segments/{segment}", {"isActive": is_active})
        self.rule_changes += 1
        await asyncio.sleep(self.chance.random() / 10)

    async def _assign(self) -> None:
        segment = self.chance.choice([*self.by_hand, *self.segments])
        method = self.chance.choice(("POST", "POST", "DELETE"))
        body = {"customerIds": [self._anyone() for _ in range(3)]}
        await self.ask(method, f"/segments/{segment}/customers", body)
        await asyncio.sleep(0.01)

    async def _read(self) -> None:
        segment = self.chance.choice([*self.by_hand, *self.segments])
        of_one = [f"/segments/{segment}/{what}" for what in ("customers?page_size=5", "changes")]
        path = self.chance.choice([*of_one, "/segments", f"/{self._anyone()}/segments"])
        await self.ask("GET", path)
        await asyncio.sleep(0.02)

    def _anyone(self) -> str:
        """Rather one of those who came last, so that writers meet."""
        return self.chance.choice(self.customers[-40:])

    def _an_order(self) -> str:
        return f"o-{self.chance.randrange(max(self.writes, 1), self.writes + 60)}"

    def _rules(self) -> dict[str, Any]:
        some = self.chance.sample(CONDITIONS, k=self.chance.randrange(1, 4))
        return {"logic": self.chance.choice(("AND", "OR", "NOT")), "conditions": some}
