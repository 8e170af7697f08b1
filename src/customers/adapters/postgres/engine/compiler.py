"""The SQL dialect of `Statement`: asyncpg's, with markers around the names of some tables.

With row-level security these names are replaced by those of views; see `row_security`.
"""

from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg

from customers.adapters.postgres.engine import row_security


class _MarkingCompiler(PGCompiler_asyncpg):
    def visit_table(self, table: Any, *arguments: Any, **options: Any) -> str:
        """The table's name; if the table has a view, between a marker of its use and END."""
        text = str(super().visit_table(table, *arguments, **options))  # type: ignore[no-untyped-call]
        is_locked = options.get("ashint")  # in FOR UPDATE OF, which names the view by its alias
        if text != table.name or text not in _MARKED or is_locked:
            return text
        alias = options.get("enclosing_alias")
        is_aliased = alias is not None and alias.element is table
        use = row_security.ALIASED if is_aliased else row_security.READ
        if options.get("iscrud"):
            use = row_security.WRITTEN
        return f"{use}{text}{row_security.END}"

    def _render_cte_clause(self, *arguments: Any, **options: Any) -> str:
        """The WITH clause; that of the whole statement ends with a marker."""
        text = str(super()._render_cte_clause(*arguments, **options))  # type: ignore[no-untyped-call]
        is_whole = (options.get("nesting_level") or 0) <= 1
        return text + row_security.AFTER_WITH if text and is_whole else text


class MarkingDialect(PGDialect_asyncpg):
    statement_compiler = _MarkingCompiler
    supports_statement_cache = True


_MARKED = row_security.TENANT_VIEWS | row_security.EVERY_TENANT_VIEWS
