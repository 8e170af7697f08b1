"""Errors about who calls and what they may do."""

from customers.core.errors import CustomersError, Forbidden


class Unauthenticated(CustomersError):
    """The caller has not proven who they are."""

    code = "AUTHENTICATION_REQUIRED"
    message = "authentication is required"


class InvalidToken(Unauthenticated):
    """The credential of the caller is not accepted; the message says why, without quoting it."""

    code = "INVALID_TOKEN"
    message = "the token is invalid"


class AccessDenied(Forbidden):
    """The caller is authenticated, but may not do this."""


class PermissionDenied(AccessDenied):
    """The caller lacks the permission that the operation needs."""

    code = "PERMISSION_DENIED"
    # An example for the OpenAPI document; each error names the missing permission.
    message = "the permission customers:view is required"

    def __init__(self, permission: str) -> None:
        super().__init__(f"the permission {permission} is required")


class TenantForbidden(AccessDenied):
    """The caller may not act for the tenant, whether or not the tenant exists."""

    code = "TENANT_FORBIDDEN"
    message = "this caller may not act for the tenant"


class ShopperRequired(AccessDenied):
    """The operation is for shoppers only, and the caller is not a shopper."""

    code = "SHOPPER_REQUIRED"
    message = "only shoppers may call this operation"


class NotYourResource(AccessDenied):
    """A shopper asked for data of another customer, whether or not that customer exists."""

    code = "NOT_YOUR_RESOURCE"
    message = "shoppers may see and change only what is their own"


class CustomerBlocked(AccessDenied):
    """The shopper's customer is blocked; the shopper is not told why."""

    code = "CUSTOMER_BLOCKED"
    message = "the customer is blocked"
