"""Segments and the processes around them: the doctor's command, who sweeps when a sweeper dies, and
members that time moves, each at their own moment.

Stored members, marks and the lease are looked at with SQL: a read over REST would settle them.
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
from tests.support.service_process import (
    FREE_PORTS,
    PATIENCE_SECONDS,
    Service,
    a_customer,
    a_free_port,
    ask,
    connected,
    launched,
    serving,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

CUSTOMERS = "/api/v1/customers"
SEGMENTS = f"{CUSTOMERS}/segments"
ADAS = {"field": "first_name", "operator": "eq", "value": "Ada"}
LAPSED = {"field": "days_since_last_order", "operator": "gt", "value": 90}
RECENT = {"field": "last_order_date", "operator": "within_last_days", "value": 91}
NO_SWEEPER, OFTEN = "0", "0.05"
_numbers = count(1)
MARKS = "SELECT count(*) FROM customer_segment_pending_changes"
MEMBERS = "SELECT count(*) FROM customer_segment_members WHERE segment_id = $1"


@frozen(kw_only=True)
class Shop:
    """A database with a segment of everybody called Ada, whose members are stored."""

    url: str
    folder: Path
    segment: UUID
    ada: UUID
    bob: UUID

    def doctor(self, *told: str) -> tuple[int, list[str]]:
        """How the doctor ends, and the lines it prints."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        with launched(folder, "doctor", "segments", *told, environ=at(self.url)) as doctor:
            code = doctor.exit_code()
        assert doctor.errors == ""
        return code, doctor.output.splitlines()


@pytest_asyncio.fixture(loop_scope="session")
async def shop(empty: str, tmp_path: Path) -> AsyncIterator[Shop]:
    with served(tmp_path / "service", empty, NO_SWEEPER) as service, calling(service) as caller:
        ada, _, bob = [new_customer(caller, name) for name in ("Ada", "Ada", "Bob")]
        segment = new_segment(caller, ADAS)
        assert [row["count"] for row in await rows(empty, MEMBERS, segment)] == [2]
    yield Shop(url=empty, folder=tmp_path, segment=segment, ada=ada, bob=bob)


def at(url: str, pause: str = NO_SWEEPER) -> dict[str, str]:
    return {"DATABASE_URL": url, "SWEEP_SECONDS": pause, "LOG_LEVEL": "warning"}


@contextmanager
def served(folder: Path, url: str, pause: str) -> Iterator[Service]:
    """A service in a new folder, whose sweeper pauses for so many seconds."""
    folder.mkdir()
    with serving(folder, *FREE_PORTS, environ=at(url, pause)) as service:
        yield service


@contextmanager
def calling(service: Service) -> Iterator[HTTPConnection]:
    with closing(connected(service)) as connection:
        yield connection


def told(caller: HTTPConnection, method: str, path: str, body: object = None) -> Any:
    status, said, _ = ask(caller, method, path, body)
    assert status in (200, 201), said
    return said


def new_customer(caller: HTTPConnection, name: str) -> UUID:
    body = a_customer(f"{name}-{next(_numbers)}") | {"firstName": name}
    return UUID(told(caller, "POST", CUSTOMERS, body)["id"])


def new_segment(caller: HTTPConnection, condition: dict[str, Any]) -> UUID:
    body = {"name": condition["field"], "rules": [condition]}
    return UUID(told(caller, "POST", SEGMENTS, body)["id"])


def order(caller: HTTPConnection, customer: UUID, at: datetime) -> None:
    body = {"orderId": "order-1", "totalAmount": 5, "orderDate": at.isoformat()}
    told(caller, "POST", f"{CUSTOMERS}/{customer}/record-order", body)


async def becomes(expected: object, url: str, sql: str, *values: object) -> None:
    """Returns when the only value that a statement gives is the expected one."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while [row[0] for row in await rows(url, sql, *values)] != [expected]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def sweeper(url: str) -> UUID:
    """Who sweeps, once anybody does."""
    await becomes(1, url, "SELECT count(*) FROM sweeper")
    ((holder,),) = await rows(url, "SELECT holder FROM sweeper")
    assert isinstance(holder, UUID)
    return holder


async def test_the_doctor_finds_nothing_where_all_is_right(shop: Shop) -> None:
    assert shop.doctor() == (0, ["1 tenant checked, 0 differences"])
    assert shop.doctor("--tenant", "tenant") == (0, ["1 tenant checked, 0 differences"])


async def test_the_doctor_prints_a_member_whose_row_is_lost(shop: Shop) -> None:
    lost = "DELETE FROM customer_segment_members WHERE customer_id = $1"
    await rows(shop.url, lost, shop.ada)
    where = f"tenant tenant, segment {shop.segment}, customer {shop.ada}"
    difference = f"{where}: is not told to be a member, and is one"
    assert shop.doctor() == (1, [difference, "1 tenant checked, 1 difference"])
    assert shop.doctor("--tenant", "other") == (0, ["1 tenant checked, 0 differences"])


async def test_the_doctor_prints_every_difference_there_is(shop: Shop) -> None:
    added = (
        "INSERT INTO customer_segment_members (tenant_id, customer_id, segment_id, created_at) "
        "SELECT tenant_id, id, $1, created_at FROM customers WHERE id = $2"
    )
    await rows(shop.url, added, shop.segment, shop.bob)
    await rows(shop.url, "UPDATE customer_segment_refresh_states SET member_count = 1002")
    where = f"tenant tenant, segment {shop.segment}"
    assert shop.doctor("--tenant", "tenant") == (
        1,
        [
            f"{where}, customer {shop.bob}: is told to be a member, and is none",
            f"{where}: told 1,002 members, there are 2",
            "1 tenant checked, 2 differences",
        ],
    )


async def test_the_doctor_of_a_new_database_has_nobody_to_check(empty: str, tmp_path: Path) -> None:
    await migrate(empty)
    with launched(tmp_path, "doctor", "segments", environ=at(empty)) as doctor:
        assert doctor.exit_code() == 0
    assert doctor.output == "0 tenants checked, 0 differences\n"


async def test_a_database_the_doctor_cannot_examine_is_one_sentence(
    empty: str, tmp_path: Path
) -> None:
    nobody = f"postgres://user:hunter2@127.0.0.1:{a_free_port()}/customers"
    for number, url in enumerate((empty, nobody)):
        (folder := tmp_path / str(number)).mkdir()
        with launched(folder, "doctor", "segments", environ=at(url)) as doctor:
            assert doctor.exit_code() == 1
        assert doctor.errors.startswith("Error: the storage is not available")
        assert doctor.errors.count("\n") == 1


async def test_the_doctor_says_what_it_can_check(tmp_path: Path) -> None:
    with launched(tmp_path, "doctor", "--help") as asked:
        assert asked.exit_code() == 0
    assert asked.output.startswith("Usage: customers doctor [OPTIONS] COMMAND")
    assert "segments  Evaluate every segment for every customer" in asked.output


async def test_when_the_one_who_sweeps_is_killed_another_one_does(
    empty: str, tmp_path: Path
) -> None:
    with (
        served(tmp_path / "one", empty, OFTEN) as one,
        served(tmp_path / "other", empty, OFTEN) as other,
        calling(other) as caller,
    ):
        holder, segment = await sweeper(empty), new_segment(caller, ADAS)
        new_customer(caller, "Ada")
        await becomes(1, empty, MEMBERS, segment)
        assert await sweeper(empty) == holder
        one.end(signal.SIGKILL)
        new_customer(caller, "Ada")
        await becomes(2, empty, MEMBERS, segment)
        await becomes(0, empty, MARKS)
        assert await sweeper(empty) != holder


async def test_those_whose_time_has_come_are_moved_before_anybody_asks(
    empty: str, tmp_path: Path
) -> None:
    with served(tmp_path / "one", empty, NO_SWEEPER) as service, calling(service) as caller:
        segment, customer = new_segment(caller, LAPSED), new_customer(caller, "Ada")
        moment = datetime.now(UTC) + timedelta(seconds=1)
        order(caller, customer, moment - timedelta(days=91))
    await becomes(True, empty, "SELECT clock_timestamp() > $1", moment)
    with served(tmp_path / "other", empty, OFTEN):
        await becomes(1, empty, MEMBERS, segment)
    (change,) = await rows(empty, "SELECT * FROM customer_segment_changes")
    assert (change["customer_id"], change["entered"]) == (customer, True)
    assert (change["at"], change["cause"]) == (moment, "time")


@pytest.mark.parametrize("pause", [NO_SWEEPER, OFTEN])
async def test_time_moves_members_at_the_exact_moment(
    empty: str, tmp_path: Path, pause: str
) -> None:
    with served(tmp_path / "service", empty, pause) as service, calling(service) as caller:
        lapsed, recent = new_segment(caller, LAPSED), new_segment(caller, RECENT)
        customer, moment = new_customer(caller, "Ada"), datetime.now(UTC) + timedelta(seconds=3)
        order(caller, customer, moment - timedelta(days=91))
        leaving = moment + timedelta(microseconds=1)
        first = datetime.now(UTC)
        while datetime.now(UTC) < moment + timedelta(seconds=0.5):
            expect_exact(caller, (lapsed, customer), moment, enters=True)
            expect_exact(caller, (recent, customer), leaving, enters=False)
        assert first < moment
        assert feed(caller, lapsed) == [("entered", moment, "time")]
        assert feed(caller, recent)[-1:] == [("left", leaving, "time")]


def expect_exact(
    caller: HTTPConnection, who: tuple[UUID, UUID], moment: datetime, *, enters: bool
) -> None:
    """Of a customer whom time moves then: who asks at that moment or later hears of it, who has
    the answer before does not.
    """
    segment, customer = who
    background_tasks = datetime.now(UTC)
    members = told(caller, "GET", f"{SEGMENTS}/{segment}/customers")
    if background_tasks >= moment or datetime.now(UTC) < moment:
        assert [each["id"] for each in members] == [str(customer)] * (
            enters is (background_tasks >= moment)
        )
    explained = told(caller, "GET", f"{SEGMENTS}/{segment}/customers/{customer}/explain")
    is_past = datetime.fromisoformat(explained["evaluatedAt"]) >= moment
    assert explained["member"] is (enters is is_past)
    coming = explained["nextChangeAt"]
    assert (coming and datetime.fromisoformat(coming)) == (None if is_past else moment)


def feed(caller: HTTPConnection, segment: UUID) -> list[tuple[str, datetime, str]]:
    changes = told(caller, "GET", f"{SEGMENTS}/{segment}/changes")["changes"]
    return [(each["change"], datetime.fromisoformat(each["at"]), each["cause"]) for each in changes]
