"""Bodies and calls of the REST interface that many tests share."""

from collections.abc import Iterable
from itertools import count
from typing import Any, Final
from uuid import uuid4

from tests.support.api_client import Answer, Api

# A user id; users need not be registered.
USER: Final = "0190b2f0-0000-7000-8000-000000000001"
NOTE: Final = {"note": "Customer requested expedited shipping"}
ADDRESS: Final = {
    "addressLine1": "123 Main St",
    "city": "San Francisco",
    "postalCode": "94102",
    "country": "US",
}
COMMUNICATION: Final = {"communicationType": "email", "direction": "outbound"}
REASON: Final = {"reason": "chargebacks on two orders"}
BIG_SPENDERS: Final = {
    "conditions": [{"field": "total_spent", "operator": "gt", "value": 1000}],
    "logic": "AND",
}

_numbers = count(1)


def new_customer(**fields: Any) -> dict[str, Any]:
    """A body that creates a customer with an unused e-mail address."""
    email = f"caller-{next(_numbers)}@example.test"
    return {"email": email, "firstName": "Ada", "lastName": "Lovelace"} | fields


def new_method(**fields: Any) -> dict[str, Any]:
    """A body that adds a payment method with an unused token."""
    return {
        "paymentGateway": "stripe",
        "gatewayPaymentMethodId": f"pm_{next(_numbers)}",
        "paymentType": "card",
    } | fields


def an_unknown_id() -> str:
    return str(uuid4())


async def a_customer(api: Api, **fields: Any) -> dict[str, Any]:
    return created(await api.post("/customers", new_customer(**fields)))


async def customer_path(api: Api, **fields: Any) -> str:
    """Creates a customer; returns their path."""
    return f"/customers/{(await a_customer(api, **fields))['id']}"


async def an_address(api: Api, customer: str, **fields: Any) -> dict[str, Any]:
    """Adds an address to the customer at that path."""
    answer = await api.post(f"{customer}/addresses", ADDRESS | fields)
    return dict(created(answer)["data"])


async def a_method(api: Api, customer: str, **fields: Any) -> dict[str, Any]:
    return created(await api.post(f"{customer}/payment-methods", new_method(**fields)))


async def a_note(api: Api, customer: str, note: str = NOTE["note"]) -> dict[str, Any]:
    return created(await api.post(f"{customer}/notes", {"note": note}))


async def a_communication(api: Api, customer: str, **fields: Any) -> dict[str, Any]:
    return created(await api.post(f"{customer}/communications", COMMUNICATION | fields))


async def a_segment(api: Api, **fields: Any) -> dict[str, Any]:
    """Creates a segment, manual by default."""
    body = {"name": f"Segment {next(_numbers)}"} | fields
    return created(await api.post("/customers/segments", body))


async def an_order(api: Api, customer: str, order_id: str, amount: Any, **fields: Any) -> Answer:
    """Records an order of the customer at that path."""
    body = {"orderId": order_id, "totalAmount": amount} | fields
    answer = await api.post(f"{customer}/record-order", body)
    assert answer.status == 200, answer
    return answer


async def members(api: Api, segment: dict[str, Any]) -> list[str]:
    """The ids of a segment's members, in list order."""
    answer = await api.get(f"{segment_path(segment)}/customers")
    return [customer["id"] for customer in answer.body]


async def assign(api: Api, segment: dict[str, Any], *customers: dict[str, Any]) -> Answer:
    """Assigns customers to a manual segment."""
    ids = {"customerIds": [customer["id"] for customer in customers]}
    return await api.post(f"{segment_path(segment)}/customers", ids)


async def read_everything(api: Api, customer: str) -> list[Any]:
    """The customer at that path, what belongs to them, all segments, and the customer count."""
    parts = ["", "/addresses", "/payment-methods", "/notes", "/communications", "/orders"]
    bodies = [(await api.get(customer + part)).body for part in parts]
    segments = (await api.get("/customers/segments")).body
    return [*bodies, segments, (await api.get("/customers")).body["total"]]


def id_of(path: str) -> str:
    """The id at the end of a path."""
    return path.rpartition("/")[2]


def segment_path(segment: dict[str, Any]) -> str:
    return f"/customers/segments/{segment['id']}"


def select(body: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The values of these names in a body."""
    return {name: body[name] for name in names}


def created(answer: Answer) -> dict[str, Any]:
    assert answer.status == 201, answer
    return dict(answer.body)
