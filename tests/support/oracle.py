"""The oracle: executes random commands on one tenant, and computes the expected members.

Assignments are recorded here, independently of the service; rules are evaluated by the model for
every customer. `brute_force` compares the answers of the service with the oracle.
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
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.money import Money
from customers.core.model.order import Order, OrderDate, Refund, RefundAmount
from customers.core.model.principal import ANYONE
from customers.core.model.query import CustomerSort
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
_LIMITS = "MAX_PENDING_PER_STEP MAX_SCANNED_PER_STEP MAX_CROSSED_PER_STEP MAX_STEPS_PER_REQUEST"


@contextmanager
def small_steps(limit: int | None) -> Iterator[None]:
    """Limits a step of a refresh to `limit` customers, a request to as many steps, and a read to as
    many stale candidates, while the block runs; None changes nothing.
    """
    with pytest.MonkeyPatch.context() as patch:
        if limit is not None:
            patch.setattr(view, "MAX_CANDIDATES", limit)
            for name in _LIMITS.split():
                patch.setattr(refresh, name, limit)
        yield


class SingleTenantStorage:
    """A storage for the sweeper of one tenant: it hides other tenants and other sweepers."""

    def __init__(self, storage: Storage, tenant: str) -> None:
        self._storage, self._tenant = storage, tenant

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    async def tenants_with_segments(self) -> list[str]:
        return self._own(await self._storage.tenants_with_segments())

    async def tenants_to_refresh(self) -> list[str]:
        return self._own(await self._storage.tenants_to_refresh())

    async def lease(self, holder: UUID, seconds: float) -> bool:
        return True

    def _own(self, tenants: Sequence[str]) -> list[str]:
        return [tenant for tenant in tenants if tenant == self._tenant]


class SegmentOracle:
    """One tenant of a storage, the use cases that change it, and their clock.

    `assigned` are the expected assignments: customer ids by segment id.
    """

    def __init__(self, storage: Storage, tenant: str) -> None:
        self.storage, self.tenant = storage, tenant
        self.clock, ids = FixedClock(), SequentialIds()
        self.customer_ids: list[UUID] = []
        self.segment_ids: list[UUID] = []
        self.assigned: dict[UUID, set[UUID]] = {}
        self.erased: set[UUID] = set()
        self.customers = Customers(storage, self.clock, ids)
        self.orders = Orders(storage, self.clock)
        self.erasures = Erasures(storage, self.clock)
        self.segments = Segments(storage, self.clock, ids)
        self.memberships = Memberships(storage, self.clock)
        single = cast(Storage, SingleTenantStorage(storage, tenant))
        self.sweeper = Sweeper(single, self.clock, SWEEPER)

    async def execute(self, command: Command) -> None:
        """Executes a command; ignores errors of the core."""
        await self._move_clock(command)
        with suppress(CustomersError):
            await _METHODS[command.name](self, command)

    async def living(self) -> Sequence[Customer]:
        """The living customers, newest first."""
        async with self.storage.view(self.tenant) as view:
            return await view.customers.page_after(EVERYONE, CustomerSort(), None, MANY)

    def holds(self, segment: Segment, customer: Customer) -> bool:
        """Whether a living customer is expected to be a member now."""
        if not segment.is_active:
            return False
        if segment.rule is None:
            return customer.id in self.assigned.get(segment.id, ())
        return matches(segment.rule, customer, self.clock.now())

    async def _move_clock(self, command: Command) -> None:
        self.clock.forward(seconds=command.seconds)
        if command.to_crossing is None:
            return
        async with self.storage.view(self.tenant) as view:
            rules = [segment.rule for segment in await view.segments.all() if segment.rule]
        now, living = self.clock.now(), await self.living()
        crossings = [
            time for rule in rules for one in living for time in crossing_times(rule, one, now)
        ]
        offset = timedelta(microseconds=command.to_crossing)
        self.clock.moment = max([now, *(time + offset for time in sorted(crossings)[:1])])

    async def register(self, command: Command) -> None:
        email = f"c{command.customer}@example.test"
        details = CustomerDetails(email=email, last_name="", **command.arguments)
        customer, is_new = await self.customers.register(self.tenant, details)
        if is_new:
            self.customer_ids.append(customer.id)

    async def alter(self, command: Command) -> None:
        """Changes, locks or unlocks a customer."""
        customer_id = _pick(self.customer_ids, command.customer)
        options: Any = {"principal": ANYONE, "versions": None}
        if command.name == "change":
            change = CustomerChange(**command.arguments)
            await self.customers.change(self.tenant, customer_id, change, **options)
        else:
            method = getattr(self.customers, command.name)
            await method(self.tenant, customer_id, "for a good reason", **options)

    async def delete(self, command: Command) -> None:
        customer_id = _pick(self.customer_ids, command.customer)
        await self.customers.delete(self.tenant, customer_id, versions=None)

    async def restore(self, command: Command) -> None:
        await self.customers.restore(self.tenant, _pick(self.customer_ids, command.customer))

    async def erase(self, command: Command) -> None:
        customer_id = _pick(self.customer_ids, command.customer)
        await self.erasures.erase(self.tenant, customer_id, versions=None)
        self.erased.add(customer_id)
        for customer_ids in self.assigned.values():
            customer_ids.discard(customer_id)

    async def order(self, command: Command) -> None:
        arguments = command.arguments
        order = Order(
            order_id=f"order-{command.order}",
            total_amount=Money(Decimal(arguments["amount"])),
            order_date=OrderDate(self.clock.now() - timedelta(days=arguments["days_ago"])),
        )
        customer_id = _pick(self.customer_ids, command.customer)
        await self.orders.record(self.tenant, customer_id, order)

    async def batch(self, command: Command) -> None:
        """Records one order for each of several customers."""
        for number, arguments in enumerate(command.arguments):
            order = evolve(
                command,
                arguments=arguments,
                customer=command.customer + number,
                order=command.order + number,
            )
            with suppress(CustomersError):
                await self.order(order)

    async def cancel(self, command: Command) -> None:
        customer = (self.tenant, _pick(self.customer_ids, command.customer))
        await self.orders.cancel(*customer, f"order-{command.order}")

    async def refund(self, command: Command) -> None:
        amount = RefundAmount(Decimal(command.arguments))
        refund = Refund(refund_id=f"r-{command.segment}", amount=amount)
        customer = (self.tenant, _pick(self.customer_ids, command.customer))
        await self.orders.refund(*customer, f"order-{command.order}", refund)

    async def create(self, command: Command) -> None:
        details = SegmentDetails(
            name=f"Segment {command.order}",
            rules=_rules_text(command.arguments["rules"]),
            is_dynamic=command.arguments["rules"] is not None,
            is_active=command.arguments.get("active", True),
        )
        created = await self.segments.create(self.tenant, details, strict=True)
        self.segment_ids.append(created.segment.id)

    async def change_segment(self, command: Command) -> None:
        segment_id = _pick(self.segment_ids, command.segment)
        values = dict(command.arguments)
        if "rules" in values:
            values["rules"] = _rules_text(values["rules"])
        before = (await self.segments.get(self.tenant, segment_id)).segment
        change = SegmentChange(**values)
        after = await self.segments.change(self.tenant, segment_id, change, strict=True)
        if before.is_dynamic is not after.segment.is_dynamic:
            living = await self.living()
            members = {customer.id for customer in living if self.holds(before, customer)}
            self.assigned[segment_id] = members if before.is_dynamic else set()

    async def remove(self, command: Command) -> None:
        segment_id = _pick(self.segment_ids, command.segment)
        await self.segments.remove(self.tenant, segment_id)
        self.segment_ids.remove(segment_id)

    async def assign(self, command: Command) -> None:
        """Assigns customers to a segment, or removes them."""
        segment_id = _pick(self.segment_ids, command.segment)
        ids = {_pick(self.customer_ids, number) for number in command.arguments}
        members = MemberIds(customer_ids=tuple(ids))
        assigned = self.assigned.setdefault(segment_id, set())
        if command.name == "assign":
            await self.segments.assign(self.tenant, segment_id, members, principal=ANYONE)
            assigned |= ids
        else:
            await self.segments.unassign(self.tenant, segment_id, members)
            assigned -= ids

    async def sweep(self, command: Command) -> None:
        await self.sweeper.refresh(LEASE_SECONDS)

    async def follow_time(self, command: Command) -> None:
        await self.sweeper.follow_time(LEASE_SECONDS)

    async def step(self, command: Command) -> None:
        """Takes one step of a refresh, as another process might."""
        segment_id = _pick(self.segment_ids, command.segment)
        await refresh.refresh_step(self.storage, self.tenant, segment_id, self.clock.now())

    async def read_feed(self, command: Command) -> None:
        segment_id = _pick(self.segment_ids, command.segment)
        await self.memberships.changes(self.tenant, segment_id, 0, MANY)

    async def wait(self, command: Command) -> None:
        """Does nothing: `execute` has already moved the clock."""


def _pick(ids: Sequence[UUID], number: int) -> UUID:
    """The id that a number stands for; an unknown id when there are none."""
    return ids[number % len(ids)] if ids else _UNKNOWN_ID


def _rules_text(rules: Any) -> RulesText | None:
    return None if rules is None else rules_text(msgspec.json.encode(rules).decode())


_UNKNOWN_ID = UUID(int=1)
_METHODS: dict[str, Callable[[SegmentOracle, Command], Awaitable[None]]] = {
    "register": SegmentOracle.register,
    "change": SegmentOracle.alter,
    "lock": SegmentOracle.alter,
    "unlock": SegmentOracle.alter,
    "delete": SegmentOracle.delete,
    "restore": SegmentOracle.restore,
    "erase": SegmentOracle.erase,
    "order": SegmentOracle.order,
    "orders": SegmentOracle.batch,
    "cancel": SegmentOracle.cancel,
    "refund": SegmentOracle.refund,
    "create": SegmentOracle.create,
    "change_segment": SegmentOracle.change_segment,
    "remove": SegmentOracle.remove,
    "assign": SegmentOracle.assign,
    "unassign": SegmentOracle.assign,
    "sweep": SegmentOracle.sweep,
    "follow_time": SegmentOracle.follow_time,
    "step": SegmentOracle.step,
    "read_feed": SegmentOracle.read_feed,
    "wait": SegmentOracle.wait,
}
