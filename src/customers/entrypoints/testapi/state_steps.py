"""The steps of provider states: calls of use cases, with arguments from the file of a state."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

from attrs import AttrsInstance, asdict, frozen

from customers.core.errors import (
    AlreadyBlocked,
    CustomerNotFound,
    Invalid,
    SegmentNameTaken,
)
from customers.core.model.customer import Customer, CustomerChange, CustomerDetails, LockReason
from customers.core.model.folding import fold
from customers.core.model.money import Money
from customers.core.model.order import Order
from customers.core.model.principal import ANYONE
from customers.core.model.segment import MemberIds, Segment, SegmentDetails
from customers.core.model.values import Id, WholeNumberGate
from customers.entrypoints.testapi.faults import FaultDetails, Faults
from customers.entrypoints.testapi.ports import ControlledService

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


@frozen
class StateSteps:
    """The steps by name. A step takes the tenant, its arguments and the values of earlier steps.

    It returns values of its own, such as ids. Raises Invalid for bad arguments.
    """

    _service: ControlledService
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
        """Changes the customer with this id or e-mail address, or registers a new customer."""
        details = self._read(CustomerArguments, arguments)
        customer = await self._restored(tenant_id, details.customer_id)
        if customer is None:
            customer = await self._register(tenant_id, details)
        fields = {key: value for key, value in arguments.items() if key != "customerId"}
        change = self._service.decoder.decode(CustomerChange, {**fields, "status": "ACTIVE"})
        await self._service.customers.change(
            tenant_id, customer.id, change, principal=ANYONE, versions=None
        )
        return {"customerId": customer.id}

    async def _restored(self, tenant_id: str, customer_id: UUID | None) -> Customer | None:
        """The customer with this id, restored if they were deleted; None if there is none."""
        if customer_id is None:
            return None
        try:
            return await self._service.customers.restore(tenant_id, customer_id)
        except CustomerNotFound:
            return None

    async def _register(self, tenant_id: str, arguments: CustomerArguments) -> Customer:
        details = CustomerDetails(
            **asdict(arguments, recurse=False, filter=lambda field, _: field.name != "customer_id")
        )
        customer_id = arguments.customer_id
        if customer_id is not None and await self._was_erased(tenant_id, customer_id):
            raise Invalid.at("/customerId", "INVALID_VALUE", "belongs to an erased customer")
        with self._service.ids.scope(tenant_id, "Customer", customer_id):
            customer, _ = await self._service.customers.register(tenant_id, details)
        if customer_id not in (None, customer.id):
            raise Invalid.at("/email", "EMAIL_TAKEN", "belongs to a customer with another id")
        return customer

    async def _empty_tenant(self, tenant_id: str, arguments: Arguments, _: Values) -> Values:
        self._read(NoArguments, arguments)
        await self._service.controllable_storage.forget(tenant_id)
        return {}

    async def _lock(self, tenant_id: str, arguments: Arguments, values: Values) -> Values:
        reason = self._read(LockReason, arguments).reason
        customers, request = self._service.customers, (tenant_id, values["customerId"], reason)
        try:
            await customers.lock(*request, principal=ANYONE, versions=None)
        except AlreadyBlocked:
            await customers.unlock(*request, principal=ANYONE, versions=None)
            await customers.lock(*request, principal=ANYONE, versions=None)
        return {}

    async def _record_orders(self, tenant_id: str, arguments: Arguments, values: Values) -> Values:
        """Cancels the orders that the customer has, and records new ones, one a day up to now."""
        details, customer_id = self._read(OrdersArguments, arguments), values["customerId"]
        now = self._service.clock.now()
        count = await self._cancel_orders(tenant_id, customer_id)
        order_ids = [f"{customer_id}-{count + number + 1}" for number in range(details.orders)]
        for age, order_id in enumerate(order_ids):
            date = (now - timedelta(days=age)).isoformat()
            body = {"orderId": order_id, "totalAmount": details.amount, "orderDate": date}
            order = self._service.decoder.decode(Order, body)
            await self._service.orders.record(tenant_id, customer_id, order)
        return {"orderIds": order_ids}

    async def _cancel_orders(self, tenant_id: str, customer_id: UUID) -> int:
        """Cancels the newest MAX_ORDERS orders of the customer; returns how many these are."""
        entries = await self._service.orders.newest(tenant_id, customer_id, None, MAX_ORDERS)
        for entry in entries:
            await self._service.orders.cancel(tenant_id, customer_id, entry.order_id)
        return len(entries)

    async def _segment(self, tenant_id: str, arguments: Arguments, values: Values) -> Values:
        """Assigns the customer to the segment with this name, which is created if it is missing."""
        segment = await self._segment_named(tenant_id, self._read(SegmentDetails, arguments))
        members = MemberIds(customer_ids=(values["customerId"],))
        await self._service.segments.assign(tenant_id, segment.id, members, principal=ANYONE)
        return {"segmentId": segment.id}

    async def _segment_named(self, tenant_id: str, details: SegmentDetails) -> Segment:
        segments, key = self._service.segments, fold(details.name)
        try:
            with self._service.ids.scope(tenant_id, "Segment"):
                return (await segments.create(tenant_id, details, strict=False)).segment
        except SegmentNameTaken:
            stored = [counted.segment for counted in await segments.all(tenant_id)]
            return next(segment for segment in stored if segment.name_key == key)

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
        await self._service.erasures.erase(tenant_id, customer["customerId"], versions=None)
        return customer

    async def _was_erased(self, tenant_id: str, customer_id: UUID) -> bool:
        """Whether the id, for which `_restored` found nobody, belongs to an erased customer."""
        try:
            # Only an erased customer is found here, and nothing of theirs is left to erase.
            await self._service.erasures.erase(tenant_id, customer_id, versions=None)
        except CustomerNotFound:
            return False
        return True

    async def _unavailable(self, tenant_id: str, arguments: Arguments, _: Values) -> Values:
        body = {**arguments, "status": 503}
        details = self._service.decoder.decode(FaultDetails, body, allowed=frozenset())
        return {"faultId": self._faults.add(details, tenant_id=tenant_id).id}

    def _read(self, kind: type[Kind], arguments: Arguments) -> Kind:
        return self._service.decoder.decode(kind, arguments, allowed=frozenset())
