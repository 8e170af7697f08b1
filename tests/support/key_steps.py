"""Settings of a service behind a gateway, headers of its callers, and new API keys, for tests."""

from collections.abc import Mapping
from typing import Any, Final

from customers.entrypoints.config.access_values import AuthModes, Networks, PermissionNames
from tests.support.api_client import Answer, Api

BEHIND_GATEWAY: Final[Mapping[str, Any]] = {
    "auth": AuthModes.parse("gateway"),
    "gateway_peers": Networks.parse("127.0.0.1/32,::1/128"),
    "gateway_anonymous": PermissionNames.parse("none"),
}


def staff(tenant: str, *permissions: str) -> dict[str, str | None]:
    """The gateway's headers for an employee of a tenant with these permissions; no X-Tenant-ID."""
    return {
        "x-jwt-claim-sub": "staff-1",
        "x-jwt-claim-tenant-id": tenant,
        "x-jwt-claim-permissions": ",".join(permissions),
        "X-Tenant-ID": None,
    }


def bearer(key: str, tenant: str | None = None) -> dict[str, str | None]:
    """The headers of a caller with a key, who names a tenant or none."""
    return {"Authorization": f"Bearer {key}", "X-Tenant-ID": tenant}


async def create_key(api: Api, *permissions: str, **fields: Any) -> Answer:
    """Creates a key of the tenant as an employee with all permissions; returns the answer."""
    body = {"name": "Billing", "permissions": list(permissions), **fields}
    return await api.post("/keys", body, headers=staff(api.tenant, "*"))
