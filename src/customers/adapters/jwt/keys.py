"""Sources of the keys that verify tokens: a file here, an identity provider in `fetched_keys`."""

from pathlib import Path
from typing import Protocol

from customers.adapters.jwt.key_set import KeySet, NotKeys


class Keys(Protocol):
    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def current(self) -> KeySet:
        """The keys to use now; none before keys were fetched, or if that was too long ago."""
        ...

    def miss(self) -> None:
        """Reports that the key of a token may be missing from the current keys."""
        ...


class KeysOfFile(Keys):
    """Keys that never change: those of a JWKS file, which is read once, or of this process."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    @classmethod
    def read(cls, path: Path) -> "KeysOfFile":
        """Reads the file. Raises NotKeys."""
        try:
            content = path.read_bytes()
        except OSError:
            raise NotKeys("cannot be read") from None
        return cls(KeySet.parse(content))

    async def open(self) -> None:
        """Does nothing: the keys have been read."""

    async def close(self) -> None:
        """Does nothing: nothing was opened."""

    def current(self) -> KeySet:
        return self._keys

    def miss(self) -> None:
        """Does nothing: the keys never change."""
