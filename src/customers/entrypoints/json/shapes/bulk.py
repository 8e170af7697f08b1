"""The shapes of bulk upserts."""

from typing import Annotated, NotRequired, TypedDict
from uuid import UUID

from customers.entrypoints.json.shapes.errors import Detail


class UpsertOutcome(TypedDict):
    """The outcome of one row of a bulk upsert."""

    line: Annotated[int, "The number of the row's line in the body, from 1."]
    status: Annotated[
        int,
        "201 if the customer was created, 200 if the customer existed; else the status that a "
        "request of its own would have.",
    ]
    id: Annotated[UUID | None, "The customer; null if the row was refused."]
    changed: NotRequired[
        Annotated[bool, "Whether the row changed anything. Only with status 200 and 201."]
    ]
    code: NotRequired[Annotated[str, "Present with every status except 200 and 201."]]
    details: NotRequired[
        Annotated[list[Detail], "The problems of an invalid row; left out when there are many."]
    ]


class BulkUpsertResponse(TypedDict):
    outcomes: Annotated[list[UpsertOutcome], "In the order of the lines."]
    created: int
    updated: int
    unchanged: int
    failed: int
