"""The use case of upserts: creating and changing many customers of a tenant at once."""

from collections.abc import Sequence
from uuid import UUID

from customers.core.model.customer import Customer
from customers.core.model.upsert import CustomerRow, Upsert, UpsertGroup, UpsertOutcome
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage


class Upserts:
    def __init__(self, storage: Storage, clock: Clock, ids: IdGenerator) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    def upsert_of(self, tenant_id: str, row: CustomerRow, given: frozenset[str]) -> Upsert:
        """The upsert of a row that gives these fields. A new customer gets the row's id, if any."""
        id, now = row.id or self._ids.new(), self._clock.now()
        new = Customer.new(row, id=id, tenant_id=tenant_id, now=now)
        return Upsert(row=row, given=given, new=new)

    @retries_conflict
    async def apply(
        self, tenant_id: str, upserts: Sequence[Upsert], *, actor: UUID | None
    ) -> Sequence[UpsertOutcome]:
        """Applies the rows of a group in their order, in one transaction; returns the outcome of
        each. A row that is refused has CustomerNotFound or EmailTaken, and affects no other.
        """
        ids = {upsert.row.id for upsert in upserts if upsert.row.id is not None}
        keys = {upsert.email_key for upsert in upserts}
        outcomes = list[UpsertOutcome]()
        async with self._storage.transaction(tenant_id) as tx:
            stored = await tx.customers.get_many_for_update(ids, keys)
            group = UpsertGroup(stored, now=self._clock.now(), actor=actor)
            for upsert in upserts:
                outcomes.append(group.apply(upsert))
                await tx.give_way()
            for writes in group.writes():
                for customer in writes.moved:
                    await tx.verifications.use(customer.id, customer.updated_at)
                await tx.customers.write_many(writes.added, writes.changed)
        return outcomes
