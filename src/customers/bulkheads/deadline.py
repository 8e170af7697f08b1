"""The deadline of a request: the moment at which its waiting, statements and retries should end.

Entrypoints set it; the storage, groups of calls, a `Turn`, the delivery of mails and the wait for
admission keep to it. A task for which none was set has no deadline.
"""

from collections.abc import Iterable
from contextvars import ContextVar, Token
from time import monotonic
from typing import Final, Self, TypeAlias

from attrs import define

# What begins close to the deadline, or after it, gets this long all the same, so that a request
# whose work rightly took long can still finish it and answer.
MIN_SECONDS = 0.25


@define  # every request makes one: frozen would take three times as long
class Deadline:
    """A moment of the monotonic clock, in seconds; None for no deadline. Never modified."""

    _at: float | None

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(monotonic() + seconds)

    @classmethod
    def latest(cls, deadlines: Iterable["Deadline"]) -> Self:
        """The latest of one or more deadlines; no deadline if one of them has no moment."""
        moments = {deadline._at for deadline in deadlines}
        return cls(None if None in moments else max(filter(None, moments)))

    def seconds(self) -> float | None:
        """The seconds that an operation that begins now may take, at least MIN_SECONDS; None for no
        limit.
        """
        if self._at is None:
            return None
        left = self._at - monotonic()
        return left if left > MIN_SECONDS else MIN_SECONDS

    def is_over(self) -> bool:
        return self._at is not None and monotonic() >= self._at

    def at_most(self, seconds: float) -> float:
        """The smaller of `seconds()` and the argument."""
        own = self.seconds()
        return seconds if own is None else min(own, seconds)


NO_DEADLINE = Deadline(None)

Begun: TypeAlias = Token[float | None]
# The moment of the deadline; None without a deadline.
_current: ContextVar[float | None] = ContextVar("deadline", default=None)


def current_deadline() -> Deadline:
    """The deadline of the request that this task works for; NO_DEADLINE without one."""
    moment = _current.get()
    return NO_DEADLINE if moment is None else Deadline(moment)


def begin_deadline(seconds: float) -> Begun:
    """Gives this task, and the tasks that it starts, a deadline `seconds` from now. Returns the
    token that `end_deadline` takes.
    """
    return _current.set(monotonic() + seconds)


def work_until(deadline: Deadline) -> None:
    """Gives this task, and the tasks that it starts, this deadline."""
    _current.set(deadline._at)


# Restores what `begin_deadline` replaced; takes the token that it returned.
end_deadline: Final = _current.reset


class deadline_after:  # noqa: N801 - reads as a function; a generator would cost five times as much
    """Gives its block, and the tasks that it starts, a deadline `seconds` after it begins."""

    __slots__ = ("_begun", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._begun = begin_deadline(self._seconds)

    def __exit__(self, *_: object) -> None:
        end_deadline(self._begun)
