"""The principal: who calls, for which tenants, and what they may do.

`entrypoints/access` makes it from the caller's credentials; use cases see nothing else of a caller.
"""

from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from attrs import evolve, frozen

from customers.core.errors import InvalidValue
from customers.core.errors.access import (
    PermissionDenied,
    ShopperRequired,
    TenantForbidden,
    Unauthenticated,
)
from customers.core.model.permissions import (
    ALL_PERMISSIONS,
    NO_PERMISSIONS,
    Permission,
    Permissions,
)
from customers.core.model.values import IdGate


class PrincipalKind(StrEnum):
    STAFF = "staff"
    SERVICE = "service"
    SHOPPER = "shopper"


@frozen(kw_only=True)
class Tenants:
    """The tenants that a principal may act for: those with these ids, or every tenant."""

    ids: frozenset[str] = frozenset()
    is_every: bool = False

    def __contains__(self, tenant_id: str) -> bool:
        return self.is_every or tenant_id in self.ids

    def __or__(self, other: "Tenants") -> "Tenants":
        return Tenants(ids=self.ids | other.ids, is_every=self.is_every or other.is_every)

    @property
    def only(self) -> str:
        """The id of the tenant, if there is exactly one; else empty."""
        return next(iter(self.ids)) if len(self.ids) == 1 and not self.is_every else ""


EVERY_TENANT: Final = Tenants(is_every=True)
NO_TENANTS: Final = Tenants()


@frozen(kw_only=True)
class Principal:
    """Who calls. `subject` is the id of the user, service or key; empty if unknown.

    `verified_email` is the subject's e-mail address, verified by an identity provider; empty if
    unknown.
    """

    kind: PrincipalKind
    subject: str = ""
    tenants: Tenants = NO_TENANTS
    permissions: Permissions = NO_PERMISSIONS
    verified_email: str = ""

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def expect(self, permission: Permission) -> None:
        """Raises PermissionDenied if the principal lacks the permission."""
        if permission not in self.permissions:
            raise PermissionDenied(permission)

    def expect_tenant(self, tenant_id: str) -> None:
        """Raises TenantForbidden if the principal may not act for the tenant."""
        if tenant_id not in self.tenants:
            raise TenantForbidden

    def expect_shopper(self) -> None:
        """Raises ShopperRequired for staff and services, Unauthenticated without a subject."""
        if self.kind is not PrincipalKind.SHOPPER:
            raise ShopperRequired
        if not self.subject:
            raise Unauthenticated

    def as_shopper(self) -> Self:
        """The same principal as a shopper, without permissions."""
        return evolve(self, kind=PrincipalKind.SHOPPER, permissions=NO_PERMISSIONS)

    @property
    def actor(self) -> UUID | None:
        """The subject as changes record it; None if it is not a UUID."""
        try:
            return IdGate().read(self.subject)
        except InvalidValue:
            return None


ANYONE: Final = Principal(
    kind=PrincipalKind.SERVICE, tenants=EVERY_TENANT, permissions=ALL_PERMISSIONS
)
"""The principal of callers who need no authentication, and of the service's own commands."""
