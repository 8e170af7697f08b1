"""A search as a condition of a list or a count. It finds a customer if any of its parts does.

Each part can be looked up in an index by itself, so that the server combines the results.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

from attrs import frozen
from sqlalchemy import all_, and_, any_, bindparam, false, func, literal_column, or_
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.lateral import any_of
from customers.adapters.postgres.customers.order_search import BY_ID, BY_NUMBER
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import TEXT, TEXTS, UUIDS
from customers.core.model.search import PHONE, Search


@frozen(kw_only=True)
class LookedUp:
    """The customers that were looked up for a search, before the statement of the list or count.

    `candidates` are a superset of the customers that the text of the search finds, `owners` are the
    customers of the orders that it finds. None means that the statement looks for them itself.
    """

    candidates: Sequence[UUID] | None = None
    owners: Sequence[UUID] | None = None


NOTHING_LOOKED_UP = LookedUp()


def search_values(search: Search, looked_up: LookedUp) -> Mapping[str, object]:
    """The parameters of a search, None for a part that it does not have; only `nobody` if it has no
    part at all.
    """
    candidates, owners = looked_up.candidates, looked_up.owners
    text = _pattern(search.text if candidates is None else "")
    values = {
        "candidates": candidates,
        "part": None if candidates is None else search.text,
        "search": None if search.is_number else text,
        "number": text if search.is_number else None,
        "search_folded": _pattern(search.folded),
        "longest_word": _pattern(search.words[0]) if search.words else None,
        "words": [*map(_pattern, search.words)] or None,
        "phones": _phone_patterns(search) or None,
        "owners": owners or None,
        "order_number": (search.order_number or None) if owners is None else None,
        "order_ids": (list(search.order_ids) or None) if owners is None else None,
    }
    return values if any(value is not None for value in values.values()) else {"nobody": ""}


def search_condition(names: AbstractSet[str]) -> ColumnElement[bool] | None:
    """Whether a part of the search with these parameters finds a customer; None if there is no
    search among them.
    """
    parts = [clause for needed, clause in _PARTS.items() if names >= {*needed}]
    return or_(*parts) if parts else None


def _pattern(text: str) -> str | None:
    """A LIKE pattern for texts that contain this text literally; None for an empty text."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%" if text else None


def _phone_patterns(search: Search) -> list[str]:
    beginning = [f"%{PHONE}{search.national}%"] if search.national else []
    return [*(f"%{PHONE}%{part}%" for part in search.phones), *beginning]


def _part_of_text(separator: str, number: int) -> ColumnElement[str]:
    character = func.chr(literal_column(str(ord(separator))))
    part: ColumnElement[str] = func.split_part(
        customers.c.search_text, character, literal_column(str(number)), type_=TEXT
    )
    return part


_customer = customers.c
_text = _customer.search_text
_name = _part_of_text("\n", 2) + literal_column("chr(10)", TEXT) + _part_of_text("\n", 4)
_PARTS: Mapping[tuple[str, ...], ColumnElement[bool]] = {
    ("nobody",): false(),
    ("candidates", "part"): and_(
        _customer.id == any_of(bindparam("candidates", type_=UUIDS)),
        func.strpos(_text, bindparam("part", type_=TEXT)) > literal_column("0"),
    ),
    ("search",): _text.like(bindparam("search", type_=TEXT)),
    ("number",): and_(
        _text.like(bindparam("number", type_=TEXT)),
        _part_of_text(PHONE, 1).like(bindparam("number", type_=TEXT)),
    ),
    ("search_folded",): _text.like(bindparam("search_folded", type_=TEXT)),
    ("longest_word", "words"): and_(
        _text.like(bindparam("longest_word", type_=TEXT)),
        _name.like(all_(bindparam("words", type_=TEXTS))),
    ),
    ("phones",): _text.like(any_(bindparam("phones", type_=TEXTS))),
    ("owners",): _customer.id == any_(bindparam("owners", type_=UUIDS)),
    ("order_number",): _customer.id == any_(func.array(BY_NUMBER.scalar_subquery(), type_=UUIDS)),
    ("order_ids",): _customer.id == any_(func.array(BY_ID.scalar_subquery(), type_=UUIDS)),
}
