"""How access is wired: who is authenticated how, by the settings."""

from time import monotonic

from customers.core.model.roles import Roles
from customers.core.services.api_keys import ApiKeys
from customers.entrypoints.access.authenticator import (
    Authentication,
    Authenticator,
    NoAuthentication,
    Tokens,
)
from customers.entrypoints.access.gateway import Gateway
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.access.key_cache import MAX_AGE_SECONDS, KeyCache
from customers.entrypoints.access.key_uses import KeyUses
from customers.entrypoints.config.settings import Settings


def guard_of(settings: Settings, keys: Tokens) -> Guard:
    """`keys` are the tokens that work wherever callers are authenticated."""
    return Guard(_authenticator(settings, keys), is_open=not settings.authentication)


def key_cache_of(settings: Settings, keys: ApiKeys) -> KeyCache:
    """The memory storage is asked for every request: that takes no time."""
    max_age = 0.0 if settings.storage == "memory" else MAX_AGE_SECONDS
    return KeyCache(find=keys.find, seconds=monotonic, max_age=max_age)


def key_uses_of(keys: ApiKeys) -> KeyUses:
    return KeyUses(keys.mark_used)


def _authenticator(settings: Settings, keys: Tokens) -> Authenticator:
    if not settings.authentication:
        return NoAuthentication()
    roles = Roles() if settings.roles_file is None else settings.roles_file.roles
    return Authentication((keys,), _gateway(settings, roles))


def _gateway(settings: Settings, roles: Roles) -> Gateway | None:
    if "gateway" not in settings.authentication or settings.gateway_peers is None:
        return None
    secret = settings.gateway_secret
    return Gateway(
        settings.gateway_peers.ranges,
        None if secret is None else secret.reveal().encode(),
        settings.gateway_anonymous.permissions,
        roles,
    )
