"""A search as the WHERE of a list or a count: any of its parts finds a customer.

Each part can be looked up in an index by itself, so that the server combines them.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

from sqlalchemy import (
    Select,
    all_,
    and_,
    any_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.schema.tables import customer_orders, customers
from customers.adapters.postgres.schema.types import TEXT, TEXTS, UUIDS
from customers.core.model.search import END, PHONE, Search


def search_values(search: Search, candidates: Sequence[UUID] | None) -> Mapping[str, object]:
    """The parameters of a search, None for a part that it does not have.

    `candidates` are a superset of the customers that its text finds, if they were looked up.
    """
    is_text = candidates is None and search.text != ""
    is_older = search.folded not in ("", search.text)
    return {
        "no_search": "" if search.text == "" and not is_older and not search.order_keys else None,
        "candidates": candidates,
        "part": None if candidates is None else search.text,
        "search": _containing(search.text) if is_text and not search.is_short_number else None,
        "short_number": _containing(search.text) if is_text and search.is_short_number else None,
        "search_folded": _containing(search.folded) if is_older else None,
        "longest_word": _containing(search.words[0]) if search.words else None,
        "words": [*map(_containing, search.words)] or None,
        "phones": _phone_patterns(search) or None,
        "order_keys": list(search.order_keys) or None,
    }


def search_condition(names: AbstractSet[str]) -> ColumnElement[bool] | None:
    """Whether the parts of a search with these parameters find a customer; None without any."""
    parts = [clause for needed, clause in _PARTS.items() if names >= {*needed}]
    return or_(*parts) if parts else None


def _containing(text: str) -> str:
    """A LIKE pattern that matches every character of the text literally."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _phone_patterns(search: Search) -> list[str]:
    parts = (f"%{PHONE}%{digits}%" for digits in search.phones)
    return [*parts, *(f"%{PHONE}{digits}{END}" for digits in search.whole_phones)]


def _part_of_text(separator: str, number: int) -> ColumnElement[str]:
    character = func.chr(literal_column(str(ord(separator))))
    part: ColumnElement[str] = func.split_part(
        _customer.search_text, character, literal_column(str(number)), type_=TEXT
    )
    return part


def _owners(key: ColumnElement[str]) -> Select[UUID]:
    """The customers of the orders whose number or id is one of `order_keys`."""
    keys = bindparam("order_keys", type_=TEXTS)
    return select(customer_orders.c.customer_id).where(
        customer_orders.c.tenant_id == TENANT, key == any_(keys), key != literal_column("''")
    )


_customer = customers.c
_text = _customer.search_text
_name = _part_of_text("\n", 2) + literal_column("chr(10)", TEXT) + _part_of_text("\n", 4)
_by_order = union_all(_owners(customer_orders.c.order_number), _owners(customer_orders.c.order_id))
_PARTS: Mapping[tuple[str, ...], ColumnElement[bool]] = {
    ("no_search",): false(),
    ("candidates", "part"): and_(
        _customer.id == any_(bindparam("candidates", type_=UUIDS)),
        func.strpos(_text, bindparam("part", type_=TEXT)) > literal_column("0"),
    ),
    ("search",): _text.like(bindparam("search", type_=TEXT)),
    ("short_number",): and_(
        _text.like(bindparam("short_number", type_=TEXT)),
        _part_of_text(PHONE, 1).like(bindparam("short_number", type_=TEXT)),
    ),
    ("search_folded",): _text.like(bindparam("search_folded", type_=TEXT)),
    ("longest_word", "words"): and_(
        _text.like(bindparam("longest_word", type_=TEXT)),
        _name.like(all_(bindparam("words", type_=TEXTS))),
    ),
    ("phones",): _text.like(any_(bindparam("phones", type_=TEXTS))),
    ("order_keys",): _customer.id == any_(func.array(_by_order.scalar_subquery(), type_=UUIDS)),
}
