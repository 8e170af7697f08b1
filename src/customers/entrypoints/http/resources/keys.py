"""The routes of API keys."""

from aiohttp import web

from customers.core.errors import ApiKeyLimitExceeded
from customers.core.model.api_key import ApiKeyDetails
from customers.core.model.permissions import Permission
from customers.core.services.api_keys import ApiKeys
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import BASE, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder


class KeyRoutes:
    name = "API keys"

    def __init__(self, keys: ApiKeys, encoder: Encoder) -> None:
        self._keys = keys
        self._encoder = encoder

    def table(self) -> list[Route]:
        return [
            Route(
                "createKey",
                "POST",
                "/keys",
                self.create,
                {201: shapes.NewApiKey},
                body=Body(ApiKeyDetails),
                errors=(ApiKeyLimitExceeded,),
                has_location=True,
                permission=Permission.KEYS_MANAGE,
            ),
            Route(
                "listKeys",
                "GET",
                "/keys",
                self.all,
                {200: list[shapes.ApiKey]},
                permission=Permission.KEYS_MANAGE,
            ),
            Route(
                "revokeKey",
                "DELETE",
                "/keys/{keyId}",
                self.revoke,
                {200: shapes.Message},
                permission=Permission.KEYS_MANAGE,
            ),
        ]

    async def create(self, context: RequestContext, details: ApiKeyDetails) -> web.Response:
        """Create an API key

        The key itself is in this answer only. Its permissions must be among the caller's own, and
        are valid in this tenant only. A tenant has at most 100 API keys.
        """
        new = await self._keys.create(context.tenant, details, principal=context.principal)
        headers = {"Location": f"{BASE}/keys/{new.key.id}"}
        return json_response(self._encoder.new_api_key(new), status=201, headers=headers)

    async def all(self, context: RequestContext) -> web.Response:
        """List the API keys, newest first

        Revoked keys are left out.
        """
        keys = await self._keys.all(context.tenant)
        return json_response([self._encoder.api_key(key) for key in keys])

    async def revoke(self, context: RequestContext) -> web.Response:
        """Revoke an API key

        The key stops working within five seconds, permanently.
        """
        await self._keys.revoke(context.tenant, context.id("keyId"))
        return json_response({"message": "key revoked successfully"})
