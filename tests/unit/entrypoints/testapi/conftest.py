"""A service with a test API, for every test a new one."""

from collections.abc import AsyncIterator

import pytest

from tests.support.memory_service import Bench, benched


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with benched() as bench:
        yield bench
