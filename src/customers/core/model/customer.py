"""The customer: who they are, what they have spent, whether they may buy.

Addresses, payment methods and the ledger have modules of their own; a customer carries only the
statistics that the ledger folds to.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from attrs import asdict, evolve, field, frozen

from customers.core.errors import AlreadyBlocked, CustomerNotFound, NotBlocked, StaleVersion
from customers.core.model.address import Address
from customers.core.model.folding import fold
from customers.core.model.order import NOTHING_YET, Statistics
from customers.core.model.payment import PaymentMethod
from customers.core.model.values import (
    UNSET,
    ChoiceGate,
    CountryCodeGate,
    Day,
    Email,
    Flag,
    Id,
    Phone,
    Tags,
    TextGate,
    Unset,
    email_key,
    given,
)


class CustomerStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    BLOCKED = "BLOCKED"


class CustomerType(StrEnum):
    RETAIL = "RETAIL"
    WHOLESALE = "WHOLESALE"
    VIP = "VIP"


FirstName = Annotated[str, TextGate(most=100, blank=False)]
LastName = Annotated[str, TextGate(most=100)]
Country = Annotated[str, TextGate(most=100)]
CountryCode = Annotated[str, CountryCodeGate()]
AvatarUrl = Annotated[str, TextGate(most=500)]
Notes = Annotated[str, TextGate(most=10_000, lines=True)]
Reason = Annotated[str, TextGate(most=500, least=10, blank=False, lines=True)]
StatusChoice = Annotated[CustomerStatus, ChoiceGate(CustomerStatus)]
TypeChoice = Annotated[CustomerType, ChoiceGate(CustomerType)]


@frozen(kw_only=True)
class CustomerDetails:
    """What a new customer is made of, as the caller gives it."""

    email: Email
    first_name: FirstName
    last_name: LastName
    phone: Phone = ""
    user_id: Id | None = None
    date_of_birth: Day | None = None
    country: Country = ""
    country_code: CountryCode = ""
    avatar_url: AvatarUrl = ""
    customer_type: TypeChoice = CustomerType.RETAIL
    marketing_opt_in: Flag = False
    tags: Tags = ()
    notes: Notes = ""


@frozen(kw_only=True)
class CustomerChange:
    """The fields to set; those left UNSET stay. `empty` is what a merge patch's null sets."""

    email: Email | Unset = UNSET
    first_name: FirstName | Unset = UNSET
    last_name: LastName | Unset = field(default=UNSET, metadata={"empty": ""})
    phone: Phone | Unset = field(default=UNSET, metadata={"empty": ""})
    date_of_birth: Day | Unset | None = field(default=UNSET, metadata={"empty": None})
    country: Country | Unset = field(default=UNSET, metadata={"empty": ""})
    country_code: CountryCode | Unset = field(default=UNSET, metadata={"empty": ""})
    avatar_url: AvatarUrl | Unset = field(default=UNSET, metadata={"empty": ""})
    customer_type: TypeChoice | Unset = UNSET
    status: StatusChoice | Unset = UNSET
    marketing_opt_in: Flag | Unset = UNSET
    tags: Tags | Unset = field(default=UNSET, metadata={"empty": ()})
    notes: Notes | Unset = field(default=UNSET, metadata={"empty": ""})


@frozen(kw_only=True)
class LockReason:
    """Why a customer is locked or unlocked."""

    reason: Reason


@frozen(kw_only=True)
class Customer:
    """A customer of one tenant. `version` rises by one with every change an answer can show."""

    id: UUID
    tenant_id: str
    user_id: UUID | None = None
    email: str
    first_name: str
    last_name: str
    phone: str = ""
    status: CustomerStatus = CustomerStatus.ACTIVE
    customer_type: CustomerType = CustomerType.RETAIL
    statistics: Statistics = NOTHING_YET
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
        told = asdict(details, recurse=False)
        return cls(id=id, tenant_id=tenant_id, created_at=now, updated_at=now, **told)

    @property
    def is_living(self) -> bool:
        return self.deleted_at is None

    @property
    def email_key(self) -> str:
        return email_key(self.email)

    @property
    def search_text(self) -> str:
        """What a search looks into, folded; line breaks part what no search may span."""
        name = f"{self.first_name} {self.last_name}"
        return "\n".join(fold(part) for part in (self.email, name, self.phone))

    def expect(self, versions: frozenset[int] | None) -> None:
        """Raises StaleVersion unless the version is one of those; None expects nothing."""
        if versions is not None and self.version not in versions:
            raise StaleVersion

    def change(self, change: CustomerChange, *, now: datetime, actor: UUID | None) -> Self:
        """With the given fields set; itself when that changes nothing."""
        changed = evolve(self, **given(change))
        if changed.status is not self.status:
            changed = changed._moved(self.status, now=now, actor=actor)
        return self if changed == self else changed.touched(now)

    def linked(self, user_id: UUID | None, *, now: datetime) -> Self:
        """With the account that a customer without one now has."""
        if self.user_id is not None or user_id is None:
            return self
        return evolve(self, user_id=user_id).touched(now)

    def lock(self, reason: str, *, now: datetime, actor: UUID | None) -> Self:
        if self.status is CustomerStatus.BLOCKED:
            raise AlreadyBlocked
        return self._locked(reason, now=now, actor=actor).touched(now)

    def unlock(self, reason: str, *, now: datetime, actor: UUID | None) -> Self:
        if self.status is not CustomerStatus.BLOCKED:
            raise NotBlocked
        return self._unlocked(reason, now=now, actor=actor).touched(now)

    def with_statistics(self, statistics: Statistics, *, now: datetime) -> Self:
        return evolve(self, statistics=statistics).touched(now)

    def touched(self, now: datetime) -> Self:
        """One version on. Time never runs backwards for a customer."""
        return evolve(self, version=self.version + 1, updated_at=max(now, self.updated_at))

    def deleted(self, now: datetime) -> Self:
        return evolve(self, deleted_at=now).touched(now)

    def restorable(self) -> Self:
        """Itself; raises CustomerNotFound when it was erased."""
        if self.erased_at is not None:
            raise CustomerNotFound
        return self

    def restored(self, now: datetime) -> Self:
        return evolve(self, deleted_at=None).touched(now)

    def erased(self, now: datetime) -> Self:
        """Nameless: nothing personal is left, the statistics stay with the ledger."""
        nameless = type(self)(
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
        return nameless.touched(now)

    def _moved(self, before: CustomerStatus, *, now: datetime, actor: UUID | None) -> Self:
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
    """A customer with what hangs on them, addresses and methods in their lists' order."""

    customer: Customer
    addresses: tuple[Address, ...] = ()
    payment_methods: tuple[PaymentMethod, ...] = ()
