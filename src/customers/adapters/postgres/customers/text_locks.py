"""Locks of texts of a tenant, such as e-mail addresses, whether or not a row has them.

They are advisory locks of 64 bits, held until the transaction ends. Two texts with the same bits
share a lock, so one who wants either may wait for the other; nothing else happens.
"""

from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, column, func, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.types import TEXT, TEXTS

_SEED = literal_column("0", BigInteger())


def lock_text(parameter: str) -> Select[Any]:
    """Locks the text of a parameter."""
    number = _number(bindparam(parameter, type_=TEXT))
    return select(func.pg_advisory_xact_lock(number).label("lock"))


def try_lock(text: ColumnElement[str]) -> ColumnElement[bool]:
    """Locks the text unless another transaction has locked it; whether this one has the lock."""
    return func.pg_try_advisory_xact_lock(_number(text))


def lock_texts(parameter: str) -> Select[Any]:
    """Locks the texts of a parameter, an array, in the order of their numbers, which is the same in
    every transaction. A transaction that locks several texts in another way could deadlock.
    """
    texts = func.unnest(bindparam(parameter, type_=TEXTS)).table_valued(
        column("text", TEXT), name="texts"
    )
    number = _number(texts.render_derived().c.text).label("number")
    in_order = select(number).distinct().order_by(number).subquery("in_order")
    return select(func.pg_advisory_xact_lock(in_order.c.number).label("lock"))


def _number(text: ColumnElement[str]) -> ColumnElement[int]:
    return func.hashtextextended(text, func.hashtextextended(TENANT, _SEED))
