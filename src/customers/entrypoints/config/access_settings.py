"""The settings of access: who may call, and how callers prove who they are."""

# ruff: noqa: RUF009 - `setting` makes an attrs field

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from attrs import fields, frozen

from customers.entrypoints.config import setting_parsers
from customers.entrypoints.config.access_values import (
    AuthModes,
    Names,
    Networks,
    PermissionNames,
    RolesFile,
)
from customers.entrypoints.config.serving_settings import ServingSettings
from customers.entrypoints.config.setting_types import Secret, setting

Conflicts = Iterator[tuple[tuple[str, ...], str]]

_ON_OFF = setting_parsers.one_of("on or off", "on", "off")
_BY_ENVIRONMENT = "on in development, off in production"


@frozen(kw_only=True)
class AccessSettings(ServingSettings):
    """How callers are authenticated, and what they may do."""

    auth: AuthModes | None = setting(
        None,
        AuthModes.parse,
        "MODES",
        "Authenticate callers by the claims that a gateway has verified, by tokens, or both: "
        "gateway, jwt or gateway,jwt. With none, everybody may do everything, which production "
        "refuses.",
        default_text="none in development; production requires it",
    )
    gateway_peers: Networks | None = setting(
        None,
        Networks.parse,
        "CIDR,...",
        "With gateway in AUTH, believe the x-jwt-claim-* headers of callers with these addresses, "
        "and of nobody else.",
        default_text="nobody",
    )
    gateway_secret: Secret | None = setting(
        None,
        Secret.parse,
        "TEXT",
        "Expect this text in the header X-Gateway-Secret of the gateway. Prefer the variables: "
        "other users can see the options of a process.",
        default_text="none",
        is_secret=True,
    )
    gateway_anonymous: PermissionNames = setting(
        PermissionNames(),
        PermissionNames.parse,
        "PERMISSION,...",
        "Give the gateway these permissions in calls without claims, for every tenant.",
        default_text="none",
    )
    storefront_services: Names = setting(
        Names(("storefront",)),
        Names.parse,
        "NAME,...",
        "Let these services, which the gateway names in X-Internal-Service, act for the shopper in "
        "X-User-Id; none for nobody.",
    )
    roles_file: RolesFile | None = setting(
        None,
        RolesFile.parse,
        "FILE",
        "Read from this YAML file what roles may do, and the roles and tenants of subjects.",
        default_text="viewer, support, marketing, admin and orders-service, as documented",
    )
    jwt_issuer: str | None = setting(
        None,
        setting_parsers.url("an issuer", "https", "http"),
        "URL",
        "Accept tokens of this issuer only. Without JWT_JWKS_URL and JWT_JWKS_FILE, its keys are "
        "found by OpenID discovery.",
        default_text="none",
    )
    jwt_jwks_url: str | None = setting(
        None,
        setting_parsers.url("the URL of a JWKS", "https", "http"),
        "URL",
        "Fetch the keys that verify tokens from this URL.",
        default_text="none",
    )
    jwt_jwks_file: Path | None = setting(
        None,
        setting_parsers.existing_file,
        "FILE",
        "Read the keys that verify tokens from this file.",
        default_text="none",
    )
    jwt_audience: str | None = setting(
        None,
        str,
        "TEXT",
        "Accept tokens that are meant for this audience only. Production requires it with jwt.",
        default_text="none",
    )
    jwt_tenant_claim: str = setting(
        "tenant_id",
        setting_parsers.claim,
        "CLAIM",
        "Read the tenants of a token from this claim, a dotted path: a text, a list of texts, or * "
        "for every tenant.",
    )
    jwt_permissions_claim: str = setting(
        "permissions",
        setting_parsers.claim,
        "CLAIM",
        "Read the permissions of a token from this claim, a dotted path; without it, from scope.",
    )
    jwt_roles_claim: str = setting(
        "realm_access.roles",
        setting_parsers.claim,
        "CLAIM",
        "Read the roles of a token from this claim, a dotted path.",
    )
    tls_cert: Path | None = setting(
        None,
        setting_parsers.existing_file,
        "FILE",
        "Serve REST and gRPC over TLS with the certificate in this PEM file, followed by the "
        "intermediate certificates. The file may be replaced while the service runs.",
        default_text="none: without TLS",
    )
    tls_key: Path | None = setting(
        None,
        setting_parsers.existing_file,
        "FILE",
        "Read the private key of the certificate from this PEM file.",
        default_text="none",
    )
    tls_client_ca: Path | None = setting(
        None,
        setting_parsers.existing_file,
        "FILE",
        "Ask callers for certificates that the authorities in this PEM file have issued; the name "
        "in a certificate is the subject of a service. gRPC then requires a certificate.",
        default_text="none",
    )
    public_docs: Literal["on", "off"] | None = setting(
        None,
        _ON_OFF,
        "on|off",
        "Show the documentation to everybody; else it requires the permission service:observe.",
        default_text=_BY_ENVIRONMENT,
    )
    public_metrics: Literal["on", "off"] | None = setting(
        None,
        _ON_OFF,
        "on|off",
        "Show the metrics to everybody on the REST port too; else they require the permission "
        "service:observe there.",
        default_text=_BY_ENVIRONMENT,
    )
    row_security: Literal["on", "off"] | None = setting(
        None,
        _ON_OFF,
        "on|off",
        "Let PostgreSQL itself keep tenants apart, by the policies of the tables. The role of "
        "DATABASE_URL must be one that `customers migrate --service-role` has prepared.",
        default_text="off in development, on in production",
    )

    @property
    def authentication(self) -> AuthModes:
        """How callers are authenticated; not at all if `auth` is not set."""
        return AuthModes() if self.auth is None else self.auth

    @property
    def scheme(self) -> str:
        """The scheme of the URL of the REST port."""
        return "http" if self.tls_cert is None else "https"

    @property
    def docs_are_public(self) -> bool:
        return self._is_public(self.public_docs)

    @property
    def metrics_are_public(self) -> bool:
        return self._is_public(self.public_metrics)

    @property
    def has_row_security(self) -> bool:
        """Whether row-level security must apply to the role of the service."""
        if self.row_security is None:
            return self.environment == "production"
        return self.row_security == "on"

    def _is_public(self, choice: str | None) -> bool:
        return self.environment == "development" if choice is None else choice == "on"

    @property
    def names_token_keys(self) -> bool:
        """Whether a setting says where the keys of an identity provider are."""
        return bool(self.jwt_issuer or self.jwt_jwks_url or self.jwt_jwks_file)

    @property
    def trusts_everybody(self) -> bool:
        """Whether the claims of every caller are believed."""
        if "gateway" not in self.authentication or self.gateway_secret is not None:
            return False
        ranges = () if self.gateway_peers is None else self.gateway_peers.ranges
        return any(network.prefixlen == 0 for network in ranges)

    @property
    def identity_provider(self) -> str:
        """The URL from which keys are fetched; empty if none are."""
        if "jwt" not in self.authentication or self.jwt_jwks_file is not None:
            return ""
        return self.jwt_jwks_url or self.jwt_issuer or ""

    def _access_conflicts(self, *, has_own_key: bool) -> Conflicts:
        """As `Settings._conflicts`, for the settings of access."""
        if self.environment == "production" and not self.auth:
            yield ("auth", "environment"), _NOT_OPEN
        yield from self._gateway_conflicts()
        yield from self._token_conflicts(has_own_key=has_own_key)
        yield from self._tls_conflicts()

    def _gateway_conflicts(self) -> Conflicts:
        if "gateway" in self.authentication and self.gateway_peers is None:
            reason = "gateway requires GATEWAY_PEERS: the addresses of the gateway"
            yield ("auth", "gateway_peers"), reason
        if self.environment == "production" and self.trusts_everybody:
            reason = (
                "a range of all addresses makes everybody the gateway: name the gateway's own "
                "addresses, or set GATEWAY_SECRET"
            )
            yield ("gateway_peers", "gateway_secret", "environment"), reason

    def _tls_conflicts(self) -> Conflicts:
        if (self.tls_cert is None) != (self.tls_key is None):
            missing, present = ("tls_key", "tls_cert")
            if self.tls_key is not None:
                missing, present = present, missing
            yield (missing, present), f"is required beside {present.upper()}"
        if self.tls_client_ca is not None and self.tls_cert is None:
            yield ("tls_client_ca", "tls_cert"), "requires TLS_CERT and TLS_KEY"

    def _token_conflicts(self, *, has_own_key: bool) -> Conflicts:
        if "jwt" not in self.authentication:
            return
        if self.jwt_jwks_url and self.jwt_jwks_file:
            reason = "JWT_JWKS_FILE is also set: set only one of them"
            yield ("jwt_jwks_url", "jwt_jwks_file"), reason
        if not (self.names_token_keys or has_own_key):
            reason = "jwt requires keys: JWT_ISSUER, JWT_JWKS_URL or JWT_JWKS_FILE"
            yield ("auth", "jwt_issuer"), reason
        if self.environment == "production" and not self.jwt_audience:
            reason = (
                "production requires JWT_AUDIENCE with jwt: else tokens that are meant for another "
                "service would be accepted"
            )
            yield ("jwt_audience", "auth", "environment"), reason


_NOT_OPEN = "production requires callers to be authenticated: gateway, jwt or gateway,jwt"


def access_setting_names() -> frozenset[str]:
    """The names of the settings of access but `row_security`, which other commands read too."""
    serving = {field.name for field in fields(ServingSettings)}
    names = {field.name for field in fields(AccessSettings)} - {"row_security"}
    return frozenset(names) - serving
