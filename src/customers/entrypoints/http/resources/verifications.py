"""The routes that verify an e-mail address: one sends a mail, the other accepts its token."""

from aiohttp import web

from customers.core.errors import CustomerNotFound
from customers.core.errors.verification import (
    EmailAlreadyVerified,
    InvalidVerificationToken,
    MailNotConfigured,
    TooManyAttempts,
    VerificationLimitExceeded,
)
from customers.core.model.permissions import Permission
from customers.core.model.verification import VerificationToken
from customers.core.services.verifications import Verifications
from customers.entrypoints.admission.peer_limit import PeerLimit
from customers.entrypoints.http.caller import HttpCaller
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import CUSTOMER, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.mail.delivery import MailDelivery


class VerificationRoutes:
    name = "E-mail verification"

    def __init__(
        self,
        verifications: Verifications,
        delivery: MailDelivery,
        peer_limit: PeerLimit,
        encoder: Encoder,
    ) -> None:
        self._verifications = verifications
        self._delivery = delivery
        self._peer_limit = peer_limit
        self._encoder = encoder

    def table(self) -> list[Route]:
        return [
            Route(
                "sendVerification",
                "POST",
                f"{CUSTOMER}/send-verification",
                self.send,
                {200: shapes.Message, 202: shapes.Message},
                errors=(
                    CustomerNotFound,
                    EmailAlreadyVerified,
                    VerificationLimitExceeded,
                    MailNotConfigured,
                ),
                permission=Permission.CUSTOMERS_EDIT,
            ),
            Route(
                "verifyEmail",
                "POST",
                "/customers/verify-email",
                self.verify,
                {200: shapes.EmailVerified},
                body=Body(VerificationToken),
                errors=(InvalidVerificationToken, TooManyAttempts),
                is_open=True,
                names_tenant=False,
            ),
        ]

    async def send(self, context: RequestContext) -> web.Response:
        """Send a verification e-mail

        A customer is sent at most one a minute and five a day. The link in it works once, within 24
        hours. The status is 202 if the mail could not be sent at once; usually the service tries
        again.
        """
        mail = await self._verifications.start(context.tenant, context.customer_id)
        if await self._delivery.deliver(mail):
            return json_response({"message": "Verification email sent"})
        message = "Verification token generated, but email delivery may be delayed"
        return json_response({"message": message}, status=202)

    async def verify(self, context: RequestContext, body: VerificationToken) -> web.Response:
        """Verify an e-mail address

        The token of a verification e-mail is the only credential. Every token that is unknown,
        expired, used or of a former address gets the same answer; callers who try many invalid
        tokens are slowed down.
        """
        with self._peer_limit.attempt(HttpCaller(context.request).peer):
            customer = await self._verifications.verify(body.token)
        return json_response(
            {
                "message": "Email verified successfully",
                "customer": self._encoder.verified_customer(customer),
            }
        )
