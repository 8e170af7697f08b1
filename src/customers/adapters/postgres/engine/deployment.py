"""What a whole database agrees on: its schema and its currency."""

from sqlalchemy import column, select, table
from sqlalchemy.dialects.postgresql import insert

from customers.adapters.postgres.engine import migrate
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import deployment
from customers.core.errors import Unavailable
from customers.core.model.money import Currency


class WrongCurrency(RuntimeError):
    """The amounts in the database are in another currency than the one that was asked for."""

    def __init__(self, kept: str, asked: str) -> None:
        super().__init__(
            f"the database keeps its amounts in {kept} and CURRENCY is {asked}: "
            f"set CURRENCY to {kept}, or use another database"
        )


async def check(session: Session, currency: Currency) -> None:
    """Returns when the schema is the newest and the currency is this one; the first one to ask
    settles it. Raises Unavailable and WrongCurrency.
    """
    row = await session.row(_AGREED)
    if row is None or migrate.is_behind(row["version_num"]):
        raise Unavailable("the database is not migrated: run `customers migrate`")
    kept = row["currency"] or await _settle(session, currency)
    if kept != currency.code:
        raise WrongCurrency(kept, currency.code)


async def _settle(session: Session, currency: Currency) -> str:
    await session.run(_SETTLE, only=True, currency=currency.code)
    return str(await session.value(_KEPT))


_version = table("alembic_version", column("version_num"))
_AGREED = Statement.of(
    select(
        _version.c.version_num, select(deployment.c.currency).scalar_subquery().label("currency")
    )
)
_KEPT = Statement.of(select(deployment.c.currency))
_SETTLE = Statement.of(
    insert(deployment)
    .values(parameters(deployment))
    .on_conflict_do_nothing(index_elements=["only"])
)
