"""The bill of materials: what the service is made of, and the only place that knows adapters.

Adapters are imported when they are made, so that the memory storage starts without SQLAlchemy.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aiohttp import web

from customers.adapters.clock import MovableClock, SystemClock
from customers.adapters.ids import ScriptedIds, TimeOrderedIds
from customers.core.model.money import Currency
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.storage import Storage
from customers.core.services.addresses import Addresses
from customers.core.services.customers import Customers
from customers.core.services.doctor import Doctor
from customers.core.services.erasure import Erasures
from customers.core.services.journal import Journal
from customers.core.services.memberships import Memberships
from customers.core.services.orders import Orders
from customers.core.services.payments import PaymentMethods
from customers.core.services.previews import Previews
from customers.core.services.segments import Segments
from customers.core.services.sweeper import Sweeper
from customers.entrypoints.absent import as_if_absent
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.grpc.server import RpcServer
from customers.entrypoints.http.app import Resource, application
from customers.entrypoints.http.documentation import Documents
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.resources.addresses import AddressRoutes
from customers.entrypoints.http.resources.customers import CustomerRoutes
from customers.entrypoints.http.resources.journal import JournalRoutes
from customers.entrypoints.http.resources.memberships import MembershipRoutes
from customers.entrypoints.http.resources.orders import OrderRoutes
from customers.entrypoints.http.resources.payment_methods import PaymentMethodRoutes
from customers.entrypoints.http.resources.previews import PreviewRoutes
from customers.entrypoints.http.resources.probes import Probes
from customers.entrypoints.http.resources.segments import SegmentRoutes
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.json.encode_segments import SegmentEncoder
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics
from customers.entrypoints.observability.metrics import Metrics, PoolNumbers

# Where the tools of a checkout have brought them, they would be loaded to be looked at.
with as_if_absent("werkzeug", "yaml"):
    from dependency_injector import containers, providers

if TYPE_CHECKING:
    from customers.entrypoints.testapi.test_api import Bench

VERSION = version("customers-service")


def database(settings: Settings) -> AbstractAsyncContextManager[str]:
    """The database's address for as long as it is needed; empty for the memory storage.

    Without one in the settings it is an embedded server, which ends with the block.
    """
    if settings.storage == "memory":
        return nullcontext("")
    if settings.database_url is not None:
        return nullcontext(settings.database_url.reveal())
    from customers.devtools.server import running

    return running(settings.data_dir / "postgres")


async def migrate(dsn: str) -> None:
    """Brings the database to the newest revision."""
    from customers.adapters.postgres.engine.migrate import migrate as migrate_database

    await migrate_database(dsn)


def _storage(settings: Settings, dsn: str, currency: Currency) -> Storage:
    if settings.storage == "memory":
        from customers.adapters.memory.storage import MemoryStorage

        return MemoryStorage(currency=currency)
    from customers.adapters.postgres.engine.pool import PoolOptions
    from customers.adapters.postgres.storage import PostgresStorage

    pool = PoolOptions(
        max_size=settings.pool_size,
        acquire_timeout=settings.pool_timeout,
        statement_timeout=settings.statement_timeout,
        behind_pooler=settings.pooler == "transaction",
    )
    return PostgresStorage(dsn, currency=currency, pool=pool)


def _metrics(storage: Storage, multiprocess_dir: Path | None) -> Metrics:
    pool = _pool_of(storage)
    return Metrics.create(version=VERSION, pool=pool, multiprocess_dir=multiprocess_dir)


def _pool_of(storage: Storage) -> Callable[[], PoolNumbers] | None:
    """What tells the numbers of the storage's pool; None where it has no pool."""
    told = getattr(storage, "pool_numbers", None)
    if told is None:
        return None

    def numbers() -> PoolNumbers:
        now = told()
        return PoolNumbers(size=now.size, idle=now.idle, waiting=now.waiting)

    return numbers


def _clock(settings: Settings) -> Clock:
    return MovableClock(start=settings.clock) if settings.test_api else SystemClock()


def _ids(settings: Settings) -> IdGenerator:
    if not settings.test_api:
        return TimeOrderedIds()
    return ScriptedIds(is_sequential=settings.ids == "sequential", seed=settings.seed)


def _holder() -> UUID:
    """By which one sweeper is told from another."""
    return TimeOrderedIds().new()


def _openapi(resources: Sequence[Resource]) -> Mapping[str, Any]:
    """The OpenAPI document of what is served."""
    from customers.entrypoints.openapi.document import document

    return document({each.name: each.table() for each in resources}, version=VERSION)


def _documents(openapi: Callable[[], Mapping[str, Any]]) -> Documents:
    """The document as it is served; what writes it is loaded when it is asked for."""

    def as_json() -> str:
        from customers.entrypoints.openapi import document

        return document.as_json(openapi())

    def as_yaml() -> str:
        from customers.entrypoints.openapi import document

        return document.as_yaml(openapi())

    return Documents(as_json, as_yaml)


def _bench(settings: Settings, resources: Sequence[Resource], **parts: Any) -> "Bench | None":
    """What tests can do to the service; None where the settings do not ask for it."""
    if not settings.test_api:
        return None
    from customers.entrypoints.testapi.test_api import bench_of

    routes = (route for each in resources for route in each.table() if route.is_of_tenant)
    names = [route.operation for route in routes]
    return bench_of(operations=names, seed_file=settings.seed_file, version=VERSION, **parts)


def _app(resources: Sequence[Resource], bench: "Bench | None", **parts: Any) -> web.Application:
    if bench is None:
        return application(resources, **parts)
    return application([*resources, bench.routes], observer=bench.http, **parts)


def _rpc(bench: "Bench | None", **parts: Any) -> RpcServer:
    return RpcServer(outside=[] if bench is None else [bench.rpc], **parts)


class Container(containers.DeclarativeContainer):
    """Everything one process is made of, from its settings and the database's address."""

    settings = providers.Dependency(instance_of=Settings)
    dsn = providers.Dependency(instance_of=str)
    multiprocess_dir: providers.Provider[Path | None] = providers.Object(None)

    currency = providers.Singleton(Currency.of, settings.provided.currency)
    clock = providers.Singleton(_clock, settings)
    ids = providers.Singleton(_ids, settings)
    storage = providers.Singleton(_storage, settings, dsn, currency)

    customers = providers.Singleton(Customers, storage, clock, ids)
    addresses = providers.Singleton(Addresses, storage, clock, ids)
    payment_methods = providers.Singleton(PaymentMethods, storage, clock, ids)
    journal = providers.Singleton(Journal, storage, clock, ids)
    orders = providers.Singleton(Orders, storage, clock)
    segments = providers.Singleton(Segments, storage, clock, ids)
    previews = providers.Singleton(Previews, storage, clock)
    memberships = providers.Singleton(Memberships, storage, clock)
    erasures = providers.Singleton(Erasures, storage, clock)

    sweeping = providers.Singleton(Sweeper, storage, clock, providers.Singleton(_holder))
    doctor = providers.Singleton(Doctor, storage, clock)

    decoder = providers.Singleton(Decoder, currency, clock)
    encoder = providers.Singleton(Encoder, currency)
    segment_encoder = providers.Singleton(SegmentEncoder, encoder)
    metrics = providers.Singleton(_metrics, storage, multiprocess_dir)
    drain = providers.Singleton(Drain)
    probes = providers.Singleton(Probes, storage, metrics, drain, VERSION)

    resources = providers.List(
        # Routes are tried in this order: the busiest ones first.
        providers.Singleton(CustomerRoutes, customers, erasures, encoder),
        providers.Singleton(
            OrderRoutes, orders, providers.Singleton(LedgerMetrics, metrics, "http"), encoder
        ),
        providers.Singleton(AddressRoutes, addresses, encoder),
        providers.Singleton(PaymentMethodRoutes, payment_methods, encoder),
        providers.Singleton(JournalRoutes, journal, encoder),
        providers.Singleton(PreviewRoutes, previews, segment_encoder),
        providers.Singleton(MembershipRoutes, memberships, segment_encoder),
        providers.Singleton(SegmentRoutes, segments, encoder),
        probes,
    )
    openapi = providers.Singleton(_openapi, resources)
    bench = providers.Singleton(
        _bench,
        settings,
        resources,
        storage=storage,
        clock=clock,
        ids=ids,
        decoder=decoder,
        customers=customers,
        orders=orders,
        segments=segments,
        erasures=erasures,
        sweeping=sweeping,
    )
    documents = providers.Singleton(_documents, openapi.provider)
    app = providers.Singleton(
        _app,
        resources,
        bench,
        decoder=decoder,
        metrics=metrics,
        drain=drain,
        documents=documents,
        version=VERSION,
    )
    rpc = providers.Singleton(
        _rpc,
        bench,
        orders=orders,
        decoder=decoder,
        ledger_metrics=providers.Singleton(LedgerMetrics, metrics, "grpc"),
        metrics=metrics,
        currency=currency,
        storage=storage,
    )
