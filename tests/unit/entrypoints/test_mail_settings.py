"""The settings of mail, and the mailer and the links that they select."""

from pathlib import Path
from typing import Any

import pytest

from customers.adapters.mail.links import StorefrontLinks
from customers.adapters.mail.log import LogMailer
from customers.adapters.mail.notifications import NotificationMailer
from customers.adapters.mail.smtp import SmtpMailer
from customers.entrypoints.config.mail_values import SmtpUrl
from customers.entrypoints.config.settings import Settings, SettingsError
from customers.entrypoints.container import mail
from tests.support.access import TRUSTED

PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgres://shop:pw@db.example.test/shop",
    **TRUSTED,
}
NOTIFICATION = "https://notifications.example.test"


def load(**variables: str) -> Settings:
    return Settings.load(variables, {})


def sentences(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load(**variables)
    return list(error.value.sentences)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.test", ("mail.test", 587, "offered", "", "")),
        ("smtp://u:p@mail.test:25", ("mail.test", 25, "required", "u", "p")),
        ("smtp://u%40x:p%3A%2F@mail.test/", ("mail.test", 587, "required", "u@x", "p:/")),
        ("smtp://mail.test?starttls=required", ("mail.test", 587, "required", "", "")),
        ("smtp://u:p@[::1]?starttls=offered", ("::1", 587, "offered", "u", "p")),
        ("smtps://u:p@mail.test", ("mail.test", 465, "always", "u", "p")),
    ],
)
def test_the_url_of_an_smtp_server_is_read(url: str, expected: tuple[Any, ...]) -> None:
    smtp = SmtpUrl.parse(url)
    assert (smtp.host, smtp.port, smtp.tls, smtp.user, smtp.password) == expected
    assert str(smtp) == "***"
    assert "p@" not in repr(smtp)


@pytest.mark.parametrize(
    "url",
    [
        "mail.test",
        "http://mail.test",
        "smtp://",
        "smtp://mail.test:0",
        "smtp://mail.test:x",
        "smtp://:secret@mail.test",
        "smtp://mail.test/path",
        "smtp://mail.test?starttls=never",
        "smtp://mail.test?tls=1",
        "smtp://u:a secret@mail.test",
    ],
)
def test_another_url_is_refused_without_being_quoted(url: str) -> None:
    [sentence] = sentences(SMTP_URL=url)
    assert sentence.startswith("SMTP_URL: the value is not the URL of an SMTP server")
    assert "secret" not in sentence


def test_the_url_of_an_smtp_server_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "smtp"
    file.write_text("smtps://u:p@mail.test\n")
    settings = load(SMTP_URL_FILE=str(file), MAIL_FROM="shop@example.test")
    assert settings.smtp_url == SmtpUrl.parse("smtps://u:p@mail.test")
    assert isinstance(mail.mailer(settings), SmtpMailer)


@pytest.mark.parametrize("address", ["shop", "shop@", "a@example.test, b@example.test"])
def test_the_sender_is_an_address(address: str) -> None:
    assert "is not an e-mail address" in sentences(MAIL_FROM=address)[0]


@pytest.mark.parametrize(
    "url", ["shop.test", "ftp://shop.test", "https://shop.test?x=1", "https://shop.test/{shop}"]
)
def test_the_storefront_is_a_url(url: str) -> None:
    assert "is not the URL of a storefront" in sentences(STOREFRONT_URL=url)[0]


def test_there_is_one_way_to_send() -> None:
    [sentence] = sentences(NOTIFICATION_URL=NOTIFICATION, SMTP_URL="smtp://mail.test")
    assert sentence == "SMTP_URL: NOTIFICATION_URL is also set: set only one of them."


def test_production_requires_a_storefront_to_send_mail() -> None:
    [sentence] = sentences(**PRODUCTION, NOTIFICATION_URL=NOTIFICATION)
    assert "production requires it to send mail" in sentence
    settings = load(
        **PRODUCTION, NOTIFICATION_URL=NOTIFICATION, STOREFRONT_URL="https://{tenant}.shop.test"
    )
    assert mail.mailer(settings) == NotificationMailer(NOTIFICATION)
    assert mail.links(settings) == StorefrontLinks("https://{tenant}.shop.test")


def test_production_without_a_way_to_send_sends_no_mail() -> None:
    assert mail.links(load(**PRODUCTION)) is None


def test_development_only_logs() -> None:
    settings = load()
    assert isinstance(mail.mailer(settings), LogMailer)
    assert mail.links(settings) == StorefrontLinks("http://localhost:3000")
