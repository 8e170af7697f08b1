"""The size limit of a route's body: what its largest valid body needs, rounded up to at most 1 MiB.

A character may take twelve bytes, as a pair of escaped surrogates. The sum over all fields is
rounded up to one of a few sizes, which leaves room for keys and white space.
"""

from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from attrs import AttrsInstance

from customers.core.model.api_key import MAX_NAMES, PermissionsGate
from customers.core.model.contact_gates import EmailGate
from customers.core.model.permissions import PERMISSION_NAMES
from customers.core.model.segment import RulesText
from customers.core.model.values import MAX_TAGS, IdsGate, TagsGate, TextGate, VisibleGate

MAX_BYTES: Final = 1024 * 1024
"""The largest limit of the API, which communications and batches of orders have."""

_BYTES_OF_A_CHARACTER: Final = 12
_BYTES_OF_AN_ID: Final = 36 * len(r"\u0000") + len('"",')
_BYTES_OF_A_PERMISSION: Final = max(map(len, PERMISSION_NAMES)) * len(r"\u0000") + len('"",')
_BYTES_OF_RULES: Final = 128 * 1024
_BYTES_OF_ANYTHING_ELSE: Final = 1024
_SIZES: Final = (32 * 1024, 160 * 1024, 224 * 1024, MAX_BYTES)


@cache
def largest_body(kind: type[AttrsInstance] | None) -> int:
    """The most bytes that a body of this class may have; without a class, the smallest limit."""
    hints = {} if kind is None else get_type_hints(kind, include_extras=True)
    needed = sum(map(_bytes_of, hints.values()))
    return next((size for size in _SIZES if needed < size), MAX_BYTES)


def size_text(size: int) -> str:
    """A number of bytes for people to read: `32 KiB`."""
    mebibytes, rest = divmod(size, MAX_BYTES)
    return f"{size // 1024} KiB" if rest else f"{mebibytes} MiB"


def _bytes_of(hint: Any) -> int:
    """The bytes of the largest value of a field."""
    if get_origin(hint) is not Annotated:
        return max(map(_bytes_of, get_args(hint)), default=_bytes_without_gate(hint))
    match get_args(hint)[1]:
        case TextGate(max_length=length) | VisibleGate(max_length=length):
            return length * _BYTES_OF_A_CHARACTER
        case EmailGate():
            return 254 * _BYTES_OF_A_CHARACTER
        case TagsGate():
            return MAX_TAGS * 100 * _BYTES_OF_A_CHARACTER
        case IdsGate(limit=limit):
            return limit * _BYTES_OF_AN_ID
        case PermissionsGate():
            return MAX_NAMES * _BYTES_OF_A_PERMISSION
    return _BYTES_OF_ANYTHING_ELSE


def _bytes_without_gate(hint: Any) -> int:
    return _BYTES_OF_RULES if hint is RulesText else _BYTES_OF_ANYTHING_ELSE
