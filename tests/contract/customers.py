"""What every storage promises of customers: one at a time. Lists have a contract of their own."""

import asyncio
from datetime import date
from typing import Any

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound, EmailTaken
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.ports import Storage
from tests.builders import (
    a_customer,
    a_payment_method,
    a_tenant,
    an_address,
    an_id,
    later,
    some_statistics,
)
from tests.contract.steps import (
    Pause,
    count,
    delete,
    erase,
    keep,
    overlapping,
    save,
    set_addresses,
    set_methods,
    stored,
)

EVERYTHING: dict[str, Any] = {
    "user_id": an_id(),
    "email": "Ada+Shop@Example.Test",
    "first_name": "Ada \U0001f9ee O'Neill",
    "last_name": "",
    "phone": "+1 (415) 555-0100 x12",
    "status": CustomerStatus.BLOCKED,
    "customer_type": CustomerType.WHOLESALE,
    "statistics": some_statistics("33.33", 3, last_order_date=later(microseconds=1)),
    "date_of_birth": date(1992, 2, 29),
    "country": "Côte d'Ivoire",
    "country_code": "CI",
    "avatar_url": "https://example.test/a.png?x=%20&y=:z",
    "tags": ("vip", "Early-Adopter", "a,b{}\"'\\", "ÉTÉ"),
    "notes": "first line\n\tsecond line \\n $1 :x ?",
    "marketing_opt_in": True,
    "email_verified": True,
    "lock_reason": "",
    "locked_at": later(seconds=1),
    "locked_by": an_id(),
    "unlock_reason": "a mistake of ours",
    "unlocked_at": later(seconds=2),
    "unlocked_by": an_id(),
    "updated_at": later(days=1, microseconds=999_999),
    "version": 7,
}

SAME_KEY = [
    ("ada@example.test", "ada@example.test"),
    ("ada@example.test", "ADA@Example.Test"),
    ("É@example.test", "é@example.test"),
    ("É@example.test", "e\u0301@example.test"),
]
OTHER_KEY = [
    ("straße@example.test", "strasse@example.test"),
    ("é@example.test", "e@example.test"),
    ("a_b@example.test", "axb@example.test"),
    ("ada@example.test", "ada+1@example.test"),
    ("\ufb01@example.test", "fi@example.test"),
]


async def add_in_one_step(storage: Storage, customer: Customer) -> bool:
    return await storage.one_step(customer.tenant_id).add_customer(customer)


async def add_in_a_transaction(storage: Storage, customer: Customer) -> bool:
    async with storage.transaction(customer.tenant_id) as tx:
        return await tx.customers.add(customer)


both_ways = pytest.mark.parametrize("add", [add_in_one_step, add_in_a_transaction])


class CustomerReadingContract:
    async def test_a_customer_is_read_as_it_was_added(self, storage: Storage, tenant: str) -> None:
        customer = a_customer(tenant_id=tenant, **EVERYTHING)
        await keep(storage, customer)
        assert await stored(storage, customer) == customer

    @pytest.mark.parametrize("born", [date.min, date.max, date(2000, 2, 29)])
    async def test_every_day_of_the_calendar_is_kept(
        self, storage: Storage, tenant: str, born: date
    ) -> None:
        customer = a_customer(tenant_id=tenant, date_of_birth=born)
        await keep(storage, customer)
        assert (await stored(storage, customer)).date_of_birth == born

    async def test_a_customer_who_was_never_added_is_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        with pytest.raises(CustomerNotFound):
            await stored(storage, a_customer(tenant_id=tenant))

    async def test_a_deleted_customer_is_hidden_from_every_reading(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)
        await delete(storage, customer)
        async with storage.view(tenant) as view:
            with pytest.raises(CustomerNotFound):
                await view.customers.get(customer.id)
            with pytest.raises(CustomerNotFound):
                await view.customers.profile(customer.id)
            assert await view.customers.profiles([customer.id]) == {}
            assert await view.customers.by_email(customer.email_key) is None

    async def test_an_email_key_finds_its_customer(self, storage: Storage, tenant: str) -> None:
        customer = a_customer(tenant_id=tenant, email="É@Example.Test")
        await keep(storage, customer, a_customer(tenant_id=tenant))
        async with storage.view(tenant) as view:
            assert await view.customers.by_email("é@example.test") == customer
            assert await view.customers.by_email("É@Example.Test") is None
            assert await view.customers.by_email("e@example.test") is None

    async def test_an_email_key_finds_the_living_one_of_several(
        self, storage: Storage, tenant: str
    ) -> None:
        gone, here = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))
        await keep(storage, gone)
        await delete(storage, gone)
        await keep(storage, here)
        async with storage.view(tenant) as view:
            assert await view.customers.by_email("ada@example.test") == here

    async def test_a_transaction_reads_what_it_has_changed(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage.transaction(tenant) as tx:
            await tx.customers.add(customer)
            changed = evolve(customer, email="new@example.test", version=2)
            await tx.customers.save(changed)
            assert await tx.customers.get(customer.id) == changed
            assert await tx.customers.by_email("new@example.test") == changed
            assert await tx.customers.by_email(customer.email_key) is None


class ProfileContract:
    async def test_a_profile_holds_addresses_and_methods_in_their_lists_order(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)
        homes = [an_address(customer, created_at=later(days=day)) for day in range(3)]
        cards = [a_payment_method(customer, created_at=later(days=day)) for day in range(3)]
        homes[2], cards[1] = evolve(homes[2], is_default=True), evolve(cards[1], is_default=True)
        await set_addresses(storage, customer, *homes)
        await set_methods(storage, customer, *cards)
        async with storage.view(tenant) as view:
            profile = await view.customers.profile(customer.id)
        assert profile.customer == customer
        assert profile.addresses == (homes[2], homes[0], homes[1])
        assert profile.payment_methods == (cards[1], cards[0], cards[2])

    async def test_a_customer_with_nothing_has_an_empty_profile(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)
        async with storage.view(tenant) as view:
            profile = await view.customers.profile(customer.id)
        assert (profile.customer, profile.addresses, profile.payment_methods) == (customer, (), ())

    async def test_an_unknown_customer_has_no_profile(self, storage: Storage, tenant: str) -> None:
        async with storage.view(tenant) as view:
            with pytest.raises(CustomerNotFound):
                await view.customers.profile(an_id())

    async def test_many_profiles_are_those_of_the_ids_that_are_customers(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, gone = (a_customer(tenant_id=tenant) for _ in range(3))
        await keep(storage, ada, bob, gone, a_customer(tenant_id=tenant))
        await delete(storage, gone)
        home, card = an_address(bob), a_payment_method(bob)
        await set_addresses(storage, bob, home)
        await set_methods(storage, bob, card)
        async with storage.view(tenant) as view:
            found = await view.customers.profiles([bob.id, an_id(), gone.id, ada.id, bob.id])
            assert found == {each.id: await view.customers.profile(each.id) for each in (ada, bob)}
        assert (found[bob.id].addresses, found[bob.id].payment_methods) == ((home,), (card,))

    async def test_many_profiles_keep_each_list_in_order(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(2)]
        await keep(storage, *customers)
        for each in customers:
            young, old = an_address(each, created_at=later(days=1)), an_address(each)
            chosen = an_address(each, created_at=later(days=2), is_default=True)
            await set_addresses(storage, each, young, old, chosen)
        async with storage.view(tenant) as view:
            ids = [each.id for each in customers]
            for customer_id, profile in (await view.customers.profiles(ids)).items():
                assert list(profile.addresses) == list(await view.addresses.all(customer_id))

    async def test_no_ids_have_no_profiles(self, storage: Storage, tenant: str) -> None:
        async with storage.view(tenant) as view:
            assert await view.customers.profiles([]) == {}


class AddingContract:
    @both_ways
    async def test_adding_keeps_a_customer_whole(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        customer = a_customer(tenant_id=tenant, **EVERYTHING)
        assert await add(storage, customer) is True
        assert await stored(storage, customer) == customer

    @both_ways
    @pytest.mark.parametrize(("first", "second"), SAME_KEY)
    async def test_a_taken_email_is_not_added(
        self, storage: Storage, tenant: str, add: Any, first: str, second: str
    ) -> None:
        holder = a_customer(tenant_id=tenant, email=first)
        late = a_customer(tenant_id=tenant, email=second)
        await keep(storage, holder)
        assert await add(storage, late) is False
        assert await stored(storage, holder) == holder
        assert await count(storage, tenant) == 1
        with pytest.raises(CustomerNotFound):
            await stored(storage, late)

    @both_ways
    @pytest.mark.parametrize(("first", "second"), OTHER_KEY)
    async def test_emails_that_only_look_alike_are_two(
        self, storage: Storage, tenant: str, add: Any, first: str, second: str
    ) -> None:
        await keep(storage, a_customer(tenant_id=tenant, email=first))
        assert await add(storage, a_customer(tenant_id=tenant, email=second)) is True

    @both_ways
    async def test_an_email_of_another_tenant_is_free(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        theirs = a_customer(tenant_id=a_tenant(), email="ada@example.test")
        await keep(storage, theirs)
        ours = a_customer(tenant_id=tenant, email="ada@example.test")
        assert await add(storage, ours) is True
        assert (await stored(storage, ours), await stored(storage, theirs)) == (ours, theirs)

    @both_ways
    async def test_an_email_is_free_again_after_its_customer_is_deleted(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        gone = a_customer(tenant_id=tenant, email="ada@example.test")
        await keep(storage, gone)
        await delete(storage, gone)
        assert await add(storage, a_customer(tenant_id=tenant, email="ADA@example.test")) is True

    @both_ways
    async def test_an_email_is_free_again_after_its_customer_took_another(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        mover = a_customer(tenant_id=tenant, email="old@example.test")
        await keep(storage, mover)
        await save(storage, evolve(mover, email="new@example.test"))
        assert await add(storage, a_customer(tenant_id=tenant, email="new@example.test")) is False
        assert await add(storage, a_customer(tenant_id=tenant, email="old@example.test")) is True

    @both_ways
    async def test_of_many_who_add_one_email_at_once_one_is_kept(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        rivals = [a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(16)]
        added = await asyncio.gather(*(add(storage, rival) for rival in rivals))
        assert sorted(added) == [False] * 15 + [True]
        async with storage.view(tenant) as view:
            assert await view.customers.by_email("ada@example.test") == rivals[added.index(True)]
        assert await count(storage, tenant) == 1

    @both_ways
    async def test_who_adds_an_email_that_is_being_added_loses(
        self, storage: Storage, tenant: str, add: Any
    ) -> None:
        first, second = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                assert await tx.customers.add(first)
                await pause()

        assert await overlapping(hold, lambda: add(storage, second)) is False
        assert await stored(storage, first) == first

    async def test_a_transaction_goes_on_after_an_email_was_taken(
        self, storage: Storage, tenant: str
    ) -> None:
        holder, other = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await keep(storage, holder)
        async with storage.transaction(tenant) as tx:
            assert not await tx.customers.add(a_customer(tenant_id=tenant, email=holder.email))
            assert await tx.customers.add(other)
        assert await stored(storage, other) == other


class SavingContract:
    async def test_a_saved_customer_is_read_as_it_was_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        plain = a_customer(tenant_id=tenant)
        whole = evolve(plain, **EVERYTHING)
        await keep(storage, plain)
        await save(storage, whole)
        assert await stored(storage, plain) == whole
        await save(storage, plain)
        assert await stored(storage, plain) == plain

    @pytest.mark.parametrize(("first", "second"), SAME_KEY)
    async def test_a_taken_email_is_not_saved(
        self, storage: Storage, tenant: str, first: str, second: str
    ) -> None:
        holder, mover = a_customer(tenant_id=tenant, email=first), a_customer(tenant_id=tenant)
        await keep(storage, holder, mover)
        with pytest.raises(EmailTaken):
            await save(storage, evolve(mover, email=second, version=2))
        assert await stored(storage, mover) == mover
        assert await stored(storage, holder) == holder

    async def test_an_email_of_the_deleted_or_of_another_tenant_can_be_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        gone, mover = a_customer(tenant_id=tenant, email="a@x.test"), a_customer(tenant_id=tenant)
        theirs = a_customer(tenant_id=a_tenant(), email="a@x.test")
        await keep(storage, gone, mover)
        await keep(storage, theirs)
        await delete(storage, gone)
        moved = evolve(mover, email="a@x.test")
        await save(storage, moved)
        assert await stored(storage, mover) == moved

    async def test_the_letter_case_of_ones_own_email_can_change(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, email="ada@example.test")
        await keep(storage, customer)
        shouted = evolve(customer, email="ADA@example.test")
        await save(storage, shouted)
        assert await stored(storage, customer) == shouted

    async def test_a_restored_customer_is_back(self, storage: Storage, tenant: str) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)
        deleted = await delete(storage, customer)
        restored = deleted.restored(later(days=1))
        await save(storage, restored)
        assert await stored(storage, customer) == restored

    async def test_a_restored_customer_whose_email_is_taken_by_now_is_refused(
        self, storage: Storage, tenant: str
    ) -> None:
        gone, here = (a_customer(tenant_id=tenant, email="ada@example.test") for _ in range(2))
        await keep(storage, gone)
        deleted = await delete(storage, gone)
        await keep(storage, here)
        with pytest.raises(EmailTaken):
            await save(storage, deleted.restored(later(days=1)))
        with pytest.raises(CustomerNotFound):
            await stored(storage, gone)

    async def test_of_two_who_move_to_one_email_at_once_one_is_refused(
        self, storage: Storage, tenant: str
    ) -> None:
        movers = [a_customer(tenant_id=tenant) for _ in range(4)]
        await keep(storage, *movers)
        moved = [evolve(each, email="wanted@example.test") for each in movers]
        ends = await asyncio.gather(
            *(save(storage, each) for each in moved), return_exceptions=True
        )
        assert [type(end) for end in ends if end is not None] == [EmailTaken] * 3


class LockingContract:
    @pytest.mark.parametrize("lock", ["lock", "lock_any"])
    async def test_a_lock_gives_the_customer(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, **EVERYTHING)
        await keep(storage, customer)
        async with storage.transaction(tenant) as tx:
            assert await getattr(tx.customers, lock)(customer.id) == customer

    @pytest.mark.parametrize("lock", ["lock", "lock_any"])
    async def test_an_unknown_customer_cannot_be_locked(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        async with storage.transaction(tenant) as tx:
            with pytest.raises(CustomerNotFound):
                await getattr(tx.customers, lock)(an_id())

    async def test_a_deleted_or_erased_customer_is_locked_by_lock_any_alone(
        self, storage: Storage, tenant: str
    ) -> None:
        one, two = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await keep(storage, one, two)
        deleted = await delete(storage, one, later(days=1))
        await erase(storage, two, later(days=1))
        async with storage.transaction(tenant) as tx:
            for each in (one, two):
                with pytest.raises(CustomerNotFound):
                    await tx.customers.lock(each.id)
            assert await tx.customers.lock_any(one.id) == deleted
            assert await tx.customers.lock_any(two.id) == two.erased(later(days=1))

    async def test_locking_many_names_those_that_are_customers(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, gone = (a_customer(tenant_id=tenant) for _ in range(3))
        await keep(storage, ada, bob, gone)
        await delete(storage, gone)
        async with storage.transaction(tenant) as tx:
            asked = {bob.id, an_id(), gone.id, ada.id}
            assert set(await tx.customers.lock_all(asked)) == {ada.id, bob.id}
            assert set(await tx.customers.lock_all(set())) == set()

    @pytest.mark.parametrize("lock", ["lock", "lock_any", "lock_all"])
    async def test_who_waits_for_a_lock_finds_what_its_holder_saved(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await getattr(tx.customers, lock)(
                    [customer.id] if lock == "lock_all" else customer.id
                )
                await pause()
                await tx.customers.save(customer.touched(later(days=1)))

        async def wait() -> Customer:
            async with storage.transaction(tenant) as tx:
                return await tx.customers.lock(customer.id)

        assert await overlapping(hold, wait) == customer.touched(later(days=1))

    @pytest.mark.parametrize("lock", ["lock", "lock_all"])
    async def test_who_waits_for_a_customer_that_is_deleted_finds_nobody(
        self, storage: Storage, tenant: str, lock: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.lock(customer.id)
                await pause()
                await tx.customers.save(customer.deleted(later(days=1)))

        async def wait() -> object:
            async with storage.transaction(tenant) as tx:
                if lock == "lock_all":
                    return list(await tx.customers.lock_all([customer.id]))
                with pytest.raises(CustomerNotFound):
                    await tx.customers.lock(customer.id)
                return []

        assert await overlapping(hold, wait) == []

    async def test_no_change_is_lost_among_many_who_lock(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)

        async def touch() -> None:
            async with storage.transaction(tenant) as tx:
                now = await tx.customers.lock(customer.id)
                await tx.customers.save(now.touched(later(days=1)))

        await asyncio.gather(*(touch() for _ in range(20)))
        assert (await stored(storage, customer)).version == 21

    async def test_those_who_lock_many_in_any_order_all_come_through(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(4)]
        await keep(storage, *customers)
        ids = [each.id for each in customers]

        async def touch_all(turn: int) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.lock_all(ids[turn % 4 :] + ids[: turn % 4])
                for customer_id in reversed(ids):
                    now = await tx.customers.get(customer_id)
                    await tx.customers.save(now.touched(later(days=1)))

        await asyncio.gather(*(touch_all(turn) for turn in range(12)))
        assert [(await stored(storage, each)).version for each in customers] == [13] * 4
