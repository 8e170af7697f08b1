"""The steps that provider states consist of: use cases, called with the arguments of a file."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

from attrs import AttrsInstance, asdict, frozen

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
from customers.core.model.segment import MemberIds, SegmentDetails
from customers.core.model.values import Id, WholeNumberGate
from customers.core.ports.clock import Clock
from customers.core.services.customers import Customers
from customers.core.services.erasure import Erasures
from customers.core.services.orders import Orders
from customers.core.services.segments import Segments
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.testapi.faults import FaultDetails, Faults
from customers.entrypoints.testapi.ports import ControllableIds, ControllableStorage

MAX_ORDERS = 1_000

Values = dict[str, Any]
Arguments = Mapping[str, Any]
Step = Callable[[str, Arguments, Values], Awaitable[Values]]
Kind = TypeVar("Kind", bound=AttrsInstance)


@frozen(kw_only=True)
class CustomerArguments(CustomerDetails):
    customer_id: Id | None = None


@frozen(kw_only=True)
class OrdersArguments:
    orders: Annotated[int, WholeNumberGate(0, MAX_ORDERS)]
    amount: Money


@frozen(kw_only=True)
class NoArguments:
    pass


@frozen(kw_only=True)
class StateSteps:
    """A step takes the tenant, its arguments and the values of the steps before it.

    It returns values of its own. Raises Invalid for bad arguments.
    """

    _decoder: Decoder
    _clock: Clock
    _ids: ControllableIds
    _storage: ControllableStorage
    _customers: Customers
    _orders: Orders
    _segments: Segments
    _erasures: Erasures
    _faults: Faults

    def by_name(self) -> Mapping[str, Step]:
        return {
            "customer": self._customer,
            "empty-tenant": self._empty_tenant,
            "lock": self._lock,
            "orders": self._record_orders,
            "segment": self._segment,
            "erased-customer": self._erased_customer,
            "unavailable": self._unavailable,
        }

    async def _customer(self, tenant_id: str, arguments: Arguments, _: Values) -> Values:
        """Changes the customer of that id or e-mail address, or registers one."""
        details = self._read(CustomerArguments, arguments)
        customer = await self._restored(tenant_id, details.customer_id)
        if customer is None:
            customer = await self._register(tenant_id, details)
        fields = {key: value for key, value in arguments.items() if key != "customerId"}
        change = self._decoder.decode(CustomerChange, {**fields, "status": "ACTIVE"})
        await self._customers.change(tenant_id, customer.id, change, actor=None, versions=None)
        return {"customerId": customer.id}

    async def _restored(self, tenant_id: str, customer_id: UUID | None) -> Customer | None:
        """The customer of that id, restored if they were deleted."""
        if customer_id is None:
            return None
        try:
            return await self._customers.restore(tenant_id, customer_id)
        except CustomerNotFound:
            return None

    async def _register(self, tenant_id: str, arguments: CustomerArguments) -> Customer:
        details = CustomerDetails(
            **asdict(arguments, recurse=False, filter=lambda field, _: field.name != "customer_id")
        )
        customer_id = arguments.customer_id
        if customer_id is not None and await self._was_erased(tenant_id, customer_id):
            erased = InvalidValue("INVALID_VALUE", "belongs to an erased customer")
            raise Invalid([erased.at("customerId", "/customerId")])
        with self._ids.scope(tenant_id, "Customer", customer_id):
            customer, _ = await self._customers.register(tenant_id, details)
        if customer_id not in (None, customer.id):
            taken = InvalidValue("EMAIL_TAKEN", "belongs to a customer with another id")
            raise Invalid([taken.at("email", "/email")])
        return customer

    async def _empty_tenant(self, tenant_id: str, arguments: Arguments, _: Values) -> Values:
        self._read(NoArguments, arguments)
        await self._storage.forget(tenant_id)
        return {}

    async def _lock(self, tenant_id: str, arguments: Arguments, values: Values) -> Values:
        reason = self._read(LockReason, arguments).reason
        customer_id = values["customerId"]
        try:
            await self._customers.lock(tenant_id, customer_id, reason, actor=None, versions=None)
        except AlreadyBlocked:
            await self._customers.unlock(tenant_id, customer_id, reason, actor=None, versions=None)
            await self._customers.lock(tenant_id, customer_id, reason, actor=None, versions=None)
        return {}

    async def _record_orders(self, tenant_id: str, arguments: Arguments, values: Values) -> Values:
        """Cancels the orders that the customer has, and records new ones, one a day up to now."""
        details, customer_id = self._read(OrdersArguments, arguments), values["customerId"]
        now = self._clock.now()
        for entry in await self._orders.newest(tenant_id, customer_id, None, MAX_ORDERS):
            await self._orders.cancel(tenant_id, customer_id, entry.order_id)
        count = len(await self._orders.newest(tenant_id, customer_id, None, MAX_ORDERS))
        order_ids = [f"{customer_id}-{count + number + 1}" for number in range(details.orders)]
        for age, order_id in enumerate(order_ids):
            body = {
                "orderId": order_id,
                "totalAmount": details.amount,
                "orderDate": (now - timedelta(days=age)).isoformat(),
            }
            order = self._decoder.decode(Order, body)
            await self._orders.record(tenant_id, customer_id, order)
        return {"orderIds": order_ids}

    async def _segment(self, tenant_id: str, arguments: Arguments, values: Values) -> Values:
        """Assigns the customer to the segment of that name, which is created if it is missing."""
        details = self._read(SegmentDetails, arguments)
        try:
            with self._ids.scope(tenant_id, "Segment"):
                segment = (await self._segments.create(tenant_id, details, strict=False)).segment
        except SegmentNameTaken:
            segments = [counted.segment for counted in await self._segments.all(tenant_id)]
            key = fold(details.name)
            segment = next(segment for segment in segments if segment.name_key == key)
        members = MemberIds(customer_ids=(values["customerId"],))
        await self._segments.assign(tenant_id, segment.id, members, actor=None)
        return {"segmentId": segment.id}

    async def _erased_customer(
        self, tenant_id: str, arguments: Arguments, values: Values
    ) -> Values:
        customer_id = self._read(CustomerArguments, arguments).customer_id
        if (
            customer_id is not None
            and await self._restored(tenant_id, customer_id) is None
            and await self._was_erased(tenant_id, customer_id)
        ):
            return {"customerId": customer_id}
        customer = await self._customer(tenant_id, arguments, values)
        await self._erasures.erase(tenant_id, customer["customerId"], versions=None)
        return customer

    async def _was_erased(self, tenant_id: str, customer_id: UUID) -> bool:
        """Whether an id, by which no customer can be restored, is that of an erased customer."""
        try:
            # Only an erased customer is found here, and nothing of theirs is left to erase.
            await self._erasures.erase(tenant_id, customer_id, versions=None)
        except CustomerNotFound:
            return False
        return True

    async def _unavailable(self, tenant_id: str, arguments: Arguments, _: Values) -> Values:
        body = {**arguments, "status": 503}
        details = self._decoder.decode(FaultDetails, body, allowed=frozenset())
        return {"faultId": self._faults.add(details, tenant_id=tenant_id).id}

    def _read(self, kind: type[Kind], arguments: Arguments) -> Kind:
        return self._decoder.decode(kind, arguments, allowed=frozenset())
