"""A neighbour: another tenant that reads a path at a fixed rate, from a process of its own.

    python -m benchmarks.neighbour URL TENANT PATH SECONDS

Prints one line of JSON: reads, p50, p99 and max in seconds, and how many were refused. A read
starts on time even if earlier ones are not answered yet.
"""

import asyncio
import json
import statistics
import sys
import time

import aiohttp
import uvloop
from attrs import asdict, frozen

READS_PER_SECOND = 20


@frozen(kw_only=True)
class Reads:
    """The number and durations of a neighbour's reads, in seconds, and how many were refused."""

    reads: int
    p50: float
    p99: float
    max: float
    refused: int


async def neighbour(url: str, tenant: str, path: str, seconds: float) -> Reads:
    """Reads the path for some seconds, from a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.neighbour", url, tenant, path, str(seconds)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return Reads(**json.loads(output))


async def _main(url: str, tenant: str, path: str, seconds: float) -> Reads:
    waits, refused = list[float](), 0
    async with aiohttp.ClientSession(url, headers={"X-Tenant-ID": tenant}) as session:

        async def read(at: float) -> None:
            nonlocal refused
            await asyncio.sleep(max(0, at - time.perf_counter()))
            began = time.perf_counter()
            try:
                async with session.get(path) as answer:
                    await answer.read()
                    refused += answer.status != 200
            except aiohttp.ClientError:
                refused += 1
            waits.append(time.perf_counter() - began)

        await read(0)  # opens a connection
        waits.clear()
        start = time.perf_counter()
        count = int(seconds * READS_PER_SECOND)
        await asyncio.gather(*(read(start + number / READS_PER_SECOND) for number in range(count)))
    hundredths = statistics.quantiles(waits, n=100, method="inclusive")
    return Reads(
        reads=len(waits), p50=hundredths[49], p99=hundredths[98], max=max(waits), refused=refused
    )


if __name__ == "__main__":
    _url, _tenant, _path, _seconds = sys.argv[1:]
    print(json.dumps(asdict(uvloop.run(_main(_url, _tenant, _path, float(_seconds))))))
