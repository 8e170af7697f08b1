"""Use cases of payment methods: each change goes through the wallet, with the customer locked."""

from collections.abc import Sequence
from uuid import UUID

from customers.core.model.customer import Customer
from customers.core.model.payment import (
    PaymentMethod,
    PaymentMethodChange,
    PaymentMethodDetails,
    Wallet,
)
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction


class PaymentMethods:
    def __init__(self, storage: Storage, clock: Clock, ids: IdGenerator) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    async def all(self, tenant_id: str, customer_id: UUID) -> Sequence[PaymentMethod]:
        """The payment methods, default first, then oldest first. Raises CustomerNotFound."""
        async with self._storage.view(tenant_id) as view:
            return await view.payment_methods.all(customer_id)

    @retries_conflict
    async def add(
        self, tenant_id: str, customer_id: UUID, details: PaymentMethodDetails
    ) -> tuple[PaymentMethod, bool]:
        """Adds a payment method, unless the customer has one with that token.

        Returns the method and whether it is new. Raises CustomerNotFound, PaymentMethodTaken,
        PaymentMethodLimitExceeded.
        """
        async with self._storage.transaction(tenant_id) as tx:
            customer, wallet = await self._open(tx, customer_id)
            stored = wallet.find(details.payment_gateway, details.gateway_payment_method_id)
            if stored is not None:
                return stored, False
            now = self._clock.now()
            method = PaymentMethod.new(
                details, id=self._ids.new(), customer_id=customer_id, tenant_id=tenant_id, now=now
            )
            changed = wallet.add(method, is_default=details.is_default, now=now)
            await self._save(tx, customer, wallet, changed)
            return changed[method.id], True

    @retries_conflict
    async def change(
        self, tenant_id: str, customer_id: UUID, method_id: UUID, change: PaymentMethodChange
    ) -> PaymentMethod:
        """Changes a payment method. Raises CustomerNotFound, PaymentMethodNotFound."""
        async with self._storage.transaction(tenant_id) as tx:
            customer, wallet = await self._open(tx, customer_id)
            changed = wallet.change(method_id, change, now=self._clock.now())
            await self._save(tx, customer, wallet, changed)
            return changed[method_id]

    @retries_conflict
    async def remove(self, tenant_id: str, customer_id: UUID, method_id: UUID) -> None:
        """Removes a payment method. Raises CustomerNotFound, PaymentMethodNotFound."""
        async with self._storage.transaction(tenant_id) as tx:
            customer, wallet = await self._open(tx, customer_id)
            await self._save(tx, customer, wallet, wallet.remove(method_id, now=self._clock.now()))

    async def _open(self, tx: Transaction, customer_id: UUID) -> tuple[Customer, Wallet]:
        customer = await tx.customers.get_for_update(customer_id)
        return customer, Wallet(await tx.payment_methods.all(customer_id))

    async def _save(
        self, tx: Transaction, customer: Customer, before: Wallet, after: Wallet
    ) -> None:
        if after is before:
            return
        await tx.payment_methods.replace(customer.id, before.methods, after.methods)
        await tx.customers.save(customer.with_next_version(self._clock.now()))
