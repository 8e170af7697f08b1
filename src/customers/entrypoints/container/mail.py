"""Makes the mailer and the links in its mails from the settings."""

from typing import TYPE_CHECKING

from customers.adapters.mail.links import StorefrontLinks
from customers.adapters.mail.log import LogMailer
from customers.core.ports.mailer import Mailer, VerificationLinks
from customers.entrypoints.config.mail_values import SmtpUrl
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.observability.logs import logger

if TYPE_CHECKING:
    from customers.adapters.mail.memory import MemoryMailer


def links(settings: Settings) -> VerificationLinks | None:
    """The links in mails; None if the settings allow no mail."""
    return StorefrontLinks(settings.link_base) if settings.sends_mail else None


def mailer(settings: Settings) -> Mailer:
    """The configured mailer; by default one that only logs that a mail would be sent."""
    if settings.notification_url is not None:
        from customers.adapters.mail.notifications import NotificationMailer

        return NotificationMailer(settings.notification_url)
    if settings.smtp_url is not None:
        return _smtp_mailer(settings.smtp_url, settings.mail_from)
    return LogMailer(_say_would_be_sent)


def memory_mailer() -> "MemoryMailer":
    """The mailer that the test API controls."""
    from customers.adapters.mail.memory import MemoryMailer

    return MemoryMailer()


def _smtp_mailer(url: SmtpUrl, sender: str) -> Mailer:
    from customers.adapters.mail.smtp import SmtpMailer, SmtpServer

    server = SmtpServer(
        host=url.host, port=url.port, tls=url.tls, user=url.user, password=url.password
    )
    return SmtpMailer(server, sender)


def _say_would_be_sent(customer_id: str) -> None:
    message = "a verification mail would be sent: set NOTIFICATION_URL or SMTP_URL to send it"
    logger().info(message, customer_id=customer_id)
