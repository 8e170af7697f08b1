"""Where the keys of tokens come from: a file here, a provider in `fetched_keys`."""

from pathlib import Path
from typing import Protocol

from customers.adapters.jwt.key_set import KeySet, NotKeys


class Keys(Protocol):
    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def current(self) -> KeySet:
        """The keys that are good now; none if there are none yet, or if they are too old."""
        ...

    def miss(self) -> None:
        """Says that a token was signed by a key that is not among the current ones."""
        ...


class KeysOfFile(Keys):
    """The keys of a JWKS file, which is read once."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    @classmethod
    def read(cls, path: Path) -> "KeysOfFile":
        """Raises NotKeys."""
        try:
            content = path.read_bytes()
        except OSError:
            raise NotKeys("cannot be read") from None
        return cls(KeySet.parse(content))

    async def open(self) -> None:
        """Nothing is to be followed."""

    async def close(self) -> None:
        """Nothing was opened."""

    def current(self) -> KeySet:
        return self._keys

    def miss(self) -> None:
        """The file has all keys that there are."""
