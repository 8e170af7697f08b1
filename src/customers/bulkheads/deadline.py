"""The deadline of a request: until when its waiting, its statements and its retries may last.

The interfaces set it, the storage reads it. Work that no request waits for has none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Self

from attrs import frozen

# What is begun after the deadline gets this long, so that a request that took its time for good
# reasons can still answer for what it did.
MIN_SECONDS = 0.25


@frozen
class Deadline:
    """A moment of the monotonic clock, in seconds; None for no deadline."""

    _at: float | None

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(monotonic() + seconds)

    def seconds(self) -> float | None:
        """How long an operation that begins now may take, at least MIN_SECONDS; None for ever."""
        return None if self._at is None else max(self._at - monotonic(), MIN_SECONDS)

    def is_over(self) -> bool:
        return self._at is not None and monotonic() >= self._at

    def at_most(self, seconds: float) -> float:
        """As `seconds()`, and not longer than this."""
        own = self.seconds()
        return seconds if own is None else min(own, seconds)


NO_DEADLINE = Deadline(None)

_current: ContextVar[Deadline] = ContextVar("deadline", default=NO_DEADLINE)


def current_deadline() -> Deadline:
    """The deadline of the request that this task works for."""
    return _current.get()


@contextmanager
def deadline_after(seconds: float) -> Iterator[None]:
    """The block, and the tasks that it starts, have a deadline."""
    token = _current.set(Deadline.after(seconds))
    try:
        yield
    finally:
        _current.reset(token)
