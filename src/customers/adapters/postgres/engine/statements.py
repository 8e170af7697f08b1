"""Statements that SQLAlchemy composes and compiles once, and asyncpg runs (see `session`).

SQLAlchemy's types only shape the SQL: values go to asyncpg unchanged. So they are plain (str, int,
bool, Decimal, UUID, aware datetime, date), lists or tuples for arrays, JSON values for JSONB.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

from attrs import frozen
from sqlalchemy import BindParameter
from sqlalchemy.sql.cache_key import CacheKey
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from customers.adapters.postgres.engine.compiler import MarkingDialect
from customers.adapters.postgres.engine.secured_sql import SecuredSql
from customers.adapters.postgres.engine.tenant_proof import expect_listed, prove
from customers.adapters.postgres.engine.weighted_cache import WeightedCache

_DIALECT = MarkingDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


@frozen
class _Template:
    """A compiled statement without the values of its literals.

    `names` are its parameters in order; `places` has for each literal the place of its value among
    the literals of a clause (`CacheKey.bindparams`).
    """

    sql: SecuredSql
    names: tuple[str, ...]
    places: Mapping[str, int]


class Statement:
    """A compiled clause: its SQL, the names of its parameters in order, and its literal values.

    With `is_sent_each_time` it is not stored by the server.
    """

    __slots__ = ("_literals", "_names", "is_sent_each_time", "secured", "sql")

    def __init__(
        self,
        sql: SecuredSql,
        names: tuple[str, ...],
        literals: Mapping[str, object],
        *,
        is_sent_each_time: bool = False,
    ) -> None:
        self.sql = sql.plain
        self.secured = sql
        self.is_sent_each_time = is_sent_each_time
        self._names = names
        self._literals = literals

    @classmethod
    def of(cls, clause: ClauseElement) -> Self:
        """Compiles a clause, for a statement that is stored and reused. The server plans it a few
        times, then reuses one plan, if that suits other values as well; see `planning`.

        Raises UnprovenStatement for a statement that could reach another tenant's rows.
        """
        prove(clause)
        return cls._of_clause(clause)

    @classmethod
    def across_tenants(cls, name: str, clause: ClauseElement) -> Self:
        """As `of`, for one of the few statements about all tenants, which ACROSS_TENANTS lists by
        name. Raises UnprovenStatement for another name.
        """
        expect_listed(name)
        return cls._of_clause(clause, is_across_tenants=True)

    @classmethod
    def _of_clause(cls, clause: ClauseElement, *, is_across_tenants: bool = False) -> Self:
        compiled = _compiled(clause)
        literals, names = _literals(compiled, None), _names(compiled)
        sql = SecuredSql(compiled.string, names, is_across_tenants=is_across_tenants)
        return cls(sql, names, literals)

    @classmethod
    def like(cls, clause: ClauseElement) -> Self:
        """As `of`, for a read whose clause is composed for each run: the SQL is cached by the shape
        of the clause, and the server parses and plans each run. Raises UnprovenStatement, and
        TypeError for a clause that cannot be cached.
        """
        if (key := clause._generate_cache_key()) is None:
            raise TypeError(
                "a part of the statement cannot be cached: compile it with Statement.of"
            )
        template = _template(clause, key)
        values = key.bindparams
        literals = {name: values[place].effective_value for name, place in template.places.items()}
        return cls(template.sql, template.names, literals, is_sent_each_time=True)

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The arguments in the order of the parameters, from `values` or else from the literals.
        Raises KeyError for a parameter without a value.
        """
        if not self._literals:
            return [values[name] for name in self._names]
        return [values[name] if name in values else self._literals[name] for name in self._names]


def _template(clause: ClauseElement, key: CacheKey) -> _Template:
    """The template of all clauses with this key. It refers to no clause, which would take much more
    memory.
    """
    template = _TEMPLATES.get(key.key)
    if template is None:
        prove(clause)
        compiled = _compiled(clause, key)
        probes = [
            BindParameter(None, place, type_=parameter.type)
            for place, parameter in enumerate(key.bindparams)
        ]
        places = cast("Mapping[str, int]", _literals(compiled, probes))
        names = _names(compiled)
        sql = SecuredSql(compiled.string, names, is_across_tenants=False)
        template = _Template(sql, names, places)
        _TEMPLATES.put(key.key, template, _BYTES_PER_CHARACTER * len(sql.plain))
    return template


def _compiled(clause: ClauseElement, key: CacheKey | None = None) -> SQLCompiler:
    return cast(SQLCompiler, clause.compile(dialect=_DIALECT, cache_key=key))


def _names(compiled: SQLCompiler) -> tuple[str, ...]:
    return tuple(compiled.positiontup or ())


def _literals(
    compiled: SQLCompiler, literals: Sequence[BindParameter[Any]] | None
) -> Mapping[str, object]:
    """The values of the parameters that callers do not pass, by name: the statement's own literals,
    or `literals` instead.
    """
    names = _names(compiled)
    named = {name: None for name in names if compiled.binds[name].required}
    values = compiled.construct_params(named, literals)
    return {name: values[name] for name in names if name not in named}


# The measured memory of a template and its key per character of SQL, and the limit for all of them.
_BYTES_PER_CHARACTER, _MAX_BYTES = 60, 12_000_000
_TEMPLATES = WeightedCache[Any, _Template](_MAX_BYTES)
