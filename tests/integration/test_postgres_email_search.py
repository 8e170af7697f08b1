"""Searches for a part of an e-mail find the same, however many there are to be looked up."""

import pytest

from customers.adapters.postgres.customers import email_search
from tests.contract.searches import CustomerSearchContract

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("most", [0, 1])
class TestSearchesThatManyAnswer(CustomerSearchContract):
    @pytest.fixture(autouse=True)
    def _few_are_looked_up(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        monkeypatch.setattr(email_search, "MOST", most)
