"""API keys: their text, what is stored of them, and whom they let in."""

import hmac
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from customers.core.errors import ApiKeyLimitExceeded, Invalid, InvalidValue
from customers.core.errors.access import InvalidToken, PermissionDenied
from customers.core.model.api_key import (
    MAX_KEYS,
    ApiKeyDetails,
    Credential,
    NewApiKey,
    PermissionsGate,
)
from customers.core.model.permissions import Permission
from customers.core.model.principal import ANYONE, Principal, PrincipalKind, Tenants
from tests.support.builders import NOW, a_credential, an_api_key, later

SECRET = bytes(range(32))
ID = UUID("01981f2e-8a4c-7d31-9c55-3f1c2b7e9a10")
CREDENTIAL = Credential.of(ID, SECRET)
TEXT = f"csk_{ID}_{SECRET.hex()}"


def test_the_text_of_a_key_says_its_id_and_its_secret() -> None:
    assert CREDENTIAL.text == TEXT
    assert Credential.parse(TEXT) == CREDENTIAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "csk_",
        TEXT[:-1],
        f"{TEXT}0",
        f"{TEXT}\n",
        f" {TEXT}",
        TEXT.upper(),
        TEXT.replace("csk", "cpk"),
        f"csk_{ID.hex}_{SECRET.hex()}",
        TEXT.replace("0", "\u0660", 1),
        TEXT.replace("_", "-"),
    ],
)
def test_another_text_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidToken) as refused:
        Credential.parse(text)
    assert str(refused.value) == "the key is malformed"


def test_only_a_digest_of_the_secret_is_kept_and_nothing_shows_the_secret() -> None:
    key = an_api_key(CREDENTIAL)
    assert key.secret_hash == sha256(SECRET.hex().encode()).hexdigest()
    shown = f"{key!r} {CREDENTIAL!r} {NewApiKey(key=key, text=CREDENTIAL.text)!r}"
    assert SECRET.hex() not in shown
    assert key.secret_hash not in shown


def test_a_caller_with_a_key_is_a_service_of_its_tenant() -> None:
    key = an_api_key(CREDENTIAL, tenant_id="shop-1", permissions=("customers:notes:manage", "gone"))
    assert key.verify(CREDENTIAL, NOW) == Principal(
        kind=PrincipalKind.SERVICE,
        subject=str(ID),
        tenants=Tenants(ids=frozenset({"shop-1"})),
        permissions=frozenset({Permission.NOTES_MANAGE}),
    )


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared, compare = [], hmac.compare_digest

    def comparing(one: str, other: str) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", comparing)
    an_api_key(CREDENTIAL).verify(CREDENTIAL, NOW)
    assert compared == [(CREDENTIAL.digest, CREDENTIAL.digest)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"revoked_at": NOW}, "the key has been revoked"),
        ({"expires_at": NOW}, "the key has expired"),
    ],
)
def test_what_is_wrong_with_a_key_is_said_to_those_who_have_its_secret(
    fields: dict[str, Any], message: str
) -> None:
    key = an_api_key(CREDENTIAL, **fields)
    with pytest.raises(InvalidToken, match=message):
        key.verify(CREDENTIAL, NOW)
    with pytest.raises(InvalidToken, match="the key is not known"):
        key.verify(evolve(CREDENTIAL, secret="0" * 64), NOW)


def test_a_key_is_valid_until_it_expires() -> None:
    key = an_api_key(credential := a_credential(), expires_at=later(seconds=1))
    assert key.verify(credential, NOW).subject == str(credential.key_id)
    with pytest.raises(InvalidToken):
        key.verify(credential, later(seconds=1))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (["customers:fly"], "INVALID_VALUE"),
        (["Customers:View"], "INVALID_VALUE"),
        ([""], "INVALID_VALUE"),
        ([None], "INVALID_TYPE"),
        ("customers:view", "INVALID_TYPE"),
        ({"customers:view": True}, "INVALID_TYPE"),
        ([], "REQUIRED"),
        (["*"] * 51, "MAX_LENGTH"),
    ],
)
def test_bad_permissions_are_refused(raw: object, code: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        PermissionsGate().read(raw)
    assert refused.value.code == code


def test_permissions_are_kept_as_they_are_written() -> None:
    names = ["customers:*", "*", "customers:segments:manage", "customers:*"]
    assert PermissionsGate().read(names) == tuple(names[:3])


def test_the_error_says_how_many_keys_a_tenant_has() -> None:
    assert f" {MAX_KEYS} API keys" in ApiKeyLimitExceeded.message


def test_nobody_gives_more_than_they_have() -> None:
    giver = evolve(ANYONE, permissions=frozenset({Permission.ORDERS_VIEW, Permission.KEYS_MANAGE}))
    ApiKeyDetails(permissions=("orders:view",)).expect_allowed(giver, NOW)
    for name, lacking in (
        ("orders:record", "orders:record"),
        ("customers:notes:manage", "notes:manage"),
        ("customers:*", "customers:create"),
    ):
        with pytest.raises(PermissionDenied, match=f"the permission {lacking} is required"):
            ApiKeyDetails(permissions=("orders:view", name)).expect_allowed(giver, NOW)


@pytest.mark.parametrize("moment", [NOW, later(days=-1)])
def test_a_key_must_expire_in_the_future(moment: Any) -> None:
    details = ApiKeyDetails(permissions=("*",), expires_at=moment)
    with pytest.raises(Invalid) as refused:
        details.expect_allowed(ANYONE, NOW)
    assert [problem.pointer for problem in refused.value.problems] == ["/expiresAt"]
