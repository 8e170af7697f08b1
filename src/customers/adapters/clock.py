"""The system clock, and a clock that tests can move."""

from datetime import UTC, datetime, timedelta

from attrs import define, field

from customers.core.ports.clock import Clock


class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)


@define(kw_only=True)
class MovableClock(Clock):
    """A clock that is either frozen at a moment, or runs at an offset from another clock.

    It starts frozen at `start`; if `start` is None, it starts running without an offset.
    """

    _machine: Clock = field(factory=SystemClock)
    _start: datetime | None = None
    _frozen_at: datetime | None = field(init=False)
    _offset: timedelta = field(default=timedelta(), init=False)

    def __attrs_post_init__(self) -> None:
        self._frozen_at = self._start

    @property
    def is_frozen(self) -> bool:
        return self._frozen_at is not None

    def now(self) -> datetime:
        if self._frozen_at is not None:
            return self._frozen_at
        return self._machine.now() + self._offset

    def freeze(self, moment: datetime) -> None:
        """Freezes the clock at `moment`."""
        self._frozen_at = moment

    def advance(self, by: timedelta) -> None:
        """Moves the clock forward; it stays frozen, or keeps running."""
        if self._frozen_at is not None:
            self._frozen_at += by
        else:
            self._offset += by

    def run_from(self, moment: datetime) -> None:
        """Lets the clock run, starting at `moment`."""
        self._frozen_at, self._offset = None, moment - self._machine.now()

    def reset(self) -> None:
        """Returns the clock to its state at the start of the process."""
        self._frozen_at, self._offset = self._start, timedelta()
