"""The claims that a mesh has verified: believed from its own addresses only."""

import hmac
from collections.abc import Collection, Mapping, Sequence
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
_EMAIL: Final = "email"
_CLAIMS: Final = ("sub", "tenant-id", _EMAIL, "roles", "permissions")
_MAX_PEERS: Final = 4_096


class Gateway:
    """The principals of callers behind a mesh.

    `anonymous` are the permissions of a peer that sends no claims: the platform itself. In calls
    without claims the `storefronts`, services by their names, act for the shopper whom they name;
    only the claim of an e-mail address may stand beside it, which is that shopper's then.
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
        values = {name: single_value(caller, CLAIM_PREFIX + name) for name in _CLAIMS}
        email = values.pop(_EMAIL)
        if not any(values.values()):
            if single_value(caller, _SERVICE) in self._storefronts:
                return _named_shopper(caller, email)
            if not email:
                return self._platform
        return _claims(values, email).principal(self._roles)

    def is_trusted(self, caller: Caller) -> bool:
        """Whether the caller is the gateway, and knows its secret if there is one."""
        if not self._is_peer(caller.peer):
            return False
        if self._secret is None:
            return True
        secret = "".join(caller.values(SECRET_HEADER)).encode("utf-8", "surrogateescape")
        return hmac.compare_digest(secret, self._secret)


def _claims(values: Mapping[str, str], email: str) -> Claims:
    """The claims by their values, which are empty where there are none."""
    return Claims(
        subject=values["sub"],
        tenants=tenants_named(listed(values["tenant-id"])),
        permissions=listed(values["permissions"]),
        roles=listed(values["roles"]),
        verified_email=email,
    )


def _named_shopper(caller: Caller, email: str) -> Principal:
    """The shopper for whom a storefront calls. Raises Unauthenticated if it names none."""
    if not (shopper := single_value(caller, _USER)):
        raise Unauthenticated("name the shopper in X-User-Id")
    tenant = single_value(caller, _TENANT)
    return Principal(
        kind=PrincipalKind.SHOPPER,
        subject=shopper,
        tenants=Tenants(ids=frozenset((tenant,) if tenant else ())),
        verified_email=email,
    )


def _is_within(text: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
