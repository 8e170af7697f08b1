"""The tokens of an identity provider, and the claims in them."""

from collections.abc import Mapping
from typing import Protocol

TokenClaims = Mapping[str, object]
"""The claims of a token by name; the values are JSON values."""


class TokenVerifier(Protocol):
    """Verifies tokens with the keys of an identity provider. Keys that have to be fetched are
    fetched in the background, between `open` and `close`.
    """

    async def open(self) -> None:
        """Starts fetching keys. An unreachable provider delays this call by a few seconds."""
        ...

    async def close(self) -> None:
        """Stops fetching the keys; may be called without `open`."""
        ...

    def verify(self, token: str) -> TokenClaims:
        """The claims of a token that is valid now; `exp` is one of them, a number of seconds.

        Raises InvalidToken, whose message says why without quoting the token. Never waits for keys:
        an unknown key is fetched for later tokens.
        """
        ...


class TokenSigner(Protocol):
    """Signs tokens with a key of its own, which the verifier of the same process knows."""

    def sign(self, claims: TokenClaims) -> str:
        """A signed token with these claims."""
        ...
