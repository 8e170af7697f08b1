"""What a resource declares about each of its routes. `app` binds them to aiohttp."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from aiohttp import web
from attrs import AttrsInstance, frozen
from multidict import MultiMapping

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
from customers.core.model.values import WHITESPACE
from customers.entrypoints.http.body import JSON
from customers.entrypoints.http.body_sizes import largest_body
from customers.entrypoints.http.errors import ErrorFormat
from customers.entrypoints.http.query import Query, snake
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.json.decode import Nulls

BASE: Final = "/api/v1"
CUSTOMER: Final = (
    "/customers/{customerId:(?!(?:batch|bulk-upsert|me|segments|verify-email)(?:/|$))[^/]+}"
)
# A shopper's own customer: the id is `me`, the id of the customer or the user id of the shopper.
OWN: Final = "/storefront/customers/{shopperId}"
SEGMENT: Final = "/customers/segments/{segmentId:(?!preview(?:/|$))[^/]+}"

_PATH_ID: Final = re.compile(r"\{(\w+)")
# What the core raises if an id of the path does not exist. An order id may be one that is recorded
# later, so it is not in this table.
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
    """How a route reads its request body: as an instance of the class `kind`.

    `nulls` is what null means in the body. If the body is not required, the handler gets None
    without one. `ignored` are keys outside the class that strict handling accepts as well.
    `precheck` finds the problems that are reported alone, before any others. If the body
    `describes_person`, a deployment may refuse card numbers in it. `described_as` is the class that
    OpenAPI describes instead of `kind`. A body with `decoded=False` is only described in OpenAPI;
    its handler reads `context.body`. A body of another `media_type` than JSON is not even parsed:
    its handler reads `context.raw`.
    """

    kind: type[AttrsInstance]
    nulls: Nulls = Nulls.ABSENT
    is_required: bool = True
    ignored: frozenset[str] = frozenset()
    precheck: Callable[[object], Sequence[Problem]] | None = None
    describes_person: bool = False
    described_as: type[AttrsInstance] | None = None
    decoded: bool = True
    media_type: str = JSON


@frozen
class QueryPermission:
    """The permission that a call needs instead of the route's own, if a parameter of its query has
    a value.
    """

    parameter: str
    value: str
    permission: Permission

    def applies_to(self, query: MultiMapping[str]) -> bool:
        return any(
            snake(name) == self.parameter and text.strip(WHITESPACE).casefold() == self.value
            for name, text in query.items()
        )


@frozen
class BodyPermission:
    """The permission that a call needs beside the route's own, if its body changes a field."""

    field: str
    permission: Permission


OwnerCheck = Callable[[RequestContext], Awaitable[None]]
Room = Callable[[str], AbstractContextManager[None]]


@frozen
class Route:
    """One operation: its name, method and path, its handler, and what OpenAPI says about it.

    The path is below the `base` path, unless `is_of_tenant=False` says that the operation needs no
    tenant. The handler is called with the context, then with the body and the query if the route
    declares them. Its docstring is the summary and the description of the operation.

    `responses` has the shape of the body for each status, or a tuple of alternative shapes.
    `errors` are what the core may raise besides Invalid, Unavailable, TenantBusy and errors of
    access; those of `_NOT_FOUND` may be left out. With `has_location`, a 201 response has a
    Location header. `on_invalid` is called when the input is invalid, unless it cannot be parsed at
    all; before the problems are answered, `owner_check` raises NotYourResource for an id that is
    not the caller's. `max_bytes` limits the body; None stands for the limit of `largest_body`.
    Before a byte of it is kept, `room` lets the request in for its tenant, which the body does not
    name then, or raises Busy.
    Machines call a probe (`is_probe`) every few seconds, so it is logged at debug, except server
    errors.

    A caller needs the `permission`, or that of the `query_permission` if it applies. The core
    checks that of the `body_permission`, which OpenAPI shows. A route with `is_for_shoppers` is for
    shoppers, who have no permissions. A route with `is_open` does not authenticate its callers.
    With `names_tenant=False` the request does not name its tenant; the tenant comes from elsewhere,
    such as a token.
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
    room: Room | None = None
    on_invalid: Callable[[], None] | None = None
    owner_check: OwnerCheck | None = None
    permission: Permission | None = None
    query_permission: QueryPermission | None = None
    body_permission: BodyPermission | None = None
    is_for_shoppers: bool = False
    is_open: bool = False
    base: str = BASE

    @property
    def own_permission(self) -> Permission:
        """The permission that a caller needs unless the `query_permission` applies. Raises
        ValueError for a route without a permission.
        """
        if self.permission is None:
            raise ValueError(f"the route {self.operation} names no permission")
        return self.permission

    @property
    def reads_tenant(self) -> bool:
        """Whether the tenant is read from the request."""
        return self.is_of_tenant and self.names_tenant

    @property
    def address(self) -> str:
        """The whole path, with its parameters, and the patterns of some, in braces."""
        return self.base + self.path if self.is_of_tenant else self.path

    @property
    def body_limit(self) -> int:
        """The maximum size of a body in bytes."""
        return self.max_bytes or largest_body(self.body.kind if self.body else None)

    @property
    def media_type(self) -> str:
        """The media type of a body."""
        return JSON if self.body is None else self.body.media_type

    @property
    def all_errors(self) -> Collection[type[CustomersError]]:
        """The errors of the core in a call, besides Invalid, Unavailable and TenantBusy."""
        ids = _PATH_ID.findall(self.path)
        not_found = (_NOT_FOUND[name] for name in ids if name in _NOT_FOUND)
        return dict.fromkeys((*self._access_errors, *not_found, *self.errors))

    @property
    def _access_errors(self) -> Sequence[type[CustomersError]]:
        if self.is_open:
            return ()
        return _SHOPPER_ACCESS if self.is_for_shoppers else _ACCESS


ROUTE: Final = web.RequestKey("route", Route)
