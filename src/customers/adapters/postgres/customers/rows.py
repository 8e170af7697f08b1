"""A customer as a row of `customers`."""

from collections.abc import Callable
from operator import attrgetter

from attrs import fields

from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.schema.tables import customers
from customers.core.model.customer import Customer
from customers.core.model.folding import fold
from customers.core.model.order import Statistics

_FOLDED = ("email", "first_name", "last_name", "phone", "country", "country_code", "notes")
_CHANGED_BY_ORDERS = {"updated_at", "version", *(field.name for field in fields(Statistics))}


def _folded(field: str) -> Callable[[Customer], str]:
    return lambda customer: fold(getattr(customer, field))


CUSTOMERS = RowMapping(
    Customer,
    customers,
    derived={
        "email_key": attrgetter("email_key"),
        "search_text": attrgetter("search_text"),
        "tags_folded": lambda customer: [fold(tag) for tag in customer.tags],
        **{f"{name}_folded": _folded(name) for name in _FOLDED},
    },
)

# The columns that recording an order changes.
ORDER_COLUMNS = tuple(column for column in CUSTOMERS.columns if column.name in _CHANGED_BY_ORDERS)
