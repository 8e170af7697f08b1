"""Addresses, and the address book, which maintains a customer's default addresses.

Shipping and billing have at most one default each; an address for both can be the default of both.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from attrs import asdict, evolve, field, frozen

from customers.core.errors import AddressLimitExceeded, AddressNotFound
from customers.core.model.contact_gates import CountryCodeGate, Phone
from customers.core.model.values import UNSET, ChoiceGate, Flag, TextGate, Unset, set_fields

MAX_ADDRESSES = 20


class AddressType(StrEnum):
    SHIPPING = "SHIPPING"
    BILLING = "BILLING"
    BOTH = "BOTH"

    def shares(self, other: "AddressType") -> bool:
        """Whether both types include shipping, or both include billing."""
        return AddressType.BOTH in (self, other) or self is other


class AddressTypeGate(ChoiceGate):
    """The gate of address types, in any letter case; an empty text means SHIPPING."""

    def read(self, raw: object) -> StrEnum:
        return super().read(TextGate(max_length=255).read(raw) or AddressType.SHIPPING)


AddressTypeChoice = Annotated[AddressType, AddressTypeGate(AddressType)]
Label = Annotated[str, TextGate(max_length=50)]
PersonName = Annotated[str, TextGate(max_length=100)]
Line = Annotated[str, TextGate(max_length=255)]
RequiredLine = Annotated[str, TextGate(max_length=255, blank=False)]
City = Annotated[str, TextGate(max_length=100, blank=False)]
Region = Annotated[str, TextGate(max_length=100)]
PostalCode = Annotated[str, TextGate(max_length=20, blank=False)]
RequiredCountryCode = Annotated[str, CountryCodeGate(blank=False)]


@frozen(kw_only=True)
class AddressDetails:
    """The values of a new address; with `is_default` None the address book decides whether it is a
    default.
    """

    address_type: AddressTypeChoice = AddressType.SHIPPING
    is_default: Flag | None = None
    label: Label = ""
    first_name: PersonName = ""
    last_name: PersonName = ""
    company: Line = ""
    address_line1: RequiredLine
    address_line2: Line = ""
    city: City
    state: Region = ""
    postal_code: PostalCode
    country: RequiredCountryCode
    phone: Phone = ""


@frozen(kw_only=True)
class AddressChange:
    """The fields to set; UNSET fields stay as they are. A null in a merge patch sets a field to the
    value `empty` in its metadata.
    """

    address_type: AddressTypeChoice | Unset = UNSET
    is_default: Flag | Unset = UNSET
    label: Label | Unset = field(default=UNSET, metadata={"empty": ""})
    first_name: PersonName | Unset = field(default=UNSET, metadata={"empty": ""})
    last_name: PersonName | Unset = field(default=UNSET, metadata={"empty": ""})
    company: Line | Unset = field(default=UNSET, metadata={"empty": ""})
    address_line1: RequiredLine | Unset = UNSET
    address_line2: Line | Unset = field(default=UNSET, metadata={"empty": ""})
    city: City | Unset = UNSET
    state: Region | Unset = field(default=UNSET, metadata={"empty": ""})
    postal_code: PostalCode | Unset = UNSET
    country: RequiredCountryCode | Unset = UNSET
    phone: Phone | Unset = field(default=UNSET, metadata={"empty": ""})


@frozen(kw_only=True, weakref_slot=False)
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
        is_default = details.is_default is True
        values = {**asdict(details), "is_default": is_default, "created_at": now, "updated_at": now}
        return cls(id=id, customer_id=customer_id, tenant_id=tenant_id, **values)

    def with_default(self, is_default: bool, now: datetime) -> Self:
        if self.is_default is is_default:
            return self
        return evolve(self, is_default=is_default, updated_at=max(now, self.updated_at))


def sort_key(address: Address) -> tuple[bool, datetime, UUID]:
    """The sort key of an address: default first, then oldest first."""
    return (not address.is_default, address.created_at, address.id)


def _sorted(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(sorted(addresses, key=sort_key))


@frozen
class AddressBook:
    """All addresses of one customer, default first, then oldest first."""

    addresses: tuple[Address, ...] = field(default=(), converter=_sorted)

    def __getitem__(self, address_id: UUID) -> Address:
        """The address with that id. Raises AddressNotFound."""
        for address in self.addresses:
            if address.id == address_id:
                return address
        raise AddressNotFound

    def add(self, address: Address, *, is_default: bool | None, now: datetime) -> Self:
        """The book with an address added. With `is_default` None the address becomes a default if
        that replaces no other default.

        Raises AddressLimitExceeded.
        """
        if len(self.addresses) >= MAX_ADDRESSES:
            raise AddressLimitExceeded
        if is_default is None:
            is_default = not self._other_defaults(address)
        return self._with(address.with_default(is_default, now), now)

    def change(self, address_id: UUID, change: AddressChange, *, now: datetime) -> Self:
        """The book after a change of one address; itself when nothing changes.

        Raises AddressNotFound.
        """
        before = self[address_id]
        values = set_fields(change)
        after = evolve(before, **values)
        if before.is_default and "is_default" not in values and self._loses_default(before, after):
            after = evolve(after, is_default=False)
        if after == before:
            return self
        return self._with(evolve(after, updated_at=max(now, before.updated_at)), now)

    def remove(self, address_id: UUID, *, now: datetime) -> Self:
        """The book without one address. If it was a default, the oldest addresses that can replace
        it, without replacing another default, become defaults.

        Raises AddressNotFound.
        """
        removed = self[address_id]
        book = type(self)(address for address in self.addresses if address.id != address_id)
        return book._with_new_default(removed, now) if removed.is_default else book

    def _with(self, address: Address, now: datetime) -> Self:
        """The book with an address added or replaced; a new default replaces the former ones."""
        replaced = self._other_defaults(address) if address.is_default else ()
        others = (
            other.with_default(False, now) if other in replaced else other
            for other in self.addresses
            if other.id != address.id
        )
        return type(self)((*others, address))

    def _other_defaults(self, address: Address) -> list[Address]:
        """The other defaults that share shipping or billing with an address."""
        return [
            other
            for other in self.addresses
            if other.is_default
            and other.id != address.id
            and other.address_type.shares(address.address_type)
        ]

    def _loses_default(self, before: Address, after: Address) -> bool:
        """Whether a default stops being one because its type changes: it no longer serves the
        former type, or the new type has a default.
        """
        shares = before.address_type.shares(after.address_type)
        return not shares or bool(self._other_defaults(after))

    def _with_new_default(self, removed: Address, now: datetime) -> Self:
        book = self
        for address in sorted(self.addresses, key=lambda address: (address.created_at, address.id)):
            shares = address.address_type.shares(removed.address_type)
            if shares and not book._other_defaults(address):
                book = book._with(address.with_default(True, now), now)
        return book
