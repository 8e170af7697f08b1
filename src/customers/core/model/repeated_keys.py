"""Repeated keys in JSON objects: refused, because parsers disagree about which value counts."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

# Keys that an error message may quote: short, and without digits, so not a card number.
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_]{1,50}")


class RepeatedKey(ValueError):
    """A JSON object has a key more than once."""

    def __init__(self, names: Sequence[str]) -> None:
        repeated = next(name for name, count in Counter(names).items() if count > 1)
        key = f"the key {repeated}" if _PLAIN_NAME.fullmatch(repeated) else "a key"
        super().__init__(f"an object of the body has {key} more than once")


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of a JSON object: an `object_pairs_hook` for decoders. Raises RepeatedKey."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RepeatedKey([name for name, _ in pairs])
    return members
