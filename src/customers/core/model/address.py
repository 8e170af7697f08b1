"""Addresses, and the book that keeps a customer's defaults in order.

Shipping and billing each have at most one default; an address for both counts as each.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from attrs import asdict, evolve, field, frozen

from customers.core.errors import AddressLimitExceeded, AddressNotFound
from customers.core.model.values import (
    UNSET,
    ChoiceGate,
    CountryCodeGate,
    Flag,
    Phone,
    TextGate,
    Unset,
    given,
)

MOST_ADDRESSES = 20


class AddressType(StrEnum):
    SHIPPING = "SHIPPING"
    BILLING = "BILLING"
    BOTH = "BOTH"

    def shares(self, other: "AddressType") -> bool:
        """Whether both serve a purpose."""
        return AddressType.BOTH in (self, other) or self is other


class AddressTypeGate(ChoiceGate):
    """A type in any letter case; the empty one is SHIPPING."""

    def read(self, raw: object) -> StrEnum:
        return super().read(TextGate(most=255).read(raw) or AddressType.SHIPPING)


TypeChoice = Annotated[AddressType, AddressTypeGate(AddressType)]
Label = Annotated[str, TextGate(most=50)]
Name = Annotated[str, TextGate(most=100)]
Line = Annotated[str, TextGate(most=255)]
RequiredLine = Annotated[str, TextGate(most=255, blank=False)]
City = Annotated[str, TextGate(most=100, blank=False)]
State = Annotated[str, TextGate(most=100)]
PostalCode = Annotated[str, TextGate(most=20, blank=False)]
CountryCode = Annotated[str, CountryCodeGate(blank=False)]


@frozen(kw_only=True)
class AddressDetails:
    """A new address as given; `is_default` None leaves the default to the book."""

    address_type: TypeChoice = AddressType.SHIPPING
    is_default: Flag | None = None
    label: Label = ""
    first_name: Name = ""
    last_name: Name = ""
    company: Line = ""
    address_line1: RequiredLine
    address_line2: Line = ""
    city: City
    state: State = ""
    postal_code: PostalCode
    country: CountryCode
    phone: Phone = ""


@frozen(kw_only=True)
class AddressChange:
    """The fields to set; those left UNSET stay. `empty` is what a merge patch's null sets."""

    address_type: TypeChoice | Unset = UNSET
    is_default: Flag | Unset = UNSET
    label: Label | Unset = field(default=UNSET, metadata={"empty": ""})
    first_name: Name | Unset = field(default=UNSET, metadata={"empty": ""})
    last_name: Name | Unset = field(default=UNSET, metadata={"empty": ""})
    company: Line | Unset = field(default=UNSET, metadata={"empty": ""})
    address_line1: RequiredLine | Unset = UNSET
    address_line2: Line | Unset = field(default=UNSET, metadata={"empty": ""})
    city: City | Unset = UNSET
    state: State | Unset = field(default=UNSET, metadata={"empty": ""})
    postal_code: PostalCode | Unset = UNSET
    country: CountryCode | Unset = UNSET
    phone: Phone | Unset = field(default=UNSET, metadata={"empty": ""})


@frozen(kw_only=True)
class Address:
    id: UUID
    customer_id: UUID
    tenant_id: str
    address_type: AddressType = AddressType.SHIPPING
    is_default: bool = False
    label: str = ""
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address_line1: str
    address_line2: str = ""
    city: str
    state: str = ""
    postal_code: str
    country: str
    phone: str = ""
    created_at: datetime
    updated_at: datetime

    @classmethod
    def new(
        cls, details: AddressDetails, *, id: UUID, customer_id: UUID, tenant_id: str, now: datetime
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


def in_order(address: Address) -> tuple[bool, datetime, UUID]:
    """The order of a customer's addresses: default first, then oldest first."""
    return (not address.is_default, address.created_at, address.id)


def _sorted(given: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(sorted(given, key=in_order))


@frozen
class AddressBook:
    """All addresses of one customer, default first, then oldest first."""

    addresses: tuple[Address, ...] = field(default=(), converter=_sorted)

    def __getitem__(self, address_id: UUID) -> Address:
        """Raises AddressNotFound."""
        for address in self.addresses:
            if address.id == address_id:
                return address
        raise AddressNotFound

    def add(self, address: Address, *, asked: bool | None, now: datetime) -> Self:
        """With one more; `asked` is what the caller said of the default, None for nothing.

        Raises AddressLimitExceeded.
        """
        if len(self.addresses) >= MOST_ADDRESSES:
            raise AddressLimitExceeded
        unasked = asked is None and not self._rivals(address)
        return self._with(address.with_default(asked is True or unasked, now), now)

    def change(self, address_id: UUID, change: AddressChange, *, now: datetime) -> Self:
        """With the given fields of one address set; itself when that changes nothing."""
        before = self[address_id]
        told = given(change)
        after = evolve(before, **told)
        if before.is_default and "is_default" not in told and self._must_yield(before, after):
            after = evolve(after, is_default=False)
        if after == before:
            return self
        return self._with(evolve(after, updated_at=max(now, before.updated_at)), now)

    def remove(self, address_id: UUID, *, now: datetime) -> Self:
        """Without one; for what it was the default of, the oldest other one takes over."""
        gone = self[address_id]
        left = type(self)(each for each in self.addresses if each.id != address_id)
        return left._succeed(gone, now) if gone.is_default else left

    def _with(self, address: Address, now: datetime) -> Self:
        others = (each for each in self.addresses if each.id != address.id)
        if address.is_default:
            rivals = {rival.id for rival in self._rivals(address)}
            others = (
                each.with_default(each.id not in rivals and each.is_default, now) for each in others
            )
        return type(self)((*others, address))

    def _rivals(self, address: Address) -> list[Address]:
        """The other defaults for a purpose that the address serves."""
        return [
            each
            for each in self.addresses
            if each.is_default
            and each.id != address.id
            and each.address_type.shares(address.address_type)
        ]

    def _must_yield(self, before: Address, after: Address) -> bool:
        """A default whose type changes gives up what it no longer serves, and takes nothing."""
        return not before.address_type.shares(after.address_type) or bool(self._rivals(after))

    def _succeed(self, gone: Address, now: datetime) -> Self:
        book = self
        for heir in sorted(self.addresses, key=lambda each: (each.created_at, each.id)):
            if heir.address_type.shares(gone.address_type) and not book._rivals(heir):
                book = book._with(heir.with_default(True, now), now)
        return book
