"""The test API of the service: the clock, and one tenant's states, faults and recorded calls."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypedDict

from customers_testkit.caller import Caller


class Call(TypedDict):
    """A recorded call, over REST or gRPC, and its outcome."""

    number: int
    at: str
    transport: Literal["http", "grpc"]
    operation: str | None
    tenantId: str | None
    method: str
    path: str
    query: str
    requestId: str
    body: Any
    status: int | str | None
    answer: Any
    fault: str | None
    lost: bool


class States:
    """Provider states, by name."""

    def __init__(self, caller: Caller, tenant: str) -> None:
        self._caller = caller
        self._tenant = tenant

    def set(self, state: str, **params: Any) -> dict[str, Any]:
        """Sets up a state and returns its values, such as `customerId`. Raises CustomersError."""
        body = {"state": state, "params": {"tenantId": self._tenant, **params}}
        values: dict[str, Any] = self._caller.call("POST", "/__test/states", body=body)["values"]
        return values


class Clock:
    """The clock of the service: one for all tenants; it only moves forward."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def now(self) -> datetime:
        return _moment(self._caller.call("GET", "/__test/clock"))

    def set(self, moment: datetime) -> datetime:
        """Freezes the clock at `moment`. Raises CustomersError for a moment in the past."""
        body = {"now": moment.isoformat()}
        return _moment(self._caller.call("PUT", "/__test/clock", body=body))

    def advance(self, by: timedelta | None = None, **delta: float) -> datetime:
        """Moves the clock ahead by a timedelta, or by the arguments of one: `advance(days=91)`.
        Returns the new time. Raises CustomersError.
        """
        total = (by or timedelta()) + timedelta(**delta)
        micros = total // timedelta(microseconds=1)
        body = {"seconds": Decimal(micros) / 1_000_000}
        return _moment(self._caller.call("POST", "/__test/clock/advance", body=body))


class Faults:
    """Faults of the tenant's calls."""

    def __init__(self, caller: Caller, tenant: str) -> None:
        self._caller = caller
        self._tenant = tenant

    def add(
        self,
        operation: str = "",
        *,
        times: int | None = 1,
        status: int | None = None,
        rpc_code: str | None = None,
        delay: timedelta | None = None,
        abort: Literal["before", "after-commit"] | None = None,
    ) -> str:
        """Adds a fault for an operation, or for all, and returns its id.

        The name of an operation applies to REST and to gRPC. With `times=None` the fault has no
        limit.
        """
        fault = {
            "match": {"operation": operation, "tenantId": self._tenant},
            "times": times,
            "status": status,
            "rpcCode": rpc_code,
            "delayMs": None if delay is None else delay // timedelta(milliseconds=1),
            "abort": abort,
        }
        body = {key: value for key, value in fault.items() if value is not None}
        return str(self._caller.call("POST", "/__test/faults", body=body)["id"])

    def lose_answer(self, operation: str, *, times: int = 1) -> str:
        """Adds a fault that loses the answer of a call after the commit, and returns its id."""
        return self.add(operation, times=times, abort="after-commit")

    def unavailable(self, operation: str = "", *, times: int | None = None) -> str:
        """Adds a fault, and returns its id: calls of the operation, or all, are answered 503 with
        Retry-After, or UNAVAILABLE over gRPC.
        """
        return self.add(operation, times=times, status=503, rpc_code="UNAVAILABLE")

    def hits(self, fault: str) -> int:
        """The number of recorded calls of the tenant that the fault has hit."""
        query = {"tenant_id": self._tenant}
        calls = self._caller.call("GET", "/__test/requests", query=query)["requests"]
        return sum(call["fault"] == fault for call in calls)

    def clear(self) -> None:
        """Removes the tenant's faults."""
        self._caller.call("DELETE", "/__test/faults", query={"tenant_id": self._tenant})


class CallLog:
    """The recorded calls of the tenant."""

    def __init__(self, caller: Caller, tenant: str) -> None:
        self._caller = caller
        self._tenant = tenant

    def requests(self, operation: str | None = None) -> Sequence[Call]:
        """The calls of an operation, or all calls, oldest first."""
        query = {"tenant_id": self._tenant, "operation": operation}
        calls: list[Call] = self._caller.call("GET", "/__test/requests", query=query)["requests"]
        return calls


Journal = CallLog
"""The earlier name of CallLog."""


def _moment(answer: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(answer["now"])
