"""What a resource declares about each of its routes. `app` binds them to aiohttp."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from attrs import AttrsInstance, frozen

from customers.core.errors import (
    AddressNotFound,
    ApiKeyNotFound,
    CommunicationNotFound,
    CustomerNotFound,
    CustomersError,
    NoteNotFound,
    PaymentMethodNotFound,
    Problem,
    SegmentNotFound,
)
from customers.core.errors.access import (
    CustomerBlocked,
    InvalidToken,
    NotYourResource,
    PermissionDenied,
    ShopperRequired,
    TenantForbidden,
    Unauthenticated,
)
from customers.core.model.permissions import Permission
from customers.entrypoints.http.body_sizes import largest_body
from customers.entrypoints.http.errors import ErrorFormat
from customers.entrypoints.http.query import Query
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.json.decode import Nulls

BASE: Final = "/api/v1"
CUSTOMER: Final = "/customers/{customerId:(?!(?:batch|me|segments|verify-email)(?:/|$))[^/]+}"
# The customer who a shopper is, by an id that is theirs.
OWN: Final = "/storefront/customers/{shopperId}"
SEGMENT: Final = "/customers/segments/{segmentId:(?!preview(?:/|$))[^/]+}"

_PATH_ID: Final = re.compile(r"\{(\w+)")
# What the core raises when it does not find an id of the path. An order id may be new to it.
_NOT_FOUND: Final[Mapping[str, type[CustomersError]]] = {
    "customerId": CustomerNotFound,
    "shopperId": NotYourResource,
    "segmentId": SegmentNotFound,
    "addressId": AddressNotFound,
    "methodId": PaymentMethodNotFound,
    "noteId": NoteNotFound,
    "communicationId": CommunicationNotFound,
    "keyId": ApiKeyNotFound,
}

_ACCESS: Final = (Unauthenticated, InvalidToken, PermissionDenied, TenantForbidden)
_SHOPPER_ACCESS: Final = (
    Unauthenticated,
    InvalidToken,
    ShopperRequired,
    TenantForbidden,
    CustomerBlocked,
    CustomerNotFound,
)

Handler = Callable[[RequestContext], Awaitable[web.Response]]


@frozen
class Body:
    """The class that a body is read as, and what null means in it.

    Without a body the handler gets None, unless one `is_required`. Strict handling accepts the
    `ignored` keys too. `precheck` finds what is refused before anything else is reported; in one
    that `describes_person`, a deployment may refuse card numbers. OpenAPI describes the body as
    `described_as`, if that is another class. One that is not `decoded` is only described: its
    handler uses `context.body`.
    """

    kind: type[AttrsInstance]
    nulls: Nulls = Nulls.ABSENT
    is_required: bool = True
    ignored: frozenset[str] = frozenset()
    precheck: Callable[[object], Sequence[Problem]] | None = None
    describes_person: bool = False
    described_as: type[AttrsInstance] | None = None
    decoded: bool = True


@frozen
class Route:
    """One operation: its name, method and path, its handler, and what OpenAPI says about it.

    The path is below the `base` path, unless the operation needs no tenant. The handler is called
    with the context, then with the body and the query where the route declares them. Its docstring
    is the summary and the description of the operation.

    `responses` are the shapes of the bodies by status, a tuple where there are several; `errors`
    what the core may raise besides Invalid, Unavailable and the NotFound errors of the path's ids.
    A 201 has a Location header if `has_location`. `on_invalid` is called when the input is refused.
    A body has at most `max_bytes`; None: what the largest valid one needs.
    What `is_probe` is called by machines every few seconds, and logged at debug.

    Callers need the `permission`, or one of the `other_permissions`: then the handler, which knows
    more of the request, expects the right one. A route that `is_for_shoppers` is for them instead,
    who have no permissions. One that `is_open` asks nobody who they are. One below the base path
    that `names_tenant` not gets the tenant from elsewhere, such as a token.
    """

    operation: str
    method: str
    path: str
    handler: Callable[..., Awaitable[web.Response]]
    responses: Mapping[int, Any]
    body: Body | None = None
    query: type[Query] | None = None
    errors: Sequence[type[CustomersError]] = ()
    error_format: ErrorFormat = ErrorFormat.PLAIN
    is_of_tenant: bool = True
    names_tenant: bool = True
    is_probe: bool = False
    has_location: bool = False
    max_bytes: int | None = None
    on_invalid: Callable[[], None] | None = None
    permission: Permission | None = None
    other_permissions: tuple[Permission, ...] = ()
    is_for_shoppers: bool = False
    is_open: bool = False
    base: str = BASE

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """The permissions of which a caller needs one; none in a route for shoppers.

        Raises ValueError if none is named.
        """
        if self.is_for_shoppers:
            return ()
        if self.permission is None:
            raise ValueError(f"the route {self.operation} names no permission")
        return (self.permission, *self.other_permissions)

    @property
    def reads_tenant(self) -> bool:
        """Whether the request names its tenant."""
        return self.is_of_tenant and self.names_tenant

    @property
    def address(self) -> str:
        """The whole path, its parts in braces."""
        return self.base + self.path if self.is_of_tenant else self.path

    @property
    def body_limit(self) -> int:
        """The most bytes that a body may have."""
        return self.max_bytes or largest_body(self.body.kind if self.body else None)

    @property
    def all_errors(self) -> Collection[type[CustomersError]]:
        """What the core may raise besides Invalid and Unavailable."""
        ids = _PATH_ID.findall(self.path)
        not_found = (_NOT_FOUND[name] for name in ids if name in _NOT_FOUND)
        return dict.fromkeys((*self._access_errors, *not_found, *self.errors))

    @property
    def _access_errors(self) -> Sequence[type[CustomersError]]:
        if self.is_open:
            return ()
        return _SHOPPER_ACCESS if self.is_for_shoppers else _ACCESS


ROUTE: Final = web.RequestKey("route", Route)
