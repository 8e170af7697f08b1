"""The route that makes an API key without authentication, such as the first key of a test."""

from aiohttp import web
from attrs import frozen

from customers.core.errors import ApiKeyLimitExceeded
from customers.core.model.api_key import ApiKeyDetails
from customers.core.model.principal import ANYONE
from customers.core.model.tenant import Tenant
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.testapi.ports import ControlledService


@frozen(kw_only=True)
class KeyRequest(ApiKeyDetails):
    """A new key, and the tenant that it belongs to."""

    tenant_id: Tenant


@frozen
class TestKeyRoutes:
    _service: ControlledService
    _encoder: Encoder

    def table(self) -> list[Route]:
        return [
            Route(
                "makeKey",
                "POST",
                "/keys",
                self.make,
                {201: shapes.NewApiKey},
                body=Body(KeyRequest),
                errors=(ApiKeyLimitExceeded,),
            )
        ]

    async def make(self, _: RequestContext, request: KeyRequest) -> web.Response:
        """Make an API key with any permissions

        The answer is that of `POST /api/v1/keys`.
        """
        details = ApiKeyDetails(
            name=request.name, permissions=request.permissions, expires_at=request.expires_at
        )
        keys, tenant_id = self._service.api_keys, request.tenant_id
        with self._service.ids.scope(tenant_id, "ApiKey"):
            new = await keys.create(tenant_id, details, principal=ANYONE)
        return json_response(self._encoder.new_api_key(new), status=201)
