"""The drill of the worst requests has what they refer to."""

import asyncio
import re

from benchmarks.footprint import MEMORY
from benchmarks.processes import service
from benchmarks.worst_bodies import ids_of_everything
from tests.support.worst_requests import routes


async def test_it_has_an_id_for_every_parameter_of_a_path() -> None:
    async with service(MEMORY) as server:
        ids = await asyncio.to_thread(ids_of_everything, server.http)
    parameters = {name for route in routes() for name in re.findall(r"\{(\w+)", route.address)}
    assert parameters <= ids.keys()
