"""The most frequent reads in memory, each an ordinary view: there are no round trips to save."""

from uuid import UUID

from attrs import frozen

from customers.adapters.memory.customers import MemoryCustomerReader
from customers.adapters.memory.tenants import TenantStates
from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer, Profile
from customers.core.ports.storage import Lookups


@frozen
class MemoryLookups(Lookups):
    _tenants: TenantStates
    _tenant_id: str

    async def profile(self, customer_id: UUID) -> Profile:
        async with self._tenants.view(self._tenant_id) as reader:
            profiles = await MemoryCustomerReader(reader).profiles([customer_id])
        if customer_id not in profiles:
            raise CustomerNotFound
        return profiles[customer_id]

    async def by_email(self, email_key: str) -> Customer | None:
        async with self._tenants.view(self._tenant_id) as reader:
            return await MemoryCustomerReader(reader).by_email(email_key)
