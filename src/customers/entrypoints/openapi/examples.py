"""Example values by key and parameter, and examples of whole bodies made from them.

The example of every request body is valid: a service accepts it if what it names exists there.
"""

from collections.abc import Mapping
from typing import Any, Final

from customers.entrypoints.openapi.gate_schemas import Schema

CUSTOMER_ID: Final = "01981f2e-8a4c-7d31-9c55-3f1c2b7e9a10"

EXAMPLES: Final[Mapping[str, Any]] = {
    "addressLine1": "123 Main St",
    "addressLine2": "",
    "addressType": "SHIPPING",
    "amount": 50.5,
    "at": "2026-01-15T12:00:00Z",
    "added": 1,
    "averageOrderValue": 1250.5,
    "avatarUrl": "https://images.example.com/ada.png",
    "cardBrand": "visa",
    "city": "San Francisco",
    "code": "REQUIRED",
    "communicationType": "email",
    "company": "Example Ltd",
    "content": "Your order is on its way.",
    "count": 1,
    "country": "US",
    "countryCode": "US",
    "createdAt": "2026-01-15T12:00:00Z",
    "createdBy": "01981f2e-8a4c-7d31-9c55-3f1c2b7e9a20",
    "currency": "USD",
    "customerCount": 1,
    "customerId": CUSTOMER_ID,
    "customerIds": [CUSTOMER_ID],
    "dateOfBirth": "1990-01-31T00:00:00Z",
    "description": "Customers who have spent more than 1,000",
    "direction": "outbound",
    "email": "customer@example.com",
    "erasedAt": "2026-01-15T12:00:00Z",
    "evaluatedAt": "2026-01-15T12:00:00Z",
    "expiresAt": "2999-01-15T12:00:00Z",
    "expiryMonth": 12,
    "expiryYear": 2030,
    "externalId": "message-4711",
    "field": "email",
    "firstName": "John",
    "firstOrderDate": "2026-01-10T12:00:00Z",
    "gatewayPaymentMethodId": "pm_1Nv0",
    "id": CUSTOMER_ID,
    "isActive": True,
    "isDefault": True,
    "key": f"csk_{CUSTOMER_ID}_{'0' * 64}",
    "label": "Home",
    "lastFour": "4242",
    "lastName": "Doe",
    "lastOrderDate": "2026-01-10T12:00:00Z",
    "lastUsedAt": "2026-01-15T12:00:00Z",
    "lifetimeValue": 1250.5,
    "limit": 20,
    "marketingOptIn": True,
    "memberCount": 1,
    "name": "Big spenders",
    "nextCursor": None,
    "note": "Customer requested expedited shipping",
    "notes": "Prefers e-mail",
    "orderDate": "2026-01-10T12:00:00Z",
    "orderId": "o-1001",
    "orderNumber": "No 1001",
    "page": 1,
    "pageSize": 20,
    "paymentGateway": "stripe",
    "paymentType": "card",
    "permissions": ["customers:view"],
    "phone": "+1234567890",
    "pointer": "/email",
    "postalCode": "94102",
    "reason": "chargeback of order 1001",
    "recordedAt": "2026-01-10T12:00:01Z",
    "refundId": "r-1",
    "refundedAmount": 0,
    "refundedAt": "2026-01-12T12:00:00Z",
    "removed": 1,
    "rules": {
        "conditions": [{"field": "total_spent", "operator": "gt", "value": 1000}],
        "logic": "AND",
    },
    "shopperId": "me",
    "state": "CA",
    "subject": "Your order",
    "tags": ["vip", "early-adopter"],
    "tenantId": "tenant-123",
    "token": "the-token-in-the-link-of-a-verification-e-mail",
    "total": 1,
    "totalAmount": 1250.5,
    "totalOrders": 1,
    "totalPages": 1,
    "totalSpent": 1250.5,
    "updatedAt": "2026-01-15T12:00:00Z",
    "userId": None,
}


# Examples of objects whose keys depend on each other.
OBJECTS: Final[Mapping[str, Any]] = {
    "OrderOutcome": {
        "customerId": CUSTOMER_ID,
        "orderId": "o-1001",
        "status": 200,
        "duplicate": False,
    },
}


def example_of(schema: Schema, components: Mapping[str, Schema]) -> Any:
    """A value that the schema allows; an object has its required keys and those with examples."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return OBJECTS.get(name) or example_of(components[name], components)
    for keyword in ("examples", "enum"):
        if keyword in schema:
            return schema[keyword][0]
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    if alternatives := schema.get("anyOf"):
        return example_of(alternatives[0], components)
    return _of_type(schema, components)


def _of_type(schema: Schema, components: Mapping[str, Schema]) -> Any:
    kind = schema.get("type", "string")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            return _of_object(schema, components)
        case "array":
            return [example_of(schema["items"], components)]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "null":
            return None
    return _TEXTS.get(schema.get("format", ""), "")


def _of_object(schema: Schema, components: Mapping[str, Schema]) -> dict[str, Any]:
    required, properties = schema.get("required", ()), schema.get("properties", {})
    keys = [key for key in properties if key in required or "examples" in properties[key]]
    return {key: example_of(properties[key], components) for key in keys}


_TEXTS = {
    "date-time": "2026-01-15T12:00:00Z",
    "date": "2026-01-15",
    "uuid": CUSTOMER_ID,
    "email": "customer@example.com",
}
