"""The journal: which calls came, over REST and over gRPC, and what became of them."""

from collections import deque
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import count
from typing import Any, Literal

from attrs import define, evolve, field, frozen

from customers.core.ports.clock import Clock
from customers.entrypoints.testapi.gates import folded
from customers.entrypoints.testapi.masking import masked, masked_address

# A test looks at its own calls; who sends more than this in a run has forgotten to reset.
MOST_ENTRIES = 10_000


@frozen(kw_only=True)
class Call:
    """A call as it came. `operation` None is an unknown path; `body` None is none, or no JSON."""

    transport: Literal["http", "grpc"]
    operation: str | None
    tenants: Collection[str]
    method: str
    path: str
    query: str = ""
    request_id: str = ""
    body: Any = None


@frozen(kw_only=True)
class Outcome:
    """What became of a call. `status` None: nothing was done, and nothing answered."""

    status: int | str | None
    answer: Any = None
    fault: str | None = None
    is_lost: bool = False


@frozen(kw_only=True)
class Entry:
    number: int
    at: datetime
    call: Call
    outcome: Outcome


@define
class Journal:
    """The last calls, oldest first, without secrets."""

    _clock: Clock
    _entries: deque[Entry] = field(factory=lambda: deque(maxlen=MOST_ENTRIES), init=False)
    _numbers: "count[int]" = field(factory=lambda: count(1), init=False)

    def write(self, call: Call, outcome: Outcome) -> None:
        entry = Entry(
            number=next(self._numbers),
            at=self._clock.now(),
            call=evolve(
                call,
                path=masked_address(call.path),
                query=masked_address(call.query),
                body=masked(call.body),
            ),
            outcome=evolve(outcome, answer=masked(outcome.answer)),
        )
        self._entries.append(entry)

    def find(self, tenant_id: str, operation: str) -> Iterator[Entry]:
        """Those of a tenant and an operation; an empty one is any."""
        for entry in self._entries:
            name = entry.call.operation or ""
            if folded(operation) in ("", folded(name)) and (
                not tenant_id or tenant_id in entry.call.tenants
            ):
                yield entry

    def forget(self, tenant_id: str) -> None:
        """Forgets those of a tenant; all without a tenant."""
        kept = [each for each in self._entries if tenant_id and tenant_id not in each.call.tenants]
        self._entries.clear()
        self._entries.extend(kept)
