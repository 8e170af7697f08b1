"""Money: a deployment's currency, its minor unit and the amounts it can hold.

The codes and exponents are those of ISO 4217 (list one, without metals and test codes).
"""

import math
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import NewType, Self

from attrs import field, frozen

from customers.core.errors import InvalidValue
from customers.core.model.numbers import number

Money = NewType("Money", Decimal)
CurrencyCode = NewType("CurrencyCode", str)

ZERO = Decimal(0)
MOST = Decimal("999999999999.99")

_NEAR = Decimal("0.000001")
# A double written out in full, as some callers write it, has hundreds of digits.
_MOST_DIGITS = 1_100

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
    """One currency: its ISO 4217 code and the number of decimals of its minor unit."""

    code: str
    exponent: int
    unit: Decimal = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "unit", Decimal(1).scaleb(-self.exponent))

    @classmethod
    def of(cls, code: str) -> Self:
        """The currency of an ISO 4217 code in any case; ValueError when there is none."""
        known = code.strip().upper()
        if known not in _EXPONENTS:
            raise ValueError(f"{code!r} is not the code of an ISO 4217 currency")
        return cls(known, _EXPONENTS[known])

    def amount(self, raw: object) -> Money:
        """An amount from 0 to 999,999,999,999.99 in whole minor units.

        A value that binary floating point has pushed off its minor unit (within 1e-6, or four
        units in the last place of a double) is put back; other surplus decimals are refused.
        """
        value = number(raw, most=_MOST_DIGITS)
        if value < 0:
            raise InvalidValue("INVALID_VALUE", "must not be negative")
        if value > MOST + 1:
            raise InvalidValue("INVALID_VALUE", f"must be at most {MOST:,}")
        rounded = value.quantize(self.unit, ROUND_HALF_EVEN)
        if abs(value - rounded) > max(_NEAR, 4 * Decimal(math.ulp(float(value)))):
            raise InvalidValue("INVALID_VALUE", f"must have at most {self.exponent} decimals")
        if rounded > MOST:
            raise InvalidValue("INVALID_VALUE", f"must be at most {MOST:,}")
        return Money(rounded)

    def accept(self, raw: object) -> CurrencyCode:
        """The code of this currency, in any case; any other is refused."""
        if not isinstance(raw, str) or raw.strip().upper() not in ("", self.code):
            raise InvalidValue("CURRENCY_MISMATCH", f"must be {self.code}, the currency kept here")
        return CurrencyCode(self.code)

    def shown(self, value: Decimal) -> Decimal:
        """The value with exactly the decimals of the minor unit."""
        return value.quantize(self.unit, ROUND_HALF_UP)
