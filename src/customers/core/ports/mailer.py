"""Sending e-mail, and the links in it."""

from typing import Protocol

from customers.core.model.verification import VerificationMail


class Mailer(Protocol):
    async def send(self, mail: VerificationMail) -> None:
        """Hands the mail over to a system that delivers it. Raises MailNotSent."""
        ...


class VerificationLinks(Protocol):
    def link(self, tenant_id: str, token: str) -> str:
        """The URL of the page in a tenant's storefront that verifies this token."""
        ...
