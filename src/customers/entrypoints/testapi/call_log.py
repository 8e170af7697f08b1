"""The call log: which REST and gRPC calls the service received, and how each of them ended."""

from collections import deque
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import count
from typing import Any, Literal

from attrs import define, evolve, field, frozen

from customers.core.ports.clock import Clock
from customers.entrypoints.testapi.gates import operation_key
from customers.entrypoints.testapi.masking import mask, mask_address

# More calls than a test makes; beyond this, the oldest are dropped.
MAX_CALLS = 10_000


@frozen(kw_only=True)
class Call:
    """A call as received.

    `operation` is None for an unknown path. `body` is None without a body, if it could not be
    decoded or converted to JSON, or if a REST call was refused before it reached its handler.
    """

    transport: Literal["http", "grpc"]
    operation: str | None
    tenants: Collection[str]
    method: str
    path: str
    query: str = ""
    request_id: str = ""
    body: Any = None


@frozen(kw_only=True)
class CallOutcome:
    """How a call ended. `status` is None if the call was neither handled nor answered.

    `fault` is the id of the fault that hit the call; `is_lost` says that the call's answer did
    not reach the caller.
    """

    status: int | str | None
    answer: Any = None
    fault: str | None = None
    is_lost: bool = False


@frozen(kw_only=True)
class RecordedCall:
    number: int
    recorded_at: datetime
    call: Call
    outcome: CallOutcome


@define
class CallLog:
    """The last MAX_CALLS calls, oldest first, with their secrets masked."""

    _clock: Clock
    _calls: deque[RecordedCall] = field(factory=lambda: deque(maxlen=MAX_CALLS), init=False)
    _numbers: "count[int]" = field(factory=lambda: count(1), init=False)

    def record(self, call: Call, outcome: CallOutcome) -> None:
        path, query = mask_address(call.path), mask_address(call.query)
        recorded = RecordedCall(
            number=next(self._numbers),
            recorded_at=self._clock.now(),
            call=evolve(call, path=path, query=query, body=mask(call.body)),
            outcome=evolve(outcome, answer=mask(outcome.answer)),
        )
        self._calls.append(recorded)

    def find(self, tenant_id: str, operation: str) -> Iterator[RecordedCall]:
        """The calls of a tenant and an operation; an empty argument matches any."""
        key = operation_key(operation)
        for recorded in self._calls:
            call = recorded.call
            is_of_tenant = not tenant_id or tenant_id in call.tenants
            if is_of_tenant and key in ("", operation_key(call.operation or "")):
                yield recorded

    def clear(self, tenant_id: str) -> None:
        """Deletes the calls of a tenant, or all calls if `tenant_id` is empty."""
        others = [
            recorded
            for recorded in self._calls
            if tenant_id and tenant_id not in recorded.call.tenants
        ]
        self._calls.clear()
        self._calls.extend(others)
