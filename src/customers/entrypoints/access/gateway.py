"""The claims that a mesh has verified: believed from its own addresses only."""

import hmac
from collections.abc import Collection, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from customers.core.errors.access import Unauthenticated
from customers.core.model.permissions import Permissions
from customers.core.model.principal import EVERY_TENANT, Principal, PrincipalKind, Tenants
from customers.core.model.roles import Roles
from customers.entrypoints.access.caller import Caller, single_value
from customers.entrypoints.access.claims import Claims, listed, tenants_named

Network = IPv4Network | IPv6Network

CLAIM_PREFIX: Final = "x-jwt-claim-"
SECRET_HEADER: Final = "x-gateway-secret"  # noqa: S105 - the name of the header
# Services of the platform name themselves, and whom they act for, in these headers.
_SERVICE, _USER, _TENANT = "x-internal-service", "x-user-id", "x-tenant-id"
_CLAIMS: Final = ("sub", "tenant-id", "email", "roles", "permissions")
_MAX_PEERS: Final = 4_096


class Gateway:
    """The principals of callers behind a mesh.

    `anonymous` are the permissions of a peer that sends no claims: the platform itself. In calls
    without claims the `storefronts`, services by their names, act for the shopper whom they name.
    """

    def __init__(
        self,
        peers: Sequence[Network],
        secret: bytes | None,
        anonymous: Permissions,
        roles: Roles,
        storefronts: Collection[str] = (),
    ) -> None:
        self._storefronts = frozenset(storefronts)
        self._secret = secret
        self._roles = roles
        self._platform = Principal(
            kind=PrincipalKind.SERVICE,
            subject="gateway",
            tenants=EVERY_TENANT,
            permissions=anonymous,
        )

        @lru_cache(_MAX_PEERS)
        def is_peer(text: str) -> bool:
            return _is_within(text, peers)

        self._is_peer = is_peer

    def principal(self, caller: Caller) -> Principal | None:
        """None for a caller that is not the gateway: what it claims is as if absent.

        Raises InvalidToken for a claim that is given more than once, and Unauthenticated for a
        storefront that names no shopper.
        """
        if not self.is_trusted(caller):
            return None
        subject, tenant, email, roles, permissions = (
            single_value(caller, CLAIM_PREFIX + name) for name in _CLAIMS
        )
        if not (subject or tenant or email or roles or permissions):
            return self._without_claims(caller)
        claims = Claims(
            subject=subject,
            tenants=tenants_named(listed(tenant)),
            permissions=listed(permissions),
            roles=listed(roles),
            verified_email=email,
        )
        return claims.principal(self._roles)

    def _without_claims(self, caller: Caller) -> Principal:
        """The platform, or the shopper for whom a storefront calls."""
        if single_value(caller, _SERVICE) not in self._storefronts:
            return self._platform
        if not (shopper := single_value(caller, _USER)):
            raise Unauthenticated("name the shopper in X-User-Id")
        tenant = single_value(caller, _TENANT)
        return Principal(
            kind=PrincipalKind.SHOPPER,
            subject=shopper,
            tenants=Tenants(ids=frozenset((tenant,) if tenant else ())),
        )

    def is_trusted(self, caller: Caller) -> bool:
        """Whether the caller is the gateway, and knows its secret if there is one."""
        if not self._is_peer(caller.peer):
            return False
        if self._secret is None:
            return True
        secret = "".join(caller.values(SECRET_HEADER)).encode("utf-8", "surrogateescape")
        return hmac.compare_digest(secret, self._secret)


def _is_within(text: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
