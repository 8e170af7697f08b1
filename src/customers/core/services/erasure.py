"""The use case of erasure: removes all personal data of a customer in one transaction."""

from uuid import UUID

from customers.core.membership.refresh import apply_all_pending
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure
from customers.core.ports.clock import Clock
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction


class Erasures:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def erase(
        self, tenant_id: str, customer_id: UUID, *, versions: frozenset[int] | None
    ) -> Erasure:
        """Erases a customer, unless they are erased already, and returns the receipt. Raises
        CustomerNotFound; StaleVersion only if they are not erased yet.
        """
        erasure, _ = await self._erase_once(tenant_id, customer_id, versions)
        return erasure

    async def erase_again(self, tenant_id: str, customer_id: UUID) -> bool:
        """Erases a customer whom a backup has brought back; returns False if they are erased
        already.

        Raises CustomerNotFound.
        """
        _, is_new = await self._erase_once(tenant_id, customer_id, None)
        return is_new

    @retries_conflict
    async def _erase_once(
        self, tenant_id: str, customer_id: UUID, versions: frozenset[int] | None
    ) -> tuple[Erasure, bool]:
        """The receipt, and whether it is new."""
        async with self._storage.transaction(tenant_id) as tx:
            await tx.memberships.acquire_lock()
            customer = await tx.customers.get_any_for_update(customer_id)
            if (receipt := await tx.erasures.find(customer_id)) is not None:
                return receipt, False
            customer.expect(versions)
            return await self._erase(tx, customer), True

    async def _erase(self, tx: Transaction, customer: Customer) -> Erasure:
        # The erasure removes the customer's pending changes, which contain personal values, and
        # stores one of its own: both are applied, so that no change is missing in the feed.
        await apply_all_pending(tx, [customer.id])
        erasure = await tx.erasures.erase(customer.erased(self._clock.now()))
        await apply_all_pending(tx, [customer.id])
        return erasure
