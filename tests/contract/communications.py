"""The contract of `CommunicationRepository`."""

from itertools import product
from typing import Any

import pytest
from attrs import evolve

from customers.core.errors import CommunicationNotFound
from customers.core.model.customer import Customer
from customers.core.model.journal import (
    Communication,
    CommunicationStatus,
    CommunicationType,
    Direction,
)
from customers.core.model.query import JournalKey
from customers.core.ports.storage import Storage
from tests.support.builders import a_communication, later
from tests.support.storage_steps import (
    Pause,
    a_stored_customer,
    add_communications,
    overlap,
    some_customers,
)

EMAIL, SMS, CALL, CHAT = CommunicationType
INBOUND, OUTBOUND = Direction

ALL_FIELDS: dict[str, Any] = {
    "communication_type": CHAT,
    "direction": INBOUND,
    "subject": "Où est ma commande ?",
    "content": "<b>line\n\tline</b> 'x' \\ % $1 \U0001f9ee" + "ö" * 99_000,
    "status": CommunicationStatus.CLICKED,
    "external_id": "msg-É%_\\'",
}


async def communications(
    storage: Storage,
    customer: Customer,
    after: Communication | None = None,
    limit: int = 50,
    **filters: Any,
) -> list[Communication]:
    key = JournalKey(at=after.created_at, id=str(after.id)) if after else None
    async with storage.view(customer.tenant_id) as view:
        return list(await view.communications.newest(customer.id, key, limit, **filters))


async def find(
    storage: Storage, customer: Customer, kind: CommunicationType, external_id: str
) -> Communication | None:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        return await tx.communications.find(customer.id, kind, external_id)


class CommunicationContract:
    async def test_an_added_communication_reads_back_unchanged(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        whole, plain = a_communication(customer, **ALL_FIELDS), a_communication(customer)
        await add_communications(storage, customer, whole, plain)
        assert await communications(storage, customer) == [plain, whole]

    async def test_communications_are_listed_newest_first_and_ties_by_id(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        added = [a_communication(customer, created_at=later(days=day)) for day in (2, 0, 1, 1, 1)]
        await add_communications(storage, customer, *added)
        in_order = [added[index] for index in (0, 4, 3, 2, 1)]
        assert await communications(storage, customer) == in_order
        assert await communications(storage, customer, limit=2) == in_order[:2]

    @pytest.mark.parametrize("limit", [1, 2, 3])
    async def test_paging_through_communications_neither_skips_nor_repeats(
        self, storage: Storage, tenant: str, limit: int
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        days = [0, 0, 0, 1, 2, 2]
        added = [a_communication(customer, created_at=later(days=day)) for day in days]
        await add_communications(storage, customer, *added)
        walked: list[Communication] = []
        while page := await communications(
            storage, customer, walked[-1] if walked else None, limit
        ):
            walked += page
            newer = a_communication(customer, created_at=later(days=9))
            await add_communications(storage, customer, newer)
        assert walked == [added[index] for index in (5, 4, 3, 2, 1, 0)]

    @pytest.mark.parametrize(
        ("types", "directions"),
        [
            ({EMAIL}, set()),
            ({EMAIL, CALL}, set()),
            (set(), {INBOUND}),
            ({SMS, CHAT}, {OUTBOUND}),
            (set(CommunicationType), set(Direction)),
        ],
    )
    async def test_communications_are_filtered_by_type_and_direction(
        self,
        storage: Storage,
        tenant: str,
        types: set[CommunicationType],
        directions: set[Direction],
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        added = [
            a_communication(customer, communication_type=kind, direction=direction)
            for kind, direction in product(CommunicationType, Direction)
        ]
        await add_communications(storage, customer, *added)
        page = await communications(storage, customer, types=types, directions=directions)
        assert page == [
            communication
            for communication in reversed(added)
            if communication.communication_type in (types or CommunicationType)
            and communication.direction in (directions or Direction)
        ]

    async def test_a_filtered_page_continues_after_its_key(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        kinds = [SMS, CALL, SMS, CALL, SMS]
        added = [a_communication(customer, communication_type=kind) for kind in kinds]
        await add_communications(storage, customer, *added)
        first = await communications(storage, customer, limit=1, types=[SMS])
        rest = await communications(storage, customer, first[-1], types=[SMS])
        assert (first, rest) == ([added[4]], [added[2], added[0]])


class ExternalIdContract:
    async def test_a_communication_is_found_by_type_and_external_id(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        mail, text = (
            a_communication(customer, external_id="m%1", communication_type=kind)
            for kind in (EMAIL, SMS)
        )
        await add_communications(storage, customer, mail, text)
        assert await find(storage, customer, EMAIL, "m%1") == mail
        assert await find(storage, customer, SMS, "m%1") == text
        assert await find(storage, customer, CALL, "m%1") is None
        assert await find(storage, customer, EMAIL, "M%1") is None

    async def test_an_external_id_belongs_to_one_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        await add_communications(storage, ada, hers := a_communication(ada, external_id="m1"))
        assert await find(storage, bob, EMAIL, "m1") is None
        await add_communications(storage, bob, his := a_communication(bob, external_id="m1"))
        assert await find(storage, ada, EMAIL, "m1") == hers
        assert await find(storage, bob, EMAIL, "m1") == his

    async def test_many_communications_may_have_no_external_id(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        added = [a_communication(customer) for _ in range(3)]
        await add_communications(storage, customer, *added)
        assert await communications(storage, customer) == added[::-1]


class CommunicationLockContract:
    async def test_a_saved_communication_reads_back_unchanged(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_communications(storage, customer, added := a_communication(customer, subject="x"))
        moved = evolve(added, status=CommunicationStatus.DELIVERED)
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            assert await tx.communications.get_for_update(customer.id, added.id) == added
            await tx.communications.save(moved)
            assert await tx.communications.get_for_update(customer.id, added.id) == moved
        assert await communications(storage, customer) == [moved]

    async def test_only_a_communication_of_the_customer_can_be_locked(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        await add_communications(storage, bob, his := a_communication(bob))
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(ada.id)
            for foreign in (his, a_communication(ada)):
                with pytest.raises(CommunicationNotFound):
                    await tx.communications.get_for_update(ada.id, foreign.id)

    async def test_a_waiter_for_a_communication_gets_the_value_its_holder_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_communications(storage, customer, added := a_communication(customer))
        moved = evolve(added, status=CommunicationStatus.OPENED)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.communications.get_for_update(customer.id, added.id)
                await pause()
                await tx.communications.save(moved)

        async def wait() -> Communication:
            async with storage.transaction(tenant) as tx:
                return await tx.communications.get_for_update(customer.id, added.id)

        assert await overlap(hold, wait) == moved
