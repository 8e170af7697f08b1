"""The tokens of an identity provider: what they claim, once somebody has verified them."""

from collections.abc import Mapping
from typing import Protocol

TokenClaims = Mapping[str, object]
"""The claims of a token by name; a value is what JSON can hold."""


class TokenVerifier(Protocol):
    """Knows the keys of an identity provider from `open` to `close`."""

    async def open(self) -> None:
        """Begins to follow the keys. A provider that is away delays it by seconds at most."""
        ...

    async def close(self) -> None:
        """Ends what `open` began; may be called without it."""
        ...

    def verify(self, token: str) -> TokenClaims:
        """The claims of a token that is valid now; `exp` is one of them, a number of seconds.

        Raises InvalidToken, whose message says why without anything of the token. It never waits:
        a key that is not known yet is fetched for later tokens.
        """
        ...


class TokenSigner(Protocol):
    """Has a key of its own, which the verifier of the same process knows."""

    def sign(self, claims: TokenClaims) -> str:
        """The token that claims this."""
        ...
