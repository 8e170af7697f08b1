"""A new service with a test API for every test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.memory_service import MemoryService, memory_service


@pytest.fixture
async def service() -> AsyncIterator[MemoryService]:
    async with memory_service() as service:
        yield service
