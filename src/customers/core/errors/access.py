"""Errors about who calls and what they may do."""

from customers.core.errors import CustomersError, Forbidden


class Unauthenticated(CustomersError):
    """The caller has not proven who they are."""

    code = "AUTHENTICATION_REQUIRED"
    message = "authentication is required"


class InvalidToken(Unauthenticated):
    """The credential of the caller is not accepted; the message says why, without any of it."""

    code = "INVALID_TOKEN"
    message = "the token is invalid"


class AccessDenied(Forbidden):
    """The caller is known and may not do this."""


class PermissionDenied(AccessDenied):
    """The caller has not the permission that the operation needs."""

    code = "PERMISSION_DENIED"
    message = "the permission customers:view is required"

    def __init__(self, permission: str) -> None:
        super().__init__(f"the permission {permission} is required")


class TenantForbidden(AccessDenied):
    """The caller may not act for the tenant, which exists or not."""

    code = "TENANT_FORBIDDEN"
    message = "this caller may not act for the tenant"
