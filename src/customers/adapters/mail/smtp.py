"""Mail by an SMTP server."""

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

# Of each step, and of a whole mail.
_STEP_SECONDS: Final = 5.0
_MAIL_SECONDS: Final = 10.0


@frozen(kw_only=True)
class SmtpServer:
    """Where mail is handed over: `tls` from the first byte, or by STARTTLS where it is offered or
    because it is required. Without a user nobody logs in.
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
            # The texts of its errors may hold the address.
            name = type(error).__name__
            raise MailNotSent(f"the SMTP server did not take the mail: {name}") from None


def _message(mail: VerificationMail, sender: str) -> EmailMessage:
    """The message. Raises MailNotSent for an address that would end its header."""
    message = EmailMessage(policy=SMTP_POLICY)
    try:
        message["From"], message["To"], message["Subject"] = sender, mail.recipient, mail.subject
    except ValueError:
        raise MailNotSent("the address cannot be written in a header") from None
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
    """Waits until the work is done in a thread, which the end of the process need not wait for."""
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
