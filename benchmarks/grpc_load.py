"""Load over gRPC, by a process of its own.

    python -m benchmarks.grpc_load ADDRESS TENANT FILE CONNECTIONS SECONDS

FILE has a customer's id on each line. Prints one line of JSON: requests, seconds, p50 and p99 in
seconds, and how many calls were refused. The client is Python too, and slower than the server.
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
from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrderRequest
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub


async def load(address: str, tenant: str, file: Path, *, connections: int, seconds: int) -> Load:
    """Records orders of a file's customers with `connections` concurrent calls."""
    arguments = (address, tenant, str(file), str(connections), str(seconds))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.grpc_load", *arguments), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return Load(**json.loads(output))


async def _main(address: str, tenant: str, ids: list[str], connections: int, seconds: int) -> Load:
    waits, refused, next_id = list[float](), 0, cycle(ids)
    async with grpc.aio.insecure_channel(address) as channel:
        stub: CustomersServiceStub = CustomersServiceStub(channel)
        started = time.perf_counter()

        async def work() -> None:
            nonlocal refused
            while (before := time.perf_counter()) < started + seconds:
                order = RecordOrderRequest(
                    tenant_id=tenant,
                    customer_id=next(next_id),
                    order_id=str(uuid4()),
                    order_total=Money(units=12, nanos=500_000_000),
                )
                try:
                    await stub.RecordOrder(order)
                except grpc.aio.AioRpcError:
                    refused += 1
                waits.append(time.perf_counter() - before)

        await asyncio.gather(*(work() for _ in range(connections)))
        duration = time.perf_counter() - started
    hundredths = statistics.quantiles(waits, n=100)
    return Load(
        requests=len(waits),
        seconds=duration,
        p50=hundredths[49],
        p99=hundredths[98],
        refused=refused,
        broken=0,
    )


if __name__ == "__main__":
    _address, _tenant, _file, _connections, _seconds = sys.argv[1:]
    _ids = Path(_file).read_text().split()
    _result = uvloop.run(_main(_address, _tenant, _ids, int(_connections), int(_seconds)))
    print(json.dumps({name: getattr(_result, name) for name in Load.__annotations__}))
