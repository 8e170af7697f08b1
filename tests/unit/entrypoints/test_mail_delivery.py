"""A mail is delivered while the request waits, or tried in the background."""

import asyncio
from collections.abc import Awaitable, Callable
from io import StringIO
from typing import Any

import pytest

from customers.bulkheads.deadline import deadline_after
from customers.core.errors.availability import Unavailable
from customers.core.model.verification import VerificationMail
from customers.core.ports.mailer import Mailer
from customers.entrypoints.mail.delivery import MailDelivery
from customers.entrypoints.observability import logs
from tests.support.builders import NOW, an_id
from tests.support.mails import RecordingMailer
from tests.support.patience import PATIENCE_SECONDS

MAIL = VerificationMail(
    tenant_id="shop",
    customer_id=an_id(),
    user_id=None,
    recipient="ada@example.test",
    name="Ada Lovelace",
    token="the-token",
    link="https://shop.example.test/verify-email?token=the-token",
    sent_at=NOW,
)
FOREVER = (3600.0,)


class BrokenMailer(Mailer):
    async def send(self, mail: VerificationMail) -> None:
        raise ZeroDivisionError("a defect")


async def always(_: VerificationMail) -> bool:
    return True


def delivery(
    mails: Mailer, is_needed: Callable[[VerificationMail], Awaitable[bool]] = always, **options: Any
) -> MailDelivery:
    pauses = {"quick_pauses": (0, 0, 0), "later_pauses": (0, 0)}
    return MailDelivery(mails, is_needed, **pauses | options)


@pytest.mark.parametrize(("failures", "is_sent"), [(0, True), (2, True), (3, False)])
async def test_a_mail_is_tried_three_times_while_the_request_waits(
    failures: int, is_sent: bool
) -> None:
    mails = RecordingMailer(failures=failures)
    assert await delivery(mails, later_pauses=FOREVER).deliver(MAIL) is is_sent
    assert (len(mails.sent), mails.attempts) == (int(is_sent), min(failures + 1, 3))


async def test_a_failed_mail_is_tried_in_the_background_until_it_is_sent() -> None:
    mails = RecordingMailer(failures=4)
    assert await delivery(mails).deliver(MAIL) is False
    async with asyncio.timeout(PATIENCE_SECONDS):
        await mails.arrived.wait()
    assert (mails.sent, mails.attempts) == ([MAIL], 5)


async def test_a_mail_that_is_not_needed_any_more_is_not_tried_again() -> None:
    asked = asyncio.Event()

    async def is_needed(_: VerificationMail) -> bool:
        asked.set()
        return False

    logs.configure("debug", as_json=True, stream=(stream := StringIO()))
    mails = RecordingMailer(failures=3)
    assert await delivery(mails, is_needed).deliver(MAIL) is False
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asked.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert (mails.attempts, "gave up" in stream.getvalue()) == (3, False)


async def test_while_the_storage_is_away_a_mail_waits_for_the_next_try() -> None:
    answers = iter((False, True))

    async def is_needed(_: VerificationMail) -> bool:
        if next(answers):
            return True
        raise Unavailable

    mails = RecordingMailer(failures=3)
    assert await delivery(mails, is_needed).deliver(MAIL) is False
    async with asyncio.timeout(PATIENCE_SECONDS):
        await mails.arrived.wait()
    assert mails.attempts == 4


async def test_a_mail_is_given_up_with_a_line_that_says_nothing_of_it() -> None:
    mails = RecordingMailer(failures=9)
    logs.configure("debug", as_json=True, stream=(stream := StringIO()))
    assert await delivery(mails).deliver(MAIL) is False
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "gave up" not in stream.getvalue():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)
    assert mails.attempts == 5
    assert str(MAIL.customer_id) in stream.getvalue()
    for secret in ("the-token", "ada@", "Lovelace", "verify-email"):
        assert secret not in stream.getvalue()


@pytest.mark.parametrize("limit", ["patience", "deadline"])
async def test_a_slow_mailer_does_not_hold_the_request_and_still_sends(limit: str) -> None:
    mails = RecordingMailer(gate=(gate := asyncio.Event()))
    if limit == "patience":
        assert await delivery(mails, patience=0.01).deliver(MAIL) is False
    else:
        with deadline_after(0):
            assert await delivery(mails, patience=PATIENCE_SECONDS).deliver(MAIL) is False
    gate.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await mails.arrived.wait()
    assert mails.sent == [MAIL]


async def test_a_defect_of_the_mailer_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await delivery(BrokenMailer()).deliver(MAIL)
