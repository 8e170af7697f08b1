"""Payment methods in memory, and who holds which token of a gateway."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from attrs import evolve, frozen
from immutables import Map

from customers.adapters.memory.draft import Draft, Source
from customers.adapters.memory.state import State, placed
from customers.core.errors import PaymentMethodTaken
from customers.core.model.customer import Customer
from customers.core.model.payment import PaymentMethod, sort_key
from customers.core.ports.customers import PaymentMethodReader, PaymentMethodRepository

Tokens = Map[tuple[str, str], UUID]


@frozen
class MemoryPaymentMethodReader(PaymentMethodReader):
    _source: Source

    async def all(self, customer_id: UUID) -> Sequence[PaymentMethod]:
        state = self._source.state
        state.customer(customer_id)
        return state.methods.get(customer_id, ())


@frozen
class MemoryPaymentMethods(MemoryPaymentMethodReader, PaymentMethodRepository):
    _source: Draft

    async def replace(
        self, customer_id: UUID, before: Sequence[PaymentMethod], after: Sequence[PaymentMethod]
    ) -> None:
        state, stored = self._written(customer_id)
        if set(before) != set(stored):
            self._source.refuse(RuntimeError("`before` is not what is stored: read it again"))
        released = {each.id for each in stored if not _holds(state.tokens, each)}
        held = [each for each in after if each.id not in released]
        tokens = without_tokens(state.tokens, stored)
        if _taken(tokens, held):
            self._source.refuse(PaymentMethodTaken())
        kept = tuple(sorted(after, key=sort_key)) or None
        self._source.keep(
            evolve(
                state,
                methods=placed(state.methods, customer_id, kept),
                tokens=_with_tokens(tokens, held),
            )
        )

    async def release(self, customer_id: UUID) -> None:
        state, stored = self._written(customer_id)
        self._source.keep(evolve(state, tokens=without_tokens(state.tokens, stored)))

    async def reclaim(self, customer_id: UUID) -> Sequence[UUID]:
        state, stored = self._written(customer_id)
        taken = _taken(state.tokens, stored)
        free = [each for each in stored if each.id not in taken]
        self._source.keep(evolve(state, tokens=_with_tokens(state.tokens, free)))
        return taken

    def _written(self, customer_id: UUID) -> tuple[State, tuple[PaymentMethod, ...]]:
        """The state and the methods of a locked customer, living or not."""
        state = self._source.state
        self._source.expect_lock(Customer, customer_id)
        return state, state.methods.get(customer_id, ())


def without_tokens(tokens: Tokens, methods: Iterable[PaymentMethod]) -> Tokens:
    """The tokens when these methods hold theirs no more."""
    for method in methods:
        if _holds(tokens, method):
            tokens = tokens.delete(_token(method))
    return tokens


def _with_tokens(tokens: Tokens, methods: Iterable[PaymentMethod]) -> Tokens:
    return tokens.update((_token(method), method.id) for method in methods)


def _taken(tokens: Tokens, methods: Iterable[PaymentMethod]) -> list[UUID]:
    """The methods whose tokens others hold."""
    return [each.id for each in methods if tokens.get(_token(each), each.id) != each.id]


def _holds(tokens: Tokens, method: PaymentMethod) -> bool:
    return tokens.get(_token(method)) == method.id


def _token(method: PaymentMethod) -> tuple[str, str]:
    return (method.payment_gateway, method.gateway_payment_method_id)
