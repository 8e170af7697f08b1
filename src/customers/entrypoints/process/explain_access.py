"""The command `customers access explain --token`: prints what a caller would be and may do."""

import sys
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from customers.core.errors.access import InvalidToken
from customers.core.model.permissions import known_permissions
from customers.core.model.principal import Principal, Tenants
from customers.core.model.roles import Roles
from customers.entrypoints.access.claims import Claims
from customers.entrypoints.access.tokens import MAX_TOKEN_BYTES, JwtTokens
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.container.access import roles_of
from customers.entrypoints.observability.output import Output

_STANDARD_INPUT = Path("-")
_NONE = "none"


class NoTokens(Exception):
    """There is no token to explain: the settings accept none, or the text is an API key."""


@frozen(kw_only=True)
class Explanation:
    """What a caller would be; `unknown_roles` and `unknown_permissions` allow nothing."""

    principal: Principal
    unknown_roles: tuple[str, ...]
    unknown_permissions: tuple[str, ...]

    @classmethod
    def of(cls, claims: Claims, roles: Roles) -> "Explanation":
        named = claims.permissions
        return cls(
            principal=claims.principal(roles),
            unknown_roles=tuple(name for name in claims.roles if name not in roles.permissions),
            unknown_permissions=tuple(name for name in named if not known_permissions([name])),
        )

    def values(self) -> dict[str, str]:
        """The texts to print, by their labels."""
        principal = self.principal
        return {
            "kind": principal.kind,
            "subject": principal.subject,
            "tenants": _tenants(principal.tenants),
            "permissions": _listed(sorted(principal.permissions)),
            "unknown roles": _listed(self.unknown_roles),
            "unknown permissions": _listed(self.unknown_permissions),
            "verified e-mail": "yes" if principal.verified_email else "no",
        }


async def explain_token(settings: Settings, file: Path, output: Output) -> None:
    """Prints what a caller with the token in the file would be, or exits with 1 and the reason why
    it is refused. Raises NoTokens, InvalidKeyFile, OSError.
    """
    container = Container(settings=settings, dsn="")
    verifier, tokens = container.token_verifier(), container.jwt_tokens()
    if verifier is None or tokens is None:
        raise NoTokens("tokens are not accepted: AUTH has no jwt")
    token = _read(file)
    await verifier.open()
    try:
        explanation = Explanation.of(_claims(tokens, token), roles_of(settings))
    except InvalidToken as error:
        output.error(f"{error}: a caller with it is refused with 401", prefix="")
        sys.exit(1)
    finally:
        await verifier.close()
    _print(explanation, output)


def _read(file: Path) -> str:
    """The text of the file, of which at most twice the length of the longest token is read."""
    if file == _STANDARD_INPUT:
        content = sys.stdin.buffer.read(2 * MAX_TOKEN_BYTES)
    else:
        with file.open("rb") as stream:
            content = stream.read(2 * MAX_TOKEN_BYTES)
    return content.decode("utf-8", "replace").strip()


def _claims(tokens: JwtTokens, token: str) -> Claims:
    if not tokens.takes(token):
        raise NoTokens("this is an API key, not a token: explain it with --key ID")
    return tokens.claims(token)


def _print(explanation: Explanation, output: Output) -> None:
    values = explanation.values()
    if output.as_json:
        fields = {name.replace(" ", "_").replace("-", ""): text for name, text in values.items()}
        output.info(f"the caller would be {explanation.principal.kind}", **fields)
        return
    width = max(map(len, values)) + 2
    for name, text in values.items():
        output.info(f"{name:{width}}{text}")


def _tenants(tenants: Tenants) -> str:
    return "every tenant" if tenants.is_every else _listed(sorted(tenants.ids))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or _NONE
