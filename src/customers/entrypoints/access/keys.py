"""Verifies API keys, which are bearer tokens of the form `csk_<id>_<secret>`."""

from customers.core.model.api_key import KEY_PREFIX, Credential, unknown_key
from customers.core.model.principal import Principal
from customers.core.ports.clock import Clock
from customers.entrypoints.access.authenticator import Tokens
from customers.entrypoints.access.key_cache import KeyCache
from customers.entrypoints.access.key_uses import KeyUses


class ApiKeyTokens(Tokens):
    def __init__(self, keys: KeyCache, uses: KeyUses, clock: Clock) -> None:
        self._keys = keys
        self._uses = uses
        self._clock = clock

    def takes(self, token: str) -> bool:
        return token.startswith(KEY_PREFIX)

    async def principal(self, token: str) -> Principal:
        """The principal of a caller with this key. Raises InvalidToken, and Unavailable if the key
        is not cached and cannot be looked up.

        The message of InvalidToken says why a key is invalid only to callers who have its secret.
        """
        credential = Credential.parse(token)
        if (key := await self._keys.get(credential.key_id)) is None:
            raise unknown_key()
        now = self._clock.now()
        principal = key.verify(credential, now)
        self._uses.note(key, now)
        return principal
