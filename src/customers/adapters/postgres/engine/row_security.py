"""Row-level security: how statements tell the server whose rows they are about.

The policies of the tables compare `tenant_id` with the setting `app.tenant`, which is always set
for one transaction only, so that nothing stays in a session that others use. A transaction sets it
when it begins. A statement that is a transaction by itself sets it without another round trip, in
an OFFSET clause around it whose value is always 0. The server evaluates the offset once, before it
asks for the first row. If it ever did so later, the statement would see no rows at all.

Reads of a table in TENANT_VIEWS use a view of the tenant's rows instead. Under a policy the server
must check the policy before any condition that could reveal another tenant's row by an error, so it
uses no index for such a condition: a search in texts, a list of tags, an amount. A view imposes no
such order, and is as strict.
"""

import re
from collections.abc import Sequence
from typing import Final

SETTING: Final = "app.tenant"
# The setting's value for statements about all tenants. The id of a tenant never has a space.
EVERY_TENANT: Final = "every tenant"
POLICY: Final = "of_tenant"
# The tables with a view of one tenant's rows, and those with a view of the rows of all tenants.
TENANT_VIEWS: Final = frozenset(("customer_statistics", "customers"))
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
# The markers before a table that is read, read under an alias, or written; and the one after it.
READ, ALIASED, WRITTEN, END = "\x01", "\x02", "\x03", "\x04"
# The marker between the WITH clause of a statement and the rest.
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
    """The SQL without markers, which names the tables themselves."""
    return _MARKED.sub(r"\2", sql).replace(AFTER_WITH, "")


def of_tenant(sql: str) -> str:
    """The SQL that reads a tenant's rows through a view where the table has one."""

    def named(match: re.Match[str]) -> str:
        use, table = match.groups()
        if use == WRITTEN or table not in TENANT_VIEWS:
            return table
        return _named(view_of_tenant(table), table, use)

    return _MARKED.sub(named, sql)


def of_every_tenant(sql: str) -> str:
    """The SQL that reads and writes all tenants' rows through a view where the table has one."""

    def named(match: re.Match[str]) -> str:
        use, table = match.groups()
        if table not in EVERY_TENANT_VIEWS:
            return table
        return _named(view_of_every_tenant(table), table, use)

    return _MARKED.sub(named, sql)


def _named(view: str, table: str, use: str) -> str:
    return view if use == ALIASED else f"{view} AS {table}"


def by_itself(sql: str, tenant: str) -> str:
    """The statement that sets the tenant for its own transaction, and leaves nothing behind.

    `tenant` is an SQL expression. An INSERT, UPDATE or DELETE may only stand in the outermost WITH,
    and begins when its result is read. It returns a row for each row that it changes, so that the
    changed rows can be counted.
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
    """The SQL literal of a text, valid whatever `standard_conforming_strings` is. Raises ValueError
    for a text with NUL.
    """
    if "\0" in text:
        raise ValueError("a text in PostgreSQL cannot contain NUL")
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
