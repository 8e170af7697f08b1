"""Who sweeps: one holder until a moment, then whoever asks first."""

from typing import Self
from uuid import UUID

from attrs import frozen


@frozen(kw_only=True)
class Lease:
    """A holder, and the moment until which others are turned away, in seconds of some clock."""

    holder: UUID
    until: float

    def asked(self, holder: UUID, *, now: float, seconds: float) -> Self:
        """The lease after someone has asked for it: theirs, or as it was."""
        if holder != self.holder and now < self.until:
            return self
        return type(self)(holder=holder, until=now + seconds)
