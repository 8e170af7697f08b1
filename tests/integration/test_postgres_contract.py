"""The PostgreSQL storage keeps every promise of the ports, on every kind of server."""

import pytest

from tests.contract import families

pytestmark = pytest.mark.asyncio(loop_scope="session")

globals().update(families.test_classes(families.STORAGE, __name__))
