"""The principals of tokens: what their claims say, and for how long a verified token is kept."""

from typing import Any

import pytest

from customers.core.errors.access import InvalidToken
from customers.core.model.principal import EVERY_TENANT, NO_TENANTS, PrincipalKind, Tenants
from customers.core.model.roles import Roles, SubjectRoles
from customers.core.ports.tokens import TokenClaims, TokenVerifier
from customers.entrypoints.access import tokens
from customers.entrypoints.access.tokens import ClaimNames, JwtTokens
from tests.support.builders import NOW, FixedClock

SECONDS = int(NOW.timestamp())
VALID = {"sub": "someone", "exp": SECONDS + 300}


class Verifier(TokenVerifier):
    """Accepts every token unless `claims` is None; counts the tokens."""

    def __init__(self, claims: TokenClaims) -> None:
        self.claims: TokenClaims | None = claims
        self.count = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def verify(self, token: str) -> TokenClaims:
        self.count += 1
        if self.claims is None:
            raise InvalidToken
        return self.claims


def names_of(**names: str) -> ClaimNames:
    return ClaimNames(**names)


def read(claims: dict[str, Any], **names: str) -> Any:
    return names_of(**names).read({**VALID, **claims})


def tokens_of(verifier: Verifier, clock: FixedClock) -> JwtTokens:
    return JwtTokens(verifier, clock, Roles(), ClaimNames())


@pytest.mark.parametrize(
    ("token", "is_taken"), [("csk_1_secret", False), ("a.b.c", True), ("nonsense", True)]
)
def test_every_token_is_taken_except_the_keys_of_this_service(token: str, is_taken: bool) -> None:
    assert tokens_of(Verifier(VALID), FixedClock()).takes(token) is is_taken


@pytest.mark.parametrize(
    ("claim", "tenants"),
    [
        ("shop-1", Tenants(ids=frozenset({"shop-1"}))),
        (["shop-1", "shop-2", 3, ""], Tenants(ids=frozenset({"shop-1", "shop-2"}))),
        ("*", EVERY_TENANT),
        (["shop-1", "*"], EVERY_TENANT),
        (None, NO_TENANTS),
        ("", NO_TENANTS),
        ("  ", NO_TENANTS),
        (7, NO_TENANTS),
        ({"shop-1": True}, NO_TENANTS),
        ([["shop-1"]], NO_TENANTS),
    ],
)
def test_the_tenants_of_a_claim(claim: object, tenants: Tenants) -> None:
    assert read({"tenant_id": claim}).tenants == tenants


@pytest.mark.parametrize(
    ("claims", "permissions"),
    [
        ({"permissions": ["a", "b", 1, None]}, ["a", "b"]),
        ({"permissions": "a b,c , d"}, ["a", "b", "c", "d"]),
        ({"permissions": [], "scope": "a"}, []),
        ({"permissions": 7, "scope": "a"}, []),
        ({"permissions": None, "scope": "a b"}, ["a", "b"]),
        ({"scope": "openid a"}, ["openid", "a"]),
        ({"scope": ["a", "b"]}, ["a", "b"]),
        ({"scope": {"a": 1}}, []),
        ({}, []),
    ],
)
def test_the_permissions_of_a_claim(claims: dict[str, Any], permissions: list[str]) -> None:
    assert list(read(claims).permissions) == permissions


@pytest.mark.parametrize(
    ("claims", "path", "roles"),
    [
        ({"realm_access": {"roles": ["admin"]}}, "realm_access.roles", ["admin"]),
        ({"realm_access": ["admin"]}, "realm_access.roles", []),
        ({"realm_access": {"roles": {"admin": 1}}}, "realm_access.roles", []),
        ({"https://acme.example/roles": ["admin"]}, "https://acme.example/roles", ["admin"]),
        ({"a.b": "support", "a": {"b": "admin"}}, "a.b", ["support"]),
        ({"a": {"b": {"c": "admin,support"}}}, "a.b.c", ["admin", "support"]),
    ],
)
def test_a_claim_is_found_by_its_name_or_its_path(
    claims: dict[str, Any], path: str, roles: list[str]
) -> None:
    assert list(read(claims, roles=path).roles) == roles


@pytest.mark.parametrize("subject", [None, "", " ", 7, ["x"], True])
def test_a_token_without_a_subject_is_refused(subject: object) -> None:
    with pytest.raises(InvalidToken, match="the token has no subject"):
        read({"sub": subject})


@pytest.mark.parametrize(
    ("is_verified", "email"),
    [(True, "a@x.test"), ("true", ""), (False, ""), ("yes", ""), (1, ""), (None, "")],
)
def test_an_address_counts_if_it_is_verified(is_verified: object, email: str) -> None:
    claims = read({"email": "a@x.test", "email_verified": is_verified})
    assert claims.verified_email == email


def test_an_address_that_is_no_text_does_not_count() -> None:
    assert read({"email": ["a@x.test"], "email_verified": True}).verified_email == ""


async def test_the_roles_of_the_token_and_of_its_subject_count() -> None:
    subjects = {"someone": SubjectRoles(roles=("support",), tenants=EVERY_TENANT)}
    verifier = Verifier({**VALID, "realm_access": {"roles": ["viewer", "unknown"]}})
    roles = Roles(subjects=subjects)
    principal = await JwtTokens(verifier, FixedClock(), roles, ClaimNames()).principal("token")
    assert principal.kind is PrincipalKind.SERVICE
    assert principal.permissions == roles.permissions_of(["viewer", "support"])


@pytest.mark.parametrize("token", ["x" * (16 * 1024 + 1), "ü.ü.ü", "\udc80"])
async def test_a_token_that_cannot_be_one_is_refused_unread(token: str) -> None:
    verifier = Verifier(VALID)
    with pytest.raises(InvalidToken):
        await tokens_of(verifier, FixedClock()).principal(token)
    assert verifier.count == 0


async def test_a_verified_token_is_kept_for_a_minute() -> None:
    verifier, clock = Verifier(VALID), FixedClock()
    jwt = tokens_of(verifier, clock)
    principal = await jwt.principal("token")
    verifier.claims = None
    clock.forward(seconds=59.9)
    assert await jwt.principal("token") == principal
    clock.forward(seconds=0.1)
    with pytest.raises(InvalidToken):
        await jwt.principal("token")


async def test_a_clock_that_is_set_back_does_not_keep_a_token_longer() -> None:
    verifier, clock = Verifier(VALID), FixedClock()
    jwt = tokens_of(verifier, clock)
    await jwt.principal("token")
    clock.forward(seconds=-1)
    await jwt.principal("token")
    assert verifier.count == 2


async def test_a_token_that_expires_in_an_age_is_kept_for_a_minute_too() -> None:
    verifier, clock = Verifier({**VALID, "exp": 10**400}), FixedClock()
    jwt = tokens_of(verifier, clock)
    for _ in range(2):
        await jwt.principal("token")
        clock.forward(seconds=60)
    assert verifier.count == 2


async def test_a_verified_token_is_not_kept_after_it_expires() -> None:
    verifier, clock = Verifier(VALID), FixedClock()
    jwt = tokens_of(verifier, clock)
    await jwt.principal("token")
    clock.forward(seconds=50)
    await jwt.principal("token")
    clock.forward(seconds=250)
    await jwt.principal("token")
    await jwt.principal("token")  # within the leeway, it is verified each time
    assert verifier.count == 3


async def test_a_refused_token_is_not_kept() -> None:
    verifier = Verifier(VALID)
    verifier.claims = None
    jwt = tokens_of(verifier, FixedClock())
    for _ in range(2):
        with pytest.raises(InvalidToken):
            await jwt.principal("token")
    assert verifier.count == 2


async def test_a_bounded_number_of_tokens_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_CACHED", 3)
    verifier = Verifier(VALID)
    jwt = tokens_of(verifier, FixedClock())
    for token in "abcd":
        await jwt.principal(token)
    await jwt.principal("b")
    assert verifier.count == 4
    await jwt.principal("a")
    assert verifier.count == 5
