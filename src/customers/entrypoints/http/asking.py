"""What a request asks, read once: whose it is, who acts, its ids, its body, its preconditions."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from aiohttp import web
from attrs import AttrsInstance, frozen

from customers.core.errors import Invalid, Problem, Refused
from customers.core.model.values import Gate, IdGate, VisibleGate
from customers.entrypoints.http.bodies import read_body
from customers.entrypoints.http.queries import Query
from customers.entrypoints.http.tenant import actor_of, tenant_of
from customers.entrypoints.wire.reading import Nulls, Reader

Kind = TypeVar("Kind", bound=AttrsInstance)

_VERSION_TAG = re.compile(r'"([0-9]{1,18})"')
_TENANT_KEYS = frozenset({"tenantId"})
_ORDER_ID, _ID = VisibleGate(), IdGate()


@frozen
class Nothing:
    """A body that has nothing to say."""


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
        """An id of the path. Raises Invalid when any part of the path is malformed."""
        return self._parts()[name]  # type: ignore[no-any-return]

    @property
    def order_id(self) -> str:
        """The order id of the path. Raises Invalid when any part of the path is malformed."""
        return self._parts()["orderId"]  # type: ignore[no-any-return]

    def read(
        self,
        kind: type[Kind],
        *,
        nulls: Nulls = Nulls.ABSENT,
        ignored: frozenset[str] = frozenset(),
    ) -> Kind:
        """The body as a `kind`; with strict handling only its keys and `ignored` may be there.

        Raises Invalid, which names every bad field and every malformed part of the path.
        """
        allowed = _TENANT_KEYS | ignored if self.is_strict else None
        problems = self._path_problems()
        try:
            if self.body is None:
                raise Invalid([Refused("REQUIRED", "a JSON object is expected").at("", "")])
            read = self.reader.read(kind, self.body, nulls=nulls, allowed=allowed)
        except Invalid as error:
            raise Invalid([*problems, *error.problems]) from error
        if problems:
            raise Invalid(problems)
        return read

    def expect_nothing(self) -> None:
        """For a route that needs no body; with strict handling one that says something is refused.

        Raises Invalid.
        """
        if self.body is not None:
            self.read(Nothing)

    def _parts(self) -> dict[str, Any]:
        if problems := self._path_problems():
            raise Invalid(problems)
        return {name: _gate(name).read(part) for name, part in self.request.match_info.items()}

    def _path_problems(self) -> list[Problem]:
        problems = []
        for name, part in self.request.match_info.items():
            try:
                _gate(name).read(part)
            except Refused as refused:
                problems.append(refused.at(name))
        return problems

    def versions(self) -> frozenset[int] | None:
        """The versions that If-Match names; None without one, or for any version."""
        given = ",".join(self.request.headers.getall("If-Match", ())).strip()
        if not given or given == "*":
            return None
        tags = (_VERSION_TAG.fullmatch(tag.strip()) for tag in given.split(","))
        return frozenset(int(tag[1]) for tag in tags if tag)


def _gate(name: str) -> Gate:
    """What a part of the path must be: an outside order's id, or an id of ours."""
    return _ORDER_ID if name == "orderId" else _ID


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
