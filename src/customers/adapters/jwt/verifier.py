"""Verifies tokens: their form, signature, times, issuer and audience."""

import math
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from customers.adapters.jwt.decoding import json_object, segment_bytes
from customers.adapters.jwt.key_set import ALGORITHMS
from customers.adapters.jwt.keys import Keys
from customers.core.errors.access import InvalidToken
from customers.core.ports.clock import Clock
from customers.core.ports.tokens import TokenClaims, TokenVerifier

LEEWAY_SECONDS: Final = 60
"""How far the provider's clock may differ from ours."""

MALFORMED: Final = "the token is malformed"
UNSUPPORTED: Final = f"the algorithm of the token is not supported: use {', '.join(ALGORITHMS)}"
CRITICAL: Final = "the token demands an extension that is not supported"
UNKNOWN_KEY: Final = "the key of the token is unknown"
EXPIRED: Final = "the token has expired"
NOT_YET_VALID: Final = "the token is not yet valid"
OTHER_AUDIENCE: Final = "the token is for another audience"
OTHER_ISSUER: Final = "the token is from another issuer"


@frozen(kw_only=True)
class _Jws:
    """The parts of a signed token (JWS). The signature is that of `message`."""

    algorithm: str
    key_id: str | None
    payload: bytes
    message: bytes
    signature: bytes


class JwtVerifier(TokenVerifier):
    """Verifies signed JWTs (RFC 7519). If `issuer` or `audience` is None, any is accepted."""

    def __init__(
        self, keys: Keys, clock: Clock, *, issuer: str | None = None, audience: str | None = None
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._issuer = issuer
        self._audience = audience

    async def open(self) -> None:
        await self._keys.open()

    async def close(self) -> None:
        await self._keys.close()

    def verify(self, token: str) -> TokenClaims:
        jws = _parse(token)
        self._expect_signature(jws)
        try:
            claims = json_object(jws.payload)
        except ValueError:
            raise InvalidToken(MALFORMED) from None
        _expect_time(claims, self._clock.now().timestamp())
        self._expect_origin(claims)
        return claims

    def _expect_signature(self, jws: _Jws) -> None:
        """Raises InvalidToken unless a current key has signed the token. Keys in the header of the
        token itself are ignored.
        """
        keys = self._keys.current().fitting(jws.algorithm, jws.key_id)
        if any(key.verifies(jws.algorithm, jws.message, jws.signature) for key in keys):
            return
        if not keys or jws.key_id is None:  # the provider may have a new key
            self._keys.miss()
        raise InvalidToken() if keys else InvalidToken(UNKNOWN_KEY)

    def _expect_origin(self, claims: TokenClaims) -> None:
        if self._issuer is not None and claims.get("iss") != self._issuer:
            raise InvalidToken(OTHER_ISSUER)
        if self._audience is not None:
            audience = claims.get("aud")
            if self._audience not in (audience if isinstance(audience, list) else [audience]):
                raise InvalidToken(OTHER_AUDIENCE)


def _parse(token: str) -> _Jws:
    """The parts of a token. Raises InvalidToken if the token is malformed or not supported."""
    try:
        header_text, payload_text, signature_text = token.split(".")
        header = json_object(segment_bytes(header_text))
        payload, signature = segment_bytes(payload_text), segment_bytes(signature_text)
    except ValueError:
        raise InvalidToken(MALFORMED) from None
    return _Jws(
        algorithm=_algorithm(header),
        key_id=_key_id(header),
        payload=payload,
        message=f"{header_text}.{payload_text}".encode(),
        signature=signature,
    )


def _algorithm(header: Mapping[str, Any]) -> str:
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise InvalidToken(UNSUPPORTED)
    if "crit" in header or "b64" in header:
        raise InvalidToken(CRITICAL)
    return str(algorithm)


def _key_id(header: Mapping[str, Any]) -> str | None:
    key_id = header.get("kid")
    if key_id is None or isinstance(key_id, str):
        return key_id
    raise InvalidToken(MALFORMED)


def _expect_time(claims: TokenClaims, now: float) -> None:
    """Raises InvalidToken for a token that is not valid now, or that never expires."""
    expires_at = _moment(claims, "exp")
    if expires_at is None:
        raise InvalidToken("the token does not say when it expires")
    if now >= expires_at + LEEWAY_SECONDS:
        raise InvalidToken(EXPIRED)
    for name in ("nbf", "iat"):
        moment = _moment(claims, name)
        if moment is not None and now < moment - LEEWAY_SECONDS:
            raise InvalidToken(NOT_YET_VALID)


def _moment(claims: TokenClaims, name: str) -> int | float | None:
    """The value of a claim, in seconds since 1970; None if the claim is absent or null.

    Raises InvalidToken if the value is not a finite number.
    """
    value = claims.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise InvalidToken(MALFORMED)
