"""The verification of an e-mail address: a token that only the mail holds, and what we store of it.

A customer has some tokens at a time, each valid for a day, so that the first of two mails works
too. The first use of one ends all of them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import Annotated, Self
from uuid import UUID

from attrs import field, frozen

from customers.core.errors.verification import VerificationLimitExceeded
from customers.core.model.customer import Customer
from customers.core.model.values import TextGate

# Also the period in which a customer is sent at most MAX_SENT mails, so what is older is of no use.
LIFETIME = timedelta(hours=24)
MAX_SENT = 5
MIN_INTERVAL = timedelta(minutes=1)


@frozen(kw_only=True)
class VerificationToken:
    """The token of a mail, as the caller sends it."""

    token: Annotated[str, TextGate(max_length=1_000, blank=False)] = field(repr=False)


@frozen(kw_only=True)
class VerificationMail:
    """A mail that asks a customer to verify the address. `name` is the customer's, `user_id` the
    account, if there is one.
    """

    tenant_id: str
    customer_id: UUID
    user_id: UUID | None
    recipient: str = field(repr=False)
    name: str = field(repr=False)
    token: str = field(repr=False)
    link: str = field(repr=False)
    sent_at: datetime
    subject: str = "Verify your e-mail address"


@frozen(kw_only=True)
class Verification:
    """What is stored of a token that was sent: hashes, in hexadecimal digits.

    That of the address is computed with the token: without it, nobody can find the address by
    trying. `used_at` is when the customer used one of their tokens.
    """

    tenant_id: str
    customer_id: UUID
    token_hash: str
    address_hash: str
    sent_at: datetime
    expires_at: datetime
    used_at: datetime | None = None

    @classmethod
    def of(cls, customer: Customer, token: str, now: datetime) -> Self:
        return cls(
            tenant_id=customer.tenant_id,
            customer_id=customer.id,
            token_hash=token_hash(token),
            address_hash=_address_hash(token, customer.email_key),
            sent_at=now,
            expires_at=now + LIFETIME,
        )

    def accepts(self, token: str, email_key: str, now: datetime) -> bool:
        """Whether the token verifies the address now."""
        is_current = self.used_at is None and now < self.expires_at
        is_same = self.token_hash == token_hash(token)
        return is_current and is_same and self.address_hash == _address_hash(token, email_key)


@frozen(kw_only=True)
class VerificationWithEmail:
    """A verification, and the e-mail key that its customer, who is not deleted, has today."""

    verification: Verification
    email_key: str

    def accepts(self, token: str, now: datetime) -> bool:
        """As `Verification.accepts`, of today's address."""
        return self.verification.accepts(token, self.email_key, now)


def token_hash(token: str) -> str:
    """The hash by which a token is found."""
    return sha256(token.encode()).hexdigest()


def expect_room(sent: Sequence[Verification], now: datetime) -> None:
    """Raises VerificationLimitExceeded if another mail to the customer is too much now."""
    moments = sorted(one.sent_at for one in sent if one.sent_at > now - LIFETIME)
    nexts = [moments[-1] + MIN_INTERVAL] if moments else []
    if len(moments) >= MAX_SENT:
        nexts.append(moments[-MAX_SENT] + LIFETIME)
    if nexts and max(nexts) > now:
        raise VerificationLimitExceeded(ceil((max(nexts) - now).total_seconds()))


def _address_hash(token: str, email_key: str) -> str:
    return sha256(f"{token}\n{email_key}".encode()).hexdigest()
