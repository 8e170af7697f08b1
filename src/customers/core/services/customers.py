"""Use cases of customers themselves: register, read, list, change, delete, restore, lock."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from customers.core.model.customer import Customer, CustomerChange, CustomerDetails, Profile
from customers.core.model.payment import Wallet
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerOrder,
    CustomerPage,
    Page,
)
from customers.core.ports import Clock, Ids, Storage, Transaction

Versions = frozenset[int] | None


class Customers:
    def __init__(self, storage: Storage, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    async def register(self, tenant_id: str, details: CustomerDetails) -> tuple[Customer, bool]:
        """The customer with that e-mail, and whether they are new.

        A stored one stays as it is, but for an account link that it lacked.
        """
        while True:
            new = self._new(tenant_id, details)
            if await self._storage.one_step(tenant_id).add_customer(new):
                return new, True
            async with self._storage.view(tenant_id) as view:
                stored = await view.customers.by_email(new.email_key)
            if stored is not None and stored.linked(details.user_id, now=new.created_at) is stored:
                return stored, False
            if stored is not None and (linked := await self._link(stored, details)) is not None:
                return linked, False

    async def profile(self, tenant_id: str, customer_id: UUID) -> Profile:
        async with self._storage.view(tenant_id) as view:
            return await view.customers.profile(customer_id)

    async def batch(self, tenant_id: str, customer_ids: Sequence[UUID]) -> Mapping[UUID, Profile]:
        async with self._storage.view(tenant_id) as view:
            return await view.customers.profiles(customer_ids)

    async def page(
        self, tenant_id: str, which: CustomerFilter, order: CustomerOrder, page: Page
    ) -> CustomerPage:
        async with self._storage.view(tenant_id) as view:
            return await view.customers.numbered(which, order, page)

    async def after(
        self,
        tenant_id: str,
        which: CustomerFilter,
        order: CustomerOrder,
        key: CustomerKey | None,
        size: int,
    ) -> Sequence[Customer]:
        """The next customers beyond a key, at most one more than `size`."""
        async with self._storage.view(tenant_id) as view:
            return await view.customers.after(which, order, key, size + 1)

    async def change(
        self,
        tenant_id: str,
        customer_id: UUID,
        change: CustomerChange,
        *,
        actor: UUID | None,
        versions: Versions,
    ) -> Customer:
        """Raises CustomerNotFound, StaleVersion, EmailTaken."""
        return await self._alter(
            tenant_id,
            customer_id,
            versions,
            lambda customer, now: customer.change(change, now=now, actor=actor),
        )

    async def lock(
        self,
        tenant_id: str,
        customer_id: UUID,
        reason: str,
        *,
        actor: UUID | None,
        versions: Versions,
    ) -> Customer:
        """Raises CustomerNotFound, StaleVersion, AlreadyBlocked."""
        return await self._alter(
            tenant_id,
            customer_id,
            versions,
            lambda customer, now: customer.lock(reason, now=now, actor=actor),
        )

    async def unlock(
        self,
        tenant_id: str,
        customer_id: UUID,
        reason: str,
        *,
        actor: UUID | None,
        versions: Versions,
    ) -> Customer:
        """Raises CustomerNotFound, StaleVersion, NotBlocked."""
        return await self._alter(
            tenant_id,
            customer_id,
            versions,
            lambda customer, now: customer.unlock(reason, now=now, actor=actor),
        )

    async def delete(self, tenant_id: str, customer_id: UUID, *, versions: Versions) -> None:
        """Hides the customer; their e-mail and payment tokens are free at once."""
        async with self._storage.transaction(tenant_id) as tx:
            customer = await tx.customers.lock(customer_id)
            customer.expect(versions)
            await tx.payment_methods.release(customer_id)
            await tx.customers.save(customer.deleted(self._clock.now()))

    async def restore(self, tenant_id: str, customer_id: UUID) -> Customer:
        """Undoes a deletion. Raises CustomerNotFound (erased customers too) and EmailTaken."""
        async with self._storage.transaction(tenant_id) as tx:
            customer = (await tx.customers.lock_any(customer_id)).restorable()
            if customer.is_living:
                return customer
            now = self._clock.now()
            await tx.customers.save(restored := customer.restored(now))
            await self._reclaim(tx, customer_id, now)
            return restored

    def _new(self, tenant_id: str, details: CustomerDetails) -> Customer:
        new_id = self._ids.new(tenant_id, Customer)
        return Customer.new(details, id=new_id, tenant_id=tenant_id, now=self._clock.now())

    async def _link(self, stored: Customer, details: CustomerDetails) -> Customer | None:
        """The customer with the account linked; None when they are gone meanwhile."""
        async with self._storage.transaction(stored.tenant_id) as tx:
            customer = await tx.customers.lock_any(stored.id)
            if not customer.is_living or customer.email_key != stored.email_key:
                return None
            linked = customer.linked(details.user_id, now=self._clock.now())
            if linked is not customer:
                await tx.customers.save(linked)
            return linked

    async def _alter(
        self,
        tenant_id: str,
        customer_id: UUID,
        versions: Versions,
        decide: Callable[[Customer, datetime], Customer],
    ) -> Customer:
        async with self._storage.transaction(tenant_id) as tx:
            customer = await tx.customers.lock(customer_id)
            customer.expect(versions)
            decided = decide(customer, self._clock.now())
            if decided is not customer:
                await tx.customers.save(decided)
            return decided

    async def _reclaim(self, tx: Transaction, customer_id: UUID, now: datetime) -> None:
        """Takes the payment methods back but for those whose tokens others have by now."""
        taken = await tx.payment_methods.reclaim(customer_id)
        before = Wallet(await tx.payment_methods.all(customer_id))
        after = before
        for method_id in taken:
            after = after.remove(method_id, now=now)
        await tx.payment_methods.replace(customer_id, before.methods, after.methods)
