"""The answer to a bulk upsert: an outcome for each row, and how many rows had which result."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, TypeAlias

from msgspec import Raw

from customers.bulkheads.turns import in_slices
from customers.core.errors import CustomersError, Invalid
from customers.core.model.problems import too_many_problems
from customers.core.model.upsert import Upserted
from customers.entrypoints.http.errors import ErrorResponse, details_of, error_response_of
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import encode
from customers.entrypoints.observability.upsert_metrics import UpsertResult

RowOutcome: TypeAlias = Upserted | CustomersError | ErrorResponse

# An outcome lists this many problems, then one that says that there are more.
_MAX_PROBLEMS: Final = 10
# All details together, so that the answer stays below the 4 MiB of others. Later ones are left out.
MAX_DETAIL_BYTES: Final = 2 * 1024 * 1024


class BulkAnswer:
    """Collects the outcomes in JSON, so that few are kept as objects."""

    def __init__(self) -> None:
        self.numbers: Counter[UpsertResult] = Counter()
        self._parts: list[bytes] = []
        self._room = MAX_DETAIL_BYTES

    async def add(self, outcomes: Iterable[tuple[int, RowOutcome]]) -> None:
        """Adds the outcomes of a group, each with the line of its row; other tasks run between."""
        async for line, outcome in in_slices(outcomes):
            self._parts.append(encode(self._outcome(line, outcome)))

    def body(self) -> dict[str, object]:
        results: tuple[UpsertResult, ...] = ("created", "updated", "unchanged", "failed")
        outcomes = Raw(b"[" + b",".join(self._parts) + b"]")
        return {"outcomes": outcomes, **{result: self.numbers[result] for result in results}}

    def _outcome(self, line: int, outcome: RowOutcome) -> shapes.UpsertOutcome:
        if not isinstance(outcome, Upserted):
            self.numbers["failed"] += 1
            return self._refusal(line, outcome)
        self.numbers[_result(outcome)] += 1
        return {
            "line": line,
            "status": 201 if outcome.is_new else 200,
            "id": outcome.customer_id,
            "changed": outcome.is_changed,
        }

    def _refusal(self, line: int, error: CustomersError | ErrorResponse) -> shapes.UpsertOutcome:
        if isinstance(error, Invalid):
            error = _first_problems(error)
        response = error if isinstance(error, ErrorResponse) else error_response_of(error)
        refusal: shapes.UpsertOutcome = {
            "line": line,
            "status": response.status,
            "id": None,
            "code": response.code,
        }
        if response.problems:
            details = _encoded_details(response)
            self._room -= len(details)
            if self._room >= 0:
                refusal["details"] = Raw(details)  # type: ignore[typeddict-item]
        return refusal


def _encoded_details(response: ErrorResponse) -> bytes:
    """The details as JSON. An unpaired surrogate of a key becomes a question mark."""
    details = details_of(response)["details"]
    try:
        return encode(details)
    except UnicodeEncodeError:
        plain = [
            {name: text.encode(errors="replace").decode() for name, text in one.items()}
            for one in details
        ]
        return encode(plain)


def _result(outcome: Upserted) -> UpsertResult:
    if outcome.is_new:
        return "created"
    return "updated" if outcome.is_changed else "unchanged"


def _first_problems(error: Invalid) -> Invalid:
    if len(error.problems) <= _MAX_PROBLEMS:
        return error
    return Invalid([*error.problems[:_MAX_PROBLEMS], too_many_problems(_MAX_PROBLEMS)])
