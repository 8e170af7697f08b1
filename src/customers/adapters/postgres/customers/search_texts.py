"""Search texts that an older release has written, written again as this one looks into them.

An older release writes its form whenever it serves, so the texts are written again until no such
release is left. Until then its customers are found as that release finds them.
"""

from sqlalchemy import Select, bindparam, column, func, select, update

from customers.adapters.postgres.engine import revisions
from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import customers, has_old_search_text
from customers.adapters.postgres.schema.types import TEXT, TEXTS, UUIDS
from customers.core.model.search import search_text

# The revision with the index that finds such texts.
_REVISION = "0010"


def can_be_rewritten(revision: str | None) -> bool:
    """Whether this program may write the search texts of a database with that revision again."""
    return revision is not None and revision >= _REVISION and not revisions.is_newer(revision)


async def count(session: Session) -> int:
    """The number of customers of all tenants whose search text an older release has written."""
    return int(await session.value(_COUNT))


async def rewrite(session: Session, limit: int) -> int:
    """Writes the search texts of at most `limit` customers of all tenants again, and returns their
    number, in a transaction that waits for no other. It passes over customers that another
    transaction holds.
    """
    rows = await session.rows(_OLD_FOR_UPDATE, limit=limit)
    texts = [
        search_text(row["email"], f"{row['first_name']} {row['last_name']}", row["phone"])
        for row in rows
    ]
    if rows:
        tenants, ids = [row["tenant_id"] for row in rows], [row["id"] for row in rows]
        await session.run(_REWRITE, tenant_ids=tenants, ids=ids, texts=texts)
    return len(rows)


def _old_for_update() -> Select[tuple[object, ...]]:
    customer = customers.c
    names = (customer.email, customer.first_name, customer.last_name, customer.phone)
    return (
        select(customer.tenant_id, customer.id, *names)
        .where(has_old_search_text(customer))
        .order_by(customer.tenant_id, customer.id)
        .limit(bindparam("limit"))
        .with_for_update(key_share=True, skip_locked=True)
    )


_new = (
    func.unnest(
        bindparam("tenant_ids", type_=TEXTS),
        bindparam("ids", type_=UUIDS),
        bindparam("texts", type_=TEXTS),
    )
    .table_valued(
        column("tenant_id", TEXT), column("id", customers.c.id.type), column("text", TEXT)
    )
    .render_derived(name="new")
)
_COUNT = Statement.across_tenants(
    "old search texts",
    select(func.count()).select_from(customers).where(has_old_search_text(customers.c)),
)
_OLD_FOR_UPDATE = Statement.across_tenants("some old search texts", _old_for_update())
_REWRITE = Statement.across_tenants(
    "rewritten search texts",
    update(customers)
    .values(search_text=_new.c.text)
    .where(customers.c.tenant_id == _new.c.tenant_id, customers.c.id == _new.c.id),
)
