"""The use cases of verifying an e-mail address: making the e-mail, and accepting its token."""

from uuid import UUID

from customers.core.errors import CustomerNotFound
from customers.core.errors.verification import (
    EmailAlreadyVerified,
    InvalidVerificationToken,
    MailNotConfigured,
)
from customers.core.model.customer import Customer
from customers.core.model.verification import (
    LIFETIME,
    Verification,
    VerificationMail,
    expect_room,
    token_hash,
)
from customers.core.ports.clock import Clock
from customers.core.ports.mailer import VerificationLinks
from customers.core.ports.random_secrets import RandomSecrets
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction


class Verifications:
    """Starts and completes verifications. If `links` is None, the deployment sends no e-mail."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        secrets: RandomSecrets,
        links: VerificationLinks | None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._secrets = secrets
        self._links = links

    async def start(self, tenant_id: str, customer_id: UUID) -> VerificationMail:
        """Makes the e-mail to send to a customer, with a new token, and stores the token's hash.

        Raises MailNotConfigured, CustomerNotFound, EmailAlreadyVerified, VerificationLimitExceeded.
        """
        if self._links is None:
            raise MailNotConfigured
        token = self._secrets.new().hex()
        customer, verification = await self._start(tenant_id, customer_id, token)
        return VerificationMail(
            tenant_id=tenant_id,
            customer_id=customer_id,
            user_id=customer.user_id,
            recipient=customer.email,
            name=f"{customer.first_name} {customer.last_name}".strip(),
            token=token,
            link=self._links.link(tenant_id, token),
            sent_at=verification.sent_at,
        )

    async def verify(self, token: str) -> Customer:
        """Verifies the e-mail address of the customer to whom a token was sent; returns the
        customer.

        A token is valid for a day, until the customer has used one of their tokens, and only while
        they have the address to which it was sent. Raises InvalidVerificationToken for every other
        token.
        """
        sent = await self._storage.find_verification(token_hash(token))
        if sent is None or not sent.accepts(token, self._clock.now()):
            raise InvalidVerificationToken
        return await self._verify(sent.verification, token)

    async def is_needed(self, mail: VerificationMail) -> bool:
        """Whether `verify` would accept the token of a mail. Raises Unavailable."""
        sent = await self._storage.find_verification(token_hash(mail.token))
        return sent is not None and sent.accepts(mail.token, self._clock.now())

    @retries_conflict
    async def _start(
        self, tenant_id: str, customer_id: UUID, token: str
    ) -> tuple[Customer, Verification]:
        async with self._storage.transaction(tenant_id) as tx:
            customer = await tx.customers.get_for_update(customer_id)
            if customer.email_verified:
                raise EmailAlreadyVerified
            now = self._clock.now()
            expect_room(await tx.verifications.all(customer_id), now)
            await tx.verifications.remove(customer_id, sent_until=now - LIFETIME)
            await tx.verifications.add(verification := Verification.of(customer, token, now))
            return customer, verification

    @retries_conflict
    async def _verify(self, verification: Verification, token: str) -> Customer:
        async with self._storage.transaction(verification.tenant_id) as tx:
            customer = await _customer_of(tx, verification)
            now = self._clock.now()
            stored = await tx.verifications.all(customer.id)
            if not any(one.accepts(token, customer.email_key, now) for one in stored):
                raise InvalidVerificationToken
            await tx.verifications.use(customer.id, now)
            await tx.customers.save(verified := customer.verified(now))
            return verified


async def _customer_of(tx: Transaction, verification: Verification) -> Customer:
    """The customer of a verification, locked. Raises InvalidVerificationToken if they were deleted
    meanwhile.
    """
    try:
        return await tx.customers.get_for_update(verification.customer_id)
    except CustomerNotFound:
        raise InvalidVerificationToken from None
