"""Random tokens of the operating system."""

from secrets import token_urlsafe
from typing import Final

from customers.core.ports.random_tokens import RandomTokens

_BYTES: Final = 32


class SystemRandomTokens(RandomTokens):
    def new(self) -> str:
        return token_urlsafe(_BYTES)
