"""Acts like the orders service: finds or creates the buyer, and records one order several times.

Run it against any service: `python tests/support/orders_service.py http://127.0.0.1:8089`. It
prints the results, and exits with 1 unless the order was counted exactly once.
"""

import http.client
import json
import sys
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

EMAIL = "ann+first@example.test"
# The amount 33.33 with an error of binary floating point.
TOTAL = 33.330000000000005


class OrdersService:
    """A client that sends the same headers as the orders service."""

    def __init__(self, address: str, tenant: str) -> None:
        self._address = urlsplit(address)
        self._tenant = tenant

    def sell(self, order_id: str) -> dict[str, Any]:
        """Records an order of the buyer three times, as a caller who lost the answers would;
        returns the customer.
        """
        customer = self.find() or self.create()
        sale = {"orderId": order_id, "orderNumber": "1001", "totalAmount": TOTAL}
        for _ in range(3):
            recorded = self._call("POST", f"/customers/{customer['id']}/record-order", sale)
        return dict(recorded["customer"])

    def find(self) -> dict[str, Any] | None:
        """The buyer, found by e-mail, or None; the plus sign is sent unescaped."""
        customers = self._call("GET", f"/customers?search={EMAIL}&page=1&limit=1")
        return dict(customers["customers"][0]) if customers["customers"] else None

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
            result = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status not in (200, 201):
            raise SystemExit(f"{method} {path} returned {answer.status}: {result}")
        return dict(result)


def main(address: str) -> int:
    caller = OrdersService(address, tenant=f"orders-{uuid4()}")
    first, again = caller.sell("order-1"), caller.sell("order-1")
    for customer in (first, again):
        print(
            f"{customer['email']}: {customer['totalOrders']} order, {customer['totalSpent']} spent"
        )
    statistics = [(customer["totalOrders"], customer["totalSpent"]) for customer in (first, again)]
    is_same = first["id"] == again["id"]
    return 0 if is_same and statistics == [(1, 33.33)] * 2 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
