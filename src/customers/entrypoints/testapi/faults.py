"""Faults: errors, delays and lost answers that a test injects into calls."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from itertools import count
from typing import Annotated, Any

from attrs import define, evolve, field, frozen
from grpc import StatusCode

from customers.core.errors import Invalid, InvalidValue
from customers.core.model.problems import Problems
from customers.core.model.values import ChoiceGate, Gate, TextGate, WholeNumberGate
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.testapi.gates import ObjectGate, OperationGate, operation_key

# Longer than any caller waits.
MAX_DELAY_MS = 60_000
_POLL_SECONDS = 0.05


class Abort(StrEnum):
    """When the answer is lost: before the call is handled, or after it is committed."""

    BEFORE = "before"
    AFTER_COMMIT = "after-commit"


RpcCode = StrEnum(  # type: ignore[misc] # the names are gRPC's
    "RpcCode", {code.name: code.name for code in StatusCode if code is not StatusCode.OK}
)


@frozen(kw_only=True)
class FaultDetails:
    """A fault as requested; without `times` it stays until it is removed."""

    match: Annotated[Mapping[str, Any], ObjectGate()] = field(factory=dict)
    times: Annotated[int, WholeNumberGate(1, 1_000_000)] | None = None
    status: Annotated[int, WholeNumberGate(400, 599)] | None = None
    rpc_code: Annotated[Any, ChoiceGate(RpcCode)] | None = None
    delay_ms: Annotated[int, WholeNumberGate(1, MAX_DELAY_MS)] | None = None
    abort: Annotated[Abort, ChoiceGate(Abort)] | None = None

    @property
    def replaces_answer(self) -> bool:
        """Whether the caller gets an error, or no answer, instead of the handler's answer."""
        return any(effect is not None for effect in (self.status, self.rpc_code, self.abort))

    @property
    def is_after_commit(self) -> bool:
        """Whether the call is handled before its answer is lost or replaced."""
        return self.abort is Abort.AFTER_COMMIT

    @property
    def rpc_status(self) -> StatusCode:
        """The status of a gRPC call whose answer is replaced: UNAVAILABLE without `rpc_code`."""
        return StatusCode[self.rpc_code or StatusCode.UNAVAILABLE.name]

    async def delay(self, is_abandoned: Callable[[], bool]) -> None:
        """Waits for `delay_ms`, or until the call is abandoned."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self.delay_ms or 0) / 1_000
        while (seconds := deadline - loop.time()) > 0 and not is_abandoned():  # noqa: ASYNC110
            # Nothing announces that a caller has disconnected.
            await asyncio.sleep(min(seconds, _POLL_SECONDS))


@frozen(kw_only=True)
class Fault:
    """An active fault. An empty `operation` or `tenant_id` matches any call."""

    id: str
    operation: str
    tenant_id: str
    details: FaultDetails
    hits: int = 0

    @property
    def is_used_up(self) -> bool:
        return self.details.times is not None and self.hits >= self.details.times

    def matches(self, operation: str, tenants: Collection[str]) -> bool:
        return operation_key(self.operation) in ("", operation_key(operation)) and (
            not self.tenant_id or self.tenant_id in tenants
        )


@define
class Faults:
    """The active faults, oldest first."""

    _decoder: Decoder
    _operations: OperationGate
    _active: dict[str, Fault] = field(factory=dict, init=False)
    _numbers: "count[int]" = field(factory=lambda: count(1), init=False)

    def add_from_body(self, body: Mapping[str, Any]) -> Fault:
        """Adds the fault that a request's body describes. Raises Invalid, and then adds nothing."""
        match, problems = _read_match(self._operations, body.get("match"))
        try:
            details = self._decoder.decode(FaultDetails, body, allowed=frozenset())
        except Invalid as error:
            raise Invalid([*error.problems, *problems]) from error
        if not details.replaces_answer and details.delay_ms is None:
            message = "needs at least one of status, rpcCode, delayMs and abort"
            problems.extend([InvalidValue("REQUIRED", message).at("", "")])
        problems.raise_if_any()
        return self.add(details, **match)

    def add(self, details: FaultDetails, *, operation: str = "", tenant_id: str = "") -> Fault:
        fault = Fault(
            id=f"fault-{next(self._numbers)}",
            operation=operation,
            tenant_id=tenant_id,
            details=details,
        )
        self._active[fault.id] = fault
        return fault

    def hit(self, operation: str, tenants: Collection[str]) -> Fault | None:
        """Counts a hit on the oldest fault that matches, and returns it; None if none matches."""
        for fault in self._active.values():
            if fault.matches(operation, tenants):
                counted = evolve(fault, hits=fault.hits + 1)
                self._store(counted)
                return counted
        return None

    def all(self) -> list[Fault]:
        return list(self._active.values())

    def remove(self, ids: Iterable[str]) -> int:
        """Removes the faults with these ids; returns how many of them were still active."""
        return sum(self._active.pop(id, None) is not None for id in list(ids))

    def remove_of(self, tenant_id: str) -> int:
        """Removes the faults of a tenant, or all if `tenant_id` is empty; returns how many."""
        return self.remove(
            id for id, fault in self._active.items() if tenant_id in ("", fault.tenant_id)
        )

    def _store(self, fault: Fault) -> None:
        if fault.is_used_up:
            del self._active[fault.id]
        else:
            self._active[fault.id] = fault


def _read_match(operations: OperationGate, match: Any) -> tuple[dict[str, str], Problems]:
    """The arguments of `Faults.add` that `match` contains, and the problems with it."""
    gates: dict[str, Gate] = {"operation": operations, "tenantId": TextGate(max_length=255)}
    names = {"operation": "operation", "tenantId": "tenant_id"}
    arguments, problems = dict[str, str](), Problems()
    for key, raw in match.items() if isinstance(match, dict) else ():
        try:
            if key not in gates:
                raise InvalidValue("UNKNOWN_FIELD", "unknown field")
            arguments[names[key]] = str(gates[key].read("" if raw is None else raw))
        except InvalidValue as error:
            problems.extend([error.at(key, f"/match/{key}")])
    return arguments, problems
