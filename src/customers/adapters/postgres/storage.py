"""The storage on PostgreSQL: opens views and transactions of one tenant.

While the database is away every operation raises Unavailable; it works again when it is back.
"""

from asyncio import Task, current_task, get_running_loop, sleep, timeout
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve, frozen

from customers.adapters.postgres.customers import search_texts
from customers.adapters.postgres.customers.addresses import PostgresAddresses
from customers.adapters.postgres.customers.autocommit import PostgresAutocommit
from customers.adapters.postgres.customers.communications import PostgresCommunications
from customers.adapters.postgres.customers.customers import PostgresCustomers
from customers.adapters.postgres.customers.erasures import PostgresErasures
from customers.adapters.postgres.customers.notes import PostgresNotes
from customers.adapters.postgres.customers.orders import PostgresOrders
from customers.adapters.postgres.customers.payment_methods import PostgresPaymentMethods
from customers.adapters.postgres.engine import deployment
from customers.adapters.postgres.engine.observer import UNOBSERVED, DatabaseObserver
from customers.adapters.postgres.engine.pool import Connection, Pool, PoolOptions, PoolStats
from customers.adapters.postgres.engine.session import (
    ConsistentSession,
    Session,
    TransactionSession,
    ViewSession,
)
from customers.adapters.postgres.segments import sweep
from customers.adapters.postgres.segments.assignments import PostgresAssignments
from customers.adapters.postgres.segments.memberships import PostgresMemberships
from customers.adapters.postgres.segments.segments import PostgresSegments
from customers.core.errors import Unavailable
from customers.core.model.membership import Backlog
from customers.core.model.money import Currency
from customers.core.ports.storage import Autocommit, Storage, StorageStatus, Transaction, View

Opened = TypeVar("Opened")
AnySession = TypeVar("AnySession", bound=Session)

_DEFAULT_POOL = PoolOptions()
CHECK_SECONDS = 2.5
# Seconds between two checks of a capture barrier.
_MIN_PAUSE, _MAX_PAUSE = 0.002, 0.05


class PostgresStorage(Storage):
    """Open it before use. The currency of a database's amounts never changes."""

    def __init__(
        self,
        dsn: str,
        *,
        currency: Currency,
        pool: PoolOptions = _DEFAULT_POOL,
        observer: DatabaseObserver = UNOBSERVED,
    ) -> None:
        self._currency = currency
        self.pool = Pool(dsn, pool, observer)
        self._in_transaction: set[Task[Any] | None] = set()
        self.is_verified = False
        """Whether the last check found that the database may be served."""
        self._revision: str | None = None

    async def open(self) -> None:
        """Does not fail while the database is away: connections are opened when needed."""
        await self.pool.open()

    async def close(self) -> None:
        await self.pool.close()

    def pool_stats(self) -> PoolStats:
        return self.pool.stats()

    async def check(self) -> StorageStatus:
        """Whether the database may be served, within CHECK_SECONDS; until a check says so, all
        other operations raise Unavailable. Raises Unavailable, when there is no answer in time too.
        """
        try:
            async with timeout(CHECK_SECONDS), self._session("", verifies=False) as session:
                return await self._status(session)
        except TimeoutError as error:
            raise Unavailable(fault=self.pool.report(self.pool.silence())) from error

    async def verify(self, connection: Connection) -> None:
        """Raises Unavailable, and releases the connection, if the database must not be served."""
        session = Session("", connection, self.pool.observer)
        try:
            if (fault := (await self._status(session)).fault) is not None:
                raise Unavailable(fault=fault)
        except BaseException as error:
            await self.release(session, error)
            raise

    async def release(self, session: Session, error: BaseException | None) -> None:
        """Ends a session, releases its connection, and reports the fault that ended it, if any."""
        await self.pool.release(session.end(), had_error=session.had_error)
        if isinstance(error, Unavailable) and error.fault is not None:
            error.fault = self.pool.report(error.fault)

    async def _status(self, session: Session) -> StorageStatus:
        status = await deployment.status(session, self._currency)
        if (schema := status.schema) is not None:
            self._revision = schema.current
            self.pool.observer.found_schema(schema.current, schema.needed)
        self.is_verified = status.fault is None
        fault, limitation = (
            reason and self.pool.report(reason) for reason in (status.fault, status.limitation)
        )
        return evolve(status, fault=fault, limitation=limitation)

    def view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        def open_view(connection: Connection) -> tuple[Session, View]:
            session = ViewSession(tenant_id, connection, self.pool)
            return session, PostgresView(session, self._currency)

        return _Connected(self, open_view)

    @asynccontextmanager
    async def consistent_view(self, tenant_id: str) -> AsyncIterator[View]:
        new_session = partial(ConsistentSession, tenant_id, pool=self.pool)
        async with self._connected(new_session) as session, session.all_or_nothing():
            yield PostgresView(session, self._currency)

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        new_session = partial(TransactionSession, tenant_id, observer=self.pool.observer)
        with self._not_nested():
            async with self._connected(new_session) as session, session.all_or_nothing():
                yield PostgresTransaction(session, self._currency)

    def autocommit(self, tenant_id: str) -> Autocommit:
        return PostgresAutocommit(lambda: self._autocommit_session(tenant_id), self._currency)

    async def wait_for_capture_barrier(
        self, tenant_id: str, segment_id: UUID, seconds: float
    ) -> bool:
        loop, pause = get_running_loop(), _MIN_PAUSE
        deadline = loop.time() + seconds
        while not await self._capture_barrier_passed(tenant_id, segment_id):
            if loop.time() >= deadline:
                return False
            await sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)
        return True

    async def tenants_with_segments(self) -> Sequence[str]:
        async with self._session("") as session:
            return await sweep.tenants_with_segments(session)

    async def tenants_to_refresh(self) -> Sequence[str]:
        async with self._session("") as session:
            return await sweep.tenants_to_refresh(session)

    async def backlog(self, limit: int) -> Backlog:
        async with self._session("") as session:
            return await sweep.backlog(session, limit)

    async def failed_builds(self) -> int:
        async with self._session("") as session:
            return await sweep.failed_builds(session)

    async def lease(self, holder: UUID, seconds: float) -> bool:
        async with self._session("") as session:
            return await sweep.lease(session, holder, seconds)

    async def rewrite_search_texts(self, limit: int) -> int:
        if not search_texts.can_be_rewritten(self._revision):
            await self.check()  # it may have been migrated meanwhile
        if not search_texts.can_be_rewritten(self._revision):
            return 0
        opening = self._connected(
            lambda connection: TransactionSession("", connection, self.pool.observer)
        )
        async with opening as session, session.all_or_nothing():
            return await search_texts.rewrite(session, limit)

    async def deployment_secret(self) -> bytes | None:
        async with self._session("") as session:
            if not deployment.keeps_secrets(self._revision):
                return None
            return await deployment.secret(session)

    async def _capture_barrier_passed(self, tenant_id: str, segment_id: UUID) -> bool:
        async with self._session(tenant_id) as session:
            return await PostgresMemberships(session).capture_barrier_passed(segment_id)

    def _autocommit_session(self, tenant_id: str) -> AbstractAsyncContextManager[Session]:
        """A session for one statement that is a transaction by itself."""
        self._expect_no_transaction()
        return self._session(tenant_id)

    def _session(
        self, tenant_id: str, *, verifies: bool = True
    ) -> AbstractAsyncContextManager[Session]:
        new_session = partial(Session, tenant_id, observer=self.pool.observer)
        return self._connected(new_session, verifies=verifies)

    def _connected(
        self, new_session: Callable[[Connection], AnySession], *, verifies: bool = True
    ) -> AbstractAsyncContextManager[AnySession]:
        def open_session(connection: Connection) -> tuple[Session, AnySession]:
            session = new_session(connection)
            return session, session

        return _Connected(self, open_session, verifies=verifies)

    @contextmanager
    def _not_nested(self) -> Iterator[None]:
        task = self._expect_no_transaction()
        self._in_transaction.add(task)
        try:
            yield
        finally:
            self._in_transaction.discard(task)

    def _expect_no_transaction(self) -> Task[Any] | None:
        """The current task. Raises RuntimeError when it is in a transaction."""
        if (task := current_task()) in self._in_transaction:
            raise RuntimeError("transactions cannot be nested: end the first one before the next")
        return task


class _Connected(AbstractAsyncContextManager[Opened]):
    """Opens a session, or a view of it, over a connection; releases it when the block ends.

    Unless it `verifies`, the database may be one that must not be served.
    """

    def __init__(
        self,
        storage: PostgresStorage,
        open_session: Callable[[Connection], tuple[Session, Opened]],
        *,
        verifies: bool = True,
    ) -> None:
        self._storage = storage
        self._open_session = open_session
        self._verifies = verifies

    async def __aenter__(self) -> Opened:
        storage = self._storage
        connection = await storage.pool.acquire()
        if self._verifies and not storage.is_verified:
            await storage.verify(connection)
        self._session, opened = self._open_session(connection)
        return opened

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        await self._storage.release(self._session, error)


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
    """The repositories of a view, which can write in a transaction."""

    @property
    def erasures(self) -> PostgresErasures:
        return PostgresErasures(self._session)
