"""A customer as a row of `customers` and a row of `customer_statistics`."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import Select, and_, select, true
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.util import ClauseAdapter
from sqlalchemy.sql.visitors import replacement_traverse

from customers.adapters.postgres.customers.lateral import lateral
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.schema.tables import customers
from customers.core.model.customer import Customer
from customers.core.model.folding import fold

_FOLDED = ("email", "first_name", "last_name", "phone", "country", "country_code", "notes")


def _folded(field: str) -> Callable[[Customer], str]:
    return lambda customer: fold(getattr(customer, field))


CUSTOMERS = RowMapping(
    Customer,
    customers,
    beside=customer_statistics,
    derived={
        "customer_id": attrgetter("id"),
        "is_living": lambda customer: customer.deleted_at is None,
        "email_key": attrgetter("email_key"),
        "search_text": attrgetter("search_text"),
        "tags_folded": lambda customer: [fold(tag) for tag in customer.tags],
        **{f"{name}_folded": _folded(name) for name in _FOLDED},
    },
)

# The columns that recording an order changes.
ORDER_COLUMNS = tuple(one for one in CUSTOMERS.columns if one.table is customer_statistics)
# Joins the row of statistics to that of the customer.
WITH_STATISTICS = and_(
    customer_statistics.c.tenant_id == customers.c.tenant_id,
    customer_statistics.c.customer_id == customers.c.id,
)
_statistics = lateral(
    select(customer_statistics).where(
        customer_statistics.c.tenant_id == TENANT,
        customer_statistics.c.customer_id == customers.c.id,
    ),
    "statistics",
)
# For reads that find customers by the table `customers` alone: the statistics of each are looked
# up. In a join, the planner could choose to look through all statistics for the customers it wants.
CUSTOMERS_WITH_STATISTICS = customers.join(_statistics, true())
CUSTOMER_ROW = tuple(
    _statistics.c[one.name] if one.table is customer_statistics else one
    for one in CUSTOMERS.columns
)


def with_look_ups(rows: Select[Any]) -> Select[Any]:
    """The rows of a select from both tables that joins them WITH_STATISTICS; instead, the
    statistics of each customer are looked up. See `expects_few`.

    The whole select is rewritten, also the subqueries that it mentions. So what must stay as it is,
    such as the ids that another read of `customer_statistics` chose, is added afterwards.
    """
    without_join: Select[Any] = ClauseAdapter(_statistics).traverse(_without_join(rows))
    return without_join.select_from(CUSTOMERS_WITH_STATISTICS)


def _without_join(rows: Select[Any]) -> Select[Any]:
    """The rows without the conditions of WITH_STATISTICS, which the look-up has itself."""

    def _dropped(element: Any, **_: object) -> ColumnElement[bool] | None:
        is_join = any(element is condition for condition in WITH_STATISTICS.clauses)
        return true() if is_join else None

    return cast("Select[Any]", replacement_traverse(rows, {}, _dropped))


async def expects_few(session: Session) -> bool:
    """Whether the planner expects few customers of the tenant, so that look-ups should take the
    place of joins.

    Of a tenant that is newer than its statistics it expects one customer, however many there are.
    Then it may join the tables by the tenant alone, and compare every customer with every other.
    """
    return await session.expected_rows(_OF_TENANT) < FEW


# Look-ups of so few customers cost little more than a join.
FEW = 1_000
_OF_TENANT = Statement.of(select(customers.c.id).where(customers.c.tenant_id == TENANT))
