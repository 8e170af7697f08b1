"""What the storage reports: waits, time-outs, refusals, shared statements, errors, its schema."""

from typing import Protocol


class DatabaseObserver(Protocol):
    """Receives events of the storage; the usual request causes none, and so pays nothing."""

    def waited(self, seconds: float) -> None:
        """A request could not have an idle connection at once; it got one, or failed, after
        `seconds`.
        """
        ...

    def timed_out(self) -> None:
        """A request got no connection in time."""
        ...

    def refused(self, kind: str) -> None:
        """The pool refused a request; `kind` is `tenant_connections` (the tenant has its share),
        `connections` (all are in use) or `storage_down` (the breaker refuses requests).
        """
        ...

    def shared(self, calls: int) -> None:
        """A statement begins for this many calls, one or more, that waited for it."""
        ...

    def failed(self, sqlstate: str | None) -> None:
        """A connection or a statement failed, with this SQLSTATE; None if the server sent none, as
        when the connection itself failed.
        """
        ...

    def checked_schema(self, revision: str | None, needed: str) -> None:
        """A check found the schema at this revision; None if the database was never migrated.

        `needed` is the oldest revision that this program works with.
        """
        ...


class Unobserved(DatabaseObserver):
    """Ignores all events."""

    def waited(self, seconds: float) -> None:
        pass

    def timed_out(self) -> None:
        pass

    def refused(self, kind: str) -> None:
        pass

    def shared(self, calls: int) -> None:
        pass

    def failed(self, sqlstate: str | None) -> None:
        pass

    def checked_schema(self, revision: str | None, needed: str) -> None:
        pass


UNOBSERVED = Unobserved()
