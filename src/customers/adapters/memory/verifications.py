"""Verifications in memory: a sorted tuple per customer, and the customer of each token."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.state import State
from customers.core.model.customer import Customer
from customers.core.model.verification import Verification, VerificationWithEmail
from customers.core.ports.verifications import VerificationReader, VerificationRepository


@frozen
class MemoryVerificationReader(VerificationReader):
    _source: StateReader

    async def all(self, customer_id: UUID) -> Sequence[Verification]:
        state = self._source.state
        state.customer(customer_id)
        return state.verifications.get(customer_id, ())


@frozen
class MemoryVerifications(MemoryVerificationReader, VerificationRepository):
    _source: Draft

    async def add(self, verification: Verification) -> None:
        self._change(verification.customer_id, lambda stored: [*stored, verification])

    async def remove(self, customer_id: UUID, sent_until: datetime) -> None:
        self._change(customer_id, lambda stored: [v for v in stored if v.sent_at > sent_until])

    async def use(self, customer_id: UUID, now: datetime) -> None:
        self._change(customer_id, lambda stored: [_used(one, now) for one in stored])

    def _change(
        self,
        customer_id: UUID,
        change: Callable[[Sequence[Verification]], Iterable[Verification]],
    ) -> None:
        state = self._source.state
        self._source.expect_lock(Customer, customer_id)
        changed = change(state.verifications.get(customer_id, ()))
        self._source.replace(state.with_verifications(customer_id, changed))


def find_verification(states: Iterable[State], token_hash: str) -> VerificationWithEmail | None:
    """The verification with this token hash in one of the states; None if its customer is deleted,
    or if there is none.
    """
    for state in states:
        customer_id = state.verification_owners.get(token_hash)
        if customer_id is not None and customer_id in state.living:
            verifications = state.verifications[customer_id]
            [verification] = [one for one in verifications if one.token_hash == token_hash]
            email_key = state.living[customer_id].email_key
            return VerificationWithEmail(verification=verification, email_key=email_key)
    return None


def _used(one: Verification, now: datetime) -> Verification:
    return one if one.used_at is not None else evolve(one, used_at=now)
