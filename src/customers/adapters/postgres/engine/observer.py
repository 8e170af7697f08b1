"""What the pool and the sessions report while they work: waits, time-outs and errors."""

from typing import Protocol


class DatabaseObserver(Protocol):
    """Is told of events that are rare, so that the usual request pays nothing for it."""

    def waited(self, seconds: float) -> None:
        """A request had no idle connection at hand; it got one, or gave up, after `seconds`."""
        ...

    def timed_out(self) -> None:
        """A request got no connection in time."""
        ...

    def failed(self, sqlstate: str | None) -> None:
        """The database refused a connection or a statement, with its SQLSTATE; None without one,
        when the connection failed.
        """
        ...


class Unobserved(DatabaseObserver):
    """Ignores everything."""

    def waited(self, seconds: float) -> None:
        pass

    def timed_out(self) -> None:
        pass

    def failed(self, sqlstate: str | None) -> None:
        pass


UNOBSERVED = Unobserved()
