"""Signs tokens with the service's own key, so that tests have callers."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from attrs import frozen

from customers.core.ports.clock import Clock
from customers.core.ports.tokens import TokenSigner
from customers.entrypoints.access.tokens import ClaimNames


@frozen(kw_only=True)
class TokenContent:
    """What a token contains. Empty values are left out.

    A negative `expires_in` makes a token that has already expired.
    """

    subject: str
    tenants: Sequence[str] = ()
    permissions: Sequence[str] = ()
    roles: Sequence[str] = ()
    email: str = ""
    is_email_verified: bool = False
    expires_in: timedelta


@frozen(kw_only=True)
class OwnTokens:
    """Signs tokens that have their claims where this service reads them."""

    _signer: TokenSigner
    _clock: Clock
    _names: ClaimNames
    _audience: str | None

    def issue(self, content: TokenContent) -> str:
        """The signed token, issued now by the service's clock; the `iat` of an expired token is
        its `exp`.
        """
        now = self._clock.now()
        expires_at = int((now + content.expires_in).timestamp())
        claims: dict[str, Any] = {
            "sub": content.subject,
            "iat": min(int(now.timestamp()), expires_at),
            "exp": expires_at,
        }
        if self._audience is not None:
            claims["aud"] = self._audience
        if content.email:
            claims |= {"email": content.email, "email_verified": content.is_email_verified}
        for name, texts in self._lists(content).items():
            if texts:
                _put(claims, name.split("."), list(texts))
        return self._signer.sign(claims)

    def _lists(self, content: TokenContent) -> Mapping[str, Sequence[str]]:
        return {
            self._names.tenants: content.tenants,
            self._names.permissions: content.permissions,
            self._names.roles: content.roles,
        }


def _put(claims: dict[str, Any], path: Sequence[str], value: object) -> None:
    *parents, last = path
    for parent in parents:
        claims = claims.setdefault(parent, {})
    claims[last] = value
