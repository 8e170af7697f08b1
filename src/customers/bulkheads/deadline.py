"""The deadline of a request: until when its waiting, its statements and its retries may last.

The interfaces set it, the storage reads it. Work that no request waits for has none.
"""

from contextvars import ContextVar
from time import monotonic
from typing import Self

from attrs import define

# What is begun after the deadline gets this long, so that a request that took its time for good
# reasons can still answer for what it did.
MIN_SECONDS = 0.25


@define(eq=False)  # every request makes one: frozen would take three times as long
class Deadline:
    """A moment of the monotonic clock, in seconds; None for no deadline. It does not change."""

    _at: float | None

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(monotonic() + seconds)

    def seconds(self) -> float | None:
        """How long an operation that begins now may take, at least MIN_SECONDS; None for ever."""
        if self._at is None:
            return None
        left = self._at - monotonic()
        return left if left > MIN_SECONDS else MIN_SECONDS

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


class deadline_after:  # noqa: N801 - reads as a function; a generator would cost five times as much
    """The block, and the tasks that it starts, have a deadline after some seconds."""

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._token = _current.set(Deadline(monotonic() + self._seconds))

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
