"""The shapes of the probes."""

from typing import Literal, NotRequired, TypedDict

from customers.entrypoints.json.shapes.errors import PlainError

SchemaRevision = TypedDict("SchemaRevision", {"is": str | None, "needs": str})


class Health(TypedDict):
    status: Literal["healthy"]
    service: str
    version: str
    database: Literal["up"]
    schema: NotRequired[SchemaRevision]


class Unhealthy(PlainError):
    status: Literal["unhealthy"]
    service: str
    version: str
    database: Literal["up", "down"]
    schema: NotRequired[SchemaRevision]


class Ready(TypedDict):
    status: Literal["ready"]


class NotReady(PlainError):
    status: Literal["not ready", "stopping"]


class Live(TypedDict):
    status: Literal["alive"]
