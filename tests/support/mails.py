"""A mailer that records mails, and fails on demand."""

import asyncio

from attrs import define, field

from customers.core.errors.verification import MailNotSent
from customers.core.model.verification import VerificationMail
from customers.core.ports.mailer import Mailer


@define(eq=False)
class RecordingMailer(Mailer):
    """Fails to send the next `failures` mails; sends none while the gate, if any, is closed."""

    sent: list[VerificationMail] = field(factory=list, init=False)
    failures: int = 0
    attempts: int = field(default=0, init=False)
    gate: asyncio.Event | None = None
    arrived: asyncio.Event = field(factory=asyncio.Event, init=False)

    async def send(self, mail: VerificationMail) -> None:
        self.attempts += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise MailNotSent("the server is away")
        self.sent.append(mail)
        self.arrived.set()

    @property
    def token(self) -> str:
        """The token of the last mail."""
        return self.sent[-1].token
