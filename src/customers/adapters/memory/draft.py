"""A transaction's own state, its locks, and the error that dooms it.

Transactions of a tenant never overlap, so the draft needs no locks to protect it. Locks are
recorded so that code which forgets one fails here every time; on a database such code would only
lose an update now and then.
"""

from collections.abc import Collection
from typing import NoReturn, Protocol
from uuid import UUID

from attrs import define, field

from customers.adapters.memory.state import State


class StateReader(Protocol):
    """The source of the state that a repository reads."""

    @property
    def state(self) -> State:
        """The current state. Raises RuntimeError if the view or transaction has ended, or if the
        transaction is doomed.
        """
        ...


@define(eq=False, repr=False)
class Draft(StateReader):
    _state: State
    _locked: set[tuple[type, UUID | str]] = field(factory=set, init=False)
    _holds_membership_lock: bool = field(default=False, init=False)
    _error: Exception | None = field(default=None, init=False)
    _has_ended: bool = field(default=False, init=False)

    @property
    def state(self) -> State:
        if self._has_ended:
            raise RuntimeError("the transaction has ended: begin another one")
        return self.result()

    def replace(self, state: State) -> None:
        """Replaces the state of the draft."""
        self._state = state

    def lock(self, kind: type, id: UUID | str) -> None:
        self._locked.add((kind, id))

    def expect_lock(self, kind: type, id: UUID | str) -> None:
        """Dooms the transaction unless it holds the lock."""
        if (kind, id) not in self._locked:
            name = kind.__name__.lower()
            self.doom(RuntimeError(f"the {name} {id} is not locked: lock it before writing"))

    def expect_stored(self, before: Collection[object], stored: Collection[object]) -> None:
        """Dooms the transaction unless `before` has the same values as `stored`, in any order."""
        if set(before) != set(stored):
            self.doom(RuntimeError("`before` is not what is stored: read it again"))

    def lock_memberships(self) -> None:
        """Takes the membership lock. Dooms the transaction if it holds another lock already: on a
        database that order could deadlock.
        """
        if self._locked and not self._holds_membership_lock:
            self.doom(RuntimeError("another lock is held: acquire the membership lock first"))
        self._holds_membership_lock = True

    def expect_membership_lock(self) -> None:
        """Dooms the transaction unless it holds the membership lock."""
        if not self._holds_membership_lock:
            self.doom(RuntimeError("memberships are not locked: acquire the membership lock first"))

    def doom(self, error: Exception) -> NoReturn:
        """Raises the error; from then on reading the state raises RuntimeError, and so does the
        commit.
        """
        self._error = error
        raise error

    def end(self) -> None:
        """Ends the draft: from then on, reading its state raises RuntimeError."""
        self._has_ended = True

    def result(self) -> State:
        """The state to commit. Raises RuntimeError if the transaction is doomed."""
        if (error := self._error) is not None:
            name = type(error).__name__
            raise RuntimeError(f"the transaction was doomed by {name}: {error}") from error
        return self._state
