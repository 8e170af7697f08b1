"""The scenarios about shoppers, who see and change what is their own."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.support.api_client import NOTHING
from tests.support.scenarios.requests import (
    UNKNOWN,
    Request,
    Scenario,
    a_new_customer,
    post,
)

SHOPPER: Final = "01890a5d-ac96-774b-bcce-b302099a8077"
# A shopper whose customer is blocked, and one without a customer.
BLOCKED: Final = "01890a5d-ac96-774b-bcce-b302099a8078"
NOBODY: Final = "01890a5d-ac96-774b-bcce-b302099a8079"
ADDRESS: Final = {"addressLine1": "1 Way", "city": "Oslo", "postalCode": "0150", "country": "NO"}
OWN: Final = "/storefront/customers/me"
NO_HEADERS: Final[Mapping[str, str]] = {}


def shopper_scenarios() -> Iterator[Scenario]:
    yield profiles()
    yield blocked()
    yield belongings()
    yield orders()


def own(
    method: str,
    path: str,
    body: Any = NOTHING,
    *,
    base: str = "/api/v1",
    shopper: str = SHOPPER,
    headers: Mapping[str, str] = NO_HEADERS,
) -> Request:
    """A request of the storefront on behalf of SHOPPER, or of another shopper."""
    sent = {"X-User-ID": shopper, "X-Internal-Service": "storefront", **headers}
    return Request(method=method, path=path, body=body, headers=sent, base=base)


def profiles() -> Scenario:
    yield own("GET", OWN)
    customer = yield from a_new_customer("shopper", userId=SHOPPER)
    for shopper_id in ("me", customer.rpartition("/")[2], SHOPPER, SHOPPER.upper(), UNKNOWN, "mee"):
        yield own("GET", f"/storefront/customers/{shopper_id}")
    yield own("GET", OWN, headers={"If-None-Match": '"1"'})
    yield own("PATCH", OWN, {"firstName": "Eve"}, headers={"If-Match": '"7"'})
    yield own("PATCH", OWN, {"firstName": "Ada", "dateOfBirth": "1990-01-31", "status": "BLOCKED"})
    yield own("PATCH", OWN, {"firstName": None})
    for base in ("", "/api/v1"):
        yield own("GET", "/customers/me", base=base)
        yield own("PUT", "/customers/me", {}, base=base)


def blocked() -> Scenario:
    customer = yield from a_new_customer("blocked-shopper", userId=BLOCKED)
    yield post(f"{customer}/lock", {"reason": "chargebacks on two orders"})
    yield own("GET", OWN, shopper=BLOCKED)


def belongings() -> Scenario:
    customer = (yield own("GET", OWN)).body["id"]
    address = (yield own("POST", f"{OWN}/addresses", ADDRESS)).body["data"]["id"]
    for path in (f"{OWN}/addresses/{address}", f"{OWN}/addresses/{UNKNOWN}"):
        yield own("GET", path)
        yield own("PUT", path, {"city": "Bergen"})
        yield own("PATCH", path)
    yield own("GET", f"{OWN}/addresses")
    method = {"paymentGateway": "stripe", "paymentType": "card", "lastFour": "4242"}
    body = method | {"gatewayPaymentMethodId": "pm_shopper"}
    card = (yield post(f"/customers/{customer}/payment-methods", body)).body["id"]
    yield own("GET", f"{OWN}/payment-methods")
    for base in ("", "/api/v1"):
        yield own("GET", "/customers/me/addresses", base=base)
        yield own("GET", "/customers/me/payment-methods", base=base)
    for _ in range(20):
        yield own("POST", f"{OWN}/addresses", ADDRESS)
    for _ in range(2):
        yield own("DELETE", f"{OWN}/payment-methods/{card}")
        yield own("DELETE", f"{OWN}/addresses/{address}")


def orders() -> Scenario:
    customer = (yield own("GET", OWN)).body["id"]
    for number in range(3):
        date = f"2026-01-0{number + 1}T00:00:00Z"
        order = {"orderId": f"own-{number}", "totalAmount": 10, "orderDate": date}
        yield post(f"/customers/{customer}/record-order", order)
    yield post(f"/customers/{customer}/orders/own-0/cancel")
    first = yield own("GET", f"{OWN}/orders?limit=2")
    if (following := first.link("next")) is not None:
        yield own("GET", following)
    yield own("GET", f"{OWN}/orders?tenat_id=another")
    for base in ("", "/api/v1"):
        for query in ("", "?page=2&limit=2", "?status=Cancelled", "?status=lost", "?statuss=x"):
            yield own("GET", f"/customers/me/orders{query}", base=base)
