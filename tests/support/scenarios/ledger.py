"""The scenarios about orders: facts in every sequence, some of them recorded again."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any

from tests.support.scenarios.requests import (
    UNKNOWN,
    Scenario,
    a_new_customer,
    get,
    post,
    read_pages,
)

DATE = "2025-06-01T12:00:00Z"


def ledger_scenarios() -> Iterator[Scenario]:
    yield orders()
    yield bad_facts()
    for number, kinds in enumerate(permutations(("order", "refund", "cancel"))):
        yield facts_in_order(f"order-{number}", kinds)


def an_order(order_id: str, amount: Any = 12.5, **fields: Any) -> dict[str, Any]:
    return {"orderId": order_id, "totalAmount": amount, "orderDate": DATE, **fields}


def orders() -> Scenario:
    path, other = (yield from a_new_customer("buyer")), (yield from a_new_customer("buyer2"))
    for amount in (12.5, "7.25", 33.330000000000005, 0, 999_999_999_999.99):
        yield post(f"{path}/record-order", an_order(f"o-{amount}", amount, orderNumber="Nr. 1"))
    yield post(f"{path}/record-order", an_order("o-12.5"))
    yield post(f"{path}/record-order", {"orderId": "o-12.5", "totalAmount": 12.50})
    yield post(f"{path}/record-order", an_order("o-12.5", 13))
    yield post(f"{path}/record-order", an_order("o-12.5", orderDate="2025-06-02T12:00:00+02:00"))
    yield post(f"{other}/record-order", an_order("o-12.5"))
    yield post(f"{path}/record-order", {"orderId": "undated", "totalAmount": 1})
    yield post(f"{path}/record-order", an_order("näive", 1))
    yield post(f"{path}/record-order", an_order("a/b c", 1))
    yield post(f"{path}/record-order", an_order("a/b", 1, currency="usd"))
    yield post(f"{path}/orders/a%2Fb/refunds", {"refundId": "r", "amount": 0.5})
    yield from batches(path, other)
    yield get(f"{path}/orders")
    for order_id in ("a%2Fb", "o-12.5", "unknown"):
        yield get(f"{path}/orders/{order_id}")
    yield get(f"{other}/orders/o-12.5")
    yield from read_pages(f"{path}/orders?limit=2", 6)
    yield from refunds(path, other)
    yield get(path)
    yield get(f"{other}/orders")


def batches(path: str, other: str) -> Scenario:
    one, two = (customer.rpartition("/")[2] for customer in (path, other))
    orders = [
        {"customerId": one, **an_order("b-1")},
        {"customerId": one, **an_order("b-1", 13)},
        {"customerId": two, **an_order("b-1")},
        {"customerId": two, **an_order("b-2", "nothing")},
        {"customerId": "no-id"},
        {"customerId": UNKNOWN, **an_order("b-3")},
        7,
    ]
    yield post("/customers/orders/batch", {"orders": orders})
    yield post("/customers/orders/batch", {"orders": orders[:1]})
    no_batches: list[Any] = [None, 1, [], [{}] * 1_001]
    for bad in no_batches:
        yield post("/customers/orders/batch", {"orders": bad})


def refunds(path: str, other: str) -> Scenario:
    one = f"{path}/orders/o-12.5/refunds"
    yield post(one, {"refundId": "r-1", "amount": 2.5, "refundedAt": DATE})
    yield post(one, {"refundId": "r-1", "amount": "2.50"})
    yield post(one, {"refundId": "r-1", "amount": 3})
    yield post(one, {"refundId": "r-2", "amount": 10.01})
    yield post(one, {"refundId": "r-2", "amount": 10})
    yield post(one, {"refundId": "r-3", "amount": 0})
    yield post(f"{other}/orders/o-12.5/refunds", {"refundId": "r-9", "amount": 1})
    yield post(f"{path}/orders/o-7.25/cancel")
    yield post(f"{path}/orders/o-7.25/cancel", {})
    yield post(f"{other}/orders/o-7.25/cancel")
    yield post(f"{path}/orders/o-7.25/refunds", {"refundId": "late", "amount": 1})


def bad_facts() -> Scenario:
    path = yield from a_new_customer("unlucky")
    for fields in (
        {"totalAmount": -1},
        {"totalAmount": 1.005},
        {"totalAmount": 1e15},
        {"totalAmount": "much"},
        {"totalAmount": True},
        {"orderId": ""},
        {"orderId": "x" * 101},
        {"orderDate": "2025-06-01"},
        {"orderDate": "2025-06-01T12:00:00"},
        {"orderDate": "2999-01-01T00:00:00Z"},
        {"currency": "EUR"},
        {"currency": "EUR", "totalAmount": -1},
        {"orderNumber": "n" * 101},
    ):
        yield post(f"{path}/record-order", {**an_order("bad"), **fields})
    yield post(f"{path}/orders/x/cancel", {"currency": "EUR"})
    yield post(f"{path}/orders/%C3%A4/cancel")
    yield get(f"{path}/orders")


def facts_in_order(order_id: str, kinds: tuple[str, ...]) -> Scenario:
    """Records facts about one order in the sequence of `kinds`; the refund exceeds the amount."""
    path = yield from a_new_customer(order_id)
    facts = {
        "order": post(f"{path}/record-order", an_order(order_id)),
        "refund": post(f"{path}/orders/{order_id}/refunds", {"refundId": "r", "amount": 20}),
        "cancel": post(f"{path}/orders/{order_id}/cancel"),
    }
    for kind in kinds:
        yield facts[kind]
    yield get(f"{path}/orders")
    yield get(path)
