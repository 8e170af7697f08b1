"""Services of which these tests are the gateway, or a stranger."""

from collections.abc import AsyncIterator

import pytest

from customers.entrypoints.config.access_values import Networks
from tests.support.access import behind_gateway
from tests.support.memory_service import MemoryService, memory_service


@pytest.fixture
async def service() -> AsyncIterator[MemoryService]:
    """A service whose gateway is this machine: it believes the claims that these tests send."""
    async with memory_service(**behind_gateway()) as service:
        yield service


@pytest.fixture
async def stranger() -> AsyncIterator[MemoryService]:
    """A service whose gateway has other addresses, so no call of these tests is authenticated."""
    peers = Networks.parse("10.0.0.0/8")
    async with memory_service(**behind_gateway(gateway_peers=peers)) as service:
        yield service
