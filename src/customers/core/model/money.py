"""Money: the currency of a deployment, its minor unit and the range of amounts.

Codes and exponents are those of ISO 4217, list one, without the codes that have no minor unit.
"""

import math
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import NewType, Self

from attrs import field, frozen

from customers.core.errors import InvalidValue
from customers.core.model.numbers import exact_number

Money = NewType("Money", Decimal)
CurrencyCode = NewType("CurrencyCode", str)

ZERO = Decimal(0)
MAX_AMOUNT = Decimal("999999999999.99")

# Larger than any sum of amounts that can be stored.
_MAX_SUM = Decimal(10) ** 19
_TOLERANCE = Decimal("0.000001")
# Some callers write doubles in full, with hundreds of digits.
_MAX_DIGITS = 1_100

_TWO_DECIMALS = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP "
    "BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP "
    "GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT "
    "LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN "
    "NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE "
    "SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES "
    "WST XAD XCD XCG YER ZAR ZMW ZWG"
)
_EXPONENTS = {
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


@frozen
class Currency:
    """A currency: its ISO 4217 code, the number of decimals, and the minor unit, such as 0.01."""

    code: str
    exponent: int
    unit: Decimal = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "unit", Decimal(1).scaleb(-self.exponent))

    @classmethod
    def of(cls, code: str) -> Self:
        """The currency with an ISO 4217 code in any case. Raises ValueError for an unknown code."""
        iso_code = code.strip().upper()
        if iso_code not in _EXPONENTS:
            raise ValueError(f"{code!r} is not the code of an ISO 4217 currency")
        return cls(iso_code, _EXPONENTS[iso_code])

    def amount(self, raw: object) -> Money:
        """An amount from 0 to 999,999,999,999.99, a multiple of the minor unit.

        Rounds away the error of binary floating point (up to 1e-6, or four units in the last place
        of a double). Raises InvalidValue, also for other surplus decimals.
        """
        value = exact_number(raw, max_digits=_MAX_DIGITS)
        if value < 0:
            raise InvalidValue("INVALID_VALUE", "must not be negative")
        if value > MAX_AMOUNT + 1:
            raise InvalidValue("INVALID_VALUE", f"must be at most {MAX_AMOUNT:,}")
        if (rounded := self._whole_units(value)) > MAX_AMOUNT:
            raise InvalidValue("INVALID_VALUE", f"must be at most {MAX_AMOUNT:,}")
        return Money(rounded)

    def bound(self, value: Decimal) -> Decimal:
        """A bound of sums of amounts, as `amount` without its largest value."""
        if value < 0:
            raise InvalidValue("INVALID_VALUE", "must not be negative")
        return self._whole_units(value) if value < _MAX_SUM else value

    def accept(self, raw: object) -> CurrencyCode:
        """The code of this currency, from its code in any case or from an empty text. Raises
        InvalidValue for anything else.
        """
        if not isinstance(raw, str) or raw.strip().upper() not in ("", self.code):
            message = f"must be {self.code}, the currency of this deployment"
            raise InvalidValue("CURRENCY_MISMATCH", message)
        return CurrencyCode(self.code)

    def rounded(self, value: Decimal) -> Decimal:
        """The value rounded half-up to the decimals of the minor unit."""
        return value.quantize(self.unit, ROUND_HALF_UP)

    def _whole_units(self, value: Decimal) -> Decimal:
        """The value without the error of binary floating point: a multiple of the minor unit."""
        rounded = value.quantize(self.unit, ROUND_HALF_EVEN)
        if abs(value - rounded) > max(_TOLERANCE, 4 * Decimal(math.ulp(float(value)))):
            raise InvalidValue("INVALID_VALUE", f"must have at most {self.exponent} decimals")
        return rounded
