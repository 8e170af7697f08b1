"""The answers of the test API, key by key. A key that is not `NotRequired` is always present."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict
from uuid import UUID

from customers.entrypoints.testapi.faults import Abort


class Confirmation(TypedDict):
    message: str


class FaultRemoval(Confirmation):
    removed: int


class Clock(TypedDict):
    now: datetime
    stands: bool


class ProviderState(TypedDict):
    name: str
    description: str
    params: Mapping[str, Any]


class StateList(TypedDict):
    states: Sequence[ProviderState]


class StateResult(TypedDict):
    state: str
    tenantId: str | None
    values: Mapping[str, Any]


class FaultMatch(TypedDict):
    operation: NotRequired[str]
    tenantId: NotRequired[str]


class Fault(TypedDict):
    id: str
    match: FaultMatch
    times: int | None
    hits: int
    status: NotRequired[int]
    rpcCode: NotRequired[str]
    delayMs: NotRequired[int]
    abort: NotRequired[Abort]


class FaultList(TypedDict):
    faults: Sequence[Fault]


class RecordedCall(TypedDict):
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


class RecordedCallList(TypedDict):
    requests: Sequence[RecordedCall]


class Mail(TypedDict):
    tenantId: str
    customerId: UUID
    recipient: str
    subject: str
    link: str
    token: str
    sentAt: datetime


class MailList(TypedDict):
    mails: Sequence[Mail]


class Token(TypedDict):
    token: str
    authorization: str


class Snapshot(TypedDict):
    version: int
    clock: Clock
    ids: Mapping[str, Mapping[str, int]]
    tenants: Mapping[str, Any]


class Idle(TypedDict):
    idle: Literal[True]
