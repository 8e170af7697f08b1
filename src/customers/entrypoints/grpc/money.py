"""Converts Google's common types Money and Timestamp to values for the core's gates, and back.

The model decides what an amount or a date may be. Only the rules of these two types are checked
here, and that an amount is exact in the currency's minor unit: no amount is rounded.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from customers.core.errors import InvalidValue
from customers.core.model.money import Currency

_NANOS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_SECONDS = -62_135_596_800  # the first second of year 1
_MAX_SECONDS = 253_402_300_799  # the last second of year 9999


def amount_of(money: Money, currency: Currency) -> Decimal:
    """The exact amount in units of the currency. Raises InvalidValue, also for fractions of a minor
    unit.
    """
    if abs(money.nanos) >= _NANOS:
        raise InvalidValue("INVALID_VALUE", "must have nanos from -999,999,999 to 999,999,999")
    if money.units * money.nanos < 0:
        raise InvalidValue("INVALID_VALUE", "must have units and nanos of the same sign")
    if money.nanos % 10 ** (9 - currency.exponent):
        raise InvalidValue("INVALID_VALUE", f"must have at most {currency.exponent} decimals")
    return Decimal(money.units) + Decimal(money.nanos).scaleb(-9)


def money_of(amount: Decimal, currency: Currency) -> Money:
    """The amount as Money, exactly; an amount has at most nine decimals."""
    units = int(amount)
    return Money(currency_code=currency.code, units=units, nanos=int((amount - units).scaleb(9)))


def rfc3339_of(timestamp: Timestamp) -> str:
    """The timestamp as RFC 3339 text, truncated to microseconds. Raises InvalidValue."""
    if not (_MIN_SECONDS <= timestamp.seconds <= _MAX_SECONDS and 0 <= timestamp.nanos < _NANOS):
        raise InvalidValue("INVALID_VALUE", "must be a valid date and time")
    since_epoch = timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    return (_EPOCH + since_epoch).isoformat()


def timestamp_of(moment: datetime | None) -> Timestamp | None:
    """The moment as a timestamp; None for None."""
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
