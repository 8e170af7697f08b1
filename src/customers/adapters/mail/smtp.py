"""Sends mail through an SMTP server."""

import asyncio
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate, make_msgid
from functools import partial
from smtplib import SMTP, SMTP_SSL, SMTPException
from ssl import SSLContext, create_default_context
from threading import Thread
from typing import Final, Literal

from attrs import field, frozen

from customers.adapters.mail.texts import html, plain_text
from customers.core.errors.verification import MailNotSent
from customers.core.model.verification import VerificationMail
from customers.core.ports.mailer import Mailer

# Time-outs of each step of the delivery, and of the whole delivery.
_STEP_SECONDS: Final = 5.0
_MAIL_SECONDS: Final = 10.0


@frozen(kw_only=True)
class SmtpServer:
    """An SMTP server, and how to connect to it.

    `tls` is "always" (from the first byte), "required" (by STARTTLS) or "offered" (by STARTTLS if
    the server offers it). Without a user, mail is sent without a login.
    """

    host: str
    port: int
    tls: Literal["always", "required", "offered"]
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    context: SSLContext = field(factory=create_default_context, repr=False)


@frozen
class SmtpMailer(Mailer):
    _server: SmtpServer
    _sender: str

    async def send(self, mail: VerificationMail) -> None:
        message = _message(mail, self._sender)
        deliver = partial(_deliver, self._server, message, self._sender, mail.recipient)
        try:
            async with asyncio.timeout(_MAIL_SECONDS):
                await _in_daemon_thread(deliver)
        except (SMTPException, OSError, ValueError) as error:  # a TimeoutError is an OSError
            # The text of the error is left out: it may hold the recipient's address.
            name = type(error).__name__
            raise MailNotSent(f"sending the mail by SMTP failed: {name}") from None


def _message(mail: VerificationMail, sender: str) -> EmailMessage:
    """The message to send. Raises MailNotSent if the sender, the recipient or the subject cannot
    stand in a header, for example because of a line break.
    """
    message = EmailMessage(policy=SMTP_POLICY)
    try:
        message["From"], message["To"], message["Subject"] = sender, mail.recipient, mail.subject
    except ValueError:
        raise MailNotSent("an address or the subject cannot be written in a header") from None
    message["Date"] = formatdate(mail.sent_at.timestamp())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(plain_text(mail))
    message.add_alternative(html(mail), subtype="html")
    return message


def _deliver(server: SmtpServer, message: EmailMessage, sender: str, recipient: str) -> None:
    with _connect(server) as smtp:
        if server.user:
            smtp.login(server.user, server.password)
        smtp.send_message(message, sender, [recipient])


def _connect(server: SmtpServer) -> SMTP:
    if server.tls == "always":
        return SMTP_SSL(server.host, server.port, timeout=_STEP_SECONDS, context=server.context)
    smtp = SMTP(server.host, server.port, timeout=_STEP_SECONDS)
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.tls == "required" or smtp.has_extn("starttls"):
            smtp.starttls(context=server.context)
    except BaseException:
        smtp.close()
        raise
    return smtp


async def _in_daemon_thread(work: Callable[[], None]) -> None:
    """Does the work in a thread and waits for it; a process that exits does not wait for the
    thread.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def run() -> None:
        error = None
        try:
            work()
        except Exception as raised:
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error)

    Thread(target=run, name="smtp", daemon=True).start()
    await done
