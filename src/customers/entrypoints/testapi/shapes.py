"""What the test API answers, key by key. A key that is not `NotRequired` is always there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from customers.entrypoints.testapi.faults import Abort


class Told(TypedDict):
    message: str


class Removed(Told):
    removed: int


class Time(TypedDict):
    now: datetime
    stands: bool


class State(TypedDict):
    name: str
    description: str
    params: Mapping[str, Any]


class StateList(TypedDict):
    states: Sequence[State]


class StateSet(TypedDict):
    state: str
    tenantId: str | None
    values: Mapping[str, Any]


class Match(TypedDict):
    operation: NotRequired[str]
    tenantId: NotRequired[str]


class Fault(TypedDict):
    id: str
    match: Match
    times: int | None
    hits: int
    status: NotRequired[int]
    rpcCode: NotRequired[str]
    delayMs: NotRequired[int]
    abort: NotRequired[Abort]


class FaultList(TypedDict):
    faults: Sequence[Fault]


class Request(TypedDict):
    number: int
    at: datetime
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


class RequestList(TypedDict):
    requests: Sequence[Request]


class Snapshot(TypedDict):
    version: int
    clock: Time
    ids: Mapping[str, Mapping[str, int]]
    tenants: Mapping[str, Any]


class Idle(TypedDict):
    idle: Literal[True]
