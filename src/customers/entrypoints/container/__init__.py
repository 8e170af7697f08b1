"""The container, which wires the service; only this package imports the adapters.

`database` has what commands do with a database; most other modules make parts of the service.
"""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from dependency_injector import containers, providers
from prometheus_client import CollectorRegistry

from customers.adapters.clock import MovableClock, SystemClock
from customers.adapters.ids import TimeOrderedIds
from customers.adapters.random_secrets import SystemRandomSecrets
from customers.core.membership.pace import Pace
from customers.core.model.money import Currency
from customers.core.model.tenant import TenantGate
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.mailer import Mailer
from customers.core.ports.storage import Storage
from customers.core.services.addresses import Addresses
from customers.core.services.api_keys import ApiKeys
from customers.core.services.customers import Customers
from customers.core.services.doctor import Doctor
from customers.core.services.erasure import Erasures
from customers.core.services.journal import Journal
from customers.core.services.memberships import Memberships
from customers.core.services.orders import Orders
from customers.core.services.payments import PaymentMethods
from customers.core.services.personal_data import PersonalData
from customers.core.services.previews import Previews
from customers.core.services.segments import Segments
from customers.core.services.storefront import Storefront
from customers.core.services.sweeper import Sweeper
from customers.core.services.upserts import Upserts
from customers.core.services.verifications import Verifications
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.access.keys import ApiKeyTokens
from customers.entrypoints.admission.background_tasks import BackgroundTasks
from customers.entrypoints.admission.bulk_room import BulkRoom
from customers.entrypoints.admission.door import REQUESTS_PER_CONNECTION, Door
from customers.entrypoints.admission.peer_limit import PeerLimit
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import api_documents, control, mail, storages
from customers.entrypoints.container.access import (
    certificate_of,
    guard_of,
    jwt_tokens_of,
    key_cache_of,
    key_uses_of,
    own_key_of,
    own_tokens_of,
    token_verifier_of,
)
from customers.entrypoints.container.version import VERSION
from customers.entrypoints.grpc.access import RpcAccess
from customers.entrypoints.grpc.server import RpcServer
from customers.entrypoints.http.app import application, probe_application
from customers.entrypoints.http.bulk_upsert import BulkUpserts
from customers.entrypoints.http.connections import ConnectionLimits, Connections
from customers.entrypoints.http.cursor_keys import CursorKeys
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.request import Deployment
from customers.entrypoints.http.resources.addresses import AddressRoutes
from customers.entrypoints.http.resources.bulk import BulkRoutes
from customers.entrypoints.http.resources.customers import CustomerRoutes
from customers.entrypoints.http.resources.journal import JournalRoutes
from customers.entrypoints.http.resources.keys import KeyRoutes
from customers.entrypoints.http.resources.memberships import MembershipRoutes
from customers.entrypoints.http.resources.mobile import MobileRoutes
from customers.entrypoints.http.resources.orders import OrderRoutes
from customers.entrypoints.http.resources.payment_methods import PaymentMethodRoutes
from customers.entrypoints.http.resources.personal_data import PersonalDataRoutes
from customers.entrypoints.http.resources.previews import PreviewRoutes
from customers.entrypoints.http.resources.probes import Probes
from customers.entrypoints.http.resources.segments import SegmentRoutes
from customers.entrypoints.http.resources.storefront import StorefrontRoutes
from customers.entrypoints.http.resources.storefront_addresses import StorefrontAddressRoutes
from customers.entrypoints.http.resources.verifications import VerificationRoutes
from customers.entrypoints.http.tenant import TenantReader
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.json.encode_personal_data import PersonalDataEncoder
from customers.entrypoints.json.encode_segments import SegmentEncoder
from customers.entrypoints.json.encode_storefront import StorefrontEncoder
from customers.entrypoints.ledger.batch import OrderBatches
from customers.entrypoints.mail.delivery import MailDelivery
from customers.entrypoints.observability.database_metrics import DatabaseMetrics, PoolUsage
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from customers.entrypoints.observability.share_metrics import Usages
from customers.entrypoints.process.crew import ConcurrentCrew
from customers.entrypoints.process.file_limit import OpenConnections, open_connections
from customers.entrypoints.testapi.ports import ControlledService

if TYPE_CHECKING:
    from customers.entrypoints.testapi.test_api import TestApi


def _tenant_reader(gate: TenantGate, guard: Guard) -> TenantReader:
    return TenantReader(gate, believes_claims=guard.is_open)


def _refuses_card_numbers(settings: Settings) -> bool:
    return settings.card_numbers == "refuse"


def _cursor_keys(settings: Settings, storage: Storage) -> CursorKeys:
    secrets = () if settings.secrets_key is None else settings.secrets_key.as_bytes()
    return CursorKeys(storage, secrets)


def _door(settings: Settings, refusals: RefusalMetrics) -> Door:
    return Door(
        settings.pool_size * REQUESTS_PER_CONNECTION,
        max_wait=settings.pool_timeout,
        request_timeout=settings.request_timeout,
        refusals=refusals,
    )


def _usages(door: Door, pools: Usages) -> Usages:
    return {**pools, "requests": door.usage}


def _open_connections(settings: Settings) -> OpenConnections:
    other_files = settings.pool_size + settings.analytic_pool_size
    return open_connections(settings.max_connections, other_files=other_files)


def _connections(settings: Settings, limits: OpenConnections, metrics: Metrics) -> Connections:
    of_process = limits.http
    of_peer = settings.max_connections_per_peer or max(of_process * 4 // 5, 1)
    return Connections(ConnectionLimits(of_process=of_process, of_peer=of_peer), metrics)


def _sweeper(storage: Storage, clock: Clock) -> Sweeper:
    holder = TimeOrderedIds().new()  # identifies this sweeper among those of other processes
    # A tenant that fails is tried again after five minutes at most.
    pace = Pace(now=monotonic, crew=ConcurrentCrew(), max_rest=300)
    return Sweeper(storage, clock, holder, pace)


class Container(containers.DeclarativeContainer):
    """The parts of one process, made from its settings and the address of the database."""

    settings = providers.Dependency(instance_of=Settings)
    dsn = providers.Dependency(instance_of=str)
    multiprocess_dir: providers.Provider[Path | None] = providers.Object(None)
    mode = providers.Callable(control.mode, settings)

    # The adapters. The test API controls the memory storage and the adapters of the mode "test".
    currency = providers.Singleton(Currency.of, settings.provided.currency)
    movable_clock = providers.Singleton(MovableClock, start=settings.provided.clock)
    clock: providers.Provider[Clock] = providers.Selector(
        mode, normal=providers.Singleton(SystemClock), test=movable_clock
    )
    scripted_ids = providers.Singleton(control.scripted_ids, settings)
    ids: providers.Provider[IdGenerator] = providers.Selector(
        mode, normal=providers.Singleton(TimeOrderedIds), test=scripted_ids
    )
    random_secrets = providers.Singleton(SystemRandomSecrets)
    memory_mailer = providers.Singleton(mail.memory_mailer)
    mailer: providers.Provider[Mailer] = providers.Selector(
        mode, normal=providers.Singleton(mail.mailer, settings), test=memory_mailer
    )
    memory_storage = providers.Singleton(storages.memory_storage, currency)
    # One registry for all metrics: those of the database exist only with a database.
    metrics_registry = providers.Singleton(CollectorRegistry)
    refusals = providers.Singleton(RefusalMetrics, metrics_registry)
    database_metrics = providers.Singleton(DatabaseMetrics, metrics_registry, refusals)
    postgres_storage = providers.Singleton(
        storages.postgres_storage, settings, dsn, currency, database_metrics
    )
    storage: providers.Provider[Storage] = providers.Selector(
        settings.provided.storage, memory=memory_storage, postgres=postgres_storage
    )
    pool_stats: providers.Provider[Callable[[], PoolUsage] | None] = providers.Selector(
        settings.provided.storage,
        memory=providers.Object(None),
        postgres=providers.Singleton(storages.pool_stats, postgres_storage),
    )

    # The use cases.
    customers = providers.Singleton(Customers, storage, clock, ids)
    upserts = providers.Singleton(Upserts, storage, clock, ids)
    addresses = providers.Singleton(Addresses, storage, clock, ids)
    payment_methods = providers.Singleton(PaymentMethods, storage, clock, ids)
    journal = providers.Singleton(Journal, storage, clock, ids)
    orders = providers.Singleton(Orders, storage, clock)
    segments = providers.Singleton(Segments, storage, clock, ids)
    previews = providers.Singleton(Previews, storage, clock)
    memberships = providers.Singleton(Memberships, storage, clock)
    storefront = providers.Singleton(Storefront, storage, clock)
    erasures = providers.Singleton(Erasures, storage, clock)
    api_keys = providers.Singleton(ApiKeys, storage, clock, ids, random_secrets)
    personal_data = providers.Singleton(PersonalData, storage, clock)
    verifications = providers.Singleton(
        Verifications, storage, clock, random_secrets, providers.Callable(mail.links, settings)
    )
    sweeper = providers.Singleton(_sweeper, storage, clock)
    doctor = providers.Singleton(Doctor, storage, clock)

    # What the interfaces share.
    mail_delivery = providers.Singleton(MailDelivery, mailer, verifications.provided.is_needed)
    door = providers.Singleton(_door, settings, refusals)
    background_tasks = providers.Singleton(BackgroundTasks)
    pool_usages: providers.Provider[Usages] = providers.Selector(
        settings.provided.storage,
        memory=providers.Object({}),
        postgres=providers.Singleton(storages.pool_usages, postgres_storage),
    )
    decoder = providers.Singleton(Decoder, currency, clock)
    encoder = providers.Singleton(Encoder, currency)
    storefront_encoder = providers.Singleton(StorefrontEncoder, encoder)
    segment_encoder = providers.Singleton(SegmentEncoder, encoder)
    personal_data_encoder = providers.Singleton(PersonalDataEncoder, encoder)
    metrics = providers.Singleton(
        Metrics.create,
        version=VERSION,
        registry=metrics_registry,
        pool=pool_stats,
        usages=providers.Callable(_usages, door, pool_usages),
        refusals=refusals,
        multiprocess_dir=multiprocess_dir,
    )
    drain = providers.Singleton(Drain)
    own_key = providers.Singleton(own_key_of, settings)
    token_verifier = providers.Singleton(token_verifier_of, settings, clock, own_key)
    jwt_tokens = providers.Singleton(jwt_tokens_of, settings, token_verifier, clock)
    certificate = providers.Singleton(certificate_of, settings)
    key_cache = providers.Singleton(key_cache_of, settings, api_keys, refusals)
    key_uses = providers.Singleton(key_uses_of, api_keys)
    guard = providers.Singleton(
        guard_of,
        settings,
        providers.Singleton(ApiKeyTokens, key_cache, key_uses, clock),
        jwt_tokens,
    )
    batches = providers.Singleton(
        OrderBatches, orders, background_tasks, refusals, settings.provided.request_timeout
    )
    bulk_upserts = providers.Singleton(
        BulkUpserts,
        upserts,
        decoder,
        background_tasks,
        metrics=metrics,
        group_timeout=settings.provided.request_timeout,
    )
    tenants = providers.Singleton(TenantGate.of, settings.provided.tenant_pattern)
    deployment = providers.Singleton(
        Deployment,
        tenants=providers.Singleton(_tenant_reader, tenants, guard),
        refuses_card_numbers=providers.Callable(_refuses_card_numbers, settings),
        cursor_keys=providers.Singleton(_cursor_keys, settings, storage),
        currency=currency,
    )

    probes = providers.Singleton(
        Probes,
        storage,
        metrics,
        drain,
        VERSION,
        metrics_are_public=settings.provided.metrics_are_public,
    )
    # The routes are tried in this order: the busiest ones first.
    resources = providers.List(
        providers.Singleton(CustomerRoutes, customers, erasures, encoder),
        providers.Singleton(
            OrderRoutes,
            orders,
            batches,
            providers.Singleton(LedgerMetrics, metrics, "http"),
            decoder,
            encoder,
        ),
        providers.Singleton(
            StorefrontRoutes, storefront, payment_methods, orders, encoder, storefront_encoder
        ),
        providers.Singleton(StorefrontAddressRoutes, storefront, addresses, encoder),
        providers.Singleton(
            MobileRoutes,
            storefront,
            addresses=addresses,
            methods=payment_methods,
            orders=orders,
            encoder=encoder,
            own_encoder=storefront_encoder,
        ),
        providers.Singleton(AddressRoutes, addresses, encoder),
        providers.Singleton(PaymentMethodRoutes, payment_methods, encoder),
        providers.Singleton(JournalRoutes, journal, encoder),
        providers.Singleton(PersonalDataRoutes, personal_data, storefront, personal_data_encoder),
        providers.Singleton(
            VerificationRoutes,
            verifications,
            mail_delivery,
            providers.Singleton(PeerLimit, monotonic),
            encoder,
        ),
        providers.Singleton(PreviewRoutes, previews, segment_encoder),
        providers.Singleton(MembershipRoutes, memberships, segment_encoder),
        providers.Singleton(SegmentRoutes, segments, encoder),
        providers.Singleton(BulkRoutes, bulk_upserts, providers.Singleton(BulkRoom, refusals)),
        providers.Singleton(KeyRoutes, api_keys, encoder),
        probes,
    )
    openapi = providers.Singleton(api_documents.openapi, resources)
    documents = providers.Singleton(api_documents.documents, settings, openapi.provider, guard)

    # The test API: None unless the settings switch it on.
    controlled_service = providers.Singleton(
        ControlledService,
        storage=storage,
        controllable_storage=memory_storage,
        clock=movable_clock,
        ids=scripted_ids,
        decoder=decoder,
        encoder=encoder,
        customers=customers,
        orders=orders,
        segments=segments,
        api_keys=api_keys,
        erasures=erasures,
        sweeper=sweeper,
        mails=memory_mailer,
        own_tokens=providers.Singleton(own_tokens_of, settings, own_key, clock),
        is_authenticating=providers.Callable(control.is_authenticating, settings),
    )
    test_api: providers.Provider["TestApi | None"] = providers.Selector(
        mode,
        normal=providers.Object(None),
        test=providers.Singleton(control.test_api, settings, resources, controlled_service),
    )

    app = providers.Singleton(
        application,
        providers.Singleton(control.routed, resources, test_api),
        decoder=decoder,
        metrics=metrics,
        drain=drain,
        door=door,
        guard=guard,
        documents=documents,
        version=VERSION,
        deployment=deployment,
        observer=providers.Singleton(control.outer_middleware, test_api),
    )
    probe_app = providers.Singleton(
        probe_application,
        probes,
        decoder=decoder,
        metrics=metrics,
        drain=drain,
        guard=guard,
        deployment=deployment,
    )
    open_connections = providers.Singleton(_open_connections, settings)
    connections = providers.Singleton(_connections, settings, open_connections, metrics)
    rpc = providers.Singleton(
        RpcServer,
        orders=orders,
        batches=batches,
        clock=clock,
        ledger_metrics=providers.Singleton(LedgerMetrics, metrics, "grpc"),
        metrics=metrics,
        currency=currency,
        tenants=tenants,
        storage=storage,
        door=door,
        certificate=certificate,
        access=providers.Singleton(
            RpcAccess, guard, is_documentation_public=settings.provided.docs_are_public
        ),
        background_tasks=background_tasks,
        max_connections=open_connections.provided.rpc,
        outer_interceptors=providers.Singleton(control.outer_interceptors, test_api),
    )
