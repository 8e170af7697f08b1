"""The test API, built from the parts of the service."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from attrs import define, field

from customers.entrypoints.http.drain import CallsInFlight
from customers.entrypoints.testapi.call_log import CallLog
from customers.entrypoints.testapi.faults import Faults
from customers.entrypoints.testapi.gates import OperationGate
from customers.entrypoints.testapi.grpc_interceptor import METHODS, RecordingInterceptor
from customers.entrypoints.testapi.host_guard import HostGuard
from customers.entrypoints.testapi.http_middleware import RecordingMiddleware
from customers.entrypoints.testapi.idle import IdleControl
from customers.entrypoints.testapi.key_routes import TestKeyRoutes
from customers.entrypoints.testapi.ports import ControlledService
from customers.entrypoints.testapi.routes import TestApiRoutes
from customers.entrypoints.testapi.state_control import StateControl
from customers.entrypoints.testapi.state_routes import StateRoutes
from customers.entrypoints.testapi.state_steps import StateSteps
from customers.entrypoints.testapi.states import States
from customers.entrypoints.testapi.token_routes import TestTokenRoutes


@define(kw_only=True)
class TestApi:
    """The routes of the test API, and its wrappers around all REST and gRPC calls."""

    routes: TestApiRoutes
    middleware: RecordingMiddleware
    interceptor: RecordingInterceptor
    _state_control: StateControl = field(alias="state_control")

    @classmethod
    def build(
        cls,
        service: ControlledService,
        operations: Iterable[str],
        *,
        host: str,
        seed_file: Path | None,
        version: str,
    ) -> Self:
        """The test API of a service; `operations` are the names of its REST calls, `host` is
        where it listens.
        """
        operation_gate, calls_in_flight = OperationGate.of([*operations, *METHODS]), CallsInFlight()
        call_log, faults = CallLog(service.clock), Faults(service.decoder, operation_gate)
        states = States(StateSteps(service, faults))
        state_control = StateControl(service, states, faults, call_log, seed_file)
        routes = TestApiRoutes(
            state_routes=StateRoutes(state_control, states, faults),
            key_routes=TestKeyRoutes(service, service.encoder),
            token_routes=TestTokenRoutes(
                service.own_tokens, service.ids, service.is_authenticating
            ),
            clock=service.clock,
            faults=faults,
            call_log=call_log,
            mails=service.mails,
            idle_control=IdleControl(service.storage, service.sweeper, calls_in_flight),
            operations=operation_gate,
            version=version,
        )
        return cls(
            routes=routes,
            middleware=RecordingMiddleware(
                call_log, faults, calls_in_flight, service.ids, HostGuard(host)
            ),
            interceptor=RecordingInterceptor(call_log, faults, calls_in_flight),
            state_control=state_control,
        )

    async def load_seed_file(self) -> None:
        """Sets the state that the seed file describes, if there is one. Raises BadSeedFile."""
        await self._state_control.load_seed_file()
