"""The routes that set the state of the service: reset, snapshots and provider states."""

from typing import Annotated, Any, Final

from aiohttp import web
from attrs import field, frozen

from customers.core.errors import EmailTaken, Invalid, SegmentIsDynamic
from customers.core.model.values import TextGate
from customers.entrypoints.http.query import Query
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import Body, Route
from customers.entrypoints.testapi import shapes
from customers.entrypoints.testapi.faults import Faults
from customers.entrypoints.testapi.gates import ObjectGate
from customers.entrypoints.testapi.state_control import StateControl
from customers.entrypoints.testapi.states import States

MAX_SNAPSHOT_BYTES: Final = 256 * 1024 * 1024


@frozen(kw_only=True)
class TenantQuery(Query):
    tenant_id: Annotated[str, TextGate(max_length=255)] = ""


@frozen(kw_only=True)
class StateRequest:
    state: Annotated[str, TextGate(max_length=255, blank=False)]
    params: Annotated[dict[str, Any], ObjectGate()] = field(factory=dict)


@frozen(kw_only=True)
class PactStateRequest(StateRequest):
    """The request of a Pact verifier, which also names the action and the consumer."""

    action: Annotated[str, TextGate(max_length=20)] = "setup"
    consumer: Annotated[str, TextGate(max_length=255)] = ""


@frozen
class StateRoutes:
    _state_control: StateControl
    _states: States
    _faults: Faults

    def table(self) -> list[Route]:
        conflicts = (EmailTaken, SegmentIsDynamic)
        confirmation = {200: shapes.Confirmation}
        return [
            Route("reset", "POST", "/reset", self.reset, confirmation, query=TenantQuery),
            Route("getSnapshot", "GET", "/snapshot", self.snapshot, {200: shapes.Snapshot}),
            Route(
                "putSnapshot",
                "PUT",
                "/snapshot",
                self.restore,
                confirmation,
                max_bytes=MAX_SNAPSHOT_BYTES,
            ),
            Route("listStates", "GET", "/states", self.states, {200: shapes.StateList}),
            Route(
                "setState",
                "POST",
                "/states",
                self.set_state,
                {200: shapes.StateResult},
                body=Body(StateRequest),
                errors=conflicts,
            ),
            Route(
                "setPactState",
                "POST",
                "/pact-state",
                self.set_pact_state,
                {200: dict[str, Any]},
                body=Body(PactStateRequest),
                errors=conflicts,
            ),
        ]

    async def reset(self, _: RequestContext, query: TenantQuery) -> web.Response:
        """Reset a tenant, or the whole service to its state at the start"""
        await self._state_control.reset(query.tenant_id)
        return json_response({"message": "reset"})

    async def snapshot(self, _: RequestContext) -> web.Response:
        """Get a snapshot of the whole state"""
        return json_response(self._state_control.snapshot())

    async def restore(self, context: RequestContext) -> web.Response:
        """Restore a snapshot"""
        if context.body is None:
            raise Invalid.at("", "REQUIRED", "a snapshot is expected")
        await self._state_control.restore(context.body)
        return json_response({"message": "restored"})

    async def states(self, _: RequestContext) -> web.Response:
        """List the provider states"""
        states: list[shapes.ProviderState] = [
            {"name": state.state, "description": state.description, "params": state.params}
            for state in self._states.definitions
        ]
        return json_response({"states": states})

    async def set_state(self, context: RequestContext, request: StateRequest) -> web.Response:
        """Set up a provider state"""
        tenant_id, params = self._tenant_and_params(context, request)
        result: shapes.StateResult = {
            "state": request.state,
            "tenantId": tenant_id or None,
            "values": await self._states.set_up(request.state, tenant_id, params),
        }
        return json_response(result)

    async def set_pact_state(
        self, context: RequestContext, request: PactStateRequest
    ) -> web.Response:
        """Set up a provider state, or tear it down, for a Pact verifier"""
        tenant_id, params = self._tenant_and_params(context, request)
        if request.action == "teardown":
            self._faults.remove(self._states.take_fault_ids(request.state, tenant_id))
            return json_response({})
        values = await self._states.set_up(request.state, tenant_id, params)
        return json_response({"tenantId": tenant_id or None, **values})

    def _tenant_and_params(
        self, context: RequestContext, request: StateRequest
    ) -> tuple[str, dict[str, Any]]:
        """The tenant, which may be one of the parameters, and the other parameters. The tenant is
        empty if none is named and the state needs none.
        """
        params = dict(request.params)
        tenants = [params.pop(name, None) for name in ("tenantId", "tenant_id")]
        tenants.append((context.body or {}).get("tenantId"))
        tenant_id = next((tenant for tenant in tenants if tenant is not None), None)
        try:
            reader, body = context.deployment.tenants, {"tenantId": tenant_id}
            return reader.read(context.request, body, context.principal), params
        except Invalid as error:
            if error.headline != "TENANT_REQUIRED" or self._states.needs_tenant(request.state):
                raise
            return "", params
