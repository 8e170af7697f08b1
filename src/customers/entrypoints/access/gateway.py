"""Authenticates callers by the claims in a gateway's headers, trusted from its addresses only."""

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
# In these headers a service of the platform names itself, the shopper it acts for, and the tenant.
_SERVICE, _USER, _TENANT = "x-internal-service", "x-user-id", "x-tenant-id"
_EMAIL: Final = "email"
_CLAIMS: Final = {
    name: CLAIM_PREFIX + name for name in ("sub", "tenant-id", _EMAIL, "roles", "permissions")
}
_MAX_PEERS: Final = 4_096


class Gateway:
    """Authenticates callers behind a gateway, which has verified their tokens.

    If one of the services `storefronts` calls without claims, it acts for the shopper in X-User-Id;
    an e-mail claim is allowed in such a call, and is the shopper's address.
    """

    def __init__(
        self,
        peers: Sequence[Network],
        secret: bytes | None,
        roles: Roles,
        storefronts: Collection[str] = (),
    ) -> None:
        self._storefronts = frozenset(storefronts)
        self._secret = secret
        self._roles = roles

        @lru_cache(_MAX_PEERS)
        def is_peer(text: str) -> bool:
            return _is_within(text, peers)

        self._is_peer = is_peer

    def principal(self, caller: Caller) -> Principal | None:
        """The principal from the gateway's headers. None for a call without claims, and for a
        caller that is not the gateway: its claims are ignored.

        Raises InvalidToken for a header with several values, and Unauthenticated for a storefront
        that names no shopper.
        """
        if not self.is_trusted(caller):
            return None
        values = {name: single_value(caller, header) for name, header in _CLAIMS.items()}
        email = values.pop(_EMAIL)
        if not any(values.values()):
            if single_value(caller, _SERVICE) in self._storefronts:
                return _named_shopper(caller, email)
            if not email:
                return None
        return _claims(values, email).principal(self._roles)

    def is_trusted(self, caller: Caller) -> bool:
        """Whether the caller has an address of the gateway, and sends its secret if one is set."""
        if not self._is_peer(caller.peer):
            return False
        if self._secret is None:
            return True
        secrets = [text.encode("utf-8", "surrogateescape") for text in caller.values(SECRET_HEADER)]
        return len(secrets) == 1 and hmac.compare_digest(secrets[0], self._secret)


class Platform:
    """Takes every call of the gateway for one of the platform itself, with the permissions
    `anonymous`: to be asked last, for calls without claims or a certificate.
    """

    def __init__(self, gateway: Gateway, anonymous: Permissions) -> None:
        self._gateway = gateway
        self._principal = Principal(
            kind=PrincipalKind.SERVICE,
            subject="gateway",
            tenants=EVERY_TENANT,
            permissions=anonymous,
        )

    def principal(self, caller: Caller) -> Principal | None:
        return self._principal if self._gateway.is_trusted(caller) else None


def _claims(values: Mapping[str, str], email: str) -> Claims:
    """The claims from the values of their headers; the value of a missing header is empty."""
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
