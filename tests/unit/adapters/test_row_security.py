"""Row-level security: its literals, and the statements that set their tenant."""

import pytest
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from customers.adapters.postgres.engine.row_security import by_itself, quoted
from customers.adapters.postgres.engine.statements import Statement
from tests.support.statement_mutants import all_clauses

DIALECT = PGDialect_asyncpg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def test_a_literal_has_no_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quoted("a\0b")


def test_without_row_security_the_statements_are_those_of_the_plain_dialect() -> None:
    def plain(clause: ClauseElement) -> str:
        return str(clause.compile(dialect=DIALECT))

    clauses = all_clauses()
    assert len(clauses) > 100
    statements = [Statement._of_clause(clause) for clause in clauses]
    assert [one.sql for one in statements] == [plain(clause) for clause in clauses]
    # With row security some differ, so the comparison above can fail.
    assert any(one.secured.in_transaction != one.sql for one in statements)


def test_a_change_that_returns_nothing_counts_its_rows() -> None:
    sql = by_itself("DELETE FROM notes WHERE id = $1", "$2::text")
    assert "(DELETE FROM notes WHERE id = $1 RETURNING 1 AS changed)" in sql
