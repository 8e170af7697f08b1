"""The routes of the test API, below /__test, which need no tenant."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from aiohttp import web
from attrs import evolve, frozen

from customers.core.errors import Invalid, InvalidValue
from customers.core.errors.availability import Unavailable
from customers.core.model.moments import Moment
from customers.core.model.values import TextGate
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import Body, Route
from customers.entrypoints.openapi.document import document
from customers.entrypoints.testapi import shapes
from customers.entrypoints.testapi.call_log import CallLog
from customers.entrypoints.testapi.encode import encode_fault, encode_mail, encode_recorded_call
from customers.entrypoints.testapi.faults import FaultDetails, Faults
from customers.entrypoints.testapi.gates import OperationGate, SecondsGate
from customers.entrypoints.testapi.host_guard import ForeignHost
from customers.entrypoints.testapi.idle import IdleControl
from customers.entrypoints.testapi.key_routes import TestKeyRoutes
from customers.entrypoints.testapi.ports import ControllableClock, ControllableMails
from customers.entrypoints.testapi.state_routes import StateRoutes, TenantQuery
from customers.entrypoints.testapi.token_routes import TestTokenRoutes

PREFIX: Final = "/__test"

_ABOUT: Final = "Controls for tests of a service that runs in memory: docs/memory-mode.md."
# Leaves room for the dates that are calculated from the clock.
_CALENDAR_RESERVE: Final = timedelta(days=366)


@frozen(kw_only=True)
class ClockSetting:
    now: Moment


@frozen(kw_only=True)
class ClockAdvance:
    seconds: Annotated[Decimal, SecondsGate()]


@frozen(kw_only=True)
class RequestsQuery(TenantQuery):
    operation: Annotated[str, TextGate(max_length=100)] = ""


@frozen(kw_only=True)
class TestApiRoutes:
    _state_routes: StateRoutes
    _key_routes: TestKeyRoutes
    _token_routes: TestTokenRoutes
    _clock: ControllableClock
    _faults: Faults
    _call_log: CallLog
    _mails: ControllableMails
    _idle_control: IdleControl
    _operations: OperationGate
    _version: str

    name = "Test API"

    def table(self) -> list[Route]:
        clock, confirmation = {200: shapes.Clock}, {200: shapes.Confirmation}
        routes = [
            *self._state_routes.table(),
            *self._key_routes.table(),
            *self._token_routes.table(),
            Route("getClock", "GET", "/clock", self.clock, clock),
            Route("setClock", "PUT", "/clock", self.set_clock, clock, body=Body(ClockSetting)),
            Route(
                "advanceClock",
                "POST",
                "/clock/advance",
                self.advance_clock,
                clock,
                body=Body(ClockAdvance),
            ),
            Route(
                "listRequests",
                "GET",
                "/requests",
                self.requests,
                {200: shapes.RecordedCallList},
                query=RequestsQuery,
            ),
            Route(
                "forgetRequests",
                "DELETE",
                "/requests",
                self.forget_requests,
                confirmation,
                query=TenantQuery,
            ),
            Route(
                "listMails",
                "GET",
                "/mails",
                self.mails,
                {200: shapes.MailList},
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
                {200: shapes.FaultRemoval},
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
        return [
            evolve(
                route,
                path=PREFIX + route.path,
                is_of_tenant=False,
                is_open=True,
                errors=(*route.errors, ForeignHost),
            )
            for route in routes
        ]

    async def clock(self, _: RequestContext) -> web.Response:
        """Get the clock"""
        body: shapes.Clock = {"now": self._clock.now(), "stands": self._clock.is_frozen}
        return json_response(body)

    async def set_clock(self, context: RequestContext, setting: ClockSetting) -> web.Response:
        """Set the clock to a later moment, and freeze it"""
        moment = setting.now
        if moment < self._clock.now():
            message = "must not be in the past: time only moves forward"
            raise Invalid.at("/now", "INVALID_VALUE", message)
        self._clock.freeze(moment)
        await self._idle_control.refresh_segments()
        return await self.clock(context)

    async def advance_clock(self, context: RequestContext, advance: ClockAdvance) -> web.Response:
        """Advance the clock"""
        try:
            by = timedelta(microseconds=int(advance.seconds * 1_000_000))
            self._clock.now() + by + _CALENDAR_RESERVE
            self._clock.advance(by)
        except OverflowError as error:
            message = "must leave a year until the end of the calendar, the year 9999"
            raise Invalid.at("/seconds", "INVALID_VALUE", message) from error
        await self._idle_control.refresh_segments()
        return await self.clock(context)

    async def requests(self, _: RequestContext, query: RequestsQuery) -> web.Response:
        """List the recorded calls, oldest first"""
        try:
            operation = self._operations.read(query.operation)
        except InvalidValue as error:
            raise Invalid([error.at("operation")]) from error
        calls = self._call_log.find(query.tenant_id, operation)
        return json_response({"requests": [encode_recorded_call(call) for call in calls]})

    async def forget_requests(self, _: RequestContext, query: TenantQuery) -> web.Response:
        """Delete the recorded calls of a tenant, or all"""
        self._call_log.clear(query.tenant_id)
        return json_response({"message": "requests forgotten"})

    async def mails(self, _: RequestContext, query: TenantQuery) -> web.Response:
        """List the mails that were sent, newest first"""
        mails = self._mails.mails(query.tenant_id)
        return json_response({"mails": [encode_mail(mail) for mail in mails]})

    async def faults(self, _: RequestContext) -> web.Response:
        """List the active faults"""
        return json_response({"faults": [encode_fault(fault) for fault in self._faults.all()]})

    async def add_fault(self, context: RequestContext) -> web.Response:
        """Add a fault"""
        if context.body is None:
            raise Invalid.at("", "REQUIRED", "a fault is expected")
        return json_response(encode_fault(self._faults.add_from_body(context.body)), status=201)

    async def remove_faults(self, _: RequestContext, query: TenantQuery) -> web.Response:
        """Remove the faults of a tenant, or all"""
        removed = self._faults.remove_of(query.tenant_id)
        return json_response({"message": "faults removed", "removed": removed})

    async def idle(self, _: RequestContext) -> web.Response:
        """Wait until the service is idle"""
        await self._idle_control.wait_until_idle()
        return json_response({"idle": True})

    async def openapi(self, _: RequestContext) -> web.Response:
        """Get the OpenAPI document of the test API"""
        tables = {self.name: self.table()}
        body = document(tables, version=self._version, title="Test API", about=_ABOUT)
        return json_response(body)
