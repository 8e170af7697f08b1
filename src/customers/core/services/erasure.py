"""The use case of erasure: a customer's personal values leave every table at once."""

from uuid import UUID

from customers.core.membership.refresh import settle_all_marked
from customers.core.model.erasure import Erasure
from customers.core.ports import Clock, Storage


class Erasures:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def erase(
        self, tenant_id: str, customer_id: UUID, *, versions: frozenset[int] | None
    ) -> Erasure:
        """The receipt, the first one again when it is repeated.

        Raises CustomerNotFound, and StaleVersion before the first time.
        """
        async with self._storage.transaction(tenant_id) as tx:
            await tx.segments.lock_members()
            customer = await tx.customers.lock_any(customer_id)
            receipt = await tx.erasures.find(customer_id)
            if receipt is not None:
                return receipt
            customer.expect(versions)
            # What they were must not wait for anybody, and be settled by then.
            await settle_all_marked(tx, [customer_id])
            erasure = await tx.erasures.erase(customer.erased(self._clock.now()))
            await settle_all_marked(tx, [customer_id])
            return erasure
