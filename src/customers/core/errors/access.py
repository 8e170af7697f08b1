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


class ShopperRequired(AccessDenied):
    """The operation is for shoppers, who have no permissions; the caller is none."""

    code = "SHOPPER_REQUIRED"
    message = "only shoppers may call this operation"


class NotYourResource(AccessDenied):
    """A shopper asks for somebody else, who exists or not."""

    code = "NOT_YOUR_RESOURCE"
    message = "shoppers may see and change only what is their own"


class CustomerBlocked(AccessDenied):
    """The shopper's customer is blocked; why is not for them."""

    code = "CUSTOMER_BLOCKED"
    message = "the customer is blocked"
