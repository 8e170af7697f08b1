"""How access is wired: who is authenticated how, by the settings."""

from collections.abc import Iterator

from customers.core.model.roles import Roles
from customers.entrypoints.access.authenticator import (
    Authentication,
    Authenticator,
    NoAuthentication,
    Principals,
)
from customers.entrypoints.access.certificates import Certificates
from customers.entrypoints.access.gateway import Gateway
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.tls.certificate import Certificate, CertificateFiles


def guard_of(settings: Settings) -> Guard:
    return Guard(_authenticator(settings), is_open=not settings.authentication)


def certificate_of(settings: Settings) -> Certificate | None:
    """None for a service without TLS. Raises CannotServeTls."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    files = CertificateFiles(
        certificate=settings.tls_cert, key=settings.tls_key, client_ca=settings.tls_client_ca
    )
    return Certificate(files)


def _authenticator(settings: Settings) -> Authenticator:
    if not settings.authentication:
        return NoAuthentication()
    roles = Roles() if settings.roles_file is None else settings.roles_file.roles
    return Authentication((), tuple(_principals(settings, roles)))


def _principals(settings: Settings, roles: Roles) -> Iterator[Principals]:
    if "gateway" in settings.authentication and settings.gateway_peers is not None:
        secret = settings.gateway_secret
        yield Gateway(
            settings.gateway_peers.ranges,
            None if secret is None else secret.reveal().encode(),
            settings.gateway_anonymous.permissions,
            roles,
        )
    if settings.tls_client_ca is not None:
        yield Certificates(roles)
