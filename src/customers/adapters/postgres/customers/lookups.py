"""The most frequent reads: the calls of a tenant that wait together share a statement."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from attrs import frozen

from customers.bulkheads.groups import GroupObserver, Groups
from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer, Profile
from customers.core.ports.storage import Lookups, View


class SharedReads:
    """The look-ups of all tenants, over views of one storage."""

    def __init__(
        self, view: Callable[[str], AbstractAsyncContextManager[View]], observer: GroupObserver
    ) -> None:
        self.profiles = Groups(view, _profiles, observer)
        self.by_email = Groups(view, _by_emails, observer)

    async def close(self) -> None:
        """Waits until no read is under way."""
        await self.profiles.close()
        await self.by_email.close()


@frozen
class PostgresLookups(Lookups):
    _reads: SharedReads
    _tenant_id: str

    async def profile(self, customer_id: UUID) -> Profile:
        profile = await self._reads.profiles.call(self._tenant_id, customer_id)
        if profile is None:
            raise CustomerNotFound
        return profile

    async def by_email(self, email_key: str) -> Customer | None:
        return await self._reads.by_email.call(self._tenant_id, email_key)


async def _profiles(view: View, customer_ids: Sequence[UUID]) -> Mapping[UUID, Profile]:
    return await view.customers.profiles(customer_ids)


async def _by_emails(view: View, email_keys: Sequence[str]) -> Mapping[str, Customer]:
    return await view.customers.by_emails(email_keys)
