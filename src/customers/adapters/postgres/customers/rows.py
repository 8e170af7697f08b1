"""A customer as a row of `customers` and a row of `customer_statistics`."""

from collections.abc import Callable
from operator import attrgetter

from sqlalchemy import and_, select, true

from customers.adapters.postgres.customers.lateral import lateral
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT
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
    select(*ORDER_COLUMNS).where(
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
