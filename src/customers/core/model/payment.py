"""Payment methods: tokens of a gateway, and the wallet with at most one default.

Card numbers are refused by `cards`.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from attrs import asdict, evolve, field, frozen

from customers.core.errors import InvalidValue, PaymentMethodLimitExceeded, PaymentMethodNotFound
from customers.core.model.values import (
    UNSET,
    ChoiceGate,
    Flag,
    TextGate,
    Unset,
    WholeNumberGate,
    set_fields,
)

MAX_PAYMENT_METHODS = 50


class PaymentType(StrEnum):
    CARD = "card"
    BANK_ACCOUNT = "bank_account"
    PAYPAL = "paypal"
    UPI = "upi"


@frozen
class LastFourGate:
    def read(self, raw: object) -> str:
        value = TextGate(max_length=255).read(raw)
        if value and not re.fullmatch(r"[0-9]{4}", value):
            raise InvalidValue("INVALID_FORMAT", "must be four digits")
        return value


PaymentTypeChoice = Annotated[PaymentType, ChoiceGate(PaymentType)]
Gateway = Annotated[str, TextGate(max_length=50, blank=False)]
Token = Annotated[str, TextGate(max_length=255, blank=False)]
CardBrand = Annotated[str, TextGate(max_length=20)]
LastFour = Annotated[str, LastFourGate()]
Month = Annotated[int, WholeNumberGate(1, 12)]
Year = Annotated[int, WholeNumberGate(2000, 2100)]


@frozen(kw_only=True)
class PaymentMethodDetails:
    """The values of a new payment method; with `is_default` None the wallet decides whether it is
    the default.
    """

    payment_gateway: Gateway
    gateway_payment_method_id: Token
    payment_type: PaymentTypeChoice
    card_brand: CardBrand = ""
    last_four: LastFour = ""
    expiry_month: Month | None = None
    expiry_year: Year | None = None
    is_default: Flag | None = None
    is_active: Flag = True


@frozen(kw_only=True)
class PaymentMethodChange:
    """The fields to set; UNSET fields stay as they are. A null in a merge patch sets a field to the
    value `empty` in its metadata.
    """

    is_default: Flag | Unset = UNSET
    is_active: Flag | Unset = UNSET
    expiry_month: Month | Unset | None = field(default=UNSET, metadata={"empty": None})
    expiry_year: Year | Unset | None = field(default=UNSET, metadata={"empty": None})


@frozen(kw_only=True, weakref_slot=False)
class PaymentMethod:
    """A saved way to pay. `(payment_gateway, gateway_payment_method_id)` is unique among the living
    customers of a tenant.
    """

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
        is_default = details.is_default is True
        values = {**asdict(details), "is_default": is_default, "created_at": now, "updated_at": now}
        return cls(id=id, customer_id=customer_id, tenant_id=tenant_id, **values)

    def with_default(self, is_default: bool, now: datetime) -> Self:
        if self.is_default is is_default:
            return self
        return evolve(self, is_default=is_default, updated_at=max(now, self.updated_at))


def sort_key(method: PaymentMethod) -> tuple[bool, datetime, UUID]:
    """The sort key of a payment method: default first, then oldest first."""
    return (not method.is_default, method.created_at, method.id)


def active(methods: Iterable[PaymentMethod]) -> list[PaymentMethod]:
    """The active payment methods, expired ones included, in the same order."""
    return [method for method in methods if method.is_active]


def _sorted(methods: Iterable[PaymentMethod]) -> tuple[PaymentMethod, ...]:
    return tuple(sorted(methods, key=sort_key))


@frozen
class Wallet:
    """All payment methods of one customer, default first, then oldest first."""

    methods: tuple[PaymentMethod, ...] = field(default=(), converter=_sorted)

    def __getitem__(self, method_id: UUID) -> PaymentMethod:
        """The method with that id. Raises PaymentMethodNotFound."""
        for method in self.methods:
            if method.id == method_id:
                return method
        raise PaymentMethodNotFound

    def find(self, gateway: str, token: str) -> PaymentMethod | None:
        """The method with that token of a gateway, or None."""
        for method in self.methods:
            if (method.payment_gateway, method.gateway_payment_method_id) == (gateway, token):
                return method
        return None

    def add(self, method: PaymentMethod, *, is_default: bool | None, now: datetime) -> Self:
        """The wallet with a method added. With `is_default` None the method becomes the default if
        there is none.

        Raises PaymentMethodLimitExceeded.
        """
        if len(self.methods) >= MAX_PAYMENT_METHODS:
            raise PaymentMethodLimitExceeded
        if is_default is None:
            is_default = not any(other.is_default for other in self.methods)
        return self._with(method.with_default(is_default, now), now)

    def change(self, method_id: UUID, change: PaymentMethodChange, *, now: datetime) -> Self:
        """The wallet after a change of one method; itself when nothing changes.

        Raises PaymentMethodNotFound.
        """
        before = self[method_id]
        after = evolve(before, **set_fields(change))
        if after == before:
            return self
        return self._with(evolve(after, updated_at=max(now, before.updated_at)), now)

    def remove(self, method_id: UUID, *, now: datetime) -> Self:
        """The wallet without one method. If it was the default, the oldest other method becomes the
        default.

        Raises PaymentMethodNotFound.
        """
        removed = self[method_id]
        wallet = type(self)(method for method in self.methods if method.id != method_id)
        if not removed.is_default or not wallet.methods:
            return wallet
        oldest = min(wallet.methods, key=lambda method: (method.created_at, method.id))
        return wallet._with(oldest.with_default(True, now), now)

    def _with(self, method: PaymentMethod, now: datetime) -> Self:
        """The wallet with a method added or replaced; a new default replaces the former one."""
        others = (other for other in self.methods if other.id != method.id)
        if method.is_default:
            others = (other.with_default(False, now) for other in others)
        return type(self)((*others, method))
