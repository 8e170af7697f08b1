"""Refresh states as rows, and the statements that read and save them."""

from typing import Any

from sqlalchemy import Update, Uuid, any_, bindparam, case, select, update
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.segment_tables import customer_segment_refresh_states
from customers.adapters.postgres.schema.types import UUIDS
from customers.core.model.membership import RefreshState

REFRESH_STATES = RowMapping(
    RefreshState, customer_segment_refresh_states, storage_only=("segment_id", "barrier_at")
)


def _save() -> Update:
    """Saves a refresh state except for its member count. If the state has no cursor, the capture
    barrier is cleared, because a backfill that begins needs a new barrier.
    """
    values: dict[str, ColumnElement[Any]] = {
        column.name: bindparam(column.name, type_=column.type)
        for column in REFRESH_STATES.columns
        if column.name != "member_count"
    }
    barrier_at = case((values["cursor"].is_not(None), _state.barrier_at))
    saved = update(customer_segment_refresh_states).values({**values, "barrier_at": barrier_at})
    segment_id = bindparam("segment_id", type_=Uuid())
    return saved.where(_state.tenant_id == TENANT, _state.segment_id == segment_id)


_state = customer_segment_refresh_states.c
_SELECT = select(_state.segment_id, *REFRESH_STATES.columns).where(_state.tenant_id == TENANT)
ALL = Statement.of(_SELECT)
OF_SEGMENTS = Statement.of(_SELECT.where(_state.segment_id == any_(bindparam("ids", type_=UUIDS))))
SAVE = Statement.of(_save())
