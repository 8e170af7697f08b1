"""Keys that an object of JSON has twice: which one counts would be a matter of the parser."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

# Names that can be repeated in an answer: no number, and nothing long.
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_]{1,50}")


class RepeatedKey(ValueError):
    """An object has a key twice."""

    def __init__(self, names: Sequence[str]) -> None:
        repeated = next(name for name, count in Counter(names).items() if count > 1)
        key = f"the key {repeated}" if _PLAIN_NAME.fullmatch(repeated) else "a key"
        super().__init__(f"an object of the body has {key} more than once")


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object, as an `object_pairs_hook` of a decoder. Raises RepeatedKey."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RepeatedKey([name for name, _ in pairs])
    return members
