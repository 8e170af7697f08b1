"""What recorded orders add to the statistics of their customer."""

from typing import Any

from sqlalchemy import ColumnElement, Numeric, bindparam, func
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.schema.types import MOMENT
from customers.core.model.money import Currency

_statistics = customer_statistics.c


def with_orders(
    *,
    count: ColumnElement[Any] | int,
    spent: ColumnElement[Any],
    first_date: ColumnElement[Any],
    last_date: ColumnElement[Any],
    current: ReadOnlyColumnCollection[str, Any] = _statistics,
) -> dict[str, ColumnElement[Any]]:
    """The values of the changed columns of `customer_statistics`, from the `current` ones.

    In an update these are the row's own, which may be newer than the statement's snapshot.
    """
    total_orders = current.total_orders + count
    total_spent = current.total_spent + spent
    return {
        "total_orders": total_orders,
        "total_spent": total_spent,
        "average_order_value": _average(total_spent, total_orders),
        "first_order_date": func.least(current.first_order_date, first_date),
        "last_order_date": func.greatest(current.last_order_date, last_date),
        "version": current.version + count,
        "updated_at": func.greatest(current.updated_at, bindparam("now", type_=MOMENT)),
    }


def currency_values(currency: Currency) -> dict[str, object]:
    """The parameters of the rounding to the minor unit."""
    return {"unit": currency.unit, "units": 1 / currency.unit}


def _average(spent: ColumnElement[Any], orders: ColumnElement[Any]) -> ColumnElement[Any]:
    """The quotient, rounded half-up to the minor unit. It is computed with whole numbers of minor
    units, because a division of decimals would round twice.
    """
    unit, units = bindparam("unit", type_=Numeric()), bindparam("units", type_=Numeric())
    return func.div(2 * spent * units + orders, 2 * orders) * unit
