"""The lease of the sweeper, which one process holds for a limited time."""

from typing import Self
from uuid import UUID

from attrs import frozen


@frozen(kw_only=True)
class Lease:
    """The holder of the lease, and the time until which nobody else can take it.

    Times are in seconds, of the clock that the caller uses for `now`.
    """

    holder: UUID
    until: float

    def requested_by(self, holder: UUID, *, now: float, seconds: float) -> Self:
        """The lease after `holder` requests it: theirs, or unchanged while another one holds it."""
        if holder != self.holder and now < self.until:
            return self
        return type(self)(holder=holder, until=now + seconds)
