"""How often the server plans a prepared statement.

PostgreSQL plans it for its values five times. Then it reuses a plan for all values, unless that
looks dearer than the plans for the values at hand were (`choose_custom_plan` in its plancache.c).
"""

from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, func, literal_column, or_, select


def for_its_values(statement: Select[Any]) -> Select[Any]:
    """The statement, which the server plans for its values at every run: for statements whose best
    plan depends on them, as a search may find one customer in a million, or all.

    A condition is added that is true, and costs nothing: its parameter is always NULL, so a plan
    for the values at hand is without it. A plan for all values has to count 10^12 rows if the
    parameter is not NULL, so it looks dearer than any other.
    """
    return statement.where(or_(_NOTHING.is_(None), _ROWS == _NOTHING))


_NOTHING = bindparam("nothing", None, type_=BigInteger)
_NUMBERS = func.generate_series(
    literal_column("1::bigint", BigInteger), literal_column("1000000000000", BigInteger)
)
_ROWS = select(func.count()).select_from(_NUMBERS.alias("numbers")).scalar_subquery()
