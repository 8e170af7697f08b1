"""The customer: personal data, status, lock, and the statistics of their orders.

Addresses, payment methods and the ledger have modules of their own.
"""

from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self
from uuid import UUID

from attrs import evolve, field, fields, frozen

from customers.core.errors import AlreadyBlocked, CustomerNotFound, NotBlocked, StaleVersion
from customers.core.model.address import Address
from customers.core.model.contact_gates import CountryCodeGate, Email, Phone, email_key
from customers.core.model.moments import Day
from customers.core.model.order import NO_ORDERS, Statistics
from customers.core.model.payment import PaymentMethod
from customers.core.model.search import search_text
from customers.core.model.values import (
    UNSET,
    ChoiceGate,
    Flag,
    Id,
    Tags,
    TextGate,
    Unset,
    set_fields,
)


class CustomerStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    BLOCKED = "BLOCKED"


class CustomerType(StrEnum):
    RETAIL = "RETAIL"
    WHOLESALE = "WHOLESALE"
    VIP = "VIP"


FirstName = Annotated[str, TextGate(max_length=100, blank=False)]
LastName = Annotated[str, TextGate(max_length=100)]
Country = Annotated[str, TextGate(max_length=100)]
CountryCode = Annotated[str, CountryCodeGate()]
AvatarUrl = Annotated[str, TextGate(max_length=500)]
Notes = Annotated[str, TextGate(max_length=10_000, multiline=True)]
Reason = Annotated[str, TextGate(max_length=500, min_length=10, blank=False, multiline=True)]
CustomerStatusChoice = Annotated[CustomerStatus, ChoiceGate(CustomerStatus)]
CustomerTypeChoice = Annotated[CustomerType, ChoiceGate(CustomerType)]


@frozen(kw_only=True)
class CustomerDetails:
    """The values of a new customer that the caller may send."""

    email: Email
    first_name: FirstName
    last_name: LastName
    phone: Phone = ""
    user_id: Id | None = None
    date_of_birth: Day | None = None
    country: Country = ""
    country_code: CountryCode = ""
    avatar_url: AvatarUrl = ""
    customer_type: CustomerTypeChoice = CustomerType.RETAIL
    marketing_opt_in: Flag = False
    tags: Tags = ()
    notes: Notes = ""


_DETAILS = tuple(one.name for one in fields(CustomerDetails))


@frozen(kw_only=True)
class CustomerChange:
    """The fields to set; UNSET fields stay as they are. A null in a merge patch sets a field to the
    value `empty` in its metadata.
    """

    email: Email | Unset = UNSET
    first_name: FirstName | Unset = UNSET
    last_name: LastName | Unset = field(default=UNSET, metadata={"empty": ""})
    phone: Phone | Unset = field(default=UNSET, metadata={"empty": ""})
    date_of_birth: Day | Unset | None = field(default=UNSET, metadata={"empty": None})
    country: Country | Unset = field(default=UNSET, metadata={"empty": ""})
    country_code: CountryCode | Unset = field(default=UNSET, metadata={"empty": ""})
    avatar_url: AvatarUrl | Unset = field(default=UNSET, metadata={"empty": ""})
    customer_type: CustomerTypeChoice | Unset = UNSET
    status: CustomerStatusChoice | Unset = UNSET
    marketing_opt_in: Flag | Unset = UNSET
    tags: Tags | Unset = field(default=UNSET, metadata={"empty": ()})
    notes: Notes | Unset = field(default=UNSET, metadata={"empty": ""})


@frozen(kw_only=True)
class LockReason:
    """Why a customer is locked or unlocked."""

    reason: Reason


@frozen(kw_only=True, weakref_slot=False)
class Customer:
    """A customer of one tenant. `version` rises by one with every change of the customer, also of
    their addresses, payment methods and statistics.
    """

    id: UUID
    tenant_id: str
    user_id: UUID | None = None
    email: str
    first_name: str
    last_name: str
    phone: str = ""
    status: CustomerStatus = CustomerStatus.ACTIVE
    customer_type: CustomerType = CustomerType.RETAIL
    statistics: Statistics = NO_ORDERS
    date_of_birth: date | None = None
    country: str = ""
    country_code: str = ""
    avatar_url: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""
    marketing_opt_in: bool = False
    email_verified: bool = False
    lock_reason: str | None = None
    locked_at: datetime | None = None
    locked_by: UUID | None = None
    unlock_reason: str | None = None
    unlocked_at: datetime | None = None
    unlocked_by: UUID | None = None
    created_at: datetime
    updated_at: datetime
    version: int = 1
    deleted_at: datetime | None = None
    erased_at: datetime | None = None

    @classmethod
    def new(cls, details: CustomerDetails, *, id: UUID, tenant_id: str, now: datetime) -> Self:
        values = {name: getattr(details, name) for name in _DETAILS}
        return cls(id=id, tenant_id=tenant_id, created_at=now, updated_at=now, **values)

    @property
    def is_living(self) -> bool:
        return self.deleted_at is None

    @property
    def email_key(self) -> str:
        return email_key(self.email)

    @cached_property
    def search_text(self) -> str:
        """The text that searches look into; see `search`."""
        return search_text(self.email, f"{self.first_name} {self.last_name}", self.phone)

    def expect(self, versions: frozenset[int] | None) -> None:
        """Raises StaleVersion unless the version is one of `versions`; None allows any version."""
        if versions is not None and self.version not in versions:
            raise StaleVersion

    def change(self, change: CustomerChange, *, now: datetime, actor: UUID | None) -> Self:
        """The customer after the change; itself when nothing changes."""
        changed = evolve(self, **set_fields(change))
        if changed.email_key != self.email_key:
            changed = evolve(changed, email_verified=False)
        if changed.status is not self.status:
            changed = changed._locked_by_status(self.status, now=now, actor=actor)
        return self if changed == self else changed.with_next_version(now)

    def linked(self, user_id: UUID | None, *, now: datetime) -> Self:
        """The customer linked to this account; itself if it has an account already, or `user_id` is
        None.
        """
        if self.user_id is not None or user_id is None:
            return self
        return evolve(self, user_id=user_id).with_next_version(now)

    def verified(self, now: datetime) -> Self:
        """The customer with a verified e-mail address."""
        return evolve(self, email_verified=True).with_next_version(now)

    def lock(self, reason: str, *, now: datetime, actor: UUID | None) -> Self:
        if self.status is CustomerStatus.BLOCKED:
            raise AlreadyBlocked
        return self._locked(reason, now=now, actor=actor).with_next_version(now)

    def unlock(self, reason: str, *, now: datetime, actor: UUID | None) -> Self:
        if self.status is not CustomerStatus.BLOCKED:
            raise NotBlocked
        return self._unlocked(reason, now=now, actor=actor).with_next_version(now)

    def with_statistics(self, statistics: Statistics, *, now: datetime) -> Self:
        return evolve(self, statistics=statistics).with_next_version(now)

    def with_next_version(self, now: datetime) -> Self:
        """The customer with the next version, updated now; `updated_at` never goes back."""
        return evolve(self, version=self.version + 1, updated_at=max(now, self.updated_at))

    def deleted(self, now: datetime) -> Self:
        return evolve(self, deleted_at=now).with_next_version(now)

    def restorable(self) -> Self:
        """This customer. Raises CustomerNotFound when it was erased."""
        if self.erased_at is not None:
            raise CustomerNotFound
        return self

    def restored(self, now: datetime) -> Self:
        return evolve(self, deleted_at=None).with_next_version(now)

    def erased(self, now: datetime) -> Self:
        """The customer without personal data, and deleted; the id, the tenant, the statistics and
        the dates of creation and of an earlier deletion stay.
        """
        erased = type(self)(
            id=self.id,
            tenant_id=self.tenant_id,
            email="",
            first_name="",
            last_name="",
            statistics=self.statistics,
            created_at=self.created_at,
            updated_at=self.updated_at,
            version=self.version,
            deleted_at=self.deleted_at or now,
            erased_at=now,
        )
        return erased.with_next_version(now)

    def _locked_by_status(
        self, before: CustomerStatus, *, now: datetime, actor: UUID | None
    ) -> Self:
        """The customer, locked or unlocked with an empty reason if the new status requires it."""
        if self.status is CustomerStatus.BLOCKED:
            return self._locked("", now=now, actor=actor)
        if before is CustomerStatus.BLOCKED and self.status is CustomerStatus.ACTIVE:
            return self._unlocked("", now=now, actor=actor)
        return self

    def _locked(self, reason: str, *, now: datetime, actor: UUID | None) -> Self:
        return evolve(
            self,
            status=CustomerStatus.BLOCKED,
            lock_reason=reason,
            locked_at=now,
            locked_by=actor,
            unlock_reason=None,
            unlocked_at=None,
            unlocked_by=None,
        )

    def _unlocked(self, reason: str, *, now: datetime, actor: UUID | None) -> Self:
        return evolve(
            self,
            status=CustomerStatus.ACTIVE,
            unlock_reason=reason,
            unlocked_at=now,
            unlocked_by=actor,
        )


@frozen(kw_only=True)
class Profile:
    """A customer with all addresses and payment methods, default first, then oldest first."""

    customer: Customer
    addresses: tuple[Address, ...] = ()
    payment_methods: tuple[PaymentMethod, ...] = ()
