"""The routes of the test API, below /__test: of no tenant, and there only where it is asked for."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from aiohttp import web
from attrs import evolve, field, frozen

from customers.core.errors import EmailTaken, Invalid, InvalidValue, SegmentIsDynamic, Unavailable
from customers.core.model.values import Moment, TextGate
from customers.entrypoints.http.query import Query
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import Body, Route
from customers.entrypoints.http.tenant import tenant_of
from customers.entrypoints.openapi.document import document
from customers.entrypoints.testapi import shapes
from customers.entrypoints.testapi.call_log import Journal
from customers.entrypoints.testapi.encode import show_fault, show_request
from customers.entrypoints.testapi.faults import FaultDetails, Faults
from customers.entrypoints.testapi.gates import ObjectGate, OperationGate, SecondsGate
from customers.entrypoints.testapi.idle import Settling
from customers.entrypoints.testapi.ports import ControllableClock
from customers.entrypoints.testapi.state_control import Kept
from customers.entrypoints.testapi.states import States

PREFIX: Final = "/__test"
MOST_BYTES_OF_A_SNAPSHOT: Final = 256 * 1024 * 1024

_ABOUT: Final = "What tests can do to a service that runs in memory: docs/memory-mode.md."


@frozen(kw_only=True)
class TenantQuery(Query):
    tenant_id: Annotated[str, TextGate(most=255)] = ""


@frozen(kw_only=True)
class RequestsQuery(Query):
    tenant_id: Annotated[str, TextGate(most=255)] = ""
    operation: Annotated[str, TextGate(most=100)] = ""


@frozen(kw_only=True)
class NewTime:
    now: Moment


@frozen(kw_only=True)
class Advance:
    seconds: Annotated[Decimal, SecondsGate()]


@frozen(kw_only=True)
class StateAsked:
    state: Annotated[str, TextGate(most=255, blank=False)]
    params: Annotated[dict[str, Any], ObjectGate()] = field(factory=dict)


@frozen(kw_only=True)
class PactStateAsked(StateAsked):
    """What a verifier of Pact sends: also which way, and for which consumer."""

    action: Annotated[str, TextGate(most=20)] = "setup"
    consumer: Annotated[str, TextGate(most=255)] = ""


@frozen(kw_only=True)
class BenchRoutes:
    _kept: Kept
    _states: States
    _clock: ControllableClock
    _faults: Faults
    _journal: Journal
    _settling: Settling
    _operations: OperationGate
    _version: str

    name = "Test API"

    def table(self) -> list[Route]:
        time = {200: shapes.Time}
        conflicts = (EmailTaken, SegmentIsDynamic)
        routes = [
            Route("reset", "POST", "/reset", self.reset, {200: shapes.Told}, query=TenantQuery),
            Route("getSnapshot", "GET", "/snapshot", self.snapshot, {200: shapes.Snapshot}),
            Route(
                "putSnapshot",
                "PUT",
                "/snapshot",
                self.restore,
                {200: shapes.Told},
                max_bytes=MOST_BYTES_OF_A_SNAPSHOT,
            ),
            Route("listStates", "GET", "/states", self.states, {200: shapes.StateList}),
            Route(
                "setState",
                "POST",
                "/states",
                self.set_state,
                {200: shapes.StateSet},
                body=Body(StateAsked),
                errors=conflicts,
            ),
            Route(
                "setPactState",
                "POST",
                "/pact-state",
                self.set_pact_state,
                {200: dict[str, Any]},
                body=Body(PactStateAsked),
                errors=conflicts,
            ),
            Route("getClock", "GET", "/clock", self.time, time),
            Route("setClock", "PUT", "/clock", self.set_time, time, body=Body(NewTime)),
            Route("advanceClock", "POST", "/clock/advance", self.advance, time, body=Body(Advance)),
            Route(
                "listRequests",
                "GET",
                "/requests",
                self.requests,
                {200: shapes.RequestList},
                query=RequestsQuery,
            ),
            Route(
                "forgetRequests",
                "DELETE",
                "/requests",
                self.forget_requests,
                {200: shapes.Told},
                query=TenantQuery,
            ),
            Route("listFaults", "GET", "/faults", self.faults, {200: shapes.FaultList}),
            Route(
                "addFault",
                "POST",
                "/faults",
                self.add_fault,
                {201: shapes.Fault},
                body=Body(FaultDetails, decoded=False),
            ),
            Route(
                "removeFaults",
                "DELETE",
                "/faults",
                self.remove_faults,
                {200: shapes.Removed},
                query=TenantQuery,
            ),
            Route(
                "waitUntilIdle",
                "GET",
                "/idle",
                self.idle,
                {200: shapes.Idle},
                errors=(Unavailable,),
            ),
            Route("getTestApi", "GET", "/openapi.json", self.openapi, {200: dict[str, Any]}),
        ]
        return [evolve(each, path=PREFIX + each.path, is_of_tenant=False) for each in routes]

    async def reset(self, _: RequestContext, query: TenantQuery) -> web.Response:
        """Forget all of a tenant, or be as at the start"""
        await self._kept.reset(query.tenant_id)
        return json_response({"message": "reset"})

    async def snapshot(self, _: RequestContext) -> web.Response:
        """Tell the whole state"""
        return json_response(self._kept.snapshot())

    async def restore(self, context: RequestContext) -> web.Response:
        """Restore the whole state"""
        if context.body is None:
            raise Invalid([InvalidValue("REQUIRED", "a snapshot is expected").at("", "")])
        await self._kept.restore(context.body)
        return json_response({"message": "restored"})

    async def states(self, _: RequestContext) -> web.Response:
        """List the provider states"""
        body: shapes.StateList = {
            "states": [
                {"name": each.state, "description": each.says, "params": each.params}
                for each in self._states.definitions
            ]
        }
        return json_response(body)

    async def set_state(self, context: RequestContext, wanted: StateAsked) -> web.Response:
        """Set a provider state up"""
        tenant_id, params = self._state_of(context, wanted)
        values = await self._states.set_up(wanted.state, tenant_id, params)
        body: shapes.StateSet = {
            "state": wanted.state,
            "tenantId": tenant_id or None,
            "values": values,
        }
        return json_response(body)

    async def set_pact_state(self, context: RequestContext, wanted: PactStateAsked) -> web.Response:
        """Set a provider state up as a verifier of Pact asks for it, or take its faults away"""
        tenant_id, params = self._state_of(context, wanted)
        if wanted.action == "teardown":
            self._faults.remove(self._states.faults_of(wanted.state, tenant_id))
            return json_response({})
        values = await self._states.set_up(wanted.state, tenant_id, params)
        return json_response({"tenantId": tenant_id or None, **values})

    def _state_of(self, context: RequestContext, wanted: StateAsked) -> tuple[str, dict[str, Any]]:
        """Whose state is wanted, and its parameters, of which the tenant may be one."""
        params = dict(wanted.params)
        told = [params.pop(name, None) for name in ("tenantId", "tenant_id")]
        told += [(context.body or {}).get("tenantId")]
        in_body = next((each for each in told if each is not None), None)
        try:
            return tenant_of(context.request, {"tenantId": in_body}), params
        except Invalid as error:
            if error.headline != "TENANT_REQUIRED" or self._states.needs_tenant(wanted.state):
                raise
            return "", params

    async def time(self, _: RequestContext) -> web.Response:
        """Tell the time"""
        body: shapes.Time = {"now": self._clock.now(), "stands": self._clock.stands}
        return json_response(body)

    async def set_time(self, context: RequestContext, body: NewTime) -> web.Response:
        """Let the clock stand at a moment that is not over"""
        moment = body.now
        if moment < self._clock.now():
            refused = InvalidValue("INVALID_VALUE", "is over: time only moves forward")
            raise Invalid([refused.at("now", "/now")])
        self._clock.stand(moment)
        await self._settling.settle()
        return await self.time(context)

    async def advance(self, context: RequestContext, body: Advance) -> web.Response:
        """Move the clock ahead"""
        seconds = body.seconds
        try:
            by = timedelta(microseconds=int(seconds * 1_000_000))
            self._clock.now() + by + timedelta(days=366)
            self._clock.advance(by)
        except OverflowError as error:
            refused = InvalidValue("INVALID_VALUE", "leads beyond the end of the calendar")
            raise Invalid([refused.at("seconds", "/seconds")]) from error
        await self._settling.settle()
        return await self.time(context)

    async def requests(self, _: RequestContext, query: RequestsQuery) -> web.Response:
        """List the calls that came, oldest first"""
        try:
            operation = self._operations.read(query.operation)
        except InvalidValue as refused:
            raise Invalid([refused.at("operation")]) from refused
        found = [show_request(each) for each in self._journal.find(query.tenant_id, operation)]
        return json_response({"requests": found})

    async def forget_requests(self, _: RequestContext, query: TenantQuery) -> web.Response:
        """Forget the calls that came"""
        self._journal.forget(query.tenant_id)
        return json_response({"message": "requests forgotten"})

    async def faults(self, _: RequestContext) -> web.Response:
        """List the faults that are armed"""
        return json_response({"faults": [show_fault(each) for each in self._faults.all()]})

    async def add_fault(self, context: RequestContext) -> web.Response:
        """Let calls fail"""
        if context.body is None:
            raise Invalid([InvalidValue("REQUIRED", "a fault is expected").at("", "")])
        return json_response(show_fault(self._faults.arm(context.body)), status=201)

    async def remove_faults(self, _: RequestContext, query: TenantQuery) -> web.Response:
        """Take faults away"""
        removed = self._faults.remove_of(query.tenant_id)
        return json_response({"message": "faults removed", "removed": removed})

    async def idle(self, _: RequestContext) -> web.Response:
        """Answer when nothing is pending"""
        await self._settling.rest()
        return json_response({"idle": True})

    async def openapi(self, _: RequestContext) -> web.Response:
        """Tell the OpenAPI document of the test API"""
        tables = {self.name: self.table()}
        return json_response(
            document(tables, version=self._version, title="Test API", about=_ABOUT)
        )
