"""The PostgreSQL storage: opens views, transactions and other sessions over pooled connections.

While the database cannot be reached, operations that need it raise Unavailable; the storage
recovers when the database is back.
"""

from asyncio import Task, current_task, get_running_loop, sleep, timeout
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from copy import copy
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from attrs import define, evolve, frozen

from customers.adapters.postgres.customers import api_keys, search_texts
from customers.adapters.postgres.customers.addresses import PostgresAddresses
from customers.adapters.postgres.customers.api_keys import PostgresApiKeys
from customers.adapters.postgres.customers.autocommit import PostgresAutocommit, SharedWrites
from customers.adapters.postgres.customers.communications import PostgresCommunications
from customers.adapters.postgres.customers.customers import PostgresCustomers
from customers.adapters.postgres.customers.erasures import PostgresErasures
from customers.adapters.postgres.customers.lookups import PostgresLookups, SharedReads
from customers.adapters.postgres.customers.notes import PostgresNotes
from customers.adapters.postgres.customers.orders import PostgresOrders
from customers.adapters.postgres.customers.payment_methods import PostgresPaymentMethods
from customers.adapters.postgres.customers.verifications import (
    PostgresVerifications,
    find_verification,
)
from customers.adapters.postgres.engine import deployment
from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.engine.connection import Connection
from customers.adapters.postgres.engine.observer import UNOBSERVED, DatabaseObserver
from customers.adapters.postgres.engine.pool import Pool, PoolStats
from customers.adapters.postgres.engine.session import Session, ViewSession
from customers.adapters.postgres.engine.transaction_session import (
    ConsistentSession,
    TransactionSession,
)
from customers.adapters.postgres.segments import sweep
from customers.adapters.postgres.segments.assignments import PostgresAssignments
from customers.adapters.postgres.segments.memberships import PostgresMemberships
from customers.adapters.postgres.segments.personal_data import PostgresPersonalData
from customers.adapters.postgres.segments.segments import PostgresSegments
from customers.bulkheads.deadline import Deadline
from customers.bulkheads.shares import Usage
from customers.core.errors.availability import Unavailable, WriteConflict
from customers.core.model.api_key import ApiKey
from customers.core.model.money import Currency
from customers.core.model.pending_changes import Backlog
from customers.core.model.verification import VerificationWithEmail
from customers.core.ports.storage import (
    Autocommit,
    Lookups,
    Storage,
    StorageStatus,
    Transaction,
    View,
)

Opened = TypeVar("Opened")
AnySession = TypeVar("AnySession", bound=Session)

_DEFAULT_POOL = PoolOptions()
_DEFAULT_ANALYTIC_POOL = PoolOptions(
    max_size=2, max_per_tenant=1, statement_timeout=15, work_timeout=15
)
CHECK_SECONDS = 2.5
# Seconds between two checks of a capture barrier.
_MIN_PAUSE, _MAX_PAUSE = 0.002, 0.05
# Seconds to pause after a transaction lost a conflict, so that the winner gets the lock that the
# loser gave up. Without the pause a retry could take the lock first, and deadlock again.
_CONFLICT_PAUSE = 0.05


@define
class _Schema:
    """What the last check found: whether the database may be used, and its revision."""

    is_verified: bool = False
    revision: str | None = None


class PostgresStorage(Storage):
    """The storage in one PostgreSQL database, to be opened before use.

    A check stores the currency in a writable database without one; then the currency never changes.
    """

    def __init__(
        self,
        dsn: str,
        *,
        currency: Currency,
        pool: PoolOptions = _DEFAULT_POOL,
        analytic_pool: PoolOptions = _DEFAULT_ANALYTIC_POOL,
        observer: DatabaseObserver = UNOBSERVED,
    ) -> None:
        self._currency = currency
        self.pool = Pool(dsn, pool, observer)
        self._shared_reads = SharedReads(self.view, self.pool.refusals)
        self._shared_writes = SharedWrites(self._session, self.pool.refusals, currency)
        self._in_transaction: set[Task[Any] | None] = set()
        self._schema = _Schema()
        analytic = evolve(analytic_pool, row_security=pool.row_security)
        self._analytic = self._with(Pool(dsn, analytic, observer, leader=self.pool))

    @property
    def analytic(self) -> "PostgresStorage":
        return self._analytic

    @property
    def is_verified(self) -> bool:
        """Whether the last check found that the database may be used."""
        return self._schema.is_verified

    async def open(self) -> None:
        """Opens the pools. Does not fail while the database is away, because connections are opened
        when needed; raises Unavailable for a fault that waiting does not cure.
        """
        await self.pool.open()
        await self._analytic.pool.open(connects=False)

    async def close(self) -> None:
        await self._shared_reads.close()
        await self._shared_writes.close()
        await self._analytic.pool.close()
        await self.pool.close()

    def pool_stats(self) -> PoolStats:
        return self.pool.stats()

    def usage(self) -> Usage:
        """The use of this storage's pool; `analytic` is a storage with a pool of its own."""
        return self.pool.usage()

    async def check(self) -> StorageStatus:
        """Checks whether the database may be used. Until a check finds that it may, every other
        operation checks first. Raises Unavailable, also if there is no answer in CHECK_SECONDS.
        """
        try:
            async with timeout(CHECK_SECONDS), self._session("", is_check=True) as session:
                return await self._status(session)
        except TimeoutError as error:
            raise Unavailable(fault=self.pool.report(self.pool.silence())) from error

    async def verify(self, connection: Connection, deadline: Deadline) -> None:
        """Raises Unavailable, after releasing the connection, if the database must not be used."""
        session = self._new(Session, "")(connection, deadline)
        try:
            if (fault := (await self._status(session)).fault) is not None:
                raise Unavailable(fault=fault)
        except BaseException as error:
            await self.release(session, error)
            raise

    async def release(self, session: Session, error: BaseException | None) -> None:
        """Ends a session, releases its connection, and reports the fault that ended it, if any.
        After a conflict it pauses, for the benefit of the transaction that won.
        """
        await self.pool.release(session.end(), had_error=session.had_error)
        if isinstance(error, Unavailable) and error.fault is not None:
            error.fault = self.pool.report(error.fault)
        if isinstance(error, WriteConflict):
            await sleep(_CONFLICT_PAUSE)

    async def _status(self, session: Session) -> StorageStatus:
        status = await deployment.status(session, self._currency)
        if (schema := status.schema) is not None:
            self._schema.revision = schema.current
            self.pool.observer.checked_schema(schema.current, schema.needed)
        self._schema.is_verified = status.fault is None
        fault, limitation = (
            reason and self.pool.report(reason) for reason in (status.fault, status.limitation)
        )
        return evolve(status, fault=fault, limitation=limitation)

    def view(self, tenant_id: str) -> AbstractAsyncContextManager[View]:
        def open_view(connection: Connection, deadline: Deadline) -> tuple[Session, View]:
            session = ViewSession(tenant_id, connection, deadline, self.pool)
            return session, PostgresView(session, self._currency)

        return _Connected(self, tenant_id, open_view)

    @asynccontextmanager
    async def consistent_view(self, tenant_id: str) -> AsyncIterator[View]:
        new_session = partial(ConsistentSession, tenant_id, pool=self.pool)
        async with self._connected(tenant_id, new_session) as session, session.all_or_nothing():
            yield PostgresView(session, self._currency)

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        new_session = self._new(TransactionSession, tenant_id)
        with self._not_nested():
            async with self._connected(tenant_id, new_session) as session, session.all_or_nothing():
                yield PostgresTransaction(session, self._currency)

    def autocommit(self, tenant_id: str) -> Autocommit:
        self._expect_no_transaction()
        return PostgresAutocommit(tenant_id, self._session, self._shared_writes, self._currency)

    def lookups(self, tenant_id: str) -> Lookups:
        return PostgresLookups(self._shared_reads, tenant_id)

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
        if not search_texts.can_be_rewritten(self._schema.revision):
            await self.check()  # the database may have been migrated meanwhile
        if not search_texts.can_be_rewritten(self._schema.revision):
            return 0
        new_session = self._new(TransactionSession, "")
        async with self._connected("", new_session) as session, session.all_or_nothing():
            return await search_texts.rewrite(session, limit)

    async def api_key(self, key_id: UUID) -> ApiKey | None:
        if not await self._has_api_keys():
            return None
        async with self._session("") as session:
            return await api_keys.find(session, key_id)

    async def api_keys_of_every_tenant(self) -> Sequence[ApiKey]:
        if not await self._has_api_keys():
            return []
        async with self._session("") as session:
            return await api_keys.all_of_every_tenant(session)

    async def _has_api_keys(self) -> bool:
        if not api_keys.has_table(self._schema.revision):
            await self.check()  # the database may have been migrated meanwhile
        return api_keys.has_table(self._schema.revision)

    async def deployment_secret(self) -> bytes | None:
        async with self._session("") as session:
            if not deployment.keeps_secrets(self._schema.revision):
                return None
            return await deployment.secret(session)

    async def find_verification(self, token_hash: str) -> VerificationWithEmail | None:
        async with self._session("") as session:
            return await find_verification(session, token_hash)

    async def _capture_barrier_passed(self, tenant_id: str, segment_id: UUID) -> bool:
        async with self._session(tenant_id) as session:
            return await PostgresMemberships(session).capture_barrier_passed(segment_id)

    def _with(self, pool: Pool) -> "PostgresStorage":
        """A copy of this storage over another pool, with its own groups; all else is shared."""
        other = copy(self)
        other.pool, other._analytic = pool, other
        other._shared_reads = SharedReads(other.view, pool.refusals)
        other._shared_writes = SharedWrites(other._session, pool.refusals, self._currency)
        return other

    def _session(
        self, tenant_id: str, *, is_check: bool = False
    ) -> AbstractAsyncContextManager[Session]:
        return self._connected(tenant_id, self._new(Session, tenant_id), is_check=is_check)

    def _new(
        self, kind: type[AnySession], tenant_id: str
    ) -> Callable[[Connection, Deadline], AnySession]:
        """A function that makes a session of this kind over a connection."""
        pool = self.pool
        return partial(kind, tenant_id, observer=pool.observer, row_security=pool.row_security)

    def _connected(
        self,
        tenant_id: str,
        new_session: Callable[[Connection, Deadline], AnySession],
        *,
        is_check: bool = False,
    ) -> AbstractAsyncContextManager[AnySession]:
        def open_session(connection: Connection, deadline: Deadline) -> tuple[Session, AnySession]:
            session = new_session(connection, deadline)
            return session, session

        return _Connected(self, tenant_id, open_session, is_check=is_check)

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
    """Opens a session of a tenant, or a view over one; releases the connection when the block ends.

    A check opens one even while the database must not be used or the breaker refuses requests.
    """

    def __init__(
        self,
        storage: PostgresStorage,
        tenant_id: str,
        open_session: Callable[[Connection, Deadline], tuple[Session, Opened]],
        *,
        is_check: bool = False,
    ) -> None:
        self._storage = storage
        self._tenant_id = tenant_id
        self._open_session = open_session
        self._is_check = is_check

    async def __aenter__(self) -> Opened:
        storage = self._storage
        deadline = storage.pool.deadline()
        connection = await storage.pool.acquire(self._tenant_id, deadline, insists=self._is_check)
        if not (storage.is_verified or self._is_check):
            await storage.verify(connection, deadline)
        self._session, opened = self._open_session(connection, deadline)
        return opened

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        await self._storage.release(self._session, error)


@frozen
class PostgresView(View):
    _session: Session
    _currency: Currency

    async def give_way(self) -> None:
        await self._session.give_way()

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

    @property
    def api_keys(self) -> PostgresApiKeys:
        return PostgresApiKeys(self._session)

    @property
    def personal_data(self) -> PostgresPersonalData:
        return PostgresPersonalData(self._session)

    @property
    def verifications(self) -> PostgresVerifications:
        return PostgresVerifications(self._session)


class PostgresTransaction(PostgresView, Transaction):
    """A view whose repositories may also write, with the repository of erasures."""

    @property
    def erasures(self) -> PostgresErasures:
        return PostgresErasures(self._session)
