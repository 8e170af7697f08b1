"""Makes the parts of authentication from the settings."""

import json
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING

from customers.core.model.roles import Roles
from customers.core.ports.clock import Clock
from customers.core.ports.tokens import TokenSigner, TokenVerifier
from customers.core.services.api_keys import ApiKeys
from customers.entrypoints.access.authenticator import (
    Authentication,
    Authenticator,
    NoAuthentication,
    Principals,
    Tokens,
)
from customers.entrypoints.access.certificates import Certificates
from customers.entrypoints.access.gateway import Gateway, Platform
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.access.key_cache import MAX_AGE_SECONDS, KeyCache
from customers.entrypoints.access.key_uses import KeyUses
from customers.entrypoints.access.own_tokens import OwnTokens
from customers.entrypoints.access.tokens import ClaimNames, JwtTokens
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from customers.entrypoints.tls.certificate import Certificate, CertificateFiles

if TYPE_CHECKING:
    from customers.adapters.jwt.keys import Keys
    from customers.adapters.jwt.own_key import OwnKey


class InvalidKeyFile(Exception):
    """The file of JWT_JWKS_FILE has no usable keys; the message names the setting."""


def guard_of(settings: Settings, keys: Tokens, jwt_tokens: JwtTokens | None) -> Guard:
    """The guard; `keys` verifies API keys, which work whenever authentication is on."""
    tokens: tuple[Tokens, ...] = (keys,) if jwt_tokens is None else (keys, jwt_tokens)
    return Guard(_authenticator(settings, tokens), is_open=not settings.authentication)


def certificate_of(settings: Settings) -> Certificate | None:
    """The certificate of the service; None without TLS. Raises CannotServeTls."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    files = CertificateFiles(
        certificate=settings.tls_cert, key=settings.tls_key, client_ca=settings.tls_client_ca
    )
    return Certificate(files)


def roles_of(settings: Settings) -> Roles:
    return Roles() if settings.roles_file is None else settings.roles_file.roles


def own_key_of(settings: Settings) -> "OwnKey | None":
    """The key with which the service signs tokens itself; None if it does not."""
    if not settings.has_own_key:
        return None
    from customers.adapters.jwt.own_key import OwnKey

    return OwnKey()


def own_tokens_of(settings: Settings, key: TokenSigner | None, clock: Clock) -> OwnTokens | None:
    """The signer of tokens for tests; None without a key."""
    if key is None:
        return None
    return OwnTokens(
        signer=key, clock=clock, names=_claim_names(settings), audience=settings.jwt_audience
    )


def token_verifier_of(
    settings: Settings, clock: Clock, own_key: "OwnKey | None" = None
) -> TokenVerifier | None:
    """The verifier of tokens; None if tokens are not accepted. Raises InvalidKeyFile."""
    if "jwt" not in settings.authentication:
        return None
    from customers.adapters.jwt.verifier import JwtVerifier

    keys = _token_keys(settings) if own_key is None else own_key.keys()
    return JwtVerifier(keys, clock, issuer=settings.jwt_issuer, audience=settings.jwt_audience)


def jwt_tokens_of(
    settings: Settings, verifier: TokenVerifier | None, clock: Clock
) -> JwtTokens | None:
    """The authentication by tokens; None if tokens are not accepted."""
    if verifier is None:
        return None
    return JwtTokens(verifier, clock, roles_of(settings), _claim_names(settings))


def _claim_names(settings: Settings) -> ClaimNames:
    return ClaimNames(
        tenants=settings.jwt_tenant_claim,
        permissions=settings.jwt_permissions_claim,
        roles=settings.jwt_roles_claim,
    )


def expect_token_keys(settings: Settings) -> None:
    """Raises InvalidKeyFile if the file of JWT_JWKS_FILE has no usable keys."""
    if "jwt" in settings.authentication and settings.jwt_jwks_file is not None:
        _token_keys(settings)


def _token_keys(settings: Settings) -> "Keys":
    """The configured source of keys: a file, else a URL, else the discovery of the issuer."""
    from customers.adapters.jwt.fetched_keys import FetchedKeys
    from customers.adapters.jwt.key_set import NotKeys
    from customers.adapters.jwt.keys import KeysOfFile
    from customers.adapters.jwt.providers import DiscoveredProvider, JwksProvider

    if settings.jwt_jwks_file is not None:
        try:
            return KeysOfFile.read(settings.jwt_jwks_file)
        except NotKeys as error:
            path = json.dumps(str(settings.jwt_jwks_file))
            raise InvalidKeyFile(f"JWT_JWKS_FILE: {path} {error}.") from None
    if settings.jwt_jwks_url is not None:
        return FetchedKeys(JwksProvider(settings.jwt_jwks_url))
    if settings.jwt_issuer is not None:
        return FetchedKeys(DiscoveredProvider(settings.jwt_issuer))
    raise ValueError("the settings name no keys of tokens")


def _authenticator(settings: Settings, tokens: tuple[Tokens, ...]) -> Authenticator:
    if not settings.authentication:
        return NoAuthentication()
    return Authentication(tokens, tuple(_principals(settings, roles_of(settings))))


def key_cache_of(settings: Settings, keys: ApiKeys, refusals: RefusalMetrics) -> KeyCache:
    """The cache of API keys; with memory storage, where a look-up is cheap, it caches nothing."""
    max_age = 0.0 if settings.storage == "memory" else MAX_AGE_SECONDS
    return KeyCache(find=keys.find, seconds=monotonic, refusals=refusals, max_age=max_age)


def key_uses_of(keys: ApiKeys) -> KeyUses:
    return KeyUses(keys.mark_used)


def _principals(settings: Settings, roles: Roles) -> Iterator[Principals]:
    gateway = _gateway(settings, roles)
    if gateway is not None:
        yield gateway
    if settings.tls_client_ca is not None:
        yield Certificates(roles)
    if gateway is not None:
        yield Platform(gateway, settings.gateway_anonymous.permissions)


def _gateway(settings: Settings, roles: Roles) -> Gateway | None:
    if "gateway" not in settings.authentication or settings.gateway_peers is None:
        return None
    secret = settings.gateway_secret
    return Gateway(
        settings.gateway_peers.ranges,
        None if secret is None else secret.reveal().encode(),
        roles,
        settings.storefront_services.names,
    )
