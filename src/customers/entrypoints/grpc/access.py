"""Access over gRPC: the caller's credential in the metadata, and the permission of each method."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import unquote

from attrs import frozen
from google.protobuf.message import Message
from grpc.aio import ServicerContext

from customers.core.model.permissions import Permission
from customers.core.model.principal import ANYONE, Principal
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.grpc.generated.customers_pb2 import DESCRIPTOR

Context = ServicerContext[Any, Any]

_SERVICE: Final = DESCRIPTOR.services_by_name["CustomersService"]
_HEALTH: Final = "/grpc.health.v1.Health/"
PERMISSIONS: Final[Mapping[str, Permission]] = {
    "RecordOrder": Permission.ORDERS_RECORD,
    "RefundOrder": Permission.ORDERS_RECORD,
    "CancelOrder": Permission.ORDERS_RECORD,
    "RecordOrders": Permission.ORDERS_RECORD,
}
"""The permission of each method of the service."""

# Set while a call is handled.
_PRINCIPAL: Final[ContextVar[Principal]] = ContextVar("principal", default=ANYONE)


def principal_of_call() -> Principal:
    """The principal of the call under way; ANYONE if the method is open to everybody."""
    return _PRINCIPAL.get()


def permissions_by_path() -> dict[str, Permission]:
    """The permission of each method, by its path. Raises ValueError for a method without one."""
    if missing := {method.name for method in _SERVICE.methods} - PERMISSIONS.keys():
        raise ValueError(f"the methods {', '.join(sorted(missing))} name no permission")
    return {f"/{_SERVICE.full_name}/{name}": value for name, value in PERMISSIONS.items()}


class RpcAccess:
    """Admits callers who have the permission of the method that they call.

    Health checks are open to everybody. Methods of other services, such as reflection, are open if
    the documentation is public; else they need the permission service:observe.
    """

    def __init__(self, guard: Guard, *, is_documentation_public: bool) -> None:
        self._guard = guard
        self._permissions = permissions_by_path()
        self._is_documentation_public = is_documentation_public

    async def admit(self, method: str, context: Context) -> None:
        """Sets the principal of the call, unless the method is open to everybody.

        Raises Unauthenticated, InvalidToken, PermissionDenied, Unavailable.
        """
        if method in self._permissions:
            permission = self._permissions[method]
        elif method.startswith(_HEALTH) or self._is_documentation_public:
            return
        else:
            permission = Permission.SERVICE_OBSERVE
        _PRINCIPAL.set(await self._guard.admit(RpcCaller(context), permission))


def choose_tenant(request: Message, principal: Principal) -> None:
    """Sets the tenant of a request that names none, if the principal may act for only one.

    Raises TenantForbidden if the principal may not act for the tenant.
    """
    if not request.tenant_id:  # type: ignore[attr-defined]
        request.tenant_id = principal.tenants.only  # type: ignore[attr-defined]
    if request.tenant_id:  # type: ignore[attr-defined]
        principal.expect_tenant(request.tenant_id)  # type: ignore[attr-defined]


@frozen
class RpcCaller:
    _context: Context

    @property
    def peer(self) -> str:
        """The IP address of the caller, which gRPC writes as `ipv4:127.0.0.1:5000` or
        `ipv6:%5B::1%5D:5000`; empty for a caller without one.
        """
        kind, _, rest = unquote(self._context.peer()).partition(":")
        if kind not in ("ipv4", "ipv6"):
            return ""
        return rest.rpartition(":")[0].strip("[]")

    @property
    def certificate_names(self) -> Sequence[str]:
        names = self._context.auth_context().get("x509_subject_alternative_name", ())
        return [name.decode(errors="replace") for name in names]

    def values(self, name: str) -> Sequence[str]:
        metadata = self._context.invocation_metadata() or ()
        return [str(value) for key, value in metadata if key == name]
