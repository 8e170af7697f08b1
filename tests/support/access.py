"""Who calls, in tests: settings with a gateway on this machine, and the claims that it sends."""

from typing import Any, Final

from customers.entrypoints.config.access_values import AuthModes, Networks

# Settings for production: everybody on this machine is the gateway, and may do everything.
TRUSTED: Final = {
    "AUTH": "gateway",
    "GATEWAY_PEERS": "127.0.0.1/32,::1/128",
    "GATEWAY_ANONYMOUS": "*",
    # The test servers' URLs are those of a superuser, to whom no policy applies.
    "ROW_SECURITY": "off",
}


def behind_gateway(**settings: Any) -> dict[str, Any]:
    """Settings of a service that believes the claims of everybody on this machine."""
    peers = Networks.parse("127.0.0.0/8,::1/128")
    return {"auth": AuthModes(("gateway",)), "gateway_peers": peers, **settings}


def claims(
    *permissions: str, tenant: str, subject: str = "ada", **others: str
) -> dict[str, str | None]:
    """The headers of a gateway with these claims and `others`, by name; without X-Tenant-ID."""
    values = {
        "sub": subject,
        "tenant-id": tenant,
        "permissions": ",".join(permissions),
        **others,
    }
    headers: dict[str, str | None] = {
        f"x-jwt-claim-{name}": value for name, value in values.items() if value
    }
    return {"X-Tenant-ID": None, **headers}
