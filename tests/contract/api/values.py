"""Text, money, times and ids, and how they are returned. `bad_input` has most invalid values."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.api_client import Answer, Api
from tests.support.api_steps import (
    a_customer,
    a_note,
    an_address,
    an_order,
    customer_path,
    id_of,
    select,
)
from tests.support.body_targets import TARGETS
from tests.support.builders import NOW

NEAR_A_CENT = [
    (Decimal("33.330000000000005"), "33.33"),
    (Decimal("33.3299999999999983"), "33.33"),
    (Decimal("12.3450009"), None),
    (Decimal("12.3400009"), "12.34"),
    (Decimal("12.3400011"), None),
    (Decimal("0.005"), None),
    (Decimal("0.001"), None),
    (Decimal("0.30000000000000004"), "0.30"),
    (Decimal("1E-7"), "0"),
    (Decimal("999999999999.99"), "999999999999.99"),
    # The double nearest to 999999999999.97; then amounts within and beyond the error of doubles.
    (Decimal("999999999999.969970703125"), "999999999999.97"),
    (Decimal("123456789012.340012"), "123456789012.34"),
    (Decimal("123456789012.34011"), None),
    (Decimal("1000000000000"), None),
    (Decimal("1E+15"), None),
    (Decimal("-0"), "0"),
    (Decimal("-0.0"), "0"),
    (Decimal("-0.01"), None),
    (-1, None),
    (0, "0"),
    (12, "12"),
    (Decimal("1.25E+1"), "12.50"),
    (Decimal("1E+400"), None),
    (Decimal("1E+999999999"), None),
    ("12.50", "12.50"),
    (" 12.5 ", "12.50"),
    ("33.330000000000005", "33.33"),
    ("1e1", "10"),
    ("-0", "0"),
    ("0.005", None),
]
MOMENTS = [
    ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    ("2026-01-01T02:30:00+02:30", "2026-01-01T00:00:00Z"),
    ("2025-12-31T19:00:00-05:00", "2026-01-01T00:00:00Z"),
    ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.5Z"),
    ("2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123456Z"),
    ("2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123456Z"),
    ("2026-01-01T00:00:00.9999999Z", "2026-01-01T00:00:00.999999Z"),
    ("2026-01-01t00:00:00z", "2026-01-01T00:00:00Z"),
]
IN_ANY_CASE = [
    ("status", "inactive", "INACTIVE"),
    ("status", "Blocked", "BLOCKED"),
    ("customerType", "wholesale", "WHOLESALE"),
    ("customerType", " vip ", "VIP"),
]


def without_zeros(moment: str) -> str:
    return moment.rstrip("Z").rstrip("0").rstrip(".:")


async def send_longest(api: Api, name: str) -> tuple[str, dict[str, Any], Answer]:
    """Sends the longest values to a target; returns a customer's path, the values, the answer."""
    target = TARGETS[name]
    longest = {key: field.longest for key, field in target.fields.items()}
    longest |= {"isDynamic": False} if "isDynamic" in longest else {}
    path = await target.path_of(api, customer := await customer_path(api))
    answer = await api.send(target.method, path, {**target.body, **longest})
    assert answer.status == (201 if target.method == "POST" else 200), answer
    return customer, longest, answer


class TextContract:
    @pytest.mark.parametrize("name", ["a new customer", "PUT of a customer", "PATCH of a customer"])
    async def test_the_longest_values_of_a_customer_are_stored(self, api: Api, name: str) -> None:
        _, longest, answer = await send_longest(api, name)
        stored = (await api.get(f"/customers/{answer.body['id']}")).body
        assert select(stored, longest) == longest | {"dateOfBirth": "1990-01-31T00:00:00Z"}

    @pytest.mark.parametrize("name", ["a new address", "PUT of an address", "PATCH of an address"])
    async def test_the_longest_values_of_an_address_are_stored(self, api: Api, name: str) -> None:
        customer, longest, _ = await send_longest(api, name)
        stored = (await api.get(f"{customer}/addresses")).body["data"][0]
        assert select(stored, longest) == longest

    @pytest.mark.parametrize(
        "name", ["a new payment method", "a new note", "a new communication", "a new segment"]
    )
    async def test_the_longest_values_of_other_resources_are_stored(
        self, api: Api, name: str
    ) -> None:
        _, longest, answer = await send_longest(api, name)
        assert select(answer.body, longest) == longest

    async def test_surrounding_white_space_is_removed(self, api: Api) -> None:
        around = f"\u3000\t {'x' * 100} \r\n\u00a0"
        customer = await a_customer(api, firstName=around, lastName=" \n ", notes=f" {around} ")
        assert (customer["firstName"], customer["lastName"]) == ("x" * 100, "")
        assert customer["notes"] == "x" * 100

    async def test_text_is_normalized_before_it_is_measured(self, api: Api) -> None:
        customer = await a_customer(api, firstName="e\u0301" * 100, tags=["e\u0301" * 100])
        assert (customer["firstName"], customer["tags"]) == ("é" * 100, ["é" * 100])

    async def test_lengths_are_counted_in_characters(self, api: Api) -> None:
        customer = await a_customer(api, firstName="\U0001f9ee" * 100, notes="漢" * 10_000)
        again = (await api.get(f"/customers/{customer['id']}")).body
        assert (again["firstName"], again["notes"]) == ("\U0001f9ee" * 100, "漢" * 10_000)

    async def test_line_breaks_become_one_character(self, api: Api) -> None:
        note = await a_note(api, await customer_path(api), "one\r\ntwo\rthree\nfour\tfive")
        assert note["note"] == "one\ntwo\nthree\nfour\tfive"

    @pytest.mark.parametrize(("name", "text", "expected"), IN_ANY_CASE)
    async def test_choices_are_accepted_in_any_case(
        self, api: Api, name: str, text: str, expected: str
    ) -> None:
        answer = await api.put(await customer_path(api), {name: text})
        assert answer.body[name] == expected

    @pytest.mark.parametrize("phone", ["+1234567890", "+1 (415) 555-0100 x12", "030/123.45", ""])
    async def test_phones_are_free_text(self, api: Api, phone: str) -> None:
        assert (await a_customer(api, phone=phone))["phone"] == phone


class MoneyContract:
    @pytest.mark.parametrize(("amount", "expected"), NEAR_A_CENT, ids=repr)
    async def test_an_amount_near_the_minor_unit_is_rounded_and_others_are_refused(
        self, api: Api, amount: Any, expected: str | None
    ) -> None:
        customer = await customer_path(api)
        body = {"orderId": "o-1", "totalAmount": amount}
        answer = await api.post(f"{customer}/record-order", body)
        if expected is None:
            assert (answer.status, answer.pointers) == (400, {"/totalAmount"})
        else:
            assert answer.status == 200, answer
        spent = (await api.get(customer)).body["totalSpent"]
        assert spent == Decimal(expected or 0)

    @pytest.mark.parametrize(
        "number", ["1" * 5000, f"1.{'1' * 5000}", "1e99999999999999999999", "1e-999999999"]
    )
    async def test_absurd_numbers_are_refused(self, api: Api, number: str) -> None:
        body = f'{{"orderId": "o-1", "totalAmount": {number}}}'
        assert (
            await api.post(f"{await customer_path(api)}/record-order", body.encode())
        ).status == 400

    async def test_sums_are_exact(self, api: Api) -> None:
        customer = await customer_path(api)
        for number in range(10):
            answer = await an_order(api, customer, f"o-{number}", Decimal("0.1"))
        assert answer.body["customer"]["totalSpent"] == 1
        answer = await an_order(api, customer, "big", Decimal("999999999999.99"))
        assert answer.body["customer"]["totalSpent"] == Decimal("1000000000000.99")

    async def test_money_is_always_a_number(self, api: Api) -> None:
        customer = await a_customer(api)
        for name in ("totalSpent", "averageOrderValue", "lifetimeValue"):
            assert isinstance(customer[name], int | Decimal)
            assert customer[name] == 0

    async def test_a_repeat_with_an_equal_rounded_amount_is_a_repeat(self, api: Api) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", Decimal("33.330000000000005"))
        assert (await an_order(api, customer, "o-1", "33.33")).body["duplicate"] is True


class MomentContract:
    @pytest.mark.parametrize(("text", "expected"), MOMENTS)
    async def test_a_moment_is_shown_in_utc(self, api: Api, text: str, expected: str) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", 1, orderDate=text)
        first_order_date = (await api.get(customer)).body["firstOrderDate"]
        assert first_order_date.endswith("Z")
        assert without_zeros(first_order_date) == without_zeros(expected)

    async def test_moments_of_the_service_are_in_utc(self, api: Api) -> None:
        assert (await a_customer(api))["createdAt"] == NOW.isoformat().replace("+00:00", "Z")

    @pytest.mark.parametrize("text", ["1990-01-31", "1990-01-31T00:00:00Z", " 1990-01-31 "])
    async def test_a_date_of_birth_is_accepted_in_two_forms(self, api: Api, text: str) -> None:
        assert (await a_customer(api, dateOfBirth=text))["dateOfBirth"] == "1990-01-31T00:00:00Z"


class IdContract:
    async def test_ids_are_accepted_in_upper_and_lower_case(self, api: Api) -> None:
        customer = await customer_path(api)
        address = await an_address(api, customer)
        upper_path = f"/customers/{id_of(customer).upper()}"
        assert (await api.get(upper_path)).body["id"] == id_of(customer)
        answer = await api.get(f"{upper_path}/addresses/{address['id'].upper()}")
        assert answer.body["data"] == address

    @pytest.mark.parametrize("version", [1, 3, 4, 5, 7, 8])
    async def test_ids_of_callers_may_be_of_any_uuid_version(self, api: Api, version: int) -> None:
        id_text = f"0190B2F0-0000-{version}000-8000-00000000000A"
        assert (await a_customer(api, userId=id_text))["userId"] == id_text.lower()
        assert (await api.get(f"/customers/{id_text}")).status == 404

    @pytest.mark.parametrize(
        "id_text", ["x", "1", "%00", "null", "0" * 32, "%7B00000000-0000-7000-8000-000000000000%7D"]
    )
    async def test_a_malformed_id_is_bad_input(self, api: Api, id_text: str) -> None:
        customer = await customer_path(api)
        for path in (
            f"/customers/{id_text}",
            f"/customers/{id_text}/addresses",
            f"{customer}/addresses/{id_text}",
            f"/customers/segments/{id_text}",
        ):
            assert (await api.get(path)).status == 400, path
        assert (await api.delete(f"{customer}/notes/{id_text}")).status == 400
        assert (await api.delete(f"{customer}/payment-methods/{id_text}")).status == 400
