"""The verification of an e-mail address: a token that only the e-mail contains, and what is stored.

A customer can have several tokens at a time, each valid for a day, so that the older of two e-mails
works too. The first use of a token ends all tokens of the customer; so does a changed address.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import Annotated, Self
from uuid import UUID

from attrs import field, frozen

from customers.core.errors import InvalidValue
from customers.core.errors.verification import VerificationLimitExceeded
from customers.core.model.customer import Customer
from customers.core.model.values import WHITESPACE, text_of

# Also the period in which a customer is sent at most MAX_SENT mails: older ones need not be stored.
LIFETIME = timedelta(hours=24)
MAX_SENT = 5
MIN_INTERVAL = timedelta(minutes=1)


@frozen
class TokenGate:
    """The gate of tokens: trimmed, not empty. It accepts texts that no token can have, such as very
    long ones, so that they get the same answer as any other unknown token.
    """

    def read(self, raw: object) -> str:
        if not (token := text_of(raw).strip(WHITESPACE)):
            raise InvalidValue("REQUIRED", "must not be empty")
        return token


@frozen(kw_only=True)
class VerificationToken:
    """The token of a verification e-mail, as the caller sends it back."""

    token: Annotated[str, TokenGate()] = field(repr=False)


@frozen(kw_only=True)
class VerificationMail:
    """An e-mail that asks a customer to verify their address. `name` is the customer's name,
    `user_id` the customer's account, if there is one.
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

    `address_hash` is computed from the e-mail address and the token: without the token, nobody can
    find the address by trying. `used_at` is when the customer used one of their tokens, or changed
    their address.
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
        """Whether the token verifies the e-mail address with this key at `now`."""
        is_current = self.used_at is None and now < self.expires_at
        is_same = self.token_hash == token_hash(token)
        return is_current and is_same and self.address_hash == _address_hash(token, email_key)


@frozen(kw_only=True)
class VerificationWithEmail:
    """A verification, and the current e-mail key of its customer, who is not deleted."""

    verification: Verification
    email_key: str

    def accepts(self, token: str, now: datetime) -> bool:
        """As `Verification.accepts`, for the customer's current e-mail address."""
        return self.verification.accepts(token, self.email_key, now)


def token_hash(token: str) -> str:
    """The hash that is stored of a token, and by which its verification is found. Any text has one,
    also if it contains unpaired surrogates.
    """
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


def expect_room(sent: Sequence[Verification], now: datetime) -> None:
    """Raises VerificationLimitExceeded if the customer may not be sent another e-mail yet."""
    moments = sorted(one.sent_at for one in sent if one.sent_at > now - LIFETIME)
    nexts = [moments[-1] + MIN_INTERVAL] if moments else []
    if len(moments) >= MAX_SENT:
        nexts.append(moments[-MAX_SENT] + LIFETIME)
    if nexts and max(nexts) > now:
        raise VerificationLimitExceeded(ceil((max(nexts) - now).total_seconds()))


def _address_hash(token: str, email_key: str) -> str:
    return sha256(f"{token}\n{email_key}".encode()).hexdigest()
