"""The storage on PostgreSQL: hands out views and transactions of one tenant.

Where the database is away every operation raises Unavailable, and works again when it is back.
"""

from asyncio import Task, current_task, get_running_loop, sleep
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, TypeVar
from uuid import UUID

from attrs import frozen

from customers.adapters.postgres.customers.addresses import PostgresAddresses
from customers.adapters.postgres.customers.autocommit import PostgresAutocommit
from customers.adapters.postgres.customers.communications import PostgresCommunications
from customers.adapters.postgres.customers.customers import PostgresCustomers
from customers.adapters.postgres.customers.erasures import PostgresErasures
from customers.adapters.postgres.customers.notes import PostgresNotes
from customers.adapters.postgres.customers.orders import PostgresOrders
from customers.adapters.postgres.customers.payment_methods import PostgresPaymentMethods
from customers.adapters.postgres.engine import deployment
from customers.adapters.postgres.engine.pool import Connection, Pool, PoolNumbers, PoolOptions
from customers.adapters.postgres.engine.session import (
    Session,
    SnapshotSession,
    TransactionSession,
    ViewSession,
)
from customers.adapters.postgres.segments import refresh_states, sweep
from customers.adapters.postgres.segments.assignments import PostgresAssignments
from customers.adapters.postgres.segments.memberships import PostgresMemberships
from customers.adapters.postgres.segments.segments import PostgresSegments
from customers.core.model.money import Currency
from customers.core.ports.storage import Autocommit, Storage, Transaction, View

Given = TypeVar("Given")
Kind = TypeVar("Kind", bound=Session)

_USUAL = PoolOptions()
# Seconds between two looks at writes that are under way.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05


class PostgresStorage(Storage):
    """Open it before use. Amounts are in one currency, for the whole life of the database."""

    def __init__(self, dsn: str, *, currency: Currency, pool: PoolOptions = _USUAL) -> None:
        self._currency = currency
        self._pool = Pool(dsn, pool)
        self._transacting: set[Task[Any] | None] = set()

    async def open(self) -> None:
        """Never fails because the database is away: connections are made when they are needed."""
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    def pool_numbers(self) -> PoolNumbers:
        return self._pool.numbers()

    async def check(self) -> None:
        """Raises Unavailable, and WrongCurrency when the database keeps amounts in another one."""
        async with self._session("") as session:
            await deployment.check(session, self._currency)

    def view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        def background_tasks(connection: Connection) -> tuple[Session, View]:
            session = ViewSession(tenant_id, connection, self._pool)
            return session, PostgresView(session, self._currency)

        return _Lent(self._pool, background_tasks)

    @asynccontextmanager
    async def consistent_view(self, tenant_id: str) -> AsyncIterator[View]:
        lent = self._lent(lambda connection: SnapshotSession(tenant_id, connection, self._pool))
        async with lent as session, session.all_or_nothing():
            yield PostgresView(session, self._currency)

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        lent = self._lent(lambda connection: TransactionSession(tenant_id, connection))
        with self._not_nested():
            async with lent as session, session.all_or_nothing():
                yield PostgresTransaction(session, self._currency)

    def autocommit(self, tenant_id: str) -> Autocommit:
        return PostgresAutocommit(lambda: self._single(tenant_id), self._currency)

    async def wait_for_capture_barrier(
        self, tenant_id: str, segment_id: UUID, seconds: float
    ) -> bool:
        loop, pause = get_running_loop(), _FIRST_PAUSE
        deadline = loop.time() + seconds
        while not await self._is_watched(tenant_id, segment_id):
            if loop.time() >= deadline:
                return False
            await sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return True

    async def tenants_with_segments(self) -> Sequence[str]:
        async with self._session("") as session:
            return await sweep.tenants_with_segments(session)

    async def tenants_to_refresh(self) -> Sequence[str]:
        async with self._session("") as session:
            return await sweep.tenants_to_refresh(session)

    async def lease(self, holder: UUID, seconds: float) -> bool:
        async with self._session("") as session:
            return await sweep.lease(session, holder, seconds)

    async def _is_watched(self, tenant_id: str, segment_id: UUID) -> bool:
        async with self._session(tenant_id) as session:
            return await refresh_states.capture_barrier_passed(session, segment_id)

    def _single(self, tenant_id: str) -> AbstractAsyncContextManager[Session]:
        """For one statement that is a transaction by itself."""
        self._expect_none_around()
        return self._session(tenant_id)

    def _session(self, tenant_id: str) -> AbstractAsyncContextManager[Session]:
        return self._lent(lambda connection: Session(tenant_id, connection))

    def _lent(self, begin: Callable[[Connection], Kind]) -> AbstractAsyncContextManager[Kind]:
        def background_tasks(connection: Connection) -> tuple[Session, Kind]:
            session = begin(connection)
            return session, session

        return _Lent(self._pool, background_tasks)

    @contextmanager
    def _not_nested(self) -> Iterator[None]:
        task = self._expect_none_around()
        self._transacting.add(task)
        try:
            yield
        finally:
            self._transacting.discard(task)

    def _expect_none_around(self) -> Task[Any] | None:
        """The task, which is in no transaction."""
        if (task := current_task()) in self._transacting:
            raise RuntimeError("a transaction inside a transaction: end the first one before")
        return task


class _Lent(AbstractAsyncContextManager[Given]):
    """Gives what is begun over a connection, which is handed back when the block ends."""

    def __init__(
        self, pool: Pool, background_tasks: Callable[[Connection], tuple[Session, Given]]
    ) -> None:
        self._pool = pool
        self._begun = background_tasks

    async def __aenter__(self) -> Given:
        self._session, given = self._begun(await self._pool.acquire())
        return given

    async def __aexit__(self, *_: object) -> None:
        session = self._session
        await self._pool.release(session.end(), had_trouble=session.had_trouble)


@frozen
class PostgresView(View):
    _session: Session
    _currency: Currency

    @property
    def customers(self) -> PostgresCustomers:
        return PostgresCustomers(self._session)

    @property
    def addresses(self) -> PostgresAddresses:
        return PostgresAddresses(self._session)

    @property
    def payment_methods(self) -> PostgresPaymentMethods:
        return PostgresPaymentMethods(self._session)

    @property
    def notes(self) -> PostgresNotes:
        return PostgresNotes(self._session)

    @property
    def communications(self) -> PostgresCommunications:
        return PostgresCommunications(self._session)

    @property
    def orders(self) -> PostgresOrders:
        return PostgresOrders(self._session, self._currency)

    @property
    def segments(self) -> PostgresSegments:
        return PostgresSegments(self._session)

    @property
    def assignments(self) -> PostgresAssignments:
        return PostgresAssignments(self._session)

    @property
    def memberships(self) -> PostgresMemberships:
        return PostgresMemberships(self._session)


class PostgresTransaction(PostgresView, Transaction):
    """The same repositories: those of a transaction write as well."""

    @property
    def erasures(self) -> PostgresErasures:
        return PostgresErasures(self._session)
