"""Good and bad credentials, and the ways in which callers try to send them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from attrs import field, frozen

from tests.support.tokens import AUDIENCE, Signer, a_signer, claims

SIGNER: Final = a_signer()
TENANT: Final = "tenant"
ADMITTED, REFUSED = 200, 401


def a_token(signer: Signer = SIGNER, **changes: Any) -> str:
    """A token that is valid now and has all permissions, unless `changes` say otherwise."""
    now = int(time.time())
    valid = {"iat": now, "exp": now + 600, "aud": AUDIENCE, "tenant_id": TENANT}
    return signer.token(claims(**{"permissions": ["*"], **valid, **changes}))


def mutated(token: str) -> str:
    """The token with one character in the middle of its signature replaced."""
    place = len(token) - 40
    return token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


@frozen(kw_only=True)
class Attempt:
    """The headers and the query of a call, and the status that it must get."""

    name: str
    headers: Sequence[tuple[str, str]]
    query: str = ""
    status: int = REFUSED


@frozen(kw_only=True)
class Credentials:
    """What the callers of a service have, or pretend to have."""

    key: str
    revoked_key: str
    gateway_secret: str = field(factory=lambda: f"gateway-{uuid4().hex}", repr=False)
    wrong_secret: str = field(factory=lambda: f"wrong-{uuid4().hex}", repr=False)
    token: str = field(factory=a_token, repr=False)
    expired: str = field(factory=lambda: a_token(iat=1, exp=1_000_000_000), repr=False)
    foreign: str = field(factory=lambda: a_token(aud="another"), repr=False)
    unknown: str = field(factory=lambda: a_token(a_signer(key_id="unknown")), repr=False)

    @property
    def wrong_key(self) -> str:
        """The key with another secret."""
        return self.key[:-64] + uuid4().hex + uuid4().hex

    def secrets(self) -> Mapping[str, str]:
        """The secrets that must not leak, by name; the signature of each token is one of them."""
        names = ("token", "expired", "foreign", "unknown")
        tokens = {name: str(getattr(self, name)) for name in names}
        tokens["mutated"] = mutated(self.token)
        signatures = {f"signature of {name}": t.rpartition(".")[2] for name, t in tokens.items()}
        keys = {
            "secret of the key": self.key.rpartition("_")[2],
            "secret of the revoked key": self.revoked_key.rpartition("_")[2],
        }
        gateway = {"gateway secret": self.gateway_secret, "wrong secret": self.wrong_secret}
        return {**tokens, **signatures, **keys, **gateway}

    def attempts(self, *, has_gateway: bool) -> Iterator[Attempt]:
        good = {"token": self.token, "key": self.key}
        bad = {
            "expired": self.expired,
            "foreign": self.foreign,
            "unknown": self.unknown,
            "mutated": mutated(self.token),
            "revoked key": self.revoked_key,
            "wrong key": self.wrong_key,
            "cut key": self.key[:-1],
            "key in capitals": f"csk_{self.key[4:].upper()}",
            "two tokens": f"{self.token} {self.expired}",
            "padded": f"{self.token}=",
            "without a signature": f"{self.token.rpartition('.')[0]}.",
            "in quotes": f'"{self.token}"',
        }
        for name, value in good.items():
            yield Attempt(name=name, headers=_bearer(value), status=ADMITTED)
            yield Attempt(name=f"{name} in a query", headers=(), query=f"access_token={value}")
            yield Attempt(name=f"{name} as token", headers=(), query=f"token={value}")
            yield Attempt(name=f"{name} as key", headers=(), query=f"key={value}")
            yield Attempt(name=f"{name} as another scheme", headers=_basic(value))
            yield Attempt(name=f"{name} as a cookie", headers=(("cookie", f"token={value}"),))
            yield Attempt(name=f"{name} alone", headers=(("authorization", value),))
        for name, value in bad.items():
            yield Attempt(name=name, headers=_bearer(value))
        yield from self._gateway(has_gateway=has_gateway)

    def _gateway(self, *, has_gateway: bool) -> Iterator[Attempt]:
        described = (("x-jwt-claim-sub", "ada"), ("x-jwt-claim-tenant-id", TENANT))
        named = (*described, ("x-jwt-claim-permissions", "*"))
        right, wrong = (
            ("x-gateway-secret", secret) for secret in (self.gateway_secret, self.wrong_secret)
        )
        status = ADMITTED if has_gateway else REFUSED
        yield Attempt(name="gateway", headers=(*named, right), status=status)
        yield Attempt(name="gateway with a wrong secret", headers=(*named, wrong))
        yield Attempt(name="gateway with both secrets", headers=(*named, right, wrong))
        yield Attempt(name="gateway without a secret", headers=named)
        query = f"x-gateway-secret={self.gateway_secret}"
        yield Attempt(name="gateway's secret in a query", headers=named, query=query)


def _bearer(value: str) -> Sequence[tuple[str, str]]:
    return (("authorization", f"Bearer {value}"),)


def _basic(value: str) -> Sequence[tuple[str, str]]:
    return (("authorization", f"Basic {value}"),)
