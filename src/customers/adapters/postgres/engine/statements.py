"""SQLAlchemy composes a statement and compiles it once; asyncpg runs its text (see `session`).

SQLAlchemy's types only shape the SQL here: values go to asyncpg as they are, so they are plain
(str, int, bool, Decimal, UUID, aware datetime, date), lists for arrays (`= ANY`), and whatever
JSON can say for JSONB. Nothing here touches a connection.
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
    """A compiled clause: its SQL text, the names of its values in order, and the literal values
    that came with it.

    The server plans a statement a few times and keeps to one plan then. Where the best plan
    depends on the values (a search that finds one in a million, or everyone), `plans_anew` has
    each run planned for its own; only `Session.rows` does that.
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
        known = compiled.construct_params(named, literals)
        self._literals = {name: known[name] for name in self._names if name not in named}

    @classmethod
    def of(cls, clause: ClauseElement, *, plans_anew: bool = False) -> Self:
        """Compiles a clause: once, for a statement that is kept."""
        return cls(_compiled(clause), None, plans_anew=plans_anew)

    @classmethod
    def like(cls, clause: ClauseElement) -> Self:
        """As `of`, for a clause whose shape comes again with other literals: a shape is compiled
        once. Plans anew.
        """
        shape = _Shape(clause)
        return cls(_compiled_shape(shape), shape.key.bindparams, plans_anew=True)

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The values in the statement's order; KeyError names one that is missing."""
        if not self._literals:
            return [values[name] for name in self._names]
        return [values[name] if name in values else self._literals[name] for name in self._names]


class _Shape:
    """A clause as the key of what it compiles to: equal when only literals differ."""

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
