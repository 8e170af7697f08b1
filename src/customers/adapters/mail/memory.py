"""The mailer of the test API: keeps the mails, for tests to read."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from attrs import define, field

from customers.core.model.verification import VerificationMail
from customers.core.ports.mailer import Mailer

_MAX_MAILS: Final = 1_000


@define(eq=False)
class MemoryMailer(Mailer):
    """Keeps the last thousand mails."""

    _mails: deque[VerificationMail] = field(factory=lambda: deque(maxlen=_MAX_MAILS), init=False)

    async def send(self, mail: VerificationMail) -> None:
        self._mails.appendleft(mail)

    def mails(self, tenant_id: str = "") -> Sequence[VerificationMail]:
        """The mails of a tenant, or of all tenants if `tenant_id` is empty, newest first."""
        return [mail for mail in self._mails if tenant_id in ("", mail.tenant_id)]

    def clear(self, tenant_id: str = "") -> None:
        """Deletes the mails of a tenant, or of all tenants if `tenant_id` is empty."""
        others = [mail for mail in self._mails if tenant_id not in ("", mail.tenant_id)]
        self._mails.clear()
        self._mails.extend(others)
