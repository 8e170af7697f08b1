"""A request as handlers see it: the principal, the tenant, the ids of the path, the JSON body."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import web
from attrs import define, frozen

from customers.core.errors import Invalid, InvalidValue
from customers.core.model.principal import Principal
from customers.core.model.problems import Name, Problems
from customers.core.model.shopper import ME, Shopper
from customers.core.model.values import Gate, IdGate, VisibleGate
from customers.entrypoints.http.body import read_body
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
    """What differs between deployments in how requests are read."""

    tenants: TenantReader
    refuses_card_numbers: bool
    """Whether notes, communications and customers may not hold them; payment methods never do."""
    cursor_keys: CursorKeys


@define(kw_only=True, eq=False)  # every request makes one: frozen would take three times as long
class RequestContext:
    """A request whose body has arrived; `body` is None without one, `raw` its bytes.

    `problems` are those of the tenant and the path, then of the rest as it is read. A handler is
    only called without problems, so in a handler the tenant and the ids are well-formed.
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
        """The tenant; empty as long as there are problems with it."""
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
        """The shopper who calls, and the customer that the path asks for: their own without one."""
        return Shopper.of(self.principal, self._path.get("shopperId", ME))

    def id(self, name: str) -> UUID:
        """Another id of the path."""
        return self._path[name]  # type: ignore[no-any-return]

    @property
    def cursors(self) -> Cursors:
        """The cursors of lists."""
        return self.deployment.cursor_keys.cursors

    @property
    def is_strict(self) -> bool:
        """Whether the caller prefers unknown keys to be refused (RFC 7240)."""
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
        """The versions that If-Match names; None without one, or for any version."""
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
) -> RequestContext:
    """The context of a request, its body received and parsed.

    Raises Invalid for a body that is not a JSON object, RequestRejected for its type and size,
    TenantForbidden.
    """
    raw, body = b"", None
    if request.method not in ("GET", "HEAD"):
        raw, body = await read_body(request, max_bytes)
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
    """The gate of a part of the path: an id of ours, an outside order's, or the id of a shopper,
    which may be malformed: it is not theirs then, as that of anybody else.
    """
    gates: dict[str, Gate] = {"orderId": _ORDER_ID, "shopperId": _SHOPPER_ID}
    return gates.get(name, _ID)
