"""A tenant on which random commands are done, and who its members must be, by plain evaluation.

What is put by hand is noted here, beside the service; what a rule means is asked of the model. How
members are told by the service is compared with that in `segment_truth`.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from attrs import evolve

from customers.core.errors import CustomersError
from customers.core.membership import refresh, view
from customers.core.model.customer import Customer, CustomerChange, CustomerDetails
from customers.core.model.money import Money
from customers.core.model.order import Order, OrderDate, Refund, RefundAmount
from customers.core.model.query import CustomerFilter, CustomerSort
from customers.core.model.rules.matches import matches
from customers.core.model.rules.timing import crossing_times
from customers.core.model.segment import (
    MemberIds,
    RulesText,
    Segment,
    SegmentChange,
    SegmentDetails,
)
from customers.core.ports.storage import Storage
from customers.core.services.customers import Customers
from customers.core.services.erasure import Erasures
from customers.core.services.memberships import Memberships
from customers.core.services.orders import Orders
from customers.core.services.segments import Segments
from customers.core.services.sweeper import Sweeper
from tests.support.builders import FixedClock, SequentialIds, an_id, rules_text
from tests.support.segment_commands import Command

SWEEPER = an_id()
LEASE_SECONDS = 60.0
EVERYONE = CustomerFilter()
MANY = 100
_STEPS = "MAX_PENDING_PER_STEP MAX_SCANNED_PER_STEP MAX_CROSSED_PER_STEP MAX_STEPS_PER_REQUEST"


@contextmanager
def steps_of(so_many: int | None) -> Iterator[None]:
    """Settling goes in steps so small while the block runs, and stops halfway; None: as usual."""
    with pytest.MonkeyPatch.context() as patch:
        if so_many is not None:
            patch.setattr(view, "MAX_CANDIDATES", so_many)
            for name in _STEPS.split():
                patch.setattr(refresh, name, so_many)
        yield


class Alone:
    """A storage as the sweeper of one tenant sees it, whoever else is there and sweeps."""

    def __init__(self, storage: Storage, tenant: str) -> None:
        self._storage, self._tenant = storage, tenant

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    async def tenants_with_segments(self) -> list[str]:
        return [each for each in await self._storage.tenants_with_segments() if self._is_it(each)]

    async def tenants_to_refresh(self) -> list[str]:
        return [each for each in await self._storage.tenants_to_refresh() if self._is_it(each)]

    async def lease(self, holder: UUID, seconds: float) -> bool:
        return True

    def _is_it(self, tenant: str) -> bool:
        return tenant == self._tenant


class World:
    """One tenant of a storage, the use cases that change it, and their clock.

    `everyone` and `every_segment` are known ids, `by_hand` says who was put where.
    """

    def __init__(self, storage: Storage, tenant: str) -> None:
        self.storage, self.tenant = storage, tenant
        self.clock, ids = FixedClock(), SequentialIds()
        self.everyone: list[UUID] = []
        self.every_segment: list[UUID] = []
        self.by_hand: dict[UUID, set[UUID]] = {}
        self.erased: set[UUID] = set()
        self.customers = Customers(storage, self.clock, ids)
        self.orders = Orders(storage, self.clock)
        self.erasures = Erasures(storage, self.clock)
        self.segments = Segments(storage, self.clock, ids)
        self.memberships = Memberships(storage, self.clock)
        alone = cast(Storage, Alone(storage, tenant))
        self.sweeping = Sweeper(alone, self.clock, SWEEPER)

    async def do(self, command: Command) -> None:
        """Does what is asked, unless the service refuses it."""
        await self._move_clock(command)
        with suppress(CustomersError):
            await _DOINGS[command.name](self, command)

    async def living(self) -> Sequence[Customer]:
        """Newest first."""
        async with self.storage.view(self.tenant) as view:
            return await view.customers.page_after(EVERYONE, CustomerSort(), None, MANY)

    def holds(self, segment: Segment, customer: Customer) -> bool:
        """Whether a living customer must be a member now."""
        if not segment.is_active:
            return False
        if segment.rule is None:
            return customer.id in self.by_hand.get(segment.id, ())
        return matches(segment.rule, customer, self.clock.now())

    async def _move_clock(self, command: Command) -> None:
        self.clock.forward(seconds=command.seconds)
        if command.to_edge is None:
            return
        async with self.storage.view(self.tenant) as view:
            rules = [each.rule for each in await view.segments.all() if each.rule]
        now, living = self.clock.now(), await self.living()
        edges = [
            edge for rule in rules for each in living for edge in crossing_times(rule, each, now)
        ]
        off = timedelta(microseconds=command.to_edge)
        self.clock.moment = max([now, *(edge + off for edge in sorted(edges)[:1])])

    async def register(self, command: Command) -> None:
        email = f"c{command.customer}@example.test"
        details = CustomerDetails(email=email, last_name="", **command.told)
        customer, is_new = await self.customers.register(self.tenant, details)
        if is_new:
            self.everyone.append(customer.id)

    async def alter(self, command: Command) -> None:
        """Changes, locks or unlocks a customer."""
        customer_id = _pick(self.everyone, command.customer)
        by: Any = {"actor": None, "versions": None}
        if command.name == "change":
            change = CustomerChange(**command.told)
            await self.customers.change(self.tenant, customer_id, change, **by)
        else:
            told = getattr(self.customers, command.name)
            await told(self.tenant, customer_id, "for a good reason", **by)

    async def delete(self, command: Command) -> None:
        customer_id = _pick(self.everyone, command.customer)
        await self.customers.delete(self.tenant, customer_id, versions=None)

    async def restore(self, command: Command) -> None:
        await self.customers.restore(self.tenant, _pick(self.everyone, command.customer))

    async def erase(self, command: Command) -> None:
        customer_id = _pick(self.everyone, command.customer)
        await self.erasures.erase(self.tenant, customer_id, versions=None)
        self.erased.add(customer_id)
        for put in self.by_hand.values():
            put.discard(customer_id)

    async def order(self, command: Command) -> None:
        told = command.told
        order = Order(
            order_id=f"order-{command.order}",
            total_amount=Money(Decimal(told["amount"])),
            order_date=OrderDate(self.clock.now() - timedelta(days=told["days_ago"])),
        )
        customer_id = _pick(self.everyone, command.customer)
        await self.orders.record(self.tenant, customer_id, order)

    async def batch(self, command: Command) -> None:
        """Orders of one customer after the other."""
        for number, told in enumerate(command.told):
            each = evolve(
                command,
                told=told,
                customer=command.customer + number,
                order=command.order + number,
            )
            with suppress(CustomersError):
                await self.order(each)

    async def cancel(self, command: Command) -> None:
        whose = (self.tenant, _pick(self.everyone, command.customer))
        await self.orders.cancel(*whose, f"order-{command.order}")

    async def refund(self, command: Command) -> None:
        amount = RefundAmount(Decimal(command.told))
        refund = Refund(refund_id=f"r-{command.segment}", amount=amount)
        whose = (self.tenant, _pick(self.everyone, command.customer))
        await self.orders.refund(*whose, f"order-{command.order}", refund)

    async def create(self, command: Command) -> None:
        details = SegmentDetails(
            name=f"Segment {command.order}",
            rules=_written(command.told["rules"]),
            is_dynamic=command.told["rules"] is not None,
            is_active=command.told.get("active", True),
        )
        created = await self.segments.create(self.tenant, details, strict=True)
        self.every_segment.append(created.segment.id)

    async def change_segment(self, command: Command) -> None:
        segment_id = _pick(self.every_segment, command.segment)
        told = dict(command.told)
        if "rules" in told:
            told["rules"] = _written(told["rules"])
        before = (await self.segments.get(self.tenant, segment_id)).segment
        change = SegmentChange(**told)
        after = await self.segments.change(self.tenant, segment_id, change, strict=True)
        if before.is_dynamic is not after.segment.is_dynamic:
            members = {each.id for each in await self.living() if self.holds(before, each)}
            self.by_hand[segment_id] = members if before.is_dynamic else set()

    async def remove(self, command: Command) -> None:
        segment_id = _pick(self.every_segment, command.segment)
        await self.segments.remove(self.tenant, segment_id)
        self.every_segment.remove(segment_id)

    async def assign(self, command: Command) -> None:
        """Puts customers into a segment, or takes them out."""
        segment_id = _pick(self.every_segment, command.segment)
        some = {_pick(self.everyone, number) for number in command.told}
        members = MemberIds(customer_ids=tuple(some))
        put = self.by_hand.setdefault(segment_id, set())
        if command.name == "put":
            await self.segments.assign(self.tenant, segment_id, members, actor=None)
            put |= some
        else:
            await self.segments.unassign(self.tenant, segment_id, members)
            put -= some

    async def sweep(self, command: Command) -> None:
        await self.sweeping.refresh(LEASE_SECONDS)

    async def follow_time(self, command: Command) -> None:
        await self.sweeping.follow_time(LEASE_SECONDS)

    async def step(self, command: Command) -> None:
        """As far as another process may have come by now."""
        segment_id = _pick(self.every_segment, command.segment)
        await refresh.refresh_step(self.storage, self.tenant, segment_id, self.clock.now())

    async def read_feed(self, command: Command) -> None:
        segment_id = _pick(self.every_segment, command.segment)
        await self.memberships.changes(self.tenant, segment_id, 0, MANY)

    async def wait(self, command: Command) -> None:
        """Only the clock has moved."""


def _pick(ids: Sequence[UUID], number: int) -> UUID:
    """One of those that are known, or nobody's."""
    return ids[number % len(ids)] if ids else _NOBODY


def _written(rules: Any) -> RulesText | None:
    return None if rules is None else rules_text(msgspec.json.encode(rules).decode())


_NOBODY = UUID(int=1)
_DOINGS: dict[str, Callable[[World, Command], Awaitable[None]]] = {
    "register": World.register,
    "change": World.alter,
    "lock": World.alter,
    "unlock": World.alter,
    "delete": World.delete,
    "restore": World.restore,
    "erase": World.erase,
    "order": World.order,
    "orders": World.batch,
    "cancel": World.cancel,
    "refund": World.refund,
    "create": World.create,
    "change_segment": World.change_segment,
    "remove": World.remove,
    "put": World.assign,
    "take": World.assign,
    "sweep": World.sweep,
    "follow_time": World.follow_time,
    "step": World.step,
    "read_feed": World.read_feed,
    "wait": World.wait,
}
