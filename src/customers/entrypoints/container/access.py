"""How access is wired: who is authenticated how, by the settings."""

from customers.core.model.roles import Roles
from customers.entrypoints.access.authenticator import (
    Authentication,
    Authenticator,
    NoAuthentication,
)
from customers.entrypoints.access.gateway import Gateway
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.config.settings import Settings


def guard_of(settings: Settings) -> Guard:
    return Guard(_authenticator(settings), is_open=not settings.authentication)


def _authenticator(settings: Settings) -> Authenticator:
    if not settings.authentication:
        return NoAuthentication()
    roles = Roles() if settings.roles_file is None else settings.roles_file.roles
    return Authentication((), _gateway(settings, roles))


def _gateway(settings: Settings, roles: Roles) -> Gateway | None:
    if "gateway" not in settings.authentication or settings.gateway_peers is None:
        return None
    secret = settings.gateway_secret
    return Gateway(
        settings.gateway_peers.ranges,
        None if secret is None else secret.reveal().encode(),
        settings.gateway_anonymous.permissions,
        roles,
        settings.storefront_services.names,
    )
