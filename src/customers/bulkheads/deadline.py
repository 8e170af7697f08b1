"""The deadline of a request: until when its waiting, its statements and its retries may last.

The interfaces set it, the storage reads it. Work that no request waits for has none.
"""

from collections.abc import Iterable
from contextvars import ContextVar, Token
from time import monotonic
from typing import Final, Self, TypeAlias

from attrs import define

# What is begun after the deadline gets this long, so that a request that took its time for good
# reasons can still answer for what it did.
MIN_SECONDS = 0.25


@define  # every request makes one: frozen would take three times as long
class Deadline:
    """A moment of the monotonic clock, in seconds; None for no deadline. It does not change."""

    _at: float | None

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(monotonic() + seconds)

    @classmethod
    def latest(cls, deadlines: Iterable["Deadline"]) -> Self:
        """The latest of them; none if one of them is none."""
        moments = {deadline._at for deadline in deadlines}
        return cls(None if None in moments else max(filter(None, moments)))

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

Begun: TypeAlias = Token[float | None]
# The moment; None without a deadline.
_current: ContextVar[float | None] = ContextVar("deadline", default=None)


def current_deadline() -> Deadline:
    """The deadline of the request that this task works for."""
    moment = _current.get()
    return NO_DEADLINE if moment is None else Deadline(moment)


def begin_deadline(seconds: float) -> Begun:
    """This task, and those that it starts, have a deadline after some seconds."""
    return _current.set(monotonic() + seconds)


def work_until(deadline: Deadline) -> None:
    """This task, and those that it starts, have this deadline from now on."""
    _current.set(deadline._at)


# Ends what `begin_deadline` began.
end_deadline: Final = _current.reset


class deadline_after:  # noqa: N801 - reads as a function; a generator would cost five times as much
    """The block, and the tasks that it starts, have a deadline after some seconds."""

    __slots__ = ("_begun", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._begun = begin_deadline(self._seconds)

    def __exit__(self, *_: object) -> None:
        end_deadline(self._begun)
