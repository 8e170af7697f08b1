"""A transaction's own state, what it has locked, and whether a write was refused.

Locks are remembered although nothing else could change a draft: code that forgets one must fail
in memory too, since a database would only lose an update now and then.
"""

from typing import NoReturn, Protocol
from uuid import UUID

from attrs import define, field

from customers.adapters.memory.state import State


class Source(Protocol):
    """Where a repository reads."""

    @property
    def state(self) -> State:
        """The state as it is now. Raises RuntimeError when the block that gave it has ended."""
        ...


@define(eq=False, repr=False)
class Draft(Source):
    _state: State
    _locked: set[tuple[type, UUID | str]] = field(factory=set, init=False)
    _has_members: bool = field(default=False, init=False)
    _refusal: Exception | None = field(default=None, init=False)
    _has_ended: bool = field(default=False, init=False)

    @property
    def state(self) -> State:
        if self._has_ended:
            raise RuntimeError("the transaction has ended: begin another one")
        return self.result()

    def keep(self, state: State) -> None:
        """Replaces the state."""
        self._state = state

    def lock(self, kind: type, id: UUID | str) -> None:
        self._locked.add((kind, id))

    def expect_lock(self, kind: type, id: UUID | str) -> None:
        """Refuses a write to what this transaction has not locked."""
        if (kind, id) not in self._locked:
            name = kind.__name__.lower()
            self.refuse(RuntimeError(f"the {name} {id} is not locked: lock it before writing"))

    def lock_memberships(self) -> None:
        """Refused after another lock: who locks the other way round may wait for ever elsewhere."""
        if self._locked and not self._has_members:
            self.refuse(RuntimeError("something is locked already: lock the members before it"))
        self._has_members = True

    def expect_members(self) -> None:
        """Refuses what needs the tenant's stored members, unless this transaction locked them."""
        if not self._has_members:
            self.refuse(RuntimeError("the members are not locked: lock them before anything else"))

    def refuse(self, refusal: Exception) -> NoReturn:
        """Raises, and dooms the transaction."""
        self._refusal = refusal
        raise refusal

    def end(self) -> None:
        """From now on nothing is read or written."""
        self._has_ended = True

    def result(self) -> State:
        """What is to be committed. Raises RuntimeError when a write was refused."""
        if (refusal := self._refusal) is not None:
            name = type(refusal).__name__
            raise RuntimeError(f"the transaction was doomed by {name}: {refusal}") from refusal
        return self._state
