"""Searches return the same when there are too many candidates, or owners of orders, to look up."""

import pytest

from customers.adapters.postgres.customers import search_lookups
from tests.contract.searches import CustomerSearchContract

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("limit", [0, 1])
class TestSearchesThatFindMoreThanIsLookedUp(CustomerSearchContract):
    @pytest.fixture(autouse=True)
    def _limit(self, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
        monkeypatch.setattr(search_lookups, "MAX_CANDIDATES", limit)
        monkeypatch.setattr(search_lookups, "MAX_OWNERS", limit)
