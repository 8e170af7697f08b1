"""What every contract of the REST interface runs on: a service on the storage under test."""

from collections.abc import AsyncIterator

import pytest

from customers.core.ports import Storage
from tests.api import Api, serving
from tests.builders import a_tenant


class ApiContract:
    @pytest.fixture
    async def api(self, storage: Storage) -> AsyncIterator[Api]:
        """A caller for a tenant that nobody has used."""
        async with serving(storage, tenant=a_tenant()) as api:
            yield api
