"""Delivers verification mails: first while the request waits, then in the background.

A few quick tries are made first; if all fail, a few more follow in the background. The process does
not wait for these when it stops; the customer can then request another mail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from customers.bulkheads.deadline import current_deadline, deadline_after
from customers.core.errors.availability import Unavailable
from customers.core.errors.verification import MailNotSent
from customers.core.model.verification import VerificationMail
from customers.core.ports.mailer import Mailer
from customers.entrypoints.observability.logs import logger

# How many seconds to wait before each try.
QUICK_PAUSES: Final = (0.0, 0.2, 1.0)
LATER_PAUSES: Final = (10.0, 60.0, 300.0)
# How many seconds a request waits for its mail to be sent.
_PATIENCE: Final = 8.0
_LOOK_UP_SECONDS: Final = 5.0
# With more mails in delivery than this, no later tries are made.
_MAX_MAILS: Final = 500


class MailDelivery:
    """Sends mails by a mailer. Before each later try, `is_needed` says whether the mail still is:
    its customer may have been erased meanwhile, have another address, or be verified.
    """

    def __init__(
        self,
        mailer: Mailer,
        is_needed: Callable[[VerificationMail], Awaitable[bool]],
        *,
        quick_pauses: Sequence[float] = QUICK_PAUSES,
        later_pauses: Sequence[float] = LATER_PAUSES,
        patience: float = _PATIENCE,
    ) -> None:
        self._mailer = mailer
        self._is_needed = is_needed
        self._quick_pauses = quick_pauses
        self._later_pauses = later_pauses
        self._patience = patience
        self._tasks: set[asyncio.Task[None]] = set()

    async def deliver(self, mail: VerificationMail) -> bool:
        """Delivers a mail; returns whether it was sent in time. If not, more tries may follow."""
        sent: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._deliver(mail, sent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        first_to_end: list[asyncio.Future[Any]] = [sent, task]
        timeout = current_deadline().at_most(self._patience)
        await asyncio.wait(first_to_end, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not sent.done():
            await task  # raises its exception, which is a defect
        return sent.done() and sent.result()

    async def _deliver(self, mail: VerificationMail, sent: "asyncio.Future[bool]") -> None:
        is_sent = await self._try(mail)
        sent.set_result(is_sent)
        has_room = len(self._tasks) <= _MAX_MAILS
        if not is_sent and not (has_room and await self._try_later(mail)):
            logger().error("gave up sending a mail", customer_id=str(mail.customer_id))

    async def _try(self, mail: VerificationMail) -> bool:
        for pause in self._quick_pauses:
            await asyncio.sleep(pause)
            if await self._send(mail):
                return True
        return False

    async def _try_later(self, mail: VerificationMail) -> bool:
        """Whether the mail was sent, or is not needed any more."""
        for pause in self._later_pauses:
            await asyncio.sleep(pause)
            with suppress(Unavailable), deadline_after(_LOOK_UP_SECONDS):
                if not await self._is_needed(mail):
                    return True
                if await self._send(mail):
                    return True
        return False

    async def _send(self, mail: VerificationMail) -> bool:
        try:
            await self._mailer.send(mail)
        except MailNotSent as error:
            reason, customer_id = str(error), str(mail.customer_id)
            logger().warning("a mail was not sent", cause=reason, customer_id=customer_id)
            return False
        return True
