"""What the test API needs from the world beside the ports of the core: adapters that can be told.

They are the adapters' own promises; nobody else has a use for them.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from customers.core.model.json_pointer import JsonPointer
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.storage import Storage


class ControllableClock(Clock, Protocol):
    @property
    def is_frozen(self) -> bool:
        """Whether time moves only on request."""
        ...

    def freeze(self, moment: datetime) -> None:
        """Freezes the clock at `moment`."""
        ...

    def advance(self, by: timedelta) -> None:
        """Moves ahead. Raises OverflowError beyond the end of the calendar."""
        ...

    def run_from(self, moment: datetime) -> None:
        """Runs from that moment on."""
        ...

    def reset(self) -> None:
        """Returns the clock to its state at the start of the process."""
        ...


class ControllableIds(IdGenerator, Protocol):
    def scope(
        self, tenant_id: str, kind: str, next_id: UUID | None = None
    ) -> AbstractContextManager[None]:
        """Generates ids of one kind in one tenant while the block runs, `next_id` first."""
        ...

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """How many of each kind each tenant has had, where they are counted."""
        ...

    def count_from(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Goes on behind those counts; what they do not name is counted from the beginning."""
        ...


class ControllableStorage(Storage, Protocol):
    def dump(self) -> dict[str, Any]:
        """All that is committed, by tenant, as plain JSON values."""
        ...

    async def restore(self, data: object, at: JsonPointer = ...) -> None:
        """Replaces everything by what was dumped. `at` is the place of the data in its document.

        Raises Invalid with a pointer to each bad place; then nothing is changed.
        """
        ...

    async def forget(self, tenant_id: str | None = None) -> None:
        """Forgets all of one tenant, or of everybody."""
        ...
