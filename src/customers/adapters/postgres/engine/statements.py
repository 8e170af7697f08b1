"""Statements that SQLAlchemy composes and compiles once, and asyncpg runs (see `session`).

SQLAlchemy's types only shape the SQL: values go to asyncpg unchanged. So they are plain (str, int,
bool, Decimal, UUID, aware datetime, date), lists or tuples for arrays, JSON values for JSONB.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Self, cast

from sqlalchemy import BindParameter
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql.cache_key import CacheKey
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

_DIALECT = PGDialect_asyncpg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class Statement:
    """A compiled clause: its SQL, the names of its parameters in order, and its literal values.

    The server plans a statement a few times, then reuses one plan. Where the best plan depends on
    the values (a search may find one customer in a million, or all), `plans_anew` makes the server
    plan every run; only `Session.rows` does that.
    """

    __slots__ = ("_literals", "_names", "plans_anew", "sql")

    def __init__(
        self,
        compiled: SQLCompiler,
        literals: Sequence[BindParameter[Any]] | None,
        *,
        plans_anew: bool,
    ) -> None:
        self.sql = compiled.string
        self.plans_anew = plans_anew
        self._names = tuple(compiled.positiontup or ())
        named = {name: None for name in self._names if compiled.binds[name].required}
        values = compiled.construct_params(named, literals)
        self._literals = {name: values[name] for name in self._names if name not in named}

    @classmethod
    def of(cls, clause: ClauseElement, *, plans_anew: bool = False) -> Self:
        """Compiles a clause, for a statement that is stored and reused."""
        return cls(_compiled(clause), None, plans_anew=plans_anew)

    @classmethod
    def like(cls, clause: ClauseElement) -> Self:
        """As `of`, for a clause that is composed again with other literals: each shape is compiled
        once. Plans anew.
        """
        shape = _Shape(clause)
        return cls(_compiled_shape(shape), shape.key.bindparams, plans_anew=True)

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The values in the order of the parameters. Raises KeyError with a missing name."""
        if not self._literals:
            return [values[name] for name in self._names]
        return [values[name] if name in values else self._literals[name] for name in self._names]


class _Shape:
    """A clause as a cache key: equal to clauses that differ in literals only."""

    __slots__ = ("clause", "key")

    def __init__(self, clause: ClauseElement) -> None:
        self.clause = clause
        key = clause._generate_cache_key()
        if key is None:
            raise TypeError(
                "a part of the statement cannot be cached: compile it with Statement.of"
            )
        self.key = key

    def __hash__(self) -> int:
        return hash(self.key.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shape) and self.key.key == other.key.key


@lru_cache(maxsize=512)
def _compiled_shape(shape: _Shape) -> SQLCompiler:
    return _compiled(shape.clause, shape.key)


def _compiled(clause: ClauseElement, key: CacheKey | None = None) -> SQLCompiler:
    return cast(SQLCompiler, clause.compile(dialect=_DIALECT, cache_key=key))
