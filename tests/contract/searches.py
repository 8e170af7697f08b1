"""The contract of search: folded substrings of name, e-mail or phone, or an order number or id."""

from typing import Any

import pytest
from attrs import evolve

from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage
from tests.contract.filters import find_customers
from tests.support.builders import a_customer, a_stub, an_entry
from tests.support.storage_steps import (
    add_customers,
    delete,
    save,
    save_entries,
    searching,
    some_customers,
)

PEOPLE: dict[str, dict[str, Any]] = {
    "percent": {"first_name": "100%", "last_name": "Wool"},
    "number": {"first_name": "1000", "last_name": "Wool"},
    "under": {"first_name": "snake_case", "last_name": "X"},
    "slash": {"first_name": "back\\slash", "last_name": "Y"},
    "quote": {"first_name": "O'Neill", "last_name": '"Q" $1 :p ? %s {x}'},
    "regex": {"first_name": "a.*b", "last_name": "[z](^$|"},
    "plus": {"email": "ada+shop@example.test"},
    "twice": {"first_name": "team@home@work"},
    "end": {"first_name": "a\U0010ffffast@last.test"},
    "brink": {"email": "\ud7ffbrink@last.test"},
    "wild": {"email": "5%_@d.test"},
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
    ("%", ["percent", "quote", "wild"]),
    ("_", ["under", "wild"]),
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
    ("shop@example.tests", []),
    ("shop@other.test", []),
    ("op@e", ["plus"]),
    ("hop@e", ["plus"]),
    ("hop@@e", []),
    ("team@home@work", ["twice"]),
    ("team@work", []),
    ("5%_@d", ["wild"]),
    ("ast@last.test", ["end"]),
    ("\U0010ffffast@last", ["end"]),
    ("\U0010ffff" * 3 + "@last", []),
    ("\U0010ffff" * 3 + "@", []),
    ("xx\U0010ffff@la", []),
    ("brink@last.test", ["brink"]),
    ("55_@d", []),
    ("mary  ann smith", ["space"]),
    ("mary ann", ["space"]),
    ("smith mary", ["space"]),
    ("mit ann ary", ["space"]),
    ("mary jones", []),
    ("mary mary2", []),
    ("  Smith ", ["space"]),
    ("STRASSE", ["strasse"]),
    ("straße groß", ["strasse"]),
    ("gross", ["strasse"]),
    ("\u00c9MILE", ["accent"]),
    ("e\u0301mile", ["accent"]),
    ("emile", ["accent"]),
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


def searchable_customers(tenant: str) -> dict[str, Customer]:
    plain = {"first_name": "Plain", "last_name": "Person"}
    return {
        name: a_customer(tenant_id=tenant, **{"email": f"{name}@d.test"} | plain | fields)
        for name, fields in PEOPLE.items()
    }


class CustomerSearchContract:
    @pytest.mark.parametrize(("search", "names"), SEARCHES)
    async def test_a_search_finds_a_folded_literal_substring(
        self, storage: Storage, tenant: str, search: str, names: list[str]
    ) -> None:
        everyone = searchable_customers(tenant)
        await add_customers(storage, *everyone.values())
        customer_filter = searching(search)
        assert await find_customers(storage, tenant, customer_filter) == [
            everyone[name] for name in names
        ]

    async def test_a_search_finds_the_current_name_only(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, last_name="Byron")
        await add_customers(storage, customer)
        await save(storage, married := evolve(customer, last_name="Lovelace"))
        assert await find_customers(storage, tenant, searching("byron")) == []
        assert await find_customers(storage, tenant, searching("lovelace")) == [married]

    async def test_a_search_does_not_find_deleted_customers(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)
        await delete(storage, customer)
        assert await find_customers(storage, tenant, searching("ada")) == []

    async def test_a_search_finds_the_owners_of_orders_by_number_and_by_id(
        self, storage: Storage, tenant: str
    ) -> None:
        owners = await some_customers(storage, tenant, 4)
        numbers = ("ORD-7", "#ord-7", "ORD-77", "#")
        for owner, number in zip(owners, numbers, strict=True):
            entry = an_entry(owner, order_id=f"ID-{number}", order_number=number)
            await save_entries(storage, owner, entry, a_stub(owner, order_id=f"stub-{number}"))
        for search, indices in (
            ("ord-7", {0, 1}),
            ("#ORD-77", {2}),
            ("id-ord-77", {2}),
            ("stub-ORD-7", set()),
            ("#", set()),
            ("nobody@example.invalid", set()),
            ("x" * 101, set()),
        ):
            customers = await find_customers(storage, tenant, searching(search))
            assert {customer.id for customer in customers} == {owners[i].id for i in indices}
