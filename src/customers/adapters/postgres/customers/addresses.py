"""Addresses in PostgreSQL. Which of them are defaults is the model's business."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from attrs import asdict
from sqlalchemy import any_, bindparam, delete
from sqlalchemy.dialects.postgresql import Insert, insert

from customers.adapters.postgres.customers.diff import replacement
from customers.adapters.postgres.customers.owned_rows import all_of, found, of_customer
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import customer_addresses
from customers.adapters.postgres.schema.types import UUIDS
from customers.core.model.address import Address, AddressType
from customers.core.ports.customers import AddressRepository


class PostgresAddresses(AddressRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self, customer_id: UUID) -> Sequence[Address]:
        rows = await self._session.rows(_ALL, customer_id=customer_id)
        return [from_row(row) for row in found(rows)]

    async def replace(
        self, customer_id: UUID, before: Sequence[Address], after: Sequence[Address]
    ) -> None:
        change = replacement(before, after)
        if change.gone:
            await self._session.run(_REMOVE, customer_id=customer_id, ids=change.gone)
        if change.put:
            await self._session.run_each(_PUT, [asdict(address) for address in change.put])


def from_row(row: Record | Mapping[str, Any]) -> Address:
    """The address of a row that has the columns of its table."""
    return Address(**{**row, "address_type": AddressType(row["address_type"])})


def _put() -> Insert:
    new = insert(customer_addresses).values(**parameters(customer_addresses))
    identity = ("tenant_id", "id", "customer_id")
    changes = {column.name: column for column in new.excluded if column.name not in identity}
    return new.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=changes)


_of = customer_addresses.c
_ALL = Statement.of(
    all_of(customer_addresses).order_by(_of.is_default.desc(), _of.created_at, _of.id)
)
_REMOVE = Statement.of(
    delete(customer_addresses).where(
        of_customer(customer_addresses), _of.id == any_(bindparam("ids", type_=UUIDS))
    )
)
_PUT = Statement.of(_put())
