"""The test API put together: what it is made of, and where the service meets it."""

from collections.abc import Iterable
from pathlib import Path

from attrs import define, field

from customers.core.services.customers import Customers
from customers.core.services.erasure import Erasures
from customers.core.services.orders import Orders
from customers.core.services.segments import Segments
from customers.core.services.sweeper import Sweeper
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.testapi.call_log import Journal
from customers.entrypoints.testapi.faults import Faults
from customers.entrypoints.testapi.gates import OperationGate
from customers.entrypoints.testapi.grpc_interceptor import METHODS, WatchedRpc
from customers.entrypoints.testapi.http_middleware import WatchedHttp
from customers.entrypoints.testapi.idle import Settling
from customers.entrypoints.testapi.in_flight import InFlight
from customers.entrypoints.testapi.ports import (
    ControllableClock,
    ControllableIds,
    ControllableStorage,
)
from customers.entrypoints.testapi.routes import BenchRoutes
from customers.entrypoints.testapi.state_control import Kept
from customers.entrypoints.testapi.states import States
from customers.entrypoints.testapi.steps import Steps


@define(kw_only=True)
class Bench:
    """`routes` are served beside the service's own, `http` and `rpc` stand around all its calls."""

    routes: BenchRoutes
    http: WatchedHttp
    rpc: WatchedRpc
    _kept: Kept = field(alias="kept")

    async def begin(self) -> None:
        """Begins with what the settings name. Raises BadSeedFile."""
        await self._kept.begin()


def bench_of(
    *,
    operations: Iterable[str],
    storage: ControllableStorage,
    clock: ControllableClock,
    ids: ControllableIds,
    decoder: Decoder,
    customers: Customers,
    orders: Orders,
    segments: Segments,
    erasures: Erasures,
    sweeping: Sweeper,
    seed_file: Path | None,
    version: str,
) -> Bench:
    """A bench for a service of those parts; `operations` are the names of its REST calls."""
    known = OperationGate.of([*operations, *METHODS])
    in_flight, journal, faults = InFlight(), Journal(clock), Faults(decoder, known)
    steps = Steps(
        decoder=decoder,
        clock=clock,
        ids=ids,
        customers=customers,
        orders=orders,
        segments=segments,
        erasures=erasures,
        faults=faults,
        forget=getattr(storage, "forget", None),  # our own tests run states on PostgreSQL too
    )
    states = States(steps)
    kept = Kept(
        storage=storage,
        clock=clock,
        ids=ids,
        states=states,
        faults=faults,
        journal=journal,
        decoder=decoder,
        seed_file=seed_file,
    )
    routes = BenchRoutes(
        kept=kept,
        states=states,
        clock=clock,
        faults=faults,
        journal=journal,
        settling=Settling(storage, sweeping, in_flight),
        operations=known,
        version=version,
    )
    watch = (journal, faults, in_flight)
    return Bench(routes=routes, http=WatchedHttp(*watch, ids), rpc=WatchedRpc(*watch), kept=kept)
