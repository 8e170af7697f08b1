"""A service with a test API, for every test a new one."""

from collections.abc import AsyncIterator

import pytest

from tests.benches import Bench, benched


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with benched() as bench:
        yield bench
