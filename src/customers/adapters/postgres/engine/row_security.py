"""Row-level security: how statements tell the server whose rows they are about.

The policies of the tables compare `tenant_id` with the setting `app.tenant`, which is always set
for one transaction only, so that nothing stays in a session that others use. A transaction sets it
when it begins. A statement that is a transaction by itself sets it without another round trip: the
offset around it does, which is always 0. The server evaluates it once, before it asks for the first
row. If that was ever otherwise, the statement would see no row at all.

Reads of some tables name a view of the rows of the tenant instead. Under a policy the server uses
no index for a condition that might tell of other rows, by an error, before the policy has passed
them: a search in texts, a list of tags, an amount. A view has no such order and is as strict.
"""

import re
from collections.abc import Sequence
from typing import Final

SETTING: Final = "app.tenant"
# What stands in the place of a tenant for those that ask about all; a tenant has no space.
EVERY_TENANT: Final = "every tenant"
POLICY: Final = "of_tenant"
# The tables with a view of the rows of the tenant, and those with a view of the rows of all.
TENANT_VIEWS: Final = frozenset(("customers",))
EVERY_TENANT_VIEWS: Final = frozenset(
    (
        "customer_api_keys",
        "customer_email_verifications",
        "customer_erasures",
        "customer_segment_pending_changes",
        "customer_segment_refresh_states",
        "customer_segments",
        "customers",
    )
)
WRITTEN_FOR_EVERY_TENANT: Final = frozenset(("customers",))
# Around the name of a table where it is read, read under another name, and written.
READ, ALIASED, WRITTEN, END = "\x01", "\x02", "\x03", "\x04"
# Between the WITH of a statement and the rest.
AFTER_WITH = "\x05"
_MARKED = re.compile(f"([{READ}{ALIASED}{WRITTEN}])([a-z_]+){END}")


def view_of_tenant(table: str) -> str:
    return f"{table}_of_tenant"


def view_of_every_tenant(table: str) -> str:
    return f"{table}_of_every_tenant"


def view_names() -> Sequence[str]:
    """The names of all views."""
    return [
        *map(view_of_tenant, sorted(TENANT_VIEWS)),
        *map(view_of_every_tenant, sorted(EVERY_TENANT_VIEWS)),
    ]


def plain(sql: str) -> str:
    """The SQL that names the tables themselves."""
    return _MARKED.sub(r"\2", sql).replace(AFTER_WITH, "")


def of_tenant(sql: str) -> str:
    """The SQL that reads the rows of a tenant through the views that there are."""

    def named(match: re.Match[str]) -> str:
        use, table = match.groups()
        if use == WRITTEN or table not in TENANT_VIEWS:
            return table
        return _named(view_of_tenant(table), table, use)

    return _MARKED.sub(named, sql)


def of_every_tenant(sql: str) -> str:
    """The SQL that reads and writes the rows of all tenants through views."""

    def named(match: re.Match[str]) -> str:
        use, table = match.groups()
        if table not in EVERY_TENANT_VIEWS:
            return table
        return _named(view_of_every_tenant(table), table, use)

    return _MARKED.sub(named, sql)


def _named(view: str, table: str, use: str) -> str:
    return view if use == ALIASED else f"{view} AS {table}"


def by_itself(sql: str, tenant: str) -> str:
    """A statement that sets the tenant, an expression, and leaves nothing behind.

    What changes rows may only stand in a WITH that is outside, and begins when it is read. A change
    returns a row for each that it changed, so that they are counted.
    """
    with_clause, _, own = sql.rpartition(AFTER_WITH)
    if not own.lstrip().startswith(("SELECT", "(")):
        if " RETURNING " not in own:
            own += " RETURNING 1 AS changed"
        begin = f"{with_clause.rstrip()}," if with_clause else "WITH"
        with_clause, own = f"{begin} own_change AS ({own}) ", "SELECT * FROM own_change"
    offset = f"CASE WHEN set_config('{SETTING}', {tenant}, true) IS NULL THEN 1 ELSE 0 END"
    return f"{with_clause}SELECT own.* FROM ({own}) AS own OFFSET {offset}"  # noqa: S608 - composed


def setting(tenant_id: str) -> str:
    """The SQL that sets the tenant for the rest of a transaction, without parameters."""
    return f"SET LOCAL {SETTING} = {quoted(tenant_id)}"


def quoted(text: str) -> str:
    """A literal of SQL with that text, whatever `standard_conforming_strings` is."""
    if "\0" in text:
        raise ValueError("a text of PostgreSQL has no NUL")
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
