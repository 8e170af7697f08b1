"""A cache that is bounded by the bytes that its values take, not by their number."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class WeightedCache(Generic[Key, Value]):
    """Keeps the most recently used values, up to a total weight in bytes."""

    def __init__(self, max_weight: int) -> None:
        self._max_weight = max_weight
        self._entries = OrderedDict[Key, tuple[Value, int]]()
        self.weight = 0
        """The total weight of the values, in bytes, as passed to `put`."""

    def get(self, key: Key) -> Value | None:
        """The value of a key; None if the cache has none."""
        if (entry := self._entries.get(key)) is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Key, value: Value, weight: int) -> None:
        """Adds a value of `weight` bytes; drops those used longest ago until the rest fit."""
        self._drop(key)
        self._entries[key] = (value, weight)
        self.weight += weight
        while self.weight > self._max_weight:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        _, weight = self._entries.pop(key, (None, 0))
        self.weight -= weight
