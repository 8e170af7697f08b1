"""What a request asks, read once: whose it is, who acts, its ids, its body, its preconditions."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from aiohttp import web
from attrs import AttrsInstance, frozen

from customers.core.errors import Invalid, Refused
from customers.core.model.values import Gate, IdGate
from customers.entrypoints.http.bodies import read_body
from customers.entrypoints.http.queries import Query
from customers.entrypoints.http.tenant import actor_of, tenant_of
from customers.entrypoints.wire.reading import Nulls, Reader

Kind = TypeVar("Kind", bound=AttrsInstance)

_VERSION_TAG = re.compile(r'"([0-9]{1,18})"')
_TENANT_KEYS = frozenset({"tenantId"})


@frozen(kw_only=True)
class Asked:
    """A request with its tenant and body read."""

    request: web.Request
    tenant: str
    body: Mapping[str, Any] | None
    raw: bytes
    reader: Reader

    @property
    def actor(self) -> UUID | None:
        return actor_of(self.request)

    @property
    def is_strict(self) -> bool:
        return is_strict(self.request)

    def query(self) -> Query:
        return Query(self.request.query)

    def id(self, name: str) -> UUID:
        """An id of the path. Raises Invalid when it is malformed."""
        return self.part(name, IdGate())  # type: ignore[no-any-return]

    def part(self, name: str, gate: Gate) -> Any:
        """A part of the path through its gate. Raises Invalid."""
        try:
            return gate.read(self.request.match_info[name])
        except Refused as refused:
            raise Invalid([refused.at(name)]) from refused

    def read(
        self,
        kind: type[Kind],
        *,
        nulls: Nulls = Nulls.ABSENT,
        ignored: frozenset[str] = frozenset(),
    ) -> Kind:
        """The body as a `kind`; with strict handling only its keys and `ignored` may be there.

        Raises Invalid.
        """
        if self.body is None:
            raise Invalid([Refused("REQUIRED", "a JSON object is expected").at("", "")])
        allowed = _TENANT_KEYS | ignored if self.is_strict else None
        return self.reader.read(kind, self.body, nulls=nulls, allowed=allowed)

    def versions(self) -> frozenset[int] | None:
        """The versions that If-Match names; None without one, or for any version."""
        given = ",".join(self.request.headers.getall("If-Match", ())).strip()
        if not given or given == "*":
            return None
        tags = (_VERSION_TAG.fullmatch(tag.strip()) for tag in given.split(","))
        return frozenset(int(tag[1]) for tag in tags if tag)


async def ask(request: web.Request, reader: Reader) -> Asked:
    """Reads what is common to all API requests. Raises Invalid, Rejected."""
    raw, body = (b"", None) if request.method in ("GET", "HEAD") else await read_body(request)
    return Asked(
        request=request, tenant=tenant_of(request, body), body=body, raw=raw, reader=reader
    )


def is_strict(request: web.BaseRequest) -> bool:
    """Whether the caller prefers unknown keys to be refused (RFC 7240)."""
    said = ",".join(request.headers.getall("Prefer", ())).lower()
    return any(
        re.sub(r"[\s\"]", "", each.split(";")[0]) == "handling=strict" for each in said.split(",")
    )
