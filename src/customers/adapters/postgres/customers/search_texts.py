"""Rewrites search texts that an older release has written, in the form that this one searches.

An older release writes its own form as long as it runs, so the sweeper looks for such texts again
and again. Until its text is rewritten, a customer is found only by what the older form contains.
"""

from sqlalchemy import Select, bindparam, column, func, select, update

from customers.adapters.postgres.engine import revisions
from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import customers, has_old_search_text
from customers.adapters.postgres.schema.types import TEXT, TEXTS, UUIDS
from customers.core.model.search import search_text

# The first revision with the index that finds old search texts.
_REVISION = "0010"


def can_be_rewritten(revision: str | None) -> bool:
    """Whether this program may rewrite the search texts of a database at this revision."""
    return revision is not None and revision >= _REVISION and not revisions.is_newer(revision)


async def count(session: Session) -> int:
    """The number of customers of all tenants whose search text an older release has written."""
    return int(await session.value(_COUNT))


async def rewrite(session: Session, limit: int) -> int:
    """Rewrites old search texts of at most `limit` customers of all tenants; returns the number of
    these customers. Skips those that another transaction has locked, so that it never waits.
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
