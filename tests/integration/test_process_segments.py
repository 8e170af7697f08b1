"""Segments across processes: the doctor's command, the takeover of a dead sweeper, and members
that change with time, at the exact moment.

Tests read stored members, pending changes and the lease with SQL: a read over REST would refresh
them.
"""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from attrs import frozen

from customers.adapters.postgres.engine.migrate import migrate
from tests.support.databases import rows
from tests.support.forked_program import start_command, start_service
from tests.support.patience import PATIENCE_SECONDS
from tests.support.service_process import (
    FREE_PORTS,
    Service,
    a_customer,
    a_free_port,
    call,
    connect,
)

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.newest_server]

CUSTOMERS = "/api/v1/customers"
SEGMENTS = f"{CUSTOMERS}/segments"
ADAS = {"field": "first_name", "operator": "eq", "value": "Ada"}
LAPSED = {"field": "days_since_last_order", "operator": "gt", "value": 90}
RECENT = {"field": "last_order_date", "operator": "within_last_days", "value": 91}
NO_SWEEPER, OFTEN = "0", "0.05"
_numbers = count(1)
PENDING_CHANGES = "SELECT count(*) FROM customer_segment_pending_changes"
MEMBERS = "SELECT count(*) FROM customer_segment_members WHERE segment_id = $1"


@frozen(kw_only=True)
class Shop:
    """A database with a segment of all customers named Ada, whose members are stored."""

    url: str
    folder: Path
    segment: UUID
    ada: UUID
    bob: UUID

    def doctor(self, *options: str) -> tuple[int, list[str]]:
        """Runs the doctor; returns its exit code and the lines that it prints."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        with start_command(
            folder, "doctor", "segments", *options, environ=environment(self.url)
        ) as doctor:
            code = doctor.exit_code()
        assert doctor.errors == ""
        return code, doctor.output.splitlines()


@pytest_asyncio.fixture(loop_scope="session")
async def shop(empty: str, tmp_path: Path) -> AsyncIterator[Shop]:
    await migrate(empty)  # in development the service serves while it still migrates
    with (
        start(tmp_path / "service", empty, NO_SWEEPER) as service,
        connection_to(service) as caller,
    ):
        ada, _, bob = [create_customer(caller, name) for name in ("Ada", "Ada", "Bob")]
        segment = create_segment(caller, ADAS)
        assert [row["count"] for row in await rows(empty, MEMBERS, segment)] == [2]
    yield Shop(url=empty, folder=tmp_path, segment=segment, ada=ada, bob=bob)


def environment(url: str, pause: str = NO_SWEEPER) -> dict[str, str]:
    return {"DATABASE_URL": url, "SWEEP_SECONDS": pause, "LOG_LEVEL": "warning"}


@contextmanager
def start(folder: Path, url: str, pause: str) -> Iterator[Service]:
    """A service in a new folder; its sweeper pauses for this number of seconds."""
    folder.mkdir()
    with start_service(folder, *FREE_PORTS, environ=environment(url, pause)) as service:
        yield service


@contextmanager
def connection_to(service: Service) -> Iterator[HTTPConnection]:
    with closing(connect(service)) as connection:
        yield connection


def content(caller: HTTPConnection, method: str, path: str, body: object = None) -> Any:
    """The JSON of a successful response."""
    status, result, _ = call(caller, method, path, body)
    assert status in (200, 201), result
    return result


def create_customer(caller: HTTPConnection, name: str) -> UUID:
    body = a_customer(f"{name}-{next(_numbers)}") | {"firstName": name}
    return UUID(content(caller, "POST", CUSTOMERS, body)["id"])


def create_segment(caller: HTTPConnection, condition: dict[str, Any]) -> UUID:
    body = {"name": condition["field"], "rules": [condition]}
    return UUID(content(caller, "POST", SEGMENTS, body)["id"])


def record_order(caller: HTTPConnection, customer: UUID, date: datetime) -> None:
    body = {"orderId": "order-1", "totalAmount": 5, "orderDate": date.isoformat()}
    content(caller, "POST", f"{CUSTOMERS}/{customer}/record-order", body)


def soon_after(started: datetime, *, at_least: float) -> datetime:
    """A future moment that leaves time for a call, judged by the time passed since `started`."""
    now = datetime.now(UTC)
    return now + max(timedelta(seconds=at_least), 10 * (now - started))


async def wait_for(expected: object, url: str, sql: str, *values: object) -> None:
    """Waits until the query returns `expected` as its only value."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while [row[0] for row in await rows(url, sql, *values)] != [expected]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def sweeper(url: str) -> UUID:
    """Waits for an active sweeper; returns its id."""
    await wait_for(1, url, "SELECT count(*) FROM sweeper")
    ((holder,),) = await rows(url, "SELECT holder FROM sweeper")
    assert isinstance(holder, UUID)
    return holder


async def test_the_doctor_finds_no_difference_in_correct_data(shop: Shop) -> None:
    assert shop.doctor() == (0, ["1 tenant checked, 0 differences"])
    assert shop.doctor("--tenant", "tenant") == (0, ["1 tenant checked, 0 differences"])


async def test_the_doctor_reports_a_member_whose_row_is_missing(shop: Shop) -> None:
    delete = "DELETE FROM customer_segment_members WHERE customer_id = $1"
    await rows(shop.url, delete, shop.ada)
    subject = f"tenant tenant, segment {shop.segment}, customer {shop.ada}"
    difference = f"{subject}: not reported as a member, but is one"
    assert shop.doctor() == (1, [difference, "1 tenant checked, 1 difference"])
    assert shop.doctor("--tenant", "other") == (0, ["1 tenant checked, 0 differences"])


async def test_the_doctor_reports_every_difference(shop: Shop) -> None:
    insert = (
        "INSERT INTO customer_segment_members (tenant_id, customer_id, segment_id, created_at) "
        "SELECT tenant_id, id, $1, created_at FROM customers WHERE id = $2"
    )
    await rows(shop.url, insert, shop.segment, shop.bob)
    await rows(shop.url, "UPDATE customer_segment_refresh_states SET member_count = 1002")
    subject = f"tenant tenant, segment {shop.segment}"
    assert shop.doctor("--tenant", "tenant") == (
        1,
        [
            f"{subject}, customer {shop.bob}: reported as a member, but is not one",
            f"{subject}: reports 1,002 members, has 2",
            "1 tenant checked, 2 differences",
        ],
    )


async def test_the_doctor_accepts_an_empty_database(empty: str, tmp_path: Path) -> None:
    await migrate(empty)
    with start_command(tmp_path, "doctor", "segments", environ=environment(empty)) as doctor:
        assert doctor.exit_code() == 0
    assert doctor.output == "0 tenants checked, 0 differences\n"


async def test_an_unusable_database_stops_the_doctor_with_one_sentence(
    empty: str, tmp_path: Path
) -> None:
    unreachable = f"postgres://user:hunter2@127.0.0.1:{a_free_port()}/customers"
    causes = ("the database is empty, it was never migrated", "no server listens there")
    for number, url in enumerate((empty, unreachable)):
        (folder := tmp_path / str(number)).mkdir()
        with start_command(folder, "doctor", "segments", environ=environment(url)) as doctor:
            assert doctor.exit_code() == 1
        assert doctor.errors.startswith("Error: PostgreSQL at 127.0.0.1:")
        assert causes[number] in doctor.errors
        assert doctor.errors.count("\n") == 1


async def test_the_help_of_the_doctor_lists_its_checks(tmp_path: Path) -> None:
    with start_command(tmp_path, "doctor", "--help") as doctor:
        assert doctor.exit_code() == 0
    assert doctor.output.startswith("Usage: customers doctor [OPTIONS] COMMAND")
    assert "segments  Evaluate the segments for every customer" in doctor.output


async def test_when_the_sweeper_is_killed_another_one_takes_over(
    empty: str, tmp_path: Path
) -> None:
    with (
        start(tmp_path / "one", empty, OFTEN) as one,
        start(tmp_path / "other", empty, OFTEN) as other,
        connection_to(other) as caller,
    ):
        holder, segment = await sweeper(empty), create_segment(caller, ADAS)
        create_customer(caller, "Ada")
        await wait_for(1, empty, MEMBERS, segment)
        assert await sweeper(empty) == holder
        one.stop(signal.SIGKILL)
        create_customer(caller, "Ada")
        await wait_for(2, empty, MEMBERS, segment)
        await wait_for(0, empty, PENDING_CHANGES)
        assert await sweeper(empty) != holder


async def test_members_that_change_with_time_are_moved_before_they_are_read(
    empty: str, tmp_path: Path
) -> None:
    with start(tmp_path / "one", empty, NO_SWEEPER) as service, connection_to(service) as caller:
        started = datetime.now(UTC)
        segment, customer = create_segment(caller, LAPSED), create_customer(caller, "Ada")
        moment = soon_after(started, at_least=1)
        record_order(caller, customer, moment - timedelta(days=91))
    await wait_for(True, empty, "SELECT clock_timestamp() > $1", moment)
    with start(tmp_path / "other", empty, OFTEN):
        await wait_for(1, empty, MEMBERS, segment)
    (change,) = await rows(empty, "SELECT * FROM customer_segment_changes")
    assert (change["customer_id"], change["entered"]) == (customer, True)
    assert (change["at"], change["cause"]) == (moment, "time")


@pytest.mark.parametrize("pause", [NO_SWEEPER, OFTEN])
async def test_members_change_with_time_at_the_exact_moment(
    empty: str, tmp_path: Path, pause: str
) -> None:
    with start(tmp_path / "service", empty, pause) as service, connection_to(service) as caller:
        started = datetime.now(UTC)
        lapsed, recent = create_segment(caller, LAPSED), create_segment(caller, RECENT)
        customer, moment = create_customer(caller, "Ada"), soon_after(started, at_least=3)
        record_order(caller, customer, moment - timedelta(days=91))
        leaving = moment + timedelta(microseconds=1)
        recorded_at = datetime.now(UTC)
        while datetime.now(UTC) < moment + timedelta(seconds=0.5):
            expect_exact(caller, (lapsed, customer), moment, enters=True)
            expect_exact(caller, (recent, customer), leaving, enters=False)
        assert recorded_at < moment
        assert feed(caller, lapsed) == [("entered", moment, "time")]
        assert feed(caller, recent)[-1:] == [("left", leaving, "time")]


def expect_exact(
    caller: HTTPConnection, ids: tuple[UUID, UUID], moment: datetime, *, enters: bool
) -> None:
    """Checks the membership of a customer that changes at `moment`: a request sent at `moment` or
    later sees the change, a response received before it does not.
    """
    segment, customer = ids
    sent_at = datetime.now(UTC)
    members = content(caller, "GET", f"{SEGMENTS}/{segment}/customers")
    if sent_at >= moment or datetime.now(UTC) < moment:
        assert [member["id"] for member in members] == [str(customer)] * (
            enters is (sent_at >= moment)
        )
    explanation = content(caller, "GET", f"{SEGMENTS}/{segment}/customers/{customer}/explain")
    is_past = datetime.fromisoformat(explanation["evaluatedAt"]) >= moment
    assert explanation["member"] is (enters is is_past)
    next_change = explanation["nextChangeAt"]
    assert (next_change and datetime.fromisoformat(next_change)) == (None if is_past else moment)


def feed(caller: HTTPConnection, segment: UUID) -> list[tuple[str, datetime, str]]:
    changes = content(caller, "GET", f"{SEGMENTS}/{segment}/changes")["changes"]
    return [
        (change["change"], datetime.fromisoformat(change["at"]), change["cause"])
        for change in changes
    ]
