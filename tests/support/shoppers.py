"""Clients of a service behind a gateway: shoppers, staff, and services of the platform."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from uuid import uuid4

from attrs import evolve, frozen

from customers.core.ports.storage import Storage
from customers.entrypoints.config.access_values import AuthModes, Networks, PermissionNames
from tests.support.api_client import NOTHING, Answer, Api, serving

BEHIND_GATEWAY: Final[Mapping[str, Any]] = {
    "auth": AuthModes(("gateway",)),
    "gateway_peers": Networks.parse("127.0.0.1/32"),
    "gateway_anonymous": PermissionNames(("*",)),
}


@frozen(kw_only=True)
class Client:
    """A client with the same headers in every request; without any, it may do everything."""

    api: Api
    headers: Mapping[str, str | None] = {}

    def with_headers(self, headers: Mapping[str, str | None]) -> Self:
        return evolve(self, headers={**self.headers, **headers})

    def shopper(self, subject: str | None = None, email: str | None = None) -> Self:
        """A shopper of the tenant, by the claims that the gateway has verified."""
        claims = {"sub": subject or str(uuid4()), "tenant-id": self.api.tenant, "email": email}
        return self.with_headers({f"x-jwt-claim-{name}": text for name, text in claims.items()})

    @property
    def subject(self) -> str:
        return self.headers["x-jwt-claim-sub"] or ""

    async def get(self, path: str, *, base: str = "/api/v1") -> Answer:
        return await self.send("GET", path, base=base)

    async def post(self, path: str, body: Any = NOTHING) -> Answer:
        return await self.send("POST", path, body)

    async def patch(self, path: str, body: Any = NOTHING, **headers: str) -> Answer:
        return await self.with_headers(headers).send("PATCH", path, body)

    async def delete(self, path: str) -> Answer:
        return await self.send("DELETE", path)

    async def send(
        self, method: str, path: str, body: Any = NOTHING, *, base: str = "/api/v1"
    ) -> Answer:
        return await self.api.send(method, path, body, headers=self.headers, base=base)


@asynccontextmanager
async def behind_gateway(storage: Storage, tenant: str) -> AsyncIterator[Client]:
    """A client of a service behind a gateway, which runs while the block runs."""
    async with serving(storage, tenant=tenant, **BEHIND_GATEWAY) as api:
        yield Client(api=api)
