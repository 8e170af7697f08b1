"""Counts the statements that are sent to PostgreSQL; on the memory storage there are none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest
from attrs import define

from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.engine.transaction_session import TransactionSession


@define
class StatementCount:
    number: int = 0

    def since(self, before: int) -> int:
        return self.number - before


@contextmanager
def counting_statements() -> Iterator[StatementCount]:
    """Counts the statements sent while the block runs, by any storage."""
    count = StatementCount()

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*arguments: Any, **values: Any) -> Any:
            count.number += 1
            return method(*arguments, **values)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_query", counted(Session._query))
        patch.setattr(Session, "run_many", counted(Session.run_many))
        patch.setattr(TransactionSession, "_script", counted(TransactionSession._script))
        yield count
