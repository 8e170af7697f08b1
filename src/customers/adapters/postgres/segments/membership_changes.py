"""Statements that apply membership changes to the stored members and append them to the feed.

Changes get sequence numbers in their order. Of several changes of one customer in one segment, the
last one decides whether the customer is stored as a member. The member count of a segment changes
by the number of members that were actually added or removed.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Delete,
    Select,
    Subquery,
    Uuid,
    any_,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    not_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from customers.adapters.postgres.customers.lateral import is_membership
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import (
    customer_segment_changes,
    customer_segment_members,
    customer_segment_pending_changes,
    customer_segment_refresh_states,
    customer_segment_tenants,
)
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import UUIDS
from customers.core.model.membership import MembershipChange, SequencedChange

CHANGES = RowMapping(SequencedChange, customer_segment_changes)
_NEW_CHANGES = RowMapping(MembershipChange, customer_segment_changes, storage_only=("sequence",))


def change_values(changes: Sequence[MembershipChange]) -> dict[str, object]:
    """The parameters of APPLY: the number of changes, and an array for each of their columns."""
    rows = [_NEW_CHANGES.write(change) for change in changes]
    names = (column.name for column in _NEW_CHANGES.columns)
    return {"count": len(rows), **{name: [row[name] for row in rows] for name in names}}


def _apply() -> Select[Any]:
    changes = _changes()
    appended, last = _appended(changes), _last_of_members(changes)
    added, removed = _added(last), _removed(last)
    counted = _counted(added, removed)
    return select(literal_column("1")).add_cte(appended, added, removed, counted)


def _changes() -> CTE:
    """The changes as rows, with the `place` of each in their order, from 1."""
    columns = _NEW_CHANGES.columns
    arrays = (bindparam(column.name, type_=ARRAY(column.type)) for column in columns)
    names = (column(new.name, new.type) for new in columns)
    rows = func.unnest(*arrays).table_valued(*names, with_ordinality="place", name="new_changes")
    return select(rows.render_derived()).cte("changes")


def _appended(changes: CTE) -> CTE:
    """Appends the changes to the feed, numbered from the tenant's counter."""
    numbered = _numbered()
    values = {
        "tenant_id": TENANT,
        "sequence": numbered.c.before + changes.c.place,
        **{column.name: changes.c[column.name] for column in _NEW_CHANGES.columns},
    }
    rows = select(*values.values()).select_from(changes, numbered)
    return insert(customer_segment_changes).from_select(list(values), rows).cte("appended")


def _numbered() -> CTE:
    """Advances the tenant's counter, which is locked, and returns its value before that."""
    counter, count = customer_segment_tenants.c.changes, bindparam("count", type_=BigInteger())
    advanced = update(customer_segment_tenants).values(changes=counter + count)
    own = advanced.where(customer_segment_tenants.c.tenant_id == TENANT)
    return own.returning((counter - count).label("before")).cte("numbered")


def _last_of_members(changes: CTE) -> CTE:
    """The last change of each customer in each segment."""
    member = (changes.c.segment_id, changes.c.customer_id)
    last = select(*member, changes.c.entered).ext(distinct_on(*member))
    return last.order_by(*member, changes.c.place.desc()).cte("last")


def _added(last: CTE) -> CTE:
    rows = select(TENANT, last.c.customer_id, last.c.segment_id, customers.c.created_at).where(
        last.c.entered, customers.c.tenant_id == TENANT, customers.c.id == last.c.customer_id
    )
    names = ["tenant_id", "customer_id", "segment_id", "created_at"]
    new = insert(customer_segment_members).from_select(names, rows)
    new = new.on_conflict_do_nothing(index_elements=["tenant_id", "customer_id", "segment_id"])
    return new.returning(_member.segment_id).cte("added")


def _removed(last: CTE) -> CTE:
    removed = delete(customer_segment_members).where(
        not_(last.c.entered),
        is_membership(last.c.segment_id, _member.customer_id == last.c.customer_id),
    )
    return removed.returning(_member.segment_id).cte("removed")


def _counted(added: CTE, removed: CTE) -> CTE:
    """Adds the members that were added, less those removed, to the segments' member counts."""
    difference, state = _differences(added, removed).c, customer_segment_refresh_states.c
    counted = (
        update(customer_segment_refresh_states)
        .where(state.tenant_id == TENANT, state.segment_id == difference.segment_id)
        .values(member_count=state.member_count + difference.member_count)
    )
    return counted.cte("counted")


def _differences(added: CTE, removed: CTE) -> Subquery:
    """By how much the member count of each segment changes."""
    rows = union_all(
        select(added.c.segment_id, literal_column("1", BigInteger()).label("step")),
        select(removed.c.segment_id, literal_column("-1", BigInteger())),
    ).subquery("rows")
    sums = select(rows.c.segment_id, func.sum(rows.c.step).label("member_count"))
    return sums.group_by(rows.c.segment_id).subquery("differences")


def _remove_pending() -> Delete:
    """Removes the pending changes up to a number for each customer; newer ones stay."""
    types = (("customer_ids", UUIDS), ("numbers", ARRAY(BigInteger())))
    arrays = (bindparam(name, type_=kind) for name, kind in types)
    names = (column("customer_id", Uuid()), column("number", BigInteger()))
    applied = func.unnest(*arrays).table_valued(*names, name="applied").render_derived()
    pending_change = customer_segment_pending_changes.c
    return delete(customer_segment_pending_changes).where(
        pending_change.tenant_id == TENANT,
        pending_change.customer_id == applied.c.customer_id,
        pending_change.number <= applied.c.number,
    )


_member = customer_segment_members.c
_change = customer_segment_changes.c
_SEGMENT = bindparam("segment_id", type_=Uuid())
APPLY = Statement.of(_apply())
REMOVE_PENDING = Statement.of(_remove_pending())
MEMBERS_AMONG = Statement.of(
    select(_member.customer_id).where(
        is_membership(_SEGMENT, _member.customer_id == any_(bindparam("customer_ids", type_=UUIDS)))
    )
)
FEED = Statement.of(
    select(*CHANGES.columns)
    .where(
        _change.tenant_id == TENANT,
        _change.segment_id == _SEGMENT,
        _change.sequence > bindparam("after", type_=BigInteger()),
    )
    .order_by(_change.sequence)
    .limit(bindparam("limit", type_=BigInteger()))
)
