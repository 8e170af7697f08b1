"""Addresses in PostgreSQL. The model decides which of them are defaults."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import any_, bindparam, delete
from sqlalchemy.dialects.postgresql import Insert, insert

from customers.adapters.postgres.customers.diff import difference
from customers.adapters.postgres.customers.owned_rows import all_of, existing, of_customer
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.owned_tables import customer_addresses
from customers.adapters.postgres.schema.types import UUIDS
from customers.core.model.address import Address
from customers.core.ports.customers import AddressRepository

ADDRESSES = RowMapping(Address, customer_addresses)


class PostgresAddresses(AddressRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self, customer_id: UUID) -> Sequence[Address]:
        rows = await self._session.rows(_ALL, customer_id=customer_id)
        return ADDRESSES.read_all(existing(rows))

    async def replace(
        self, customer_id: UUID, before: Sequence[Address], after: Sequence[Address]
    ) -> None:
        change = difference(before, after)
        if change.removed:
            await self._session.run(_REMOVE, customer_id=customer_id, ids=change.removed)
        if change.saved:
            rows = [ADDRESSES.write(address) for address in change.saved]
            await self._session.run_many(_SAVE, rows)


def _save() -> Insert:
    new = insert(customer_addresses).values(**parameters(customer_addresses))
    identity = ("tenant_id", "id", "customer_id")
    changes = {column.name: column for column in new.excluded if column.name not in identity}
    return new.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=changes)


_address = customer_addresses.c
_ALL = Statement.of(
    all_of(customer_addresses).order_by(
        _address.is_default.desc(), _address.created_at, _address.id
    )
)
_REMOVE = Statement.of(
    delete(customer_addresses).where(
        of_customer(customer_addresses), _address.id == any_(bindparam("ids", type_=UUIDS))
    )
)
_SAVE = Statement.of(_save())
