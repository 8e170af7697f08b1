"""The forms of a statement's SQL: without row-level security, and with it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from customers.adapters.postgres.engine import row_security
from customers.adapters.postgres.engine.tenant_proof import TENANT_COLUMN


class SecuredSql:
    """The SQL of one statement in several forms, most of them made when they are first needed.

    `marked` is SQL with the markers of `compiler`; `names` are the names of its parameters, in
    order.
    """

    def __init__(self, marked: str, names: Sequence[str], *, is_across_tenants: bool) -> None:
        self.plain: Final = row_security.plain(marked)
        """The SQL without row-level security, for a role to which no policy applies."""
        self._marked = marked
        self._names = names
        self._is_across_tenants = is_across_tenants

    @cached_property
    def in_transaction(self) -> str:
        """The SQL for a transaction that has set its tenant."""
        return self._secured.replace(row_security.AFTER_WITH, "")

    @cached_property
    def by_itself(self) -> str:
        """The SQL for a transaction of this statement alone: it sets the tenant itself, if the
        statement has the parameter `tenant_id` or is about all tenants.
        """
        if self._is_across_tenants:
            everybody = row_security.quoted(row_security.EVERY_TENANT)
            return row_security.by_itself(self._secured, everybody)
        if TENANT_COLUMN not in self._names:
            return self.plain
        tenant = f"${self._names.index(TENANT_COLUMN) + 1}::text"
        return row_security.by_itself(self._secured, tenant)

    @cached_property
    def _secured(self) -> str:
        if self._is_across_tenants:
            return row_security.of_every_tenant(self._marked)
        return row_security.of_tenant(self._marked)
