"""Payment methods: tokens of a gateway, and the wallet with its one default.

That nobody sends card numbers instead is watched by `cards`.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from attrs import asdict, evolve, field, frozen

from customers.core.errors import InvalidValue, PaymentMethodNotFound
from customers.core.model.values import (
    UNSET,
    ChoiceGate,
    Flag,
    TextGate,
    Unset,
    WholeNumberGate,
    given,
)


class PaymentType(StrEnum):
    CARD = "card"
    BANK_ACCOUNT = "bank_account"
    PAYPAL = "paypal"
    UPI = "upi"


@frozen
class LastFourGate:
    def read(self, raw: object) -> str:
        value = TextGate(most=255).read(raw)
        if value and not re.fullmatch(r"[0-9]{4}", value):
            raise InvalidValue("INVALID_FORMAT", "must be four digits")
        return value


TypeChoice = Annotated[PaymentType, ChoiceGate(PaymentType)]
Gateway = Annotated[str, TextGate(most=50, blank=False)]
Token = Annotated[str, TextGate(most=255, blank=False)]
CardBrand = Annotated[str, TextGate(most=20)]
LastFour = Annotated[str, LastFourGate()]
Month = Annotated[int, WholeNumberGate(1, 12)]
Year = Annotated[int, WholeNumberGate(2000, 2100)]


@frozen(kw_only=True)
class PaymentMethodDetails:
    """A new payment method as given; `is_default` None leaves the default to the wallet."""

    payment_gateway: Gateway
    gateway_payment_method_id: Token
    payment_type: TypeChoice
    card_brand: CardBrand = ""
    last_four: LastFour = ""
    expiry_month: Month | None = None
    expiry_year: Year | None = None
    is_default: Flag | None = None
    is_active: Flag = True


@frozen(kw_only=True)
class PaymentMethodChange:
    """The fields to set; those left UNSET stay. `empty` is what a merge patch's null sets."""

    is_default: Flag | Unset = UNSET
    is_active: Flag | Unset = UNSET
    expiry_month: Month | Unset | None = field(default=UNSET, metadata={"empty": None})
    expiry_year: Year | Unset | None = field(default=UNSET, metadata={"empty": None})


@frozen(kw_only=True)
class PaymentMethod:
    """A saved way to pay. `(payment_gateway, gateway_payment_method_id)` is unique in a tenant."""

    id: UUID
    customer_id: UUID
    tenant_id: str
    payment_gateway: str
    gateway_payment_method_id: str
    payment_type: PaymentType
    card_brand: str = ""
    last_four: str = ""
    expiry_month: int | None = None
    expiry_year: int | None = None
    is_default: bool = False
    is_active: bool = True
    created_at: datetime
    updated_at: datetime

    @classmethod
    def new(
        cls,
        details: PaymentMethodDetails,
        *,
        id: UUID,
        customer_id: UUID,
        tenant_id: str,
        now: datetime,
    ) -> Self:
        told = {**asdict(details), "is_default": details.is_default is True}
        return cls(
            id=id,
            customer_id=customer_id,
            tenant_id=tenant_id,
            created_at=now,
            updated_at=now,
            **told,
        )

    def with_default(self, is_default: bool, now: datetime) -> Self:
        if self.is_default is is_default:
            return self
        return evolve(self, is_default=is_default, updated_at=max(now, self.updated_at))


def in_order(method: PaymentMethod) -> tuple[bool, datetime, UUID]:
    """The order of a customer's payment methods: default first, then oldest first."""
    return (not method.is_default, method.created_at, method.id)


def _sorted(given: Iterable[PaymentMethod]) -> tuple[PaymentMethod, ...]:
    return tuple(sorted(given, key=in_order))


@frozen
class Wallet:
    """All payment methods of one customer, default first, then oldest first."""

    methods: tuple[PaymentMethod, ...] = field(default=(), converter=_sorted)

    def __getitem__(self, method_id: UUID) -> PaymentMethod:
        """Raises PaymentMethodNotFound."""
        for method in self.methods:
            if method.id == method_id:
                return method
        raise PaymentMethodNotFound

    def find(self, gateway: str, token: str) -> PaymentMethod | None:
        for method in self.methods:
            if (method.payment_gateway, method.gateway_payment_method_id) == (gateway, token):
                return method
        return None

    def add(self, method: PaymentMethod, *, asked: bool | None, now: datetime) -> Self:
        """With one more; `asked` is what the caller said of the default, None for nothing."""
        unasked = asked is None and not any(each.is_default for each in self.methods)
        return self._with(method.with_default(asked is True or unasked, now), now)

    def change(self, method_id: UUID, change: PaymentMethodChange, *, now: datetime) -> Self:
        """With the given fields of one method set; itself when that changes nothing."""
        before = self[method_id]
        after = evolve(before, **given(change))
        if after == before:
            return self
        return self._with(evolve(after, updated_at=max(now, before.updated_at)), now)

    def remove(self, method_id: UUID, *, now: datetime) -> Self:
        """Without one; when it was the default, the oldest other one takes over."""
        gone = self[method_id]
        left = type(self)(each for each in self.methods if each.id != method_id)
        if not gone.is_default or not left.methods:
            return left
        heir = min(left.methods, key=lambda each: (each.created_at, each.id))
        return left._with(heir.with_default(True, now), now)

    def _with(self, method: PaymentMethod, now: datetime) -> Self:
        others = (each for each in self.methods if each.id != method.id)
        if method.is_default:
            others = (each.with_default(False, now) for each in others)
        return type(self)((*others, method))
