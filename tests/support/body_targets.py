"""Request bodies of the REST interface, with their routes and fields."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import field, frozen

from tests.support.api_client import Api
from tests.support.api_steps import (
    ADDRESS,
    COMMUNICATION,
    NOTE,
    REASON,
    a_communication,
    a_method,
    a_segment,
    an_address,
    an_order,
    new_customer,
    new_method,
)
from tests.support.body_fields import (
    ADDRESS_FIELDS,
    COMMUNICATION_FIELDS,
    CREATE,
    EXPIRY,
    ID,
    MEMBER_FIELDS,
    METHOD_FIELDS,
    ORDER_FIELDS,
    REASON_FIELDS,
    REFUND_FIELDS,
    SEGMENT_FIELDS,
    UPDATE,
    Field,
    form,
    text,
)

PathOf = Callable[[Api, str], Awaitable[str]]


@frozen(kw_only=True)
class Target:
    """A request body: its method, its path for a customer, its required content and its fields."""

    method: str
    path_of: PathOf
    body: Mapping[str, Any] = field(factory=dict)
    fields: Mapping[str, Field]


def below(part: str) -> PathOf:
    """A function that returns the customer's path with `part` appended."""

    async def path_of(api: Api, customer: str) -> str:
        return customer + part

    return path_of


async def _customers(api: Api, customer: str) -> str:
    return "/customers"


async def _address(api: Api, customer: str) -> str:
    return f"{customer}/addresses/{(await an_address(api, customer))['id']}"


async def _method(api: Api, customer: str) -> str:
    return f"{customer}/payment-methods/{(await a_method(api, customer))['id']}"


async def _communication(api: Api, customer: str) -> str:
    return f"{customer}/communications/{(await a_communication(api, customer))['id']}"


async def _blocked(api: Api, customer: str) -> str:
    await api.post(f"{customer}/lock", REASON)
    return f"{customer}/unlock"


async def _refunds(api: Api, customer: str) -> str:
    await an_order(api, customer, "o-1", 10)
    return f"{customer}/orders/o-1/refunds"


async def _segments(api: Api, customer: str) -> str:
    return "/customers/segments"


async def _segment(api: Api, customer: str) -> str:
    return f"/customers/segments/{(await a_segment(api))['id']}"


async def _members(api: Api, customer: str) -> str:
    return await _segment(api, customer) + "/customers"


TARGETS: Final = {
    "a new customer": Target(
        method="POST", path_of=_customers, body=new_customer(), fields=CREATE | {"userId": ID}
    ),
    "PUT of a customer": Target(method="PUT", path_of=below(""), fields=UPDATE),
    "PATCH of a customer": Target(method="PATCH", path_of=below(""), fields=UPDATE),
    "a lock": Target(method="POST", path_of=below("/lock"), body=REASON, fields=REASON_FIELDS),
    "an unlock": Target(method="POST", path_of=_blocked, body=REASON, fields=REASON_FIELDS),
    "a new address": Target(
        method="POST", path_of=below("/addresses"), body=ADDRESS, fields=ADDRESS_FIELDS
    ),
    "PUT of an address": Target(method="PUT", path_of=_address, fields=ADDRESS_FIELDS),
    "PATCH of an address": Target(method="PATCH", path_of=_address, fields=ADDRESS_FIELDS),
    "a new payment method": Target(
        method="POST", path_of=below("/payment-methods"), body=new_method(), fields=METHOD_FIELDS
    ),
    "PATCH of a payment method": Target(method="PATCH", path_of=_method, fields=EXPIRY),
    "a new note": Target(
        method="POST",
        path_of=below("/notes"),
        body=NOTE,
        fields={"note": text(10_000, "x", "", "  ", lines=True)},
    ),
    "a new communication": Target(
        method="POST",
        path_of=below("/communications"),
        body=COMMUNICATION,
        fields=COMMUNICATION_FIELDS,
    ),
    "PATCH of a communication": Target(
        method="PATCH",
        path_of=_communication,
        fields={"status": form("delivered", "", "lost", "sent,failed")},
    ),
    "an order": Target(
        method="POST",
        path_of=below("/record-order"),
        body={"orderId": "o-1", "totalAmount": 1},
        fields=ORDER_FIELDS,
    ),
    "a refund": Target(
        method="POST", path_of=_refunds, body={"refundId": "r-1", "amount": 1}, fields=REFUND_FIELDS
    ),
    "a new segment": Target(
        method="POST", path_of=_segments, body={"name": "Big"}, fields=SEGMENT_FIELDS
    ),
    "PUT of a segment": Target(method="PUT", path_of=_segment, fields=SEGMENT_FIELDS),
    "new members": Target(
        method="POST", path_of=_members, body={"customerIds": []}, fields=MEMBER_FIELDS
    ),
    "members who leave": Target(
        method="DELETE", path_of=_members, body={"customerIds": []}, fields=MEMBER_FIELDS
    ),
}
