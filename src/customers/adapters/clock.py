"""The clock of the machine, and one that tests can move."""

from datetime import UTC, datetime, timedelta

from attrs import define, field

from customers.core.ports.clock import Clock


class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)


@define(kw_only=True)
class MovableClock(Clock):
    """A clock that stands at a moment, or runs as another one does, by so much ahead of it."""

    _machine: Clock = field(factory=SystemClock)
    _start: datetime | None = None
    _standing: datetime | None = field(init=False)
    _ahead: timedelta = field(default=timedelta(), init=False)

    def __attrs_post_init__(self) -> None:
        self._standing = self._start

    @property
    def is_frozen(self) -> bool:
        return self._standing is not None

    def now(self) -> datetime:
        if self._standing is not None:
            return self._standing
        return self._machine.now() + self._ahead

    def freeze(self, moment: datetime) -> None:
        """Stands there from now on."""
        self._standing = moment

    def advance(self, by: timedelta) -> None:
        """Moves ahead: one that stands stands there, one that runs goes on running."""
        if self._standing is not None:
            self._standing += by
        else:
            self._ahead += by

    def run_from(self, moment: datetime) -> None:
        """Runs from that moment on."""
        self._standing, self._ahead = None, moment - self._machine.now()

    def reset(self) -> None:
        """Is what it was at first."""
        self._standing, self._ahead = self._start, timedelta()
