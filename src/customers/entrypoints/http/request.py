"""What a request asks, read once: whose it is, who acts, its ids, its body, its preconditions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from aiohttp import web
from attrs import AttrsInstance, frozen

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.entrypoints.http.body import read_body
from customers.entrypoints.http.parameters import ID, ORDER_ID
from customers.entrypoints.http.queries import Query
from customers.entrypoints.http.tenant import actor_of, tenant_of
from customers.entrypoints.json.decode import Decoder, Nulls

Kind = TypeVar("Kind", bound=AttrsInstance)

_VERSION_TAG = re.compile(r'"([0-9]{1,18})"')
_TENANT_KEYS = frozenset({"tenantId"})


@frozen
class Nothing:
    """A body that has nothing to say."""


@frozen(kw_only=True)
class RequestContext:
    """A request, read: its body, and whose and what it is about.

    What is wrong with the tenant or the path is kept, so that `read` can tell it together with
    what is wrong with the body; nobody gets the tenant or an id before that is told.
    """

    request: web.Request
    body: Mapping[str, Any] | None
    raw: bytes
    _decoder: Decoder
    _tenant: str
    _parts: Mapping[str, Any]
    _problems: Sequence[Problem]

    @property
    def tenant(self) -> str:
        """Raises Invalid when the tenant or any part of the path is malformed."""
        self._expect_no_problems()
        return self._tenant

    @property
    def named_tenant(self) -> str:
        """The tenant as far as it is known: empty when it is malformed, or not named."""
        return self._tenant

    @property
    def order_id(self) -> str:
        """The order id of the path. Raises Invalid as `tenant` does."""
        self._expect_no_problems()
        return self._parts["orderId"]  # type: ignore[no-any-return]

    def id(self, name: str) -> UUID:
        """An id of the path. Raises Invalid as `tenant` does."""
        self._expect_no_problems()
        return self._parts[name]  # type: ignore[no-any-return]

    @property
    def actor(self) -> UUID | None:
        return actor_of(self.request)

    @property
    def is_strict(self) -> bool:
        """Whether the caller prefers unknown keys to be refused (RFC 7240)."""
        if "Prefer" not in self.request.headers:
            return False
        said = ",".join(self.request.headers.getall("Prefer")).lower()
        preferred = (re.sub(r"[\s\"]", "", each.split(";")[0]) for each in said.split(","))
        return "handling=strict" in preferred

    def query(self) -> Query:
        """Raises Invalid as `tenant` does."""
        self._expect_no_problems()
        return Query(self.request.query)

    def read(
        self,
        kind: type[Kind],
        *,
        nulls: Nulls = Nulls.ABSENT,
        ignored: frozenset[str] = frozenset(),
    ) -> Kind:
        """The body as a `kind`; with strict handling only its keys and `ignored` may be there.

        Raises Invalid, which names every bad field, and what is wrong with tenant and path.
        """
        allowed = _TENANT_KEYS | ignored if self.is_strict else None
        try:
            if self.body is None:
                raise Invalid([InvalidValue("REQUIRED", "a JSON object is expected").at("", "")])
            read = self._decoder.decode(kind, self.body, nulls=nulls, allowed=allowed)
        except Invalid as error:
            raise Invalid([*self._problems, *error.problems]) from error
        self._expect_no_problems()
        return read

    def expect_nothing(self) -> None:
        """For a route that needs no body; with strict handling one that says something is refused.

        Raises Invalid.
        """
        if self.body is not None:
            self.read(Nothing)

    def versions(self) -> frozenset[int] | None:
        """The versions that If-Match names; None without one, or for any version."""
        given = ",".join(self.request.headers.getall("If-Match", ())).strip()
        if not given or given == "*":
            return None
        tags = (_VERSION_TAG.fullmatch(tag.strip()) for tag in given.split(","))
        return frozenset(int(tag[1]) for tag in tags if tag)

    def _expect_no_problems(self) -> None:
        if self._problems:
            raise Invalid(self._problems)


async def ask(
    request: web.Request, decoder: Decoder, *, of_tenant: bool, most: int
) -> RequestContext:
    """Reads what is common to all requests; a body has at most so many bytes.

    Raises Invalid and Rejected for its body.
    """
    raw, body = b"", None
    if request.method not in ("GET", "HEAD"):
        raw, body = await read_body(request, most)
    parts, problems = _parts_of(request)
    tenant = ""
    try:
        tenant = tenant_of(request, body) if of_tenant else ""
    except Invalid as error:
        problems = [*error.problems, *problems]
    return RequestContext(
        request=request,
        body=body,
        raw=raw,
        decoder=decoder,
        tenant=tenant,
        parts=parts,
        problems=problems,
    )


def _parts_of(request: web.Request) -> tuple[Mapping[str, Any], list[Problem]]:
    """The parts of the path: ids of ours, and an outside order's."""
    parts, problems = {}, []
    for name, part in request.match_info.items():
        try:
            parts[name] = (ORDER_ID if name == "orderId" else ID).read(part)
        except InvalidValue as refused:
            problems.append(refused.at(name))
    return parts, problems
