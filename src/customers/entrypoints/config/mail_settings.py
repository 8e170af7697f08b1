"""The settings of mail: who delivers it, and where its links lead."""

# ruff: noqa: RUF009 - `setting` makes an attrs field

from collections.abc import Iterator

from attrs import fields, frozen

from customers.entrypoints.config import setting_parsers
from customers.entrypoints.config.access_settings import AccessSettings
from customers.entrypoints.config.mail_values import SmtpUrl, mail_address, storefront_url
from customers.entrypoints.config.setting_types import setting

_DEVELOPMENT_STOREFRONT = "http://localhost:3000"


@frozen(kw_only=True)
class MailSettings(AccessSettings):
    """How verification mails are sent."""

    notification_url: str | None = setting(
        None,
        setting_parsers.url("the URL of a notification service", "https", "http"),
        "URL",
        "Send mail by the notification service of the platform at this URL.",
        default_text="none",
    )
    smtp_url: SmtpUrl | None = setting(
        None,
        SmtpUrl.parse,
        "URL",
        "Send mail by this SMTP server: smtp://user:password@host:587, or smtps:// for TLS from "
        "the start. Prefer the variables: other users can see the options of a process.",
        default_text="none: development only logs that a mail would be sent",
        is_secret=True,
    )
    mail_from: str = setting(
        "no-reply@localhost",
        mail_address,
        "ADDRESS",
        "Send mail by SMTP from this address.",
    )
    storefront_url: str | None = setting(
        None,
        storefront_url,
        "URL",
        "Let the links in mails lead to this storefront; {tenant} in it stands for the tenant. "
        "Production requires it to send mail.",
        default_text=f"{_DEVELOPMENT_STOREFRONT} in development",
    )

    @property
    def link_base(self) -> str:
        """The URL of the storefront that the links in mails lead to."""
        return self.storefront_url or _DEVELOPMENT_STOREFRONT

    @property
    def sends_mail(self) -> bool:
        """Whether verification mails can be requested; production needs a way to send them."""
        has_way = self.notification_url is not None or self.smtp_url is not None
        return has_way or self.environment == "development"

    def _mail_conflicts(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """As `Settings._conflicts`, for the settings of mail."""
        if self.notification_url is not None and self.smtp_url is not None:
            yield (
                ("smtp_url", "notification_url"),
                "NOTIFICATION_URL is also set: set only one of them",
            )
        if self.environment == "production" and self.sends_mail and self.storefront_url is None:
            reason = "production requires it to send mail, because links lead to it"
            yield ("storefront_url", "environment"), reason


def mail_setting_names() -> frozenset[str]:
    """The names of the settings of mail, which only commands that take all settings read."""
    others = {field.name for field in fields(AccessSettings)}
    return frozenset(field.name for field in fields(MailSettings)) - others
