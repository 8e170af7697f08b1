"""Use cases of shoppers: finding their own customer, and changing their profile.

For everything else, such as addresses and orders, shoppers share the use cases of staff, with the
customer that is found here.
"""

from uuid import UUID

from customers.core.errors.access import NotYourResource
from customers.core.model.customer import Customer
from customers.core.model.shopper import ProfileChange, Shopper, unblocked
from customers.core.ports.clock import Clock
from customers.core.ports.customers import CustomerReader
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage


class Storefront:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def customer(self, tenant_id: str, shopper: Shopper) -> Customer:
        """The customer of a shopper: the oldest one with their account, then the one with the
        smallest id. Without one, it is the customer without an account who has their verified
        e-mail address, and who is then linked to the account.

        Raises NotYourResource, CustomerNotFound, CustomerBlocked.
        """
        async with self._storage.view(tenant_id) as view:
            customer = shopper.own(await _find(view.customers, shopper))
        if customer.user_id is not None or shopper.user_id is None:
            return customer
        return await self._link(tenant_id, customer.id, shopper, shopper.user_id)

    async def change(
        self,
        tenant_id: str,
        shopper: Shopper,
        change: ProfileChange,
        *,
        versions: frozenset[int] | None,
    ) -> Customer:
        """Changes the customer of a shopper. Raises NotYourResource, CustomerNotFound,
        CustomerBlocked; then StaleVersion.
        """
        customer = await self.customer(tenant_id, shopper)
        return await self._change(tenant_id, customer.id, change, versions)

    async def expect_own(self, tenant_id: str, shopper: Shopper) -> None:
        """Raises NotYourResource, as `customer` does, but for no other reason; links nobody."""
        if shopper.asks_for(None):
            return
        async with self._storage.view(tenant_id) as view:
            if not shopper.asks_for(await _find(view.customers, shopper)):
                raise NotYourResource

    @retries_conflict
    async def _link(
        self, tenant_id: str, customer_id: UUID, shopper: Shopper, user_id: UUID
    ) -> Customer:
        """Links the customer to the account, unless another call has linked either of them
        meanwhile. The account is reserved, because a shopper with two verified addresses may be
        found as two customers at the same time.
        """
        async with self._storage.transaction(tenant_id) as tx:
            await tx.customers.reserve_user(user_id)
            if (of_account := await tx.customers.by_user(user_id)) is not None:
                return shopper.own(of_account)
            customer = await tx.customers.get_for_update(customer_id)
            if not shopper.may_be_linked(customer):
                return shopper.own(await _find(tx.customers, shopper))
            linked = unblocked(customer).linked(user_id, now=self._clock.now())
            await tx.customers.save(linked)
            return linked

    @retries_conflict
    async def _change(
        self,
        tenant_id: str,
        customer_id: UUID,
        change: ProfileChange,
        versions: frozenset[int] | None,
    ) -> Customer:
        async with self._storage.transaction(tenant_id) as tx:
            customer = unblocked(await tx.customers.get_for_update(customer_id))
            customer.expect(versions)
            changed = customer.change(change.of_customer(), now=self._clock.now(), actor=None)
            if changed is not customer:
                await tx.customers.save(changed)
            return changed


async def _find(customers: CustomerReader, shopper: Shopper) -> Customer | None:
    """The customer of the shopper, already linked or to be linked; None if there is none."""
    if shopper.user_id is None:
        return None
    of_account = await customers.by_user(shopper.user_id)
    return of_account or await _find_by_email(customers, shopper)


async def _find_by_email(customers: CustomerReader, shopper: Shopper) -> Customer | None:
    if not shopper.verified_email_key:
        return None
    customer = await customers.by_email(shopper.verified_email_key)
    if customer is None:
        return None
    # Another call may have linked them since the look-up by account.
    is_own = shopper.may_be_linked(customer) or customer.user_id == shopper.user_id
    return customer if is_own else None
