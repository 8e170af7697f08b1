"""Amounts are exact and in whole minor units, despite errors of binary floating point."""

from decimal import Decimal

import pytest

from customers.core.errors import InvalidValue
from customers.core.model.money import Currency

USD, JPY, BHD = Currency.of("usd"), Currency.of("JPY"), Currency.of("BHD")


@pytest.mark.parametrize(
    ("currency", "raw", "amount"),
    [
        (USD, 12, "12.00"),
        (USD, "12.50", "12.50"),
        (USD, " 1.25e1 ", "12.50"),
        (USD, Decimal("33.330000000000005"), "33.33"),
        (USD, Decimal("0.30000000000000004"), "0.30"),
        (USD, Decimal("12.3399995"), "12.34"),
        (USD, Decimal("999999999999.98999"), "999999999999.99"),
        (USD, Decimal("-0"), "0"),
        (USD, Decimal.from_float(0.1), "0.10"),
        (USD, Decimal.from_float(33.33), "33.33"),
        (USD, Decimal("999999999999.99"), "999999999999.99"),
        (JPY, Decimal("100.0000001"), "100"),
        (BHD, Decimal("1.234"), "1.234"),
    ],
)
def test_an_amount_is_rounded_to_its_minor_unit(
    currency: Currency, raw: object, amount: str
) -> None:
    assert currency.amount(raw) == Decimal(amount)


@pytest.mark.parametrize(
    ("currency", "raw"),
    [
        (USD, Decimal("0.005")),
        (USD, Decimal("12.34001")),
        (USD, -1),
        (USD, Decimal("1e12")),
        (USD, Decimal("1e15")),
        (USD, Decimal("1e999999999")),
        (USD, "1e99999999999999999999"),
        (USD, "1,000"),
        (USD, "NaN"),
        (USD, ""),
        (USD, True),
        (USD, None),
        (USD, 10**40),
        (JPY, Decimal("0.5")),
    ],
)
def test_any_other_amount_is_refused(currency: Currency, raw: object) -> None:
    with pytest.raises(InvalidValue):
        currency.amount(raw)


def test_a_bound_of_sums_is_exact_as_an_amount_is_and_as_large_as_it_likes() -> None:
    assert USD.bound(Decimal("33.330000000000005")) == Decimal("33.33")
    assert USD.bound(Decimal("1e18")) == Decimal("1e18")
    assert USD.bound(Decimal("1e30")) == Decimal("1e30")


@pytest.mark.parametrize("value", ["-0.01", "33.331"])
def test_any_other_bound_is_refused(value: str) -> None:
    with pytest.raises(InvalidValue):
        USD.bound(Decimal(value))


def test_a_currency_accepts_its_own_code_in_any_case_and_no_other() -> None:
    assert USD.accept("usd") == "USD"
    with pytest.raises(InvalidValue) as error:
        USD.accept("EUR")
    assert error.value.code == "CURRENCY_MISMATCH"


def test_an_unknown_code_is_no_currency() -> None:
    with pytest.raises(ValueError, match="XYZ"):
        Currency.of("XYZ")
