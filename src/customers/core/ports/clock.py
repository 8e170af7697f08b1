"""The current time and new ids, which the core gets through these ports, not from the system."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    def now(self) -> datetime:
        """The current moment, in UTC, in whole microseconds."""
        ...


class IdGenerator(Protocol):
    def new(self) -> UUID:
        """A UUIDv7 that was never returned before; ids of one process sort by age."""
        ...
