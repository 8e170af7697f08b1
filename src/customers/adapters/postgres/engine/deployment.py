"""Checks what holds for a whole database: its schema and its currency."""

from sqlalchemy import column, select, table
from sqlalchemy.dialects.postgresql import insert

from customers.adapters.postgres.engine import migrate
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import deployment
from customers.core.errors import Unavailable
from customers.core.model.money import Currency


class WrongCurrency(RuntimeError):
    """The amounts in the database are in another currency than the configured one."""

    def __init__(self, stored: str, configured: str) -> None:
        super().__init__(
            f"the database stores its amounts in {stored} and CURRENCY is {configured}: "
            f"set CURRENCY to {stored}, or use another database"
        )


async def check(session: Session, currency: Currency) -> None:
    """Returns when the schema is current and the currency is this one; the first check of a
    database sets its currency. Raises Unavailable, WrongCurrency.
    """
    row = await session.row(_GET)
    if row is None or migrate.is_behind(row["version_num"]):
        raise Unavailable("the database is not migrated: run `customers migrate`")
    stored = row["currency"] or await _set_currency(session, currency)
    if stored != currency.code:
        raise WrongCurrency(stored, currency.code)


async def _set_currency(session: Session, currency: Currency) -> str:
    """The currency of the database, which another process may have set first."""
    await session.run(_SET_CURRENCY, only=True, currency=currency.code)
    return str(await session.value(_GET_CURRENCY))


_version = table("alembic_version", column("version_num"))
_GET_CURRENCY = Statement.of(select(deployment.c.currency))
_GET = Statement.of(
    select(
        _version.c.version_num, select(deployment.c.currency).scalar_subquery().label("currency")
    )
)
_SET_CURRENCY = Statement.of(
    insert(deployment)
    .values(parameters(deployment))
    .on_conflict_do_nothing(index_elements=["only"])
)
