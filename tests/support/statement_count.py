"""Counts the statements that are sent to PostgreSQL; on the memory storage there are none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import define

from customers.adapters.postgres.engine.session import Session


@define
class StatementCount:
    number: int = 0

    def since(self, before: int) -> int:
        return self.number - before


@contextmanager
def counting_statements() -> Iterator[StatementCount]:
    """The number of statements sent within the block, by whatever storage."""
    count, call = StatementCount(), Session._call

    def counted(session: Session, method: str, *arguments: object) -> Any:
        count.number += 1
        return call(session, method, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_call", counted)
        yield count
