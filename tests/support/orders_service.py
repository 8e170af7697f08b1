"""Acts as the orders service does: finds or creates the buyer, then reports one sale three times.

Run it against any service: `python tests/support/orders_service.py http://127.0.0.1:8089`. It says
what it saw, and exits with 1 when the sale was not counted exactly once.
"""

import http.client
import json
import sys
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

EMAIL = "ann+first@example.test"
# What binary floating point makes of 3 x 11.11.
TOTAL = 33.330000000000005


class OrdersService:
    """Calls with the headers that the orders service sends, and no others."""

    def __init__(self, address: str, tenant: str) -> None:
        self._address = urlsplit(address)
        self._tenant = tenant

    def sell(self, order_id: str) -> dict[str, Any]:
        """Reports a sale to the buyer, with the retries of a caller who never saw an answer."""
        customer = self.find() or self.create()
        sale = {"orderId": order_id, "orderNumber": "1001", "totalAmount": TOTAL}
        for _ in range(3):
            recorded = self._call("POST", f"/customers/{customer['id']}/record-order", sale)
        return dict(recorded["customer"])

    def find(self) -> dict[str, Any] | None:
        """Looks the buyer up by e-mail; the plus sign goes as it is."""
        found = self._call("GET", f"/customers?search={EMAIL}&page=1&limit=1")
        return dict(found["customers"][0]) if found["customers"] else None

    def create(self) -> dict[str, Any]:
        buyer = {"tenantId": self._tenant, "email": EMAIL, "firstName": "Ann", "lastName": ""}
        return self._call("POST", "/customers", buyer)

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        host, port = self._address.hostname or "127.0.0.1", self._address.port
        connection = http.client.HTTPConnection(host, port, timeout=60)
        headers = {"X-Tenant-ID": self._tenant}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, f"/api/v1{path}", data, headers)
            answer = connection.getresponse()
            said = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status not in (200, 201):
            raise SystemExit(f"{method} {path} answered {answer.status}: {said}")
        return dict(said)


def main(address: str) -> int:
    caller = OrdersService(address, tenant=f"orders-{uuid4()}")
    first, again = caller.sell("order-1"), caller.sell("order-1")
    for seen in (first, again):
        print(f"{seen['email']}: {seen['totalOrders']} order, {seen['totalSpent']} spent")
    once = all((seen["totalOrders"], seen["totalSpent"]) == (1, 33.33) for seen in (first, again))
    return 0 if once and first["id"] == again["id"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
