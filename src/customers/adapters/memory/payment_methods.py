"""Payment methods in memory, and the payment method that holds each token of a gateway."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from attrs import evolve, frozen
from immutables import Map

from customers.adapters.memory.draft import Draft, StateReader
from customers.adapters.memory.state import State, Token, token_of, with_value
from customers.core.errors import PaymentMethodTaken
from customers.core.model.customer import Customer
from customers.core.model.payment import PaymentMethod, sort_key
from customers.core.ports.customers import PaymentMethodReader, PaymentMethodRepository

Tokens = Map[Token, UUID]


@frozen
class MemoryPaymentMethodReader(PaymentMethodReader):
    _source: StateReader

    async def all(self, customer_id: UUID) -> Sequence[PaymentMethod]:
        state = self._source.state
        state.customer(customer_id)
        return state.payment_methods.get(customer_id, ())


@frozen
class MemoryPaymentMethods(MemoryPaymentMethodReader, PaymentMethodRepository):
    _source: Draft

    async def replace(
        self, customer_id: UUID, before: Sequence[PaymentMethod], after: Sequence[PaymentMethod]
    ) -> None:
        state, stored = self._stored(customer_id)
        self._source.expect_stored(before, stored)
        released = {method.id for method in stored if not _holds(state.tokens, method)}
        holders = [method for method in after if method.id not in released]
        tokens = without_tokens(state.tokens, stored)
        if _taken(tokens, holders):
            self._source.doom(PaymentMethodTaken())
        methods = tuple(sorted(after, key=sort_key)) or None
        payment_methods = with_value(state.payment_methods, customer_id, methods)
        tokens = _with_tokens(tokens, holders)
        self._source.replace(evolve(state, payment_methods=payment_methods, tokens=tokens))

    async def release(self, customer_id: UUID) -> None:
        state, stored = self._stored(customer_id)
        self._source.replace(evolve(state, tokens=without_tokens(state.tokens, stored)))

    async def reclaim(self, customer_id: UUID) -> Sequence[UUID]:
        state, stored = self._stored(customer_id)
        taken = _taken(state.tokens, stored)
        free = [method for method in stored if method.id not in taken]
        self._source.replace(evolve(state, tokens=_with_tokens(state.tokens, free)))
        return taken

    def _stored(self, customer_id: UUID) -> tuple[State, tuple[PaymentMethod, ...]]:
        """The state and the payment methods of a locked customer, living or deleted."""
        state = self._source.state
        self._source.expect_lock(Customer, customer_id)
        return state, state.payment_methods.get(customer_id, ())


def without_tokens(tokens: Tokens, methods: Iterable[PaymentMethod]) -> Tokens:
    """The tokens without those of these methods."""
    for method in methods:
        if _holds(tokens, method):
            tokens = tokens.delete(token_of(method))
    return tokens


def _with_tokens(tokens: Tokens, methods: Iterable[PaymentMethod]) -> Tokens:
    return tokens.update((token_of(method), method.id) for method in methods)


def _taken(tokens: Tokens, methods: Iterable[PaymentMethod]) -> list[UUID]:
    """The ids of the methods whose tokens other methods hold."""
    return [method.id for method in methods if tokens.get(token_of(method), method.id) != method.id]


def _holds(tokens: Tokens, method: PaymentMethod) -> bool:
    return tokens.get(token_of(method)) == method.id
