"""Load over gRPC, from a process of its own.

    python -m benchmarks.grpc_load ADDRESS TENANT FILE CONNECTIONS SECONDS BATCH

FILE has a customer's id on each line. With a BATCH of 1 each call is RecordOrder, else RecordOrders
with BATCH orders. Prints one line of JSON, the fields of `Load`, in which each order counts as a
request; `p50` and `p99` are those of the calls. The client, also in Python, is slower than the
server.
"""

import asyncio
import json
import statistics
import sys
import time
from itertools import cycle
from pathlib import Path
from uuid import uuid4

import grpc
import uvloop
from google.type.money_pb2 import Money

from benchmarks.wrk import Load
from customers.entrypoints.grpc.generated.customers_pb2 import (
    RecordOrderRequest,
    RecordOrdersRequest,
)
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub


async def load(
    address: str, tenant: str, file: Path, *, connections: int, seconds: int, batch: int = 1
) -> Load:
    """Records orders of a file's customers with `connections` concurrent calls."""
    arguments = (address, tenant, str(file), str(connections), str(seconds), str(batch))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.grpc_load", *arguments), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return Load(**json.loads(output))


async def _main(
    address: str, tenant: str, ids: list[str], *, connections: int, seconds: int, batch: int
) -> Load:
    waits, refused, next_id = list[float](), 0, cycle(ids)
    async with grpc.aio.insecure_channel(address) as channel:
        stub: CustomersServiceStub = CustomersServiceStub(channel)
        started = time.perf_counter()

        async def work() -> None:
            nonlocal refused
            while (before := time.perf_counter()) < started + seconds:
                orders = [_order(tenant, next(next_id)) for _ in range(batch)]
                try:
                    refused += await _record(stub, orders)
                except grpc.aio.AioRpcError:
                    refused += batch
                waits.append(time.perf_counter() - before)

        await asyncio.gather(*(work() for _ in range(connections)))
        duration = time.perf_counter() - started
    hundredths = statistics.quantiles(waits, n=100, method="inclusive")
    return Load(
        requests=len(waits) * batch,
        seconds=duration,
        p50=hundredths[49],
        p99=hundredths[98],
        refused=refused,
        broken=0,
    )


def _order(tenant: str, customer_id: str) -> RecordOrderRequest:
    return RecordOrderRequest(
        tenant_id=tenant,
        customer_id=customer_id,
        order_id=str(uuid4()),
        order_total=Money(units=12, nanos=500_000_000),
    )


async def _record(stub: CustomersServiceStub, orders: list[RecordOrderRequest]) -> int:
    """Records the orders in one call; returns how many of a batch were refused."""
    if len(orders) == 1:
        await stub.RecordOrder(orders[0])
        return 0
    response = await stub.RecordOrders(RecordOrdersRequest(orders=orders))
    return sum(outcome.HasField("error") for outcome in response.outcomes)


if __name__ == "__main__":
    _address, _tenant, _file, *_numbers = sys.argv[1:]
    _connections, _seconds, _batch = map(int, _numbers)
    _ids = Path(_file).read_text().split()
    _load = _main(_address, _tenant, _ids, connections=_connections, seconds=_seconds, batch=_batch)
    _result = uvloop.run(_load)
    print(json.dumps({name: getattr(_result, name) for name in Load.__annotations__}))
