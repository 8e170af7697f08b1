"""Faults: what is to go wrong with calls, how often, and what strikes a call."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from itertools import count
from typing import Annotated, Any

from attrs import define, evolve, field, frozen
from grpc import StatusCode

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.values import ChoiceGate, Gate, TextGate, WholeNumberGate
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.testapi.gates import ObjectGate, OperationGate, folded

# Longer than any caller waits.
LONGEST_DELAY_MS = 60_000
_LOOKS_UP_EVERY = 0.05


class Abort(StrEnum):
    """When the answer is lost: before anything is done, or after it is committed."""

    BEFORE = "before"
    AFTER_COMMIT = "after-commit"


RpcCode = StrEnum(  # type: ignore[misc] # the names are gRPC's
    "RpcCode", {each.name: each.name for each in StatusCode if each is not StatusCode.OK}
)


@frozen(kw_only=True)
class FaultDetails:
    """A fault as given; `times` None is until it is removed."""

    match: Annotated[Mapping[str, Any], ObjectGate()] = field(factory=dict)
    times: Annotated[int, WholeNumberGate(1, 1_000_000)] | None = None
    status: Annotated[int, WholeNumberGate(400, 599)] | None = None
    rpc_code: Annotated[Any, ChoiceGate(RpcCode)] | None = None
    delay_ms: Annotated[int, WholeNumberGate(1, LONGEST_DELAY_MS)] | None = None
    abort: Annotated[Abort, ChoiceGate(Abort)] | None = None

    @property
    def answers(self) -> bool:
        """Whether something else is answered than what the call would get."""
        return any(each is not None for each in (self.status, self.rpc_code, self.abort))

    @property
    def is_late(self) -> bool:
        """Whether the call is handled before its answer is lost or replaced."""
        return self.abort is Abort.AFTER_COMMIT

    @property
    def rpc_status(self) -> StatusCode:
        """What a gRPC call ends with."""
        return StatusCode[self.rpc_code or StatusCode.UNAVAILABLE.name]

    async def wait(self, is_over: Callable[[], bool]) -> None:
        """Waits as long as the call is to be delayed, or until nobody waits for its answer."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (self.delay_ms or 0) / 1_000
        while (left := end - loop.time()) > 0 and not is_over():  # noqa: ASYNC110
            # Nothing tells when a caller goes.
            await asyncio.sleep(min(left, _LOOKS_UP_EVERY))


@frozen(kw_only=True)
class Fault:
    """A fault that waits for calls. An empty `operation` or `tenant_id` matches any."""

    id: str
    operation: str
    tenant_id: str
    details: FaultDetails
    hits: int = 0

    @property
    def is_spent(self) -> bool:
        return self.details.times is not None and self.hits >= self.details.times

    def matches(self, operation: str, tenants: Collection[str]) -> bool:
        return folded(self.operation) in ("", folded(operation)) and (
            not self.tenant_id or self.tenant_id in tenants
        )


@define
class Faults:
    """The faults that are armed, the oldest first."""

    _decoder: Decoder
    _operations: OperationGate
    _armed: dict[str, Fault] = field(factory=dict, init=False)
    _numbers: "count[int]" = field(factory=lambda: count(1), init=False)

    def arm(self, body: Mapping[str, Any]) -> Fault:
        """Raises Invalid for a body that is no fault; then nothing is armed."""
        match, problems = _matching(self._operations, body.get("match"))
        try:
            details = self._decoder.decode(FaultDetails, body, allowed=frozenset())
        except Invalid as error:
            raise Invalid([*error.problems, *problems]) from error
        if not details.answers and details.delay_ms is None:
            said = "say what goes wrong: status, rpcCode, delayMs or abort"
            problems.append(InvalidValue("REQUIRED", said).at("", ""))
        if problems:
            raise Invalid(problems)
        return self.add(details, **match)

    def add(self, details: FaultDetails, *, operation: str = "", tenant_id: str = "") -> Fault:
        fault = Fault(
            id=f"fault-{next(self._numbers)}",
            operation=operation,
            tenant_id=tenant_id,
            details=details,
        )
        self._armed[fault.id] = fault
        return fault

    def strike(self, operation: str, tenants: Collection[str]) -> Fault | None:
        """The fault that strikes a call; it has one time less then."""
        for fault in self._armed.values():
            if fault.matches(operation, tenants):
                struck = evolve(fault, hits=fault.hits + 1)
                self._keep(struck)
                return struck
        return None

    def all(self) -> list[Fault]:
        return list(self._armed.values())

    def remove(self, ids: Iterable[str]) -> int:
        """Takes those away that are still armed; gives how many that were."""
        return sum(self._armed.pop(each, None) is not None for each in list(ids))

    def remove_of(self, tenant_id: str) -> int:
        """Takes away a tenant's own; everybody's without a tenant."""
        return self.remove(
            id for id, each in self._armed.items() if tenant_id in ("", each.tenant_id)
        )

    def _keep(self, fault: Fault) -> None:
        if fault.is_spent:
            del self._armed[fault.id]
        else:
            self._armed[fault.id] = fault


def _matching(operations: OperationGate, match: Any) -> tuple[dict[str, str], list[Problem]]:
    """Which calls are meant, and what is wrong with that."""
    gates: dict[str, Gate] = {"operation": operations, "tenantId": TextGate(max_length=255)}
    names = {"operation": "operation", "tenantId": "tenant_id"}
    read, problems = dict[str, str](), list[Problem]()
    for key, raw in match.items() if isinstance(match, dict) else ():
        try:
            if key not in gates:
                raise InvalidValue("UNKNOWN_FIELD", "is not known here")
            read[names[key]] = str(gates[key].read("" if raw is None else raw))
        except InvalidValue as refused:
            problems.append(refused.at(key, f"/match/{key}"))
    return read, problems
