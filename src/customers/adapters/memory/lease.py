"""The lease of the sweeper: one process holds it until a moment."""

from typing import Self
from uuid import UUID

from attrs import frozen


@frozen(kw_only=True)
class Lease:
    """A holder, and the moment until which no one else can take over, in seconds of a clock."""

    holder: UUID
    until: float

    def requested_by(self, holder: UUID, *, now: float, seconds: float) -> Self:
        """The lease after a request: the new holder's, or unchanged while another one holds it."""
        if holder != self.holder and now < self.until:
            return self
        return type(self)(holder=holder, until=now + seconds)
