"""Use cases of customers: register, get, list, change, delete, restore, lock, unlock."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from customers.core.membership.view import member_page, members_after, membership_view
from customers.core.model.customer import Customer, CustomerChange, CustomerDetails, Profile
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.payment import Wallet
from customers.core.model.permissions import Permission
from customers.core.model.principal import Principal
from customers.core.model.query import CustomerKey, CustomerPage, CustomerSort, Page
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction

Versions = frozenset[int] | None


class Customers:
    def __init__(self, storage: Storage, clock: Clock, ids: IdGenerator) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    @retries_conflict
    async def register(self, tenant_id: str, details: CustomerDetails) -> tuple[Customer, bool]:
        """Gets or creates the customer with this e-mail address; returns them, and whether they are
        new. An existing customer is unchanged, except that a missing account is linked.
        """
        while True:
            new = self._new(tenant_id, details)
            if await self._storage.autocommit(tenant_id).add_customer(new):
                return new, True
            stored = await self._storage.lookups(tenant_id).by_email(new.email_key)
            if stored is not None and stored.linked(details.user_id, now=new.created_at) is stored:
                return stored, False
            if stored is not None and (linked := await self._link(stored, details)) is not None:
                return linked, False

    async def profile(self, tenant_id: str, customer_id: UUID) -> Profile:
        """The customer with addresses and payment methods. Raises CustomerNotFound."""
        return await self._storage.lookups(tenant_id).profile(customer_id)

    async def batch(self, tenant_id: str, customer_ids: Sequence[UUID]) -> Mapping[UUID, Profile]:
        """The profiles of the customers that exist, by id."""
        async with self._storage.view(tenant_id) as view:
            return await view.customers.profiles(customer_ids)

    async def page(
        self,
        tenant_id: str,
        customer_filter: CustomerFilter,
        sort: CustomerSort,
        page: Page,
        *,
        segment_id: UUID | None = None,
    ) -> CustomerPage:
        """A page of the customers, or of a segment's members. Raises SegmentNotFound,
        SegmentFailed, SegmentBuilding.
        """
        if segment_id is None:
            async with self._storage.view(tenant_id) as view:
                return await view.customers.page_with_total(customer_filter, sort, page)
        membership = membership_view(self._storage, tenant_id, self._clock, [segment_id])
        async with membership as (memberships, [segment]):
            return await member_page(memberships, segment, customer_filter, sort, page)

    async def page_after(
        self,
        tenant_id: str,
        customer_filter: CustomerFilter,
        sort: CustomerSort,
        key: CustomerKey | None,
        size: int,
        *,
        segment_id: UUID | None = None,
    ) -> Sequence[Customer]:
        """At most `size` + 1 customers, or members of a segment, after a key. Raises
        SegmentNotFound, SegmentFailed, SegmentBuilding.
        """
        limit = size + 1
        if segment_id is None:
            async with self._storage.view(tenant_id) as view:
                return await view.customers.page_after(customer_filter, sort, key, limit)
        membership = membership_view(self._storage, tenant_id, self._clock, [segment_id])
        async with membership as (memberships, [segment]):
            return await members_after(
                memberships, segment, customer_filter, sort, key=key, limit=limit
            )

    async def change(
        self,
        tenant_id: str,
        customer_id: UUID,
        change: CustomerChange,
        *,
        principal: Principal,
        versions: Versions,
    ) -> Customer:
        """Changes a customer. Raises CustomerNotFound, StaleVersion, EmailTaken; PermissionDenied
        if the status changes and the principal may not lock customers.
        """

        def update(customer: Customer, now: datetime) -> Customer:
            changed = customer.change(change, now=now, actor=principal.actor)
            if changed.status is not customer.status:
                principal.expect(Permission.CUSTOMERS_LOCK)
            return changed

        return await self._update(tenant_id, customer_id, versions, update)

    async def lock(
        self,
        tenant_id: str,
        customer_id: UUID,
        reason: str,
        *,
        principal: Principal,
        versions: Versions,
    ) -> Customer:
        """Locks a customer. Raises CustomerNotFound, StaleVersion, AlreadyBlocked."""
        return await self._update(
            tenant_id,
            customer_id,
            versions,
            lambda customer, now: customer.lock(reason, now=now, actor=principal.actor),
        )

    async def unlock(
        self,
        tenant_id: str,
        customer_id: UUID,
        reason: str,
        *,
        principal: Principal,
        versions: Versions,
    ) -> Customer:
        """Unlocks a customer. Raises CustomerNotFound, StaleVersion, NotBlocked."""
        return await self._update(
            tenant_id,
            customer_id,
            versions,
            lambda customer, now: customer.unlock(reason, now=now, actor=principal.actor),
        )

    @retries_conflict
    async def delete(self, tenant_id: str, customer_id: UUID, *, versions: Versions) -> None:
        """Soft-deletes a customer, whose e-mail address and payment tokens become free for others.

        Raises CustomerNotFound, StaleVersion.
        """
        async with self._storage.transaction(tenant_id) as tx:
            customer = await tx.customers.get_for_update(customer_id)
            customer.expect(versions)
            await tx.payment_methods.release(customer_id)
            await tx.customers.save(customer.deleted(self._clock.now()))

    @retries_conflict
    async def restore(self, tenant_id: str, customer_id: UUID) -> Customer:
        """Restores a deleted customer; a living one stays as they are. Raises CustomerNotFound,
        also for an erased customer; EmailTaken.
        """
        async with self._storage.transaction(tenant_id) as tx:
            customer = (await tx.customers.get_any_for_update(customer_id)).restorable()
            if customer.is_living:
                return customer
            now = self._clock.now()
            await _save(tx, customer, restored := customer.restored(now))
            await self._reclaim(tx, customer_id, now)
            return restored

    def _new(self, tenant_id: str, details: CustomerDetails) -> Customer:
        return Customer.new(details, id=self._ids.new(), tenant_id=tenant_id, now=self._clock.now())

    async def _link(self, stored: Customer, details: CustomerDetails) -> Customer | None:
        """Links the account; None if the customer was deleted or got another e-mail address
        meanwhile.
        """
        async with self._storage.transaction(stored.tenant_id) as tx:
            customer = await tx.customers.get_any_for_update(stored.id)
            if not customer.is_living or customer.email_key != stored.email_key:
                return None
            linked = customer.linked(details.user_id, now=self._clock.now())
            if linked is not customer:
                await tx.customers.save(linked)
            return linked

    @retries_conflict
    async def _update(
        self,
        tenant_id: str,
        customer_id: UUID,
        versions: Versions,
        update: Callable[[Customer, datetime], Customer],
    ) -> Customer:
        def checked(customer: Customer) -> Customer:
            customer.expect(versions)
            return update(customer, self._clock.now())

        autocommit = self._storage.autocommit(tenant_id)
        if (changed := await autocommit.change_customer(customer_id, checked)) is not None:
            return changed
        async with self._storage.transaction(tenant_id) as tx:
            customer = await tx.customers.get_for_update(customer_id)
            if (updated := checked(customer)) is not customer:
                await _save(tx, customer, updated)
            return updated

    async def _reclaim(self, tx: Transaction, customer_id: UUID, now: datetime) -> None:
        """Reclaims the payment tokens; removes the methods whose tokens are taken by now."""
        taken = await tx.payment_methods.reclaim(customer_id)
        before = Wallet(await tx.payment_methods.all(customer_id))
        after = before
        for method_id in taken:
            after = after.remove(method_id, now=now)
        await tx.payment_methods.replace(customer_id, before.methods, after.methods)


async def _save(tx: Transaction, before: Customer, after: Customer) -> None:
    """Saves `after`, a living customer; first reserves the e-mail address if it has changed, or if
    `before` was deleted. A changed address ends the tokens that were sent to the old one, so that
    none is valid if it is changed back. Raises EmailTaken.
    """
    is_moved = after.email_key != before.email_key
    if is_moved or not before.is_living:
        await tx.customers.reserve_email(after)
    if is_moved:
        await tx.verifications.use(after.id, after.updated_at)
    await tx.customers.save(after)
