"""Attacks: calls that need a permission, by callers who may not make them or with others' ids.

A cell is an operation, who calls it, and whose ids it names.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

import pytest
from attrs import evolve, frozen

from customers.core.model.permissions import Permission
from customers.entrypoints.http.body import NDJSON
from tests.contract.api.tenants import a_full_customer, calls, masked
from tests.support.access import claims
from tests.support.api_client import Answer, Api
from tests.support.api_steps import an_unknown_id, new_customer, read_everything
from tests.support.builders import a_tenant
from tests.support.schema_check import operation_of
from tests.support.statement_count import counting_statements

Headers = dict[str, str | None]
SECRET: Final = "of the gateway"
GATEWAY: Final[Headers] = {"X-Gateway-Secret": SECRET}
LEAST_CELLS: Final = 600
EVERY: Final = tuple(permission.value for permission in Permission)


def staff(*permissions: str, tenant: str, **headers: str | None) -> Headers:
    """The headers that the gateway sends for an employee of a tenant with these permissions."""
    return claims(*permissions, tenant=tenant) | GATEWAY | headers


@frozen(kw_only=True)
class Attempt:
    """A call, and the permissions that it needs."""

    method: str
    path: str
    body: Any
    needed: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def attempts(api: Api, ids: Mapping[str, str]) -> Iterator[Attempt]:
    """Calls that need a permission: of every operation with an id in its path, and of `others`.

    They are valid if the ids are.
    """
    customer_id, segment_id = ids["customerId"], ids["segmentId"]
    others = [
        ("GET", "/api/v1/customers", None),
        (
            "POST",
            "/api/v1/customers",
            {"email": "eve@example.test", "firstName": "E", "lastName": ""},
        ),
        ("GET", f"/api/v1/customers/batch?ids={customer_id}", None),
        ("GET", f"/api/v1/customers?segment_id={segment_id}", None),
        (
            "POST",
            "/api/v1/customers/orders/batch",
            {"orders": [{"customerId": customer_id, "orderId": "o-9", "totalAmount": 1}]},
        ),
        (
            "POST",
            "/api/v1/customers/bulk-upsert",
            b'{"email":"adam@example.test","firstName":"A","lastName":""}',
        ),
        ("POST", "/api/v1/customers/segments/preview", {"rules": None}),
        ("GET", "/api/v1/customers/segments", None),
        ("POST", "/api/v1/customers/segments", {"name": "everybody"}),
        ("GET", "/api/v1/keys", None),
        ("POST", "/api/v1/keys", {"name": "mine", "permissions": ["keys:manage"]}),
    ]
    for method, path, body in (*calls(api, ids), *others):
        if method == "HEAD":
            continue
        operation = operation_of(method, path)
        if operation is None or operation.spec.get("x-permission", "shopper") == "shopper":
            continue
        needed = [str(operation.spec["x-permission"])]
        if operation.name == "deleteCustomer":
            needed = ["customers:erase" if "mode=erase" in path else "customers:delete"]
        yield Attempt(method=method, path=path, body=body, needed=tuple(needed))


async def send(api: Api, attempt: Attempt, headers: Headers) -> Answer:
    options = {} if attempt.body is None else {"body": attempt.body}
    if isinstance(attempt.body, bytes):
        headers = headers | {"Content-Type": NDJSON}
    return await api.send(attempt.method, attempt.path, headers=headers, base="", **options)


class AttackContract:
    async def test_who_may_not_is_refused_by_every_operation(self, guarded: Api) -> None:
        """Callers without valid credentials, callers with foreign or revoked keys, staff of another
        tenant, and staff with no, one other, or all other permissions than the needed one.
        """
        ids, mine, cells = await self._a_customer(guarded), guarded.tenant, 0
        before = await self._everything(guarded, ids)
        with_keys = [*await self._refused_keys(guarded)]
        for attempt in attempts(guarded, ids):
            for headers, error in [*_refused_callers(attempt, mine), *with_keys]:
                answer = await send(guarded, attempt, headers)
                assert answer.error == error, (attempt.name, headers)
                cells += 1
        assert await self._everything(guarded, ids) == before
        print(f"{cells:,} cells")
        assert cells >= LEAST_CELLS

    async def test_the_needed_permission_is_enough(self, guarded: Api) -> None:
        for number, attempt in enumerate(attempts(guarded, await self._a_customer(guarded))):
            tenant = f"{guarded.tenant}-{number}"
            other = evolve(guarded, tenant=tenant)
            own = [*attempts(other, await self._a_customer(other))][number]
            answer = await send(other, own, staff(*attempt.needed, tenant=tenant))
            assert answer.status not in (401, 403), (own.name, answer)

    async def test_ids_of_another_tenant_cost_and_answer_what_unknown_ids_do(
        self, guarded: Api
    ) -> None:
        """The bytes and the number of statements are compared, for each id of a path in turn."""
        theirs, mine = await self._a_customer(guarded), evolve(guarded, tenant=a_tenant())
        own = await self._a_customer(mine)
        before = await self._everything(guarded, theirs)
        headers, cells = staff(*EVERY, tenant=mine.tenant), 0
        with counting_statements() as count:
            for name in theirs.keys() - {"orderId"}:
                unknown = an_unknown_id()
                foreign = attempts(mine, {**own, name: theirs[name]})
                for attempt, other in zip(
                    foreign, attempts(mine, {**own, name: unknown}), strict=True
                ):
                    if theirs[name] not in f"{attempt.path}{attempt.body}":
                        continue
                    began = count.number
                    answer = await send(mine, attempt, headers)
                    work, began = count.since(began), count.number
                    expected = await send(mine, other, headers)
                    assert work == count.since(began), attempt.name
                    assert answer.status == expected.status, attempt.name
                    assert masked(answer.raw, {name: theirs[name]}) == masked(
                        expected.raw, {name: unknown}
                    ), attempt.name
                    cells += 1
        print(f"{cells:,} cells")
        assert await self._everything(guarded, theirs) == before

    @pytest.mark.parametrize("path", ["/customers", "/customers/segments"])
    async def test_a_cursor_of_another_tenant_is_no_cursor(self, guarded: Api, path: str) -> None:
        other = evolve(guarded, tenant=a_tenant())
        for api in (guarded, other):
            for number in range(3):
                body = new_customer() if path == "/customers" else {"name": f"Segment {number}"}
                answer = await api.post(path, body, headers=self._all(api))
                assert answer.status == 201
        size = "page_size=1&cursor=" if path == "/customers" else "limit=1"
        first = await guarded.get(f"{path}?{size}", headers=self._all(guarded))
        cursor = (
            first.body["nextCursor"]
            if path == "/customers"
            else str(first.link("next")).partition("cursor=")[2].partition("&")[0]
        )
        query = f"{path}?{size.removesuffix('&cursor=')}&cursor={cursor}"
        assert (await guarded.get(query, headers=self._all(guarded))).status == 200
        answer = await other.get(query, headers=self._all(other))
        forged = await other.get(f"{query[:-2]}xx", headers=self._all(other))
        assert answer.status == forged.status == 400
        assert answer.raw == forged.raw

    async def test_a_version_of_another_tenant_tells_nothing(self, guarded: Api) -> None:
        ids, other = await self._a_customer(guarded), evolve(guarded, tenant=a_tenant())
        path = f"/customers/{ids['customerId']}"
        tag = (await guarded.get(path, headers=self._all(guarded))).headers["ETag"]
        for name, method in (("If-Match", "PUT"), ("If-None-Match", "GET")):
            options: dict[str, Any] = {"body": {"firstName": "Eve"}} if method == "PUT" else {}
            for value in (tag, '"999"'):
                headers = self._all(other) | {name: value}
                answer = await other.send(method, path, headers=headers, **options)
                assert answer.error == (404, "CUSTOMER_NOT_FOUND")

    async def _refused_keys(self, guarded: Api) -> list[tuple[Headers, tuple[int, str]]]:
        """The headers of callers with a key of another tenant, whole and cut short, and with a
        revoked key; and their errors.
        """
        foreign = _Trusted.of(evolve(guarded, tenant=a_tenant()))
        own = _Trusted.of(guarded)
        details = {"permissions": ["*"]}
        theirs = (await foreign.post("/keys", details)).body["key"]
        revoked = (await own.post("/keys", details)).body
        assert (await own.delete(f"/keys/{revoked['id']}")).status == 200
        named: Headers = {"X-Tenant-ID": guarded.tenant}
        return [
            (named | {"Authorization": f"Bearer {theirs}"}, (403, "TENANT_FORBIDDEN")),
            (named | {"Authorization": f"Bearer {theirs[:-1]}"}, (401, "INVALID_TOKEN")),
            (named | {"Authorization": f"Bearer {revoked['key']}"}, (401, "INVALID_TOKEN")),
        ]

    @staticmethod
    def _all(api: Api) -> Headers:
        return staff(*EVERY, tenant=api.tenant)

    async def _a_customer(self, guarded: Api) -> dict[str, str]:
        return await a_full_customer(_Trusted.of(guarded))

    async def _everything(self, guarded: Api, ids: Mapping[str, str]) -> Any:
        return await read_everything(_Trusted.of(guarded), f"/customers/{ids['customerId']}")


class _Trusted(Api):
    """A client with every permission for its tenant."""

    @classmethod
    def of(cls, api: Api) -> "_Trusted":
        names = ("app", "client", "port", "clock", "tenant", "is_checked")
        return cls(**{name: getattr(api, name) for name in names})

    async def send(
        self,
        method: str,
        path: str,
        body: Any = ...,
        *,
        headers: Mapping[str, str | None] | None = None,
        base: str = "/api/v1",
    ) -> Answer:
        sent = staff(*EVERY, tenant=self.tenant) | dict(headers or {})
        options = {} if body is ... else {"body": body}
        return await super().send(method, path, headers=sent, base=base, **options)


def _refused_callers(attempt: Attempt, tenant: str) -> Iterator[tuple[Headers, tuple[int, str]]]:
    """The headers of each caller who is refused, and the error."""
    nobody, denied = (401, "AUTHENTICATION_REQUIRED"), (403, "PERMISSION_DENIED")
    yield {}, nobody
    yield claims(*EVERY, tenant=tenant), nobody
    yield claims(*EVERY, tenant=tenant) | {"X-Gateway-Secret": f"{SECRET}s"}, nobody
    yield {"Authorization": "Basic YWRtaW46YWRtaW4="}, nobody
    yield GATEWAY | {"Authorization": "Bearer "}, (401, "INVALID_TOKEN")
    yield GATEWAY, denied
    yield staff(tenant=tenant), denied
    yield staff("customers:nothing", tenant=tenant, **{"x-jwt-claim-roles": "unknown"}), denied
    others = set(EVERY) - set(attempt.needed)
    yield staff(*sorted(others), tenant=tenant), denied
    # Only five of them: all of them together would take half of the time of the suite.
    for permission in Random(attempt.name).sample(sorted(others), 5):
        yield staff(permission, tenant=tenant), denied
    for foreign in (a_tenant(), f"{tenant}x", tenant.upper()):
        headers = staff(*EVERY, tenant=foreign, **{"X-Tenant-ID": tenant})
        yield headers, (403, "TENANT_FORBIDDEN")
