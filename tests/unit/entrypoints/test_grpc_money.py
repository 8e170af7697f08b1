"""Amounts and moments in Google's common types: conversions lose nothing."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from customers.core.model.moments import MomentGate
from customers.core.model.money import Currency
from customers.entrypoints.grpc.money import amount_of, money_of, rfc3339_of, timestamp_of

CURRENCIES = st.sampled_from(["JPY", "USD", "TND", "CLF"]).map(Currency.of)


@given(currency=CURRENCIES, minor_units=st.integers(0, 10**18))
def test_an_amount_round_trips_exactly(currency: Currency, minor_units: int) -> None:
    amount = minor_units * currency.unit
    assert amount_of(money_of(amount, currency), currency) == amount


def test_an_amount_below_one_unit_has_no_units() -> None:
    money = money_of(Decimal("0.05"), Currency.of("USD"))
    assert (money.currency_code, money.units, money.nanos) == ("USD", 0, 50_000_000)


@given(moment=st.datetimes(timezones=st.just(UTC)))
def test_a_moment_round_trips_exactly(moment: datetime) -> None:
    timestamp = timestamp_of(moment)
    assert timestamp is not None
    assert MomentGate().read(rfc3339_of(timestamp)) == moment


def test_an_absent_moment_has_no_timestamp() -> None:
    assert timestamp_of(None) is None
