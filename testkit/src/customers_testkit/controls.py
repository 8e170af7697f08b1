"""What a test can tell the service's test API, for one tenant: states, clock, faults, journal."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypedDict

from customers_testkit.caller import Caller


class Call(TypedDict):
    """A call that came, over REST or gRPC, and what became of it."""

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
    """Situations to begin with, by name."""

    def __init__(self, caller: Caller, tenant: str) -> None:
        self._caller = caller
        self._tenant = tenant

    def set(self, state: str, **params: Any) -> dict[str, Any]:
        """Sets a state up, and gives its values, such as `customerId`. Raises CustomersError."""
        body = {"state": state, "params": {"tenantId": self._tenant, **params}}
        values: dict[str, Any] = self._caller.call("POST", "/__test/states", body=body)["values"]
        return values


class Clock:
    """The service's clock: one for all tenants, which only moves forward."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def now(self) -> datetime:
        return _moment(self._caller.call("GET", "/__test/clock"))

    def set(self, moment: datetime) -> datetime:
        """Stands there from now on. Raises CustomersError for a moment that is over."""
        body = {"now": moment.isoformat()}
        return _moment(self._caller.call("PUT", "/__test/clock", body=body))

    def advance(self, by: timedelta | None = None, **gone: float) -> datetime:
        """Moves ahead, by a timedelta or by what makes one: `advance(days=91)`."""
        whole = (by or timedelta()) + timedelta(**gone)
        micros = whole // timedelta(microseconds=1)
        body = {"seconds": Decimal(micros) / 1_000_000}
        return _moment(self._caller.call("POST", "/__test/clock/advance", body=body))


class Faults:
    """What is to go wrong with the tenant's calls."""

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
        """Arms a fault for an operation, or for all, and gives its id; `times` None is for good.

        The name of a use case means its call over REST and over gRPC alike.
        """
        told = {
            "match": {"operation": operation, "tenantId": self._tenant},
            "times": times,
            "status": status,
            "rpcCode": rpc_code,
            "delayMs": None if delay is None else delay // timedelta(milliseconds=1),
            "abort": abort,
        }
        body = {key: value for key, value in told.items() if value is not None}
        return str(self._caller.call("POST", "/__test/faults", body=body)["id"])

    def lose_answer(self, operation: str, *, times: int = 1) -> str:
        """The call is handled and committed, and then its answer is lost."""
        return self.add(operation, times=times, abort="after-commit")

    def unavailable(self, operation: str = "", *, times: int | None = None) -> str:
        """The service is away, as callers see it: 503 with Retry-After, UNAVAILABLE."""
        return self.add(operation, times=times, status=503, rpc_code="UNAVAILABLE")

    def hits(self, fault: str) -> int:
        """How many of the tenant's calls it has struck that have ended by now."""
        query = {"tenant_id": self._tenant}
        calls = self._caller.call("GET", "/__test/requests", query=query)["requests"]
        return sum(each["fault"] == fault for each in calls)

    def clear(self) -> None:
        """Takes the tenant's faults away."""
        self._caller.call("DELETE", "/__test/faults", query={"tenant_id": self._tenant})


class Journal:
    """The tenant's calls that came."""

    def __init__(self, caller: Caller, tenant: str) -> None:
        self._caller = caller
        self._tenant = tenant

    def requests(self, operation: str | None = None) -> Sequence[Call]:
        """Those of an operation, or all, oldest first."""
        query = {"tenant_id": self._tenant, "operation": operation}
        found: list[Call] = self._caller.call("GET", "/__test/requests", query=query)["requests"]
        return found


def _moment(told: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(told["now"])
