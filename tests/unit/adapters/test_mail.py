"""Mailers: what they send, and how they fail."""

from email.message import EmailMessage
from typing import Any

import pytest
from attrs import evolve

from customers.adapters.mail import smtp
from customers.adapters.mail.links import StorefrontLinks
from customers.adapters.mail.memory import MemoryMailer
from customers.adapters.mail.notifications import NotificationMailer
from customers.adapters.mail.smtp import SmtpMailer, SmtpServer
from customers.adapters.random_secrets import SystemRandomSecrets
from customers.core.errors.verification import MailNotSent
from customers.core.model.verification import VerificationMail
from tests.support.builders import NOW, an_id
from tests.support.notification_stub import notification_stub
from tests.support.smtp_stub import SmtpStub, smtp_stub

TOKEN = "the-token_of_the-mail"
MAIL = VerificationMail(
    tenant_id="shop-é",
    customer_id=an_id(),
    user_id=an_id(),
    recipient="ada@example.test",
    name="Ada <b>Lovelace</b>",
    token=TOKEN,
    link=f"https://shop.example.test/verify-email?token={TOKEN}",
    sent_at=NOW,
)
# Nobody listens at port 1.
NOWHERE = 1


def mailer_of(stub: SmtpStub, **server: Any) -> SmtpMailer:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": stub.port, "tls": "offered"} | server
    return SmtpMailer(SmtpServer(**values), "shop@example.test")


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def expect_silence(error: pytest.ExceptionInfo[MailNotSent]) -> None:
    """Asserts that the error shows no secret and nothing of the mail, and has no visible cause."""
    assert error.value.__cause__ is None
    assert error.value.__context__ is None or error.value.__suppress_context__
    for secret in (TOKEN, "ada@", "Lovelace", "password"):
        assert secret not in str(error.value)


async def test_the_notification_service_gets_the_mail() -> None:
    async with notification_stub() as stub:
        await NotificationMailer(stub.url).send(MAIL)
    [(path, tenant, body)] = stub.calls
    assert (path, tenant) == ("/base/api/v1/notifications/send", "shop-é")
    assert body == {
        "channel": "EMAIL",
        "recipientEmail": "ada@example.test",
        "subject": "Verify your e-mail address",
        "templateName": "customer-verification",
        "variables": {"verificationLink": MAIL.link, "customerName": MAIL.name},
        "tenantId": "shop-é",
        "userId": str(MAIL.user_id),
    }


@pytest.mark.parametrize("end", ["", "/", "/api/v1/notifications/send"])
async def test_the_url_is_that_of_the_service_or_of_its_operation(end: str) -> None:
    async with notification_stub() as stub:
        await NotificationMailer(stub.url.rstrip("/") + end).send(MAIL)
    assert [path for path, *_ in stub.calls] == ["/base/api/v1/notifications/send"]


async def test_the_mail_of_a_guest_has_no_user() -> None:
    async with notification_stub() as stub:
        await NotificationMailer(stub.url).send(evolve(MAIL, user_id=None))
    assert stub.calls[0][2]["userId"] is None


@pytest.mark.parametrize("status", [200, 202, 302])
async def test_an_answer_below_400_is_sent_and_no_redirect_is_followed(status: int) -> None:
    async with notification_stub(status) as stub:
        await NotificationMailer(stub.url).send(MAIL)
    assert len(stub.calls) == 1


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_an_answer_from_400_is_not_sent(status: int) -> None:
    async with notification_stub(status) as stub:
        with pytest.raises(MailNotSent, match=f"answered {status}") as error:
            await NotificationMailer(stub.url).send(MAIL)
    expect_silence(error)


async def test_a_notification_service_that_is_away_is_not_sent() -> None:
    with pytest.raises(MailNotSent, match="did not answer") as error:
        await NotificationMailer(f"http://127.0.0.1:{NOWHERE}").send(MAIL)
    expect_silence(error)


async def test_the_smtp_server_gets_the_mail_as_text_and_as_html() -> None:
    async with smtp_stub() as stub:
        await mailer_of(stub).send(MAIL)
    [message] = stub.messages
    assert (message["From"], message["To"]) == ("shop@example.test", "ada@example.test")
    assert message["Subject"] == "Verify your e-mail address"
    assert MAIL.link in part(message, "plain")
    assert f'href="{MAIL.link}"' in part(message, "html")
    assert "RCPT TO:<ADA@EXAMPLE.TEST>" in map(str.upper, stub.commands)


async def test_a_name_is_no_html() -> None:
    async with smtp_stub() as stub:
        await mailer_of(stub).send(MAIL)
    assert "Ada <b>Lovelace</b>" in part(stub.messages[0], "plain")
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;" in part(stub.messages[0], "html")


@pytest.mark.parametrize(
    "recipient", ["ada@example.test\r\nBcc: eve@example.test", "ada@example.test\nX: y"]
)
async def test_an_address_adds_no_header(recipient: str) -> None:
    async with smtp_stub() as stub:
        with pytest.raises(MailNotSent) as error:
            await mailer_of(stub).send(evolve(MAIL, recipient=recipient))
    expect_silence(error)
    assert (stub.messages, stub.commands) == ([], [])


async def test_a_name_adds_no_header() -> None:
    async with smtp_stub() as stub:
        await mailer_of(stub).send(evolve(MAIL, name="Ada\r\nBcc: eve@example.test\r\n\r\n."))
    assert (len(stub.messages), stub.messages[0]["Bcc"]) == (1, None)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_refused_mail_is_not_sent(command: str) -> None:
    async with smtp_stub(refused=command) as stub:
        with pytest.raises(MailNotSent) as error:
            await mailer_of(stub).send(MAIL)
    expect_silence(error)


async def test_starttls_is_required_before_a_password_is_sent() -> None:
    async with smtp_stub() as stub:
        mailer = mailer_of(stub, tls="required", user="shop", password="a password")
        with pytest.raises(MailNotSent) as error:
            await mailer.send(MAIL)
    expect_silence(error)
    assert not any(line.startswith(("AUTH", "MAIL")) for line in stub.commands)


async def test_a_server_without_tls_is_no_smtps_server() -> None:
    async with smtp_stub() as stub:
        with pytest.raises(MailNotSent):
            await mailer_of(stub, tls="always").send(MAIL)


async def test_an_smtp_server_that_is_silent_or_away_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp, "_STEP_SECONDS", 0.05)
    async with smtp_stub(is_silent=True) as stub:
        with pytest.raises(MailNotSent, match=r"SMTPServerDisconnected|TimeoutError"):
            await mailer_of(stub).send(MAIL)
        with pytest.raises(MailNotSent, match="ConnectionRefusedError"):
            await mailer_of(stub, port=NOWHERE).send(MAIL)


@pytest.mark.parametrize(
    ("storefront", "link"),
    [
        ("https://shop.test", "https://shop.test/verify-email?token=a_b-c"),
        ("https://shop.test/", "https://shop.test/verify-email?token=a_b-c"),
        (
            "https://shop.test/{tenant}/",
            "https://shop.test/a%2F%3Fb%C3%A9/verify-email?token=a_b-c",
        ),
        ("https://{tenant}.test", "https://a%2F%3Fb%C3%A9.test/verify-email?token=a_b-c"),
    ],
)
def test_a_link_leads_to_the_storefront_of_the_tenant(storefront: str, link: str) -> None:
    assert StorefrontLinks(storefront).link("a/?bé", "a_b-c") == link


def test_a_tenant_named_like_the_placeholder_is_no_placeholder() -> None:
    link = StorefrontLinks("https://shop.test/{tenant}").link("{tenant}", "t")
    assert link == "https://shop.test/%7Btenant%7D/verify-email?token=t"


async def test_mails_are_kept_newest_first_and_forgotten_by_tenant() -> None:
    mailer, others = MemoryMailer(), evolve(MAIL, tenant_id="other")
    for mail in (MAIL, others, newest := evolve(MAIL, token="newest")):
        await mailer.send(mail)
    assert list(mailer.mails()) == [newest, others, MAIL]
    assert list(mailer.mails("shop-é")) == [newest, MAIL]
    mailer.clear("shop-é")
    assert list(mailer.mails()) == [others]
    mailer.clear()
    assert list(mailer.mails()) == []


def test_nothing_of_a_mail_is_shown() -> None:
    for secret in (TOKEN, "ada@", "Lovelace"):
        assert secret not in repr(MAIL)


def test_secrets_have_256_bits_and_are_never_the_same() -> None:
    secrets = {SystemRandomSecrets().new() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {32}
