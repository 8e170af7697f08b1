"""Sends mail through the platform's notification service."""

from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout
from attrs import frozen

from customers.core.errors.verification import MailNotSent
from customers.core.model.verification import VerificationMail
from customers.core.ports.mailer import Mailer

_PATH: Final = "/api/v1/notifications/send"
_TIMEOUT: Final = ClientTimeout(total=5, connect=3)


@frozen
class NotificationMailer(Mailer):
    """Hands mail to the notification service at `_url`, which may include the operation's path.
    A status below 400 means that the service has accepted the mail.
    """

    _url: str

    async def send(self, mail: VerificationMail) -> None:
        try:
            status = await self._post(mail)
        except (ClientError, TimeoutError, OSError) as error:
            # The text of the error is left out: it may hold the URL of the service.
            name = type(error).__name__
            raise MailNotSent(f"the notification service did not answer: {name}") from None
        if status >= 400:
            raise MailNotSent(f"the notification service answered {status}")

    async def _post(self, mail: VerificationMail) -> int:
        url = self._url.rstrip("/").removesuffix(_PATH) + _PATH
        headers = {"X-Tenant-ID": mail.tenant_id}
        async with (
            ClientSession(timeout=_TIMEOUT) as client,
            client.post(url, json=_body(mail), headers=headers, allow_redirects=False) as response,
        ):
            return response.status


def _body(mail: VerificationMail) -> dict[str, Any]:
    return {
        "channel": "EMAIL",
        "recipientEmail": mail.recipient,
        "subject": mail.subject,
        "templateName": "customer-verification",
        "variables": {"verificationLink": mail.link, "customerName": mail.name},
        "tenantId": mail.tenant_id,
        "userId": None if mail.user_id is None else str(mail.user_id),
    }
