"""A request as handlers see it: the principal, the tenant, the ids of the path, the JSON body."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import web
from attrs import define, frozen

from customers.core.errors import Invalid, InvalidValue
from customers.core.model.money import Currency
from customers.core.model.principal import Principal
from customers.core.model.problems import Name, Problems
from customers.core.model.shopper import ME, Shopper
from customers.core.model.values import Gate, IdGate, VisibleGate
from customers.entrypoints.http.body import JSON, read_body
from customers.entrypoints.http.cursor_keys import CursorKeys
from customers.entrypoints.http.cursors import Cursors
from customers.entrypoints.http.gates import AnyTextGate
from customers.entrypoints.http.tenant import TenantReader

_VERSION_TAG = re.compile(r'"([0-9]{1,18})"')
_ID = IdGate()
_ORDER_ID = VisibleGate()
_SHOPPER_ID = AnyTextGate()


@frozen(kw_only=True)
class Deployment:
    """How this deployment reads requests."""

    tenants: TenantReader
    refuses_card_numbers: bool
    """Whether card numbers are refused in customers, lock reasons, notes and communications too; in
    payment methods they always are.
    """
    cursor_keys: CursorKeys
    currency: Currency


@define(kw_only=True, eq=False)  # every request makes one: frozen would take three times as long
class RequestContext:
    """A request whose body has arrived: `raw` has the bytes, `body` the JSON object, if any.

    `problems` begins with the problems of the tenant and the path; those of the body and the query
    follow as they are read. A handler is only called if there are none, so in a handler the tenant
    and the ids are well-formed.
    """

    request: web.Request
    principal: Principal
    body: Mapping[str, Any] | None
    raw: bytes
    named_tenant: str
    problems: Problems
    deployment: Deployment
    _path: Mapping[str, Any]

    @property
    def tenant(self) -> str:
        """The tenant; empty if it is missing or invalid, and in routes that name none."""
        return self.named_tenant

    @property
    def customer_id(self) -> UUID:
        """The customer id of the path."""
        return self.id("customerId")

    @property
    def segment_id(self) -> UUID:
        """The segment id of the path."""
        return self.id("segmentId")

    @property
    def order_id(self) -> str:
        """The order id of the path."""
        return self._path["orderId"]  # type: ignore[no-any-return]

    @property
    def shopper(self) -> Shopper:
        """The shopper who calls, with the id in the path; `me` if the path has none."""
        return Shopper.of(self.principal, self._path.get("shopperId", ME))

    def id(self, name: str) -> UUID:
        """The id with this name in the path."""
        return self._path[name]  # type: ignore[no-any-return]

    @property
    def cursors(self) -> Cursors:
        """Makes and opens the cursors of lists."""
        return self.deployment.cursor_keys.cursors

    @property
    def is_strict(self) -> bool:
        """Whether the caller wants unknown keys to be refused (`Prefer`, RFC 7240)."""
        if "Prefer" not in self.request.headers:
            return False
        header = ",".join(self.request.headers.getall("Prefer")).lower()
        preferences = (re.sub(r"[\s\"]", "", part.split(";")[0]) for part in header.split(","))
        return "handling=strict" in preferences

    def has_caller_left(self) -> bool:
        """Whether the caller has closed the connection."""
        transport = self.request.transport
        return transport is None or transport.is_closing()

    def versions(self) -> frozenset[int] | None:
        """The versions that If-Match names; None without the header, or if it is `*`."""
        header = ",".join(self.request.headers.getall("If-Match", ())).strip()
        if not header or header == "*":
            return None
        tags = (_VERSION_TAG.fullmatch(tag.strip()) for tag in header.split(","))
        return frozenset(int(tag[1]) for tag in tags if tag)


async def receive(
    request: web.Request,
    principal: Principal,
    *,
    of_tenant: bool,
    max_bytes: int,
    deployment: Deployment,
    media_type: str = JSON,
) -> RequestContext:
    """The context of a request. Receives the body, except for GET and HEAD, and parses JSON.

    Raises Invalid for a body that cannot be decoded or that `parse_object` refuses; RequestRejected
    for its coding, type or size, or if it is late; CallerLeft; TenantForbidden.
    """
    raw, body = b"", None
    if request.method not in ("GET", "HEAD"):
        raw, body = await read_body(request, max_bytes, media_type)
    problems = Problems()
    tenant = ""
    if of_tenant:
        try:
            tenant = deployment.tenants.read(request, body, principal)
        except Invalid as error:
            problems.extend(error.problems)
    path = _path(request, problems)
    return RequestContext(
        request=request,
        principal=principal,
        body=body,
        raw=raw,
        named_tenant=tenant,
        path=path,
        problems=problems,
        deployment=deployment,
    )


def _path(request: web.Request, problems: Problems) -> Mapping[str, Any]:
    """The well-formed ids of the path; a problem is added for each of the others."""
    path = {}
    for name, text in request.match_info.items():
        try:
            path[name] = path_gate(name).read(text)
        except InvalidValue as error:
            problems.add(Name(name), error.code, error.message)
    return path


def path_gate(name: str) -> Gate:
    """The gate of a path parameter. An order id is an id of another system. A shopper's id may be
    any text: a malformed one is answered like the id of somebody else. All others are our own ids.
    """
    gates: dict[str, Gate] = {"orderId": _ORDER_ID, "shopperId": _SHOPPER_ID}
    return gates.get(name, _ID)
