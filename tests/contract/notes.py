"""The contract of `NoteRepository` and `Autocommit.add_note`."""

from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from attrs import evolve

from customers.core.errors import NoteNotFound
from customers.core.model.customer import Customer
from customers.core.model.journal import Note
from customers.core.model.query import JournalKey
from customers.core.ports.storage import Storage
from tests.support.builders import a_customer, a_note, a_tenant, an_id, later
from tests.support.storage_steps import (
    Pause,
    a_stored_customer,
    add_customers,
    add_notes,
    delete,
    overlap,
    some_customers,
)


async def notes(
    storage: Storage, customer: Customer, after: Note | None = None, limit: int = 50
) -> list[Note]:
    key = JournalKey(at=after.created_at, id=str(after.id)) if after else None
    async with storage.view(customer.tenant_id) as view:
        return list(await view.notes.newest(customer.id, key, limit))


async def remove_note(storage: Storage, customer: Customer, note: Note) -> None:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        await tx.notes.remove(customer.id, note.id)


def some_notes(customer: Customer, days: Sequence[int]) -> list[Note]:
    return [a_note(customer, created_at=later(days=day)) for day in days]


class NoteContract:
    async def test_an_added_note_reads_back_unchanged(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        text = "Zeile 1\n\tZeile 2 'x' \\ %s $1 \U0001f9ee" + "é" * 9_000
        note = a_note(customer, note=text, created_by=an_id(), updated_at=later(microseconds=1))
        await add_notes(storage, customer, note)
        assert await notes(storage, customer) == [note]

    async def test_notes_are_listed_newest_first_and_ties_by_id(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        added = some_notes(customer, [2, 0, 1, 1, 1])
        await add_notes(storage, customer, *added)
        assert await notes(storage, customer) == [added[index] for index in (0, 4, 3, 2, 1)]

    async def test_a_page_of_notes_has_at_most_the_limit(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_notes(storage, customer, *(added := some_notes(customer, [3, 2, 1])))
        assert await notes(storage, customer, limit=2) == added[:2]

    @pytest.mark.parametrize("limit", [1, 2, 3])
    async def test_paging_through_notes_neither_skips_nor_repeats(
        self, storage: Storage, tenant: str, limit: int
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_notes(storage, customer, *some_notes(customer, [0, 0, 0, 1, 2, 2]))
        walked: list[Note] = []
        while page := await notes(storage, customer, walked[-1] if walked else None, limit):
            walked += page
            await add_notes(storage, customer, a_note(customer, created_at=later(days=9)))
        assert walked == (await notes(storage, customer))[-6:]

    async def test_a_page_continues_after_a_removed_note(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_notes(storage, customer, *(added := some_notes(customer, [3, 2, 2, 1])))
        await remove_note(storage, customer, added[2])
        assert await notes(storage, customer, added[2]) == [added[1], added[3]]

    async def test_a_removed_note_is_not_listed_and_cannot_be_removed_again(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_notes(storage, customer, *(added := some_notes(customer, [2, 1])))
        await remove_note(storage, customer, added[0])
        assert await notes(storage, customer) == [added[1]]
        with pytest.raises(NoteNotFound):
            await remove_note(storage, customer, added[0])

    async def test_only_a_note_of_the_customer_can_be_removed(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        await add_notes(storage, bob, his := a_note(bob))
        for foreign in (his, a_note(ada)):
            with pytest.raises(NoteNotFound):
                await remove_note(storage, ada, foreign)
        assert (await notes(storage, ada), await notes(storage, bob)) == ([], [his])

    async def test_a_transaction_reads_its_own_notes(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_notes(storage, customer, old := a_note(customer), new := a_note(customer))
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            await tx.notes.remove(customer.id, old.id)
            assert list(await tx.notes.newest(customer.id, None, 50)) == [new]

    async def test_a_note_of_nobody_is_not_stored(self, storage: Storage, tenant: str) -> None:
        eve, theirs = await a_stored_customer(storage, tenant), a_customer(tenant_id=a_tenant())
        await add_customers(storage, theirs)
        await delete(storage, eve)
        autocommit = storage.autocommit(tenant)
        for customer in (eve, a_customer(tenant_id=tenant), evolve(theirs, tenant_id=tenant)):
            assert not await autocommit.add_note(a_note(customer))
        assert await notes(storage, theirs) == []

    async def test_a_customer_who_is_being_erased_gets_no_note(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)

        async def erase_first(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_any_for_update(customer.id)
                await tx.erasures.erase(customer.erased(later()))
                await pause()

        def add() -> Coroutine[Any, Any, bool]:
            return storage.autocommit(tenant).add_note(a_note(customer))

        assert await overlap(erase_first, add) is False
