"""A shopper: a person who may see and change their own data, and nothing else."""

from typing import Final, Self
from uuid import UUID

from attrs import field, frozen

from customers.core.errors import CustomerNotFound, InvalidValue
from customers.core.errors.access import CustomerBlocked, NotYourResource
from customers.core.model.contact_gates import Phone, email_key
from customers.core.model.customer import (
    AvatarUrl,
    Country,
    CountryCode,
    Customer,
    CustomerChange,
    CustomerStatus,
    FirstName,
    LastName,
)
from customers.core.model.moments import Day
from customers.core.model.principal import Principal
from customers.core.model.values import UNSET, Flag, IdGate, TextGate, Unset, set_fields

ME: Final = "me"
_ADDRESS: Final = TextGate(max_length=254)


@frozen(kw_only=True)
class ProfileChange:
    """The fields of their own customer that a shopper may set; see `CustomerChange`."""

    first_name: FirstName | Unset = UNSET
    last_name: LastName | Unset = field(default=UNSET, metadata={"empty": ""})
    phone: Phone | Unset = field(default=UNSET, metadata={"empty": ""})
    date_of_birth: Day | Unset | None = field(default=UNSET, metadata={"empty": None})
    country: Country | Unset = field(default=UNSET, metadata={"empty": ""})
    country_code: CountryCode | Unset = field(default=UNSET, metadata={"empty": ""})
    avatar_url: AvatarUrl | Unset = field(default=UNSET, metadata={"empty": ""})
    marketing_opt_in: Flag | Unset = UNSET

    def of_customer(self) -> CustomerChange:
        """The change of the customer; it leaves all other fields as they are."""
        return CustomerChange(**set_fields(self))


@frozen(kw_only=True)
class Shopper:
    """A shopper who asks for a customer.

    `user_id` is the account of the shopper; it is None if the subject is not a UUID, and then no
    customer is theirs. `verified_email_key` is the key of the shopper's verified e-mail address;
    empty without one. `path_id` names the customer: "me", the id of the customer, or that of the
    account.
    """

    user_id: UUID | None
    verified_email_key: str = ""
    path_id: str = ME

    @classmethod
    def of(cls, principal: Principal, path_id: str = ME) -> Self:
        return cls(
            user_id=principal.actor,
            verified_email_key=_key_of(principal.verified_email),
            path_id=path_id,
        )

    @property
    def asks_by_user_id(self) -> bool:
        return self.user_id is not None and self._path_uuid == self.user_id

    def may_be_linked(self, customer: Customer) -> bool:
        """Whether the customer can be linked to the shopper's account: it is living, has no account
        yet, and has the shopper's verified e-mail address.
        """
        return (
            self.user_id is not None
            and customer.is_living
            and customer.user_id is None
            and bool(self.verified_email_key)
            and customer.email_key == self.verified_email_key
        )

    def own(self, customer: Customer | None) -> Customer:
        """The shopper's own customer, if `path_id` names it.

        Raises NotYourResource for every other id, whether or not it exists; CustomerNotFound if no
        customer is the shopper's; CustomerBlocked if the customer is blocked.
        """
        if not self.asks_for(customer):
            raise NotYourResource
        if customer is None:
            raise CustomerNotFound
        return unblocked(customer)

    def asks_for(self, customer: Customer | None) -> bool:
        """Whether `path_id` names the shopper, whose customer this is."""
        if self.path_id == ME or self.asks_by_user_id:
            return True
        return customer is not None and self._path_uuid == customer.id

    @property
    def _path_uuid(self) -> UUID | None:
        try:
            return IdGate().read(self.path_id)
        except InvalidValue:
            return None


def _key_of(verified_email: str) -> str:
    """The key of an e-mail address from an identity provider; empty for a text that cannot be the
    address of any customer.
    """
    try:
        return email_key(_ADDRESS.read(verified_email))
    except InvalidValue:
        return ""


def unblocked(customer: Customer) -> Customer:
    """This customer. Raises CustomerBlocked if they are blocked."""
    if customer.status is CustomerStatus.BLOCKED:
        raise CustomerBlocked
    return customer
