"""Sources of the keys that verify tokens: a file here, an identity provider in `fetched_keys`."""

from pathlib import Path
from typing import Protocol

from customers.adapters.jwt.key_set import KeySet, NotKeys


class Keys(Protocol):
    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def current(self) -> KeySet:
        """The keys to use now; none before the first fetch, or when the last one is too old."""
        ...

    def miss(self) -> None:
        """Reports that the key of a token may be missing from the current keys."""
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
        """Does nothing: the file has been read."""

    async def close(self) -> None:
        """Does nothing: nothing was opened."""

    def current(self) -> KeySet:
        return self._keys

    def miss(self) -> None:
        """Does nothing: the file is not read again."""
