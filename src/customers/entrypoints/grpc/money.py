"""Amounts and moments of Google's common types as the core's gates take them, and back.

What an amount or a date may be is the model's business; here is only what these two types allow
themselves to be. Nothing is rounded: money in these messages is exact.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from customers.core.errors import InvalidValue
from customers.core.model.money import Currency

_NANOS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = -62_135_596_800  # the first second of year 1
_LATEST = 253_402_300_799  # the last one of year 9999


def amount_of(money: Money, currency: Currency) -> Decimal:
    """The amount in units, exact, in whole minor units of the currency. Raises Refused."""
    if abs(money.nanos) >= _NANOS:
        raise InvalidValue("INVALID_VALUE", "must have nanos from -999,999,999 to 999,999,999")
    if money.units * money.nanos < 0:
        raise InvalidValue("INVALID_VALUE", "must have units and nanos of the same sign")
    if money.nanos % 10 ** (9 - currency.exponent):
        raise InvalidValue("INVALID_VALUE", f"must have at most {currency.exponent} decimals")
    return Decimal(money.units) + Decimal(money.nanos).scaleb(-9)


def money_of(amount: Decimal, currency: Currency) -> Money:
    """An amount of at most nine decimals, exact."""
    units = int(amount)
    return Money(currency_code=currency.code, units=units, nanos=int((amount - units).scaleb(9)))


def moment_of(timestamp: Timestamp) -> str:
    """The moment as RFC 3339 writes it, truncated to microseconds. Raises Refused."""
    if not (_EARLIEST <= timestamp.seconds <= _LATEST and 0 <= timestamp.nanos < _NANOS):
        raise InvalidValue("INVALID_VALUE", "must be a moment of the calendar")
    since = timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    return (_EPOCH + since).isoformat()


def timestamp_of(moment: datetime | None) -> Timestamp | None:
    """The moment; None stays absent."""
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
