"""What every storage promises of filters: who is kept, and how many there are."""

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import chain, combinations, cycle
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.folding import fold
from customers.core.model.query import CustomerFilter, CustomerOrder, Page, RuleAt, search_key
from customers.core.ports import Storage
from tests.builders import (
    FIRST_MOMENT,
    LAST_MOMENT,
    NOW,
    a_customer,
    a_dynamic_segment,
    a_segment,
    a_tenant,
    later,
    some_statistics,
)
from tests.contract.steps import abandoned, add_segments, count, delete, erase, keep, put, save

ACTIVE, INACTIVE, BLOCKED = CustomerStatus
RETAIL, WHOLESALE, VIP = CustomerType

PEOPLE: dict[str, dict[str, Any]] = {
    "percent": {"first_name": "100%", "last_name": "Wool"},
    "number": {"first_name": "1000", "last_name": "Wool"},
    "under": {"first_name": "snake_case", "last_name": "X"},
    "slash": {"first_name": "back\\slash", "last_name": "Y"},
    "quote": {"first_name": "O'Neill", "last_name": '"Q" $1 :p ? %s {x}'},
    "regex": {"first_name": "a.*b", "last_name": "[z](^$|"},
    "plus": {"email": "ada+shop@example.test"},
    "space": {"first_name": "Mary  Ann", "last_name": "Smith"},
    "strasse": {"first_name": "Straße", "last_name": "Groß"},
    "accent": {"first_name": "E\u0301mile", "last_name": "ΣΊΣΥΦΟΣ"},
    "wide": {"first_name": "\uff21\uff22\uff23", "last_name": "o\ufb03ce"},
    "phone": {"phone": "+1 (415) 555-0100"},
    "short": {"first_name": "x7", "last_name": ""},
    "emoji": {"first_name": "\U0001f9ee", "last_name": "日本語"},
}

SEARCHES = [
    ("100%", ["percent"]),
    ("%", ["percent", "quote"]),
    ("_", ["under"]),
    ("e_c", ["under"]),
    ("\\", ["slash"]),
    ("k\\s", ["slash"]),
    ("o'n", ["quote"]),
    ('"q"', ["quote"]),
    ("$1 :p ? %s {x}", ["quote"]),
    (".*", ["regex"]),
    ("[z](^$|", ["regex"]),
    ("ada+shop@example.test", ["plus"]),
    ("ada shop@example.test", ["plus"]),
    ("ADA+SHOP@EXAMPLE", ["plus"]),
    ("shop@", ["plus"]),
    ("mary  ann smith", ["space"]),
    ("mary ann", []),
    ("  Smith ", ["space"]),
    ("STRASSE", ["strasse"]),
    ("straße groß", ["strasse"]),
    ("gross", ["strasse"]),
    ("\u00c9MILE", ["accent"]),
    ("e\u0301mile", ["accent"]),
    ("emile", []),
    ("σίσυφος", ["accent"]),
    ("abc", ["wide"]),
    ("office", ["wide"]),
    ("(415) 555", ["phone"]),
    ("+1", ["phone"]),
    ("x7", ["short"]),
    ("7", ["short"]),
    ("x7 ", ["short"]),
    ("\U0001f9ee", ["emoji"]),
    ("日", ["emoji"]),
    ("本語", ["emoji"]),
    ("test100", []),
    ("testx7", []),
    ("nobody", []),
    ("w" * 500, []),
    ("", list(PEOPLE)),
    ("   ", list(PEOPLE)),
]


def people(tenant: str) -> dict[str, Customer]:
    plain = {"first_name": "Plain", "last_name": "Person"}
    return {
        name: a_customer(tenant_id=tenant, **{"email": f"{name}@d.test"} | plain | told)
        for name, told in PEOPLE.items()
    }


async def found(storage: Storage, tenant: str, which: CustomerFilter) -> list[Customer]:
    """Who is kept, oldest id first; what a page, a walk and a count say must agree."""
    async with storage.view(tenant) as view:
        paged = await view.customers.page(which, CustomerOrder(), Page(size=100))
        walked = await view.customers.after(which, CustomerOrder(), None, 100)
        counted = await view.customers.count(which)
    assert list(paged) == list(walked)
    assert counted == len(paged)
    return sorted(paged, key=lambda each: each.id)


class SearchContract:
    @pytest.mark.parametrize(("search", "names"), SEARCHES)
    async def test_a_search_finds_a_folded_literal_part(
        self, storage: Storage, tenant: str, search: str, names: list[str]
    ) -> None:
        everyone = people(tenant)
        await keep(storage, *everyone.values())
        which = CustomerFilter(search=search_key(search))
        assert await found(storage, tenant, which) == [everyone[name] for name in names]

    async def test_a_search_finds_what_a_customer_has_become(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, last_name="Byron")
        await keep(storage, customer)
        await save(storage, married := evolve(customer, last_name="Lovelace"))
        assert await found(storage, tenant, CustomerFilter(search="byron")) == []
        assert await found(storage, tenant, CustomerFilter(search="lovelace")) == [married]

    async def test_a_search_does_not_find_the_deleted(self, storage: Storage, tenant: str) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)
        await delete(storage, customer)
        assert await found(storage, tenant, CustomerFilter(search="ada")) == []


def _shopper(tenant: str, number: int) -> Customer:
    """One of many who differ in all that a filter asks for."""
    return a_customer(
        tenant_id=tenant,
        first_name=["Ada", "Bob", "Straße"][number % 3],
        status=list(CustomerStatus)[number % 3],
        customer_type=list(CustomerType)[number // 3 % 3],
        tags=[(), ("VIP",), ("vip", "Straße"), ("new", "early adopter")][number % 4],
        created_at=later(days=number % 5),
        statistics=some_statistics(f"{number % 7}.10", number % 3),
    )


SHOPPERS = 18

FILTERS: list[dict[str, Any]] = [
    {"statuses": [ACTIVE]},
    {"statuses": [ACTIVE, BLOCKED]},
    {"statuses": [*CustomerStatus]},
    {"types": [VIP]},
    {"types": [RETAIL, WHOLESALE]},
    {"statuses": [INACTIVE], "types": [WHOLESALE]},
    {"tags": ["vip"]},
    {"tags": ["vip", "strasse"]},
    {"tags": ["early adopter"]},
    {"tags": ["early"]},
    {"tags": ["vip", "new"]},
    {"tags": ["%"]},
    {"created_from": later(days=3)},
    {"created_to": later(days=1)},
    {"created_from": later(days=1), "created_to": later(days=1)},
    {"created_from": later(days=1, microseconds=1)},
    {"created_to": later(days=1, microseconds=-1)},
    {"created_from": later(days=2), "created_to": later(days=1)},
    {"created_from": FIRST_MOMENT},
    {"created_from": LAST_MOMENT},
    {"created_to": FIRST_MOMENT},
    {"created_to": LAST_MOMENT},
    {"min_total_spent": Decimal("3.10")},
    {"min_total_spent": Decimal("3.1001")},
    {"max_total_spent": Decimal("3.1")},
    {"max_total_spent": Decimal("3.0999")},
    {"min_total_spent": Decimal(0), "max_total_spent": Decimal("1E+2")},
    {"min_total_spent": Decimal("1E+30")},
    {"max_total_spent": Decimal("1E+30")},
    {"max_total_spent": Decimal("-1E-30")},
    {"search": "ada", "statuses": [ACTIVE], "types": [RETAIL], "tags": ["vip"]},
]


def a_filter(told: dict[str, Any]) -> CustomerFilter:
    sets = {name: frozenset(value) for name, value in told.items() if isinstance(value, list)}
    return CustomerFilter(**told | sets)


WANTED = st.fixed_dictionaries(
    {},
    optional={
        "search": st.sampled_from(["a", "bob", "strasse", "@example", "1"]),
        "statuses": st.frozensets(st.sampled_from(CustomerStatus)),
        "types": st.frozensets(st.sampled_from(CustomerType)),
        "tags": st.frozensets(st.sampled_from(["vip", "strasse", "new"]), max_size=2),
        "created_from": st.integers(0, 5).map(lambda day: later(days=day)),
        "created_to": st.integers(0, 5).map(lambda day: later(days=day)),
        "min_total_spent": st.decimals(0, 7, places=2),
        "max_total_spent": st.decimals(0, 7, places=4),
    },
)


class FilterContract:
    @pytest.mark.parametrize("told", FILTERS, ids=str)
    async def test_a_filter_keeps_those_whom_it_describes(
        self, storage: Storage, tenant: str, told: dict[str, Any]
    ) -> None:
        shoppers = [_shopper(tenant, number) for number in range(SHOPPERS)]
        await keep(storage, *shoppers)
        which = a_filter(told)
        assert await found(storage, tenant, which) == list(filter(which.keeps, shoppers))

    @settings(
        max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(wanted=st.lists(WANTED, min_size=12, max_size=12))
    async def test_filters_of_any_shape_keep_those_whom_they_describe(
        self, storage: Storage, wanted: list[dict[str, Any]]
    ) -> None:
        tenant = a_tenant()
        shoppers = [_shopper(tenant, number) for number in range(SHOPPERS)]
        await keep(storage, *shoppers)
        for which in map(a_filter, wanted):
            assert await found(storage, tenant, which) == list(filter(which.keeps, shoppers))

    async def test_a_tag_is_found_however_it_was_written(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, tags=("Groß \uff21", 'O\'Neill, "x" {y}\\'))
        await keep(storage, customer)
        for tag in customer.tags:
            assert await found(storage, tenant, CustomerFilter(tags=frozenset({fold(tag)})))
        assert not await found(storage, tenant, CustomerFilter(tags=frozenset({"gro"})))

    async def test_members_of_a_segment_are_those_put_into_it(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, gone = (a_customer(tenant_id=tenant) for _ in range(3))
        segment, other = a_segment(tenant_id=tenant), a_segment(tenant_id=tenant)
        await keep(storage, ada, bob, gone)
        await add_segments(storage, segment, other)
        await put(storage, segment, ada, gone)
        await put(storage, other, bob)
        await delete(storage, gone)
        assert await found(storage, tenant, CustomerFilter(member_of=segment.id)) == [ada]
        blocked = CustomerFilter(member_of=segment.id, statuses=frozenset({BLOCKED}))
        assert await found(storage, tenant, blocked) == []

    async def test_a_segment_that_is_not_there_has_no_members(
        self, storage: Storage, tenant: str
    ) -> None:
        await keep(storage, a_customer(tenant_id=tenant))
        nowhere = CustomerFilter(member_of=a_segment(tenant_id=tenant).id)
        assert await found(storage, tenant, nowhere) == []

    @pytest.mark.parametrize(
        "written",
        [
            '[{"field": "total_spent", "operator": "gt", "value": 3}]',
            '[{"field": "tags", "operator": "has_any", "value": ["STRASSE", "new"]}]',
            '[{"field": "days_since_created", "operator": "lt", "value": 2}]',
            '{"logic": "NOT", "conditions": [{"field": "email", "operator": "is_empty"}]}',
            '[{"field": "first_name", "operator": "contains", "value": "SS"}]',
        ],
    )
    async def test_a_rule_keeps_those_whom_it_matches(
        self, storage: Storage, tenant: str, written: str
    ) -> None:
        shoppers = [_shopper(tenant, number) for number in range(SHOPPERS)]
        await keep(storage, *shoppers)
        rule = a_dynamic_segment(written).rule
        assert rule is not None
        which = CustomerFilter(rule=RuleAt(rule=rule, now=later(days=4)), types=frozenset({RETAIL}))
        kept = list(filter(which.keeps, shoppers))
        assert await found(storage, tenant, which) == kept != []


CHANGES: dict[str, Callable[[Customer], Customer]] = {
    "status": lambda customer: evolve(customer, status=BLOCKED),
    "type": lambda customer: evolve(customer, customer_type=VIP),
    "both": lambda customer: evolve(customer, status=INACTIVE, customer_type=WHOLESALE),
    "neither": lambda customer: evolve(customer, first_name="Other"),
    "deleted": lambda customer: customer.deleted(NOW),
    "deleted and moved": lambda customer: evolve(customer.deleted(NOW), status=BLOCKED),
}


def subsets(values: Iterable[Any]) -> list[frozenset[Any]]:
    """None, each one, each two, all."""
    known = list(values)
    sizes = range(len(known) + 1)
    return [frozenset(some) for size in sizes for some in combinations(known, size)]


async def check_counts(storage: Storage, tenant: str, living: list[Customer]) -> None:
    """Every count by status and type is what counting by hand says."""
    async with storage.view(tenant) as view:
        for statuses in subsets(CustomerStatus):
            for types in subsets(CustomerType):
                which = CustomerFilter(statuses=statuses, types=types)
                by_hand = sum(map(which.keeps, living))
                assert await view.customers.count(which) == by_hand, which


class CountContract:
    async def test_a_tenant_without_customers_counts_none(
        self, storage: Storage, tenant: str
    ) -> None:
        await check_counts(storage, tenant, [])

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
    async def test_counts_follow_every_change_and_its_undoing(
        self, storage: Storage, tenant: str, change: Callable[[Customer], Customer]
    ) -> None:
        shoppers = [_shopper(tenant, number) for number in range(9)]
        await keep(storage, *shoppers)
        await check_counts(storage, tenant, shoppers)
        await save(storage, changed := change(shoppers[0]))
        rest = [each for each in (changed, *shoppers[1:]) if each.is_living]
        await check_counts(storage, tenant, rest)
        await save(storage, shoppers[0])
        await check_counts(storage, tenant, shoppers)

    async def test_counts_follow_an_erasure_of_the_living_and_of_the_deleted(
        self, storage: Storage, tenant: str
    ) -> None:
        shoppers = [_shopper(tenant, number) for number in range(4)]
        await keep(storage, *shoppers)
        await erase(storage, shoppers[0])
        await check_counts(storage, tenant, shoppers[1:])
        await erase(storage, await delete(storage, shoppers[1]))
        await check_counts(storage, tenant, shoppers[2:])

    async def test_what_is_rolled_back_or_refused_does_not_count(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await keep(storage, customer)
        async with abandoned(storage, tenant) as tx:
            await tx.customers.add(a_customer(tenant_id=tenant))
            await tx.customers.lock(customer.id)
            await tx.customers.save(evolve(customer, status=BLOCKED))
        twin = a_customer(tenant_id=tenant, email=customer.email)
        assert not await storage.one_step(tenant).add_customer(twin)
        await check_counts(storage, tenant, [customer])

    async def test_counts_are_exact_after_many_changed_at_once(
        self, storage: Storage, tenant: str
    ) -> None:
        shoppers = [_shopper(tenant, number) for number in range(16)]
        await asyncio.gather(*(storage.one_step(tenant).add_customer(each) for each in shoppers))
        assert await count(storage, tenant) == 16
        moved = [
            change(customer)
            for change, customer in zip(cycle(CHANGES.values()), shoppers, strict=False)
        ]
        await asyncio.gather(*(save(storage, each) for each in moved))
        await check_counts(storage, tenant, [each for each in moved if each.is_living])

    async def test_transactions_that_move_customers_crosswise_all_come_through(
        self, storage: Storage, tenant: str
    ) -> None:
        pairs = [
            [_shopper(tenant, number) for number in (2 * turn, 2 * turn + 1)] for turn in range(8)
        ]
        await keep(storage, *(each for pair in pairs for each in pair))

        async def swap(pair: list[Customer], turn: int) -> list[Customer]:
            ends = [evolve(pair[0], status=pair[1].status), evolve(pair[1], status=pair[0].status)]
            async with storage.transaction(tenant) as tx:
                await tx.customers.lock_all([each.id for each in pair])
                for each in ends if turn % 2 else reversed(ends):
                    await tx.customers.save(each)
            return ends

        swapped = await asyncio.gather(*(swap(pair, turn) for turn, pair in enumerate(pairs)))
        await check_counts(storage, tenant, list(chain(*swapped)))
