"""The mailer for development: it only logs that a mail would be sent."""

from collections.abc import Callable

from attrs import frozen

from customers.core.model.verification import VerificationMail
from customers.core.ports.mailer import Mailer


@frozen
class LogMailer(Mailer):
    """Sends nothing. `_log` gets the customer's id, but neither the address nor the link."""

    _log: Callable[[str], None]

    async def send(self, mail: VerificationMail) -> None:
        self._log(str(mail.customer_id))
