"""Calls that move a customer into a segment or out of it, as data."""

import json
from collections.abc import Iterable
from typing import Any, Final

from attrs import frozen

from tests.support.api_client import NOTHING, Answer, Api
from tests.support.api_steps import REASON, id_of, segment_path

# A method, a path and a body; `{segment}` and `{customer}` stand for paths, `{id}` for an id.
Call = tuple[str, str, Any]


@frozen(kw_only=True)
class Move:
    """After the calls `before`, `call` moves a customer into the segment if `becomes`, else out.

    `cause` is the cause in the feed; if it is None, the feed of the move is not tested.
    """

    segment: dict[str, Any]
    before: tuple[Call, ...] = ()
    call: Call
    becomes: bool
    cause: str | None


async def make_calls(
    api: Api, calls: Iterable[Call], segment: dict[str, Any], customer: str
) -> list[Answer]:
    """Makes calls about a segment and the customer at that path; returns the answers."""
    names = {"{segment}": segment_path(segment), "{customer}": customer, "{id}": id_of(customer)}
    answers = []
    for call in calls:
        method, path, body = call
        body_text = "" if body is NOTHING else json.dumps(body)
        for name, value in names.items():
            path, body_text = path.replace(name, value), body_text.replace(name, value)
        answers.append(
            await api.send(method, path, json.loads(body_text) if body_text else NOTHING)
        )
    return answers


def one_condition(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    """The fields of a segment with one condition."""
    return {"rules": [{"field": field, "operator": operator, "value": value}]}


def an_order(order_id: str, amount: Any, **fields: Any) -> Call:
    body = {"orderId": order_id, "totalAmount": amount, **fields}
    return "POST", "{customer}/record-order", body


MANUAL: Final = {"isDynamic": False}
GRACE: Final = one_condition("first_name", "eq", "grace")
VIP: Final = one_condition("tags", "contains", "vip")
BLOCKED: Final = one_condition("status", "eq", "BLOCKED")
NEW: Final = one_condition("total_orders", "eq", 0)
LOCK: Final[Call] = ("POST", "{customer}/lock", REASON)
DELETE: Final[Call] = ("DELETE", "{customer}", NOTHING)
OFF: Final[Call] = ("PUT", "{segment}", {"isActive": False})
PUT_IN: Final[Call] = ("POST", "{segment}/customers", {"customerIds": ["{id}"]})

# Each starts with a new customer named Ada, without orders and tags.
MOVES: Final[dict[str, Move]] = {
    "an update": Move(
        segment=GRACE, call=("PUT", "{customer}", {"firstName": "Grace"}),
        becomes=True, cause="customer",
    ),
    "a tag": Move(
        segment=VIP, call=("PATCH", "{customer}", {"tags": ["VIP"]}),
        becomes=True, cause="customer",
    ),
    "a tag less": Move(
        segment=VIP, before=(("PUT", "{customer}", {"tags": ["a", "vip"]}),),
        call=("PUT", "{customer}", {"tags": ["a"]}), becomes=False, cause="customer",
    ),
    "an order": Move(
        segment=one_condition("total_spent", "gt", 5), before=(an_order("o-1", 5),),
        call=an_order("o-2", 0.01), becomes=True, cause="order",
    ),
    "an order too many": Move(
        segment=one_condition("total_orders", "lt", 2), before=(an_order("o-1", 5),),
        call=an_order("o-2", 0), becomes=False, cause="order",
    ),
    "an order of long ago": Move(
        segment=one_condition("days_since_first_order", "gte", 90), before=(an_order("o-1", 5),),
        call=an_order("o-2", 1, orderDate="2025-01-01T00:00:00Z"), becomes=True, cause="order",
    ),
    "a refund": Move(
        segment=one_condition("lifetime_value", "gte", 5), before=(an_order("o-1", 5),),
        call=("POST", "{customer}/orders/o-1/refunds", {"refundId": "r-1", "amount": 0.01}),
        becomes=False, cause="order",
    ),
    "a cancellation": Move(
        segment=one_condition("last_order_date", "is_empty"), before=(an_order("o-1", 5),),
        call=("POST", "{customer}/orders/o-1/cancel", NOTHING), becomes=True, cause="order",
    ),
    "a lock": Move(segment=BLOCKED, call=LOCK, becomes=True, cause="customer"),
    "an unlock": Move(
        segment=BLOCKED, before=(LOCK,), call=("POST", "{customer}/unlock", REASON),
        becomes=False, cause="customer",
    ),
    "a deletion": Move(segment=NEW, call=DELETE, becomes=False, cause="customer"),
    "a restoration": Move(
        segment=NEW, before=(DELETE,), call=("POST", "{customer}/restore", NOTHING),
        becomes=True, cause="customer",
    ),
    "an erasure": Move(
        segment=NEW, call=("DELETE", "{customer}?mode=erase", NOTHING), becomes=False, cause=None
    ),
    "a rule that matches": Move(
        segment=GRACE, call=("PUT", "{segment}", NEW), becomes=True, cause="rule"
    ),
    "a rule that does not": Move(
        segment=NEW, call=("PUT", "{segment}", GRACE), becomes=False, cause="rule"
    ),
    "no rule": Move(
        segment=NEW, call=("PUT", "{segment}", {"rules": []}), becomes=False, cause="rule"
    ),
    "a segment switched off": Move(segment=NEW, call=OFF, becomes=False, cause="segment"),
    "a segment switched on": Move(
        segment=NEW, before=(OFF,), call=("PUT", "{segment}", {"isActive": True}),
        becomes=True, cause="segment",
    ),
    "an assignment": Move(segment=MANUAL, call=PUT_IN, becomes=True, cause="manual"),
    "a removal": Move(
        segment=MANUAL, before=(PUT_IN,),
        call=("DELETE", "{segment}/customers", {"customerIds": ["{id}"]}),
        becomes=False, cause="manual",
    ),
    "the deletion of an assigned customer": Move(
        segment=MANUAL, before=(PUT_IN,), call=DELETE, becomes=False, cause="customer"
    ),
    "the restoration of an assigned customer": Move(
        segment=MANUAL, before=(PUT_IN, DELETE), call=("POST", "{customer}/restore", NOTHING),
        becomes=True, cause="customer",
    ),
    "a manual segment switched off": Move(
        segment=MANUAL, before=(PUT_IN,), call=OFF, becomes=False, cause="segment"
    ),
    "a manual segment made dynamic": Move(
        segment=MANUAL, before=(PUT_IN,), call=("PUT", "{segment}", {"isDynamic": True, **GRACE}),
        becomes=False, cause=None,
    ),
}  # fmt: skip
