"""The steps that states are made of: each is a use case, told what a state's file says."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from attrs import asdict, frozen

from customers.core.errors import (
    AlreadyBlocked,
    CustomerNotFound,
    Invalid,
    InvalidValue,
    SegmentNameTaken,
)
from customers.core.model.customer import Customer, CustomerChange, CustomerDetails, LockReason
from customers.core.model.folding import fold
from customers.core.model.money import Money
from customers.core.model.order import Order
from customers.core.model.query import CustomerFilter, CustomerSort, Page
from customers.core.model.segment import MemberIds, SegmentDetails
from customers.core.model.values import Id, WholeNumberGate
from customers.core.ports.clock import Clock
from customers.core.services.customers import Customers
from customers.core.services.erasure import Erasures
from customers.core.services.orders import Orders
from customers.core.services.segments import Segments
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.testapi.faults import FaultDetails, Faults
from customers.entrypoints.testapi.ports import ControllableIds

MOST_ORDERS = 1_000

Values = dict[str, Any]
Told = Mapping[str, Any]


@frozen(kw_only=True)
class WantedCustomer(CustomerDetails):
    customer_id: Id | None = None


@frozen(kw_only=True)
class WantedOrders:
    orders: Annotated[int, WholeNumberGate(0, MOST_ORDERS)]
    amount: Money


@frozen(kw_only=True)
class Nothing:
    """A step that is told nothing."""


@frozen(kw_only=True)
class Steps:
    """Each step is given the tenant, what it is told, and the values that steps before have left;
    it gives its own. Raises Invalid for what it cannot be told.
    """

    _decoder: Decoder
    _clock: Clock
    _ids: ControllableIds
    _customers: Customers
    _orders: Orders
    _segments: Segments
    _erasures: Erasures
    _faults: Faults
    _forget: Callable[[str], Awaitable[None]] | None

    def by_name(self) -> Mapping[str, Callable[[str, Told, Values], Awaitable[Values]]]:
        return {
            "customer": self._customer,
            "nobody": self._nobody,
            "lock": self._lock,
            "orders": self._record,
            "segment": self._segment,
            "erased-customer": self._erased_customer,
            "unavailable": self._unavailable,
        }

    async def _customer(self, tenant_id: str, told: Told, _: Values) -> Values:
        """A customer as wanted: found by id or e-mail and changed, or registered."""
        wanted = self._read(WantedCustomer, told)
        customer = await self._found(tenant_id, wanted.customer_id)
        if customer is None:
            customer = await self._registered(tenant_id, wanted)
        change = self._decoder.decode(CustomerChange, {**_without_id(told), "status": "ACTIVE"})
        await self._customers.change(tenant_id, customer.id, change, actor=None, versions=None)
        return {"customerId": customer.id}

    async def _found(self, tenant_id: str, customer_id: UUID | None) -> Customer | None:
        """The customer of that id, restored where they were deleted."""
        if customer_id is None:
            return None
        try:
            return await self._customers.restore(tenant_id, customer_id)
        except CustomerNotFound:
            return None

    async def _registered(self, tenant_id: str, wanted: WantedCustomer) -> Customer:
        details = CustomerDetails(
            **asdict(wanted, recurse=False, filter=lambda each, _: each.name != "customer_id")
        )
        if wanted.customer_id is None:
            with self._ids.scope(tenant_id, "Customer"):
                return (await self._customers.register(tenant_id, details))[0]
        if await self._is_erased(tenant_id, wanted.customer_id):
            gone = InvalidValue("INVALID_VALUE", "is that of an erased customer")
            raise Invalid([gone.at("customerId", "/customerId")])
        with self._ids.scope(tenant_id, "Customer", wanted.customer_id):
            customer, _ = await self._customers.register(tenant_id, details)
        if customer.id != wanted.customer_id:
            taken = InvalidValue("EMAIL_TAKEN", "is that of a customer with another id")
            raise Invalid([taken.at("email", "/email")])
        return customer

    async def _nobody(self, tenant_id: str, told: Told, _: Values) -> Values:
        """Nobody is left, and no order that was told: where the storage can forget a tenant."""
        self._read(Nothing, told)
        if self._forget is not None:
            await self._forget(tenant_id)
            return {}
        which, order, page = CustomerFilter(), CustomerSort(), Page(size=100)
        while found := (await self._customers.page(tenant_id, which, order, page)).customers:
            for each in found:
                await self._customers.delete(tenant_id, each.id, versions=None)
        return {}

    async def _lock(self, tenant_id: str, told: Told, values: Values) -> Values:
        reason = self._read(LockReason, told).reason
        customer_id = values["customerId"]
        try:
            await self._customers.lock(tenant_id, customer_id, reason, actor=None, versions=None)
        except AlreadyBlocked:
            await self._customers.unlock(tenant_id, customer_id, reason, actor=None, versions=None)
            await self._customers.lock(tenant_id, customer_id, reason, actor=None, versions=None)
        return {}

    async def _record(self, tenant_id: str, told: Told, values: Values) -> Values:
        """The orders of the customer from now on: those that there were more are cancelled."""
        wanted, customer_id, now = self._read(WantedOrders, told), values["customerId"], self._now()
        for entry in await self._orders.newest(tenant_id, customer_id, None, MOST_ORDERS):
            await self._orders.cancel(tenant_id, customer_id, entry.order_id)
        known = len(await self._orders.newest(tenant_id, customer_id, None, MOST_ORDERS))
        ids = [f"{customer_id}-{known + each + 1}" for each in range(wanted.orders)]
        for age, order_id in enumerate(ids):
            body = {"orderId": order_id, "totalAmount": wanted.amount}
            date = {"orderDate": (now - timedelta(days=age)).isoformat()}
            order = self._decoder.decode(Order, body | date)
            await self._orders.record(tenant_id, customer_id, order)
        return {"orderIds": ids}

    async def _segment(self, tenant_id: str, told: Told, values: Values) -> Values:
        details = self._read(SegmentDetails, told)
        try:
            with self._ids.scope(tenant_id, "Segment"):
                segment = (await self._segments.create(tenant_id, details, strict=False)).segment
        except SegmentNameTaken:
            known = [each.segment for each in await self._segments.all(tenant_id)]
            segment = next(each for each in known if each.name_key == fold(details.name))
        members = MemberIds(customer_ids=(values["customerId"],))
        await self._segments.assign(tenant_id, segment.id, members, actor=None)
        return {"segmentId": segment.id}

    async def _erased_customer(self, tenant_id: str, told: Told, values: Values) -> Values:
        wanted = self._read(WantedCustomer, told).customer_id
        if wanted is not None and await self._is_erased(tenant_id, wanted):
            return {"customerId": wanted}
        made = await self._customer(tenant_id, told, values)
        await self._erasures.erase(tenant_id, made["customerId"], versions=None)
        return made

    async def _is_erased(self, tenant_id: str, customer_id: UUID) -> bool:
        """Whether an id that no customer can be restored by was an erased one's."""
        if await self._found(tenant_id, customer_id) is not None:
            return False
        try:
            await self._erasures.erase(tenant_id, customer_id, versions=None)
        except CustomerNotFound:
            return False
        return True

    async def _unavailable(self, tenant_id: str, told: Told, _: Values) -> Values:
        details = self._decoder.decode(FaultDetails, {**told, "status": 503}, allowed=frozenset())
        return {"faultId": self._faults.add(details, tenant_id=tenant_id).id}

    def _read(self, kind: Any, told: Told) -> Any:
        return self._decoder.decode(kind, told, allowed=frozenset())

    def _now(self) -> Any:
        return self._clock.now()


def _without_id(told: Told) -> Told:
    return {key: value for key, value in told.items() if key != "customerId"}
