"""Which tokens are accepted, and why others are not."""

import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from customers.adapters.jwt.key_set import KeySet, NotKeys
from customers.adapters.jwt.keys import KeysOfFile
from customers.adapters.jwt.verifier import JwtVerifier
from customers.core.errors.access import InvalidToken
from tests.support.builders import NOW, FixedClock
from tests.support.tokens import (
    ALGORITHMS,
    AUDIENCE,
    ISSUER,
    Signer,
    a_signer,
    claims,
    jwks,
    jwks_file,
    segment,
)

SIGNERS = tuple(a_signer(algorithm, algorithm) for algorithm in ALGORITHMS)
SECONDS = int(NOW.timestamp())
MALFORMED = "the token is malformed"
UNKNOWN_KEY = "the key of the token is unknown"
UNSUPPORTED = "the algorithm of the token is not supported: use RS256, PS256, ES256, EdDSA"


def verifier_of(content: bytes, **options: Any) -> JwtVerifier:
    options = {"issuer": ISSUER, "audience": AUDIENCE, **options}
    return JwtVerifier(KeysOfFile(KeySet.parse(content)), FixedClock(), **options)


def refusal(token: str, content: bytes = jwks(*SIGNERS), **options: Any) -> str:
    with pytest.raises(InvalidToken) as refused:
        verifier_of(content, **options).verify(token)
    return str(refused.value)


@pytest.mark.parametrize("signer", SIGNERS, ids=ALGORITHMS)
def test_each_algorithm_is_accepted(signer: Signer, tmp_path: Path) -> None:
    keys = KeysOfFile.read(jwks_file(tmp_path, *SIGNERS))
    verifier = JwtVerifier(keys, FixedClock(), issuer=ISSUER, audience=AUDIENCE)
    assert verifier.verify(signer.token(claims())) == claims()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exp": SECONDS - 70}, "the token has expired"),
        ({"exp": SECONDS - 60}, "the token has expired"),
        ({"exp": None}, "the token does not say when it expires"),
        ({"exp": "soon"}, MALFORMED),
        ({"exp": -(10**400)}, "the token has expired"),
        ({"nbf": 10**400}, "the token is not yet valid"),
        ({"exp": True}, MALFORMED),
        ({"nbf": SECONDS + 70}, "the token is not yet valid"),
        ({"nbf": [1]}, MALFORMED),
        ({"iat": SECONDS + 70}, "the token is not yet valid"),
        ({"iat": {}}, MALFORMED),
        ({"aud": "orders"}, "the token is for another audience"),
        ({"aud": ["orders", "carts"]}, "the token is for another audience"),
        ({"aud": {"customers": 1}}, "the token is for another audience"),
        ({"aud": None}, "the token is for another audience"),
        ({"iss": ISSUER + "/"}, "the token is from another issuer"),
        ({"iss": [ISSUER]}, "the token is from another issuer"),
        ({"iss": None}, "the token is from another issuer"),
    ],
)
def test_claims_that_are_refused(changes: dict[str, Any], message: str) -> None:
    assert refusal(SIGNERS[2].token(claims(**changes))) == message


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": SECONDS - 50},
        {"exp": SECONDS - 59.5},
        {"exp": 10**400, "iat": -(10**400)},
        {"nbf": SECONDS + 50},
        {"nbf": SECONDS - 50},
        {"iat": SECONDS + 50},
        {"iat": None},
        {"aud": ["orders", AUDIENCE]},
    ],
)
def test_claims_that_are_accepted(changes: dict[str, Any]) -> None:
    verifier = verifier_of(jwks(*SIGNERS))
    assert verifier.verify(SIGNERS[2].token(claims(**changes)))["sub"] == "staff-1"


def test_without_an_audience_and_an_issuer_every_one_is_accepted() -> None:
    verifier = verifier_of(jwks(*SIGNERS), issuer=None, audience=None)
    assert verifier.verify(SIGNERS[0].token(claims(iss="x", aud=None)))["iss"] == "x"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"alg": "none"}, UNSUPPORTED),
        ({"alg": "HS256"}, UNSUPPORTED),
        ({"alg": "ES384"}, UNSUPPORTED),
        ({"alg": "RS512"}, UNSUPPORTED),
        ({"alg": "es256"}, UNSUPPORTED),
        ({"alg": ["ES256"]}, UNSUPPORTED),
        ({"alg": None}, UNSUPPORTED),
        ({"crit": ["exp"], "exp": 1}, "the token demands an extension that is not supported"),
        ({"crit": []}, "the token demands an extension that is not supported"),
        ({"b64": False}, "the token demands an extension that is not supported"),
        ({"kid": "other"}, UNKNOWN_KEY),
        ({"kid": "RS256"}, UNKNOWN_KEY),  # a key of another type
        ({"kid": 1}, MALFORMED),
        ({"alg": "EdDSA", "kid": "EdDSA"}, "the token is invalid"),
    ],
)
def test_headers_that_are_refused(header: dict[str, Any], message: str) -> None:
    assert refusal(SIGNERS[2].token(claims(), **header)) == message


def test_keys_and_addresses_in_the_header_do_not_count() -> None:
    stranger = Signer(algorithm="ES256", key_id="ES256", key=a_signer("ES256", "stranger").key)
    header = {"jwk": stranger.jwk(), "jku": "https://evil.test/jwks", "x5u": "https://evil.test"}
    assert refusal(stranger.token(claims(), **header)) == "the token is invalid"
    header["kid"] = "evil"
    assert refusal(stranger.token(claims(), **header)) == UNKNOWN_KEY


@pytest.mark.parametrize("secret", [SIGNERS[0].pem(), jwks(SIGNERS[0])], ids=["PEM", "JWK"])
def test_a_public_key_is_no_secret_of_hmac(secret: bytes) -> None:
    header = segment(b'{"alg":"HS256","kid":"RS256"}')
    message = f"{header}.{segment(json.dumps(claims()).encode())}"
    signature = hmac.new(secret, message.encode(), "sha256").digest()
    assert refusal(f"{message}.{segment(signature)}") == UNSUPPORTED


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "..",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        f"{segment(b'[]')}.{segment(b'{}')}.x",
        f"{segment(b'{')}.{segment(b'{}')}.AA",
        f"{segment(b'[' * 9000)}.{segment(b'{}')}.AA",
        f"{segment(bytes([255]))}.{segment(b'{}')}.AA",
    ],
)
def test_a_text_that_is_no_token_is_malformed(token: str) -> None:
    assert refusal(token) == MALFORMED


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"{",
        b'{"exp":NaN}',
        b'{"exp":1e999}',
        b'{"exp":1,"exp":2}',
        b'{"sub":"\\ud800"}',
        b"1" * 9000,
        b"\xff",
    ],
)
def test_a_signed_payload_that_holds_no_claims_is_malformed(payload: bytes) -> None:
    token = SIGNERS[2].of_bytes(b'{"alg":"ES256","kid":"ES256"}', payload)
    assert refusal(token) == MALFORMED


def test_other_spellings_of_the_same_bytes_are_malformed() -> None:
    header, payload, signature = SIGNERS[2].token(claims()).split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(signature[-1])
    unused_bit = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last ^ 1]
    for spelling in (
        signature[:-1] + unused_bit,
        f"{signature}==",
        f"{signature}\n",
        f" {signature}",
    ):
        assert refusal(f"{header}.{payload}.{spelling}") == MALFORMED
    assert refusal(f"{header}.{payload}.") == "the token is invalid"


def test_a_token_without_a_key_id_is_tried_with_the_only_key_that_fits() -> None:
    signer = a_signer("ES256", None)
    token = signer.token(claims())
    assert verifier_of(jwks(signer, SIGNERS[0])).verify(token) == claims()
    assert refusal(token, jwks(signer, SIGNERS[2])) == UNKNOWN_KEY
    assert refusal(token, jwks(SIGNERS[2])) == "the token is invalid"


@pytest.mark.parametrize(
    "changes",
    [{"use": "enc"}, {"use": 1}, {"alg": "PS256"}, {"alg": "RSA-OAEP"}, {"key_ops": ["sign"]}],
)
def test_keys_for_something_else_are_not_used(changes: dict[str, Any]) -> None:
    other = SIGNERS[2].jwk()
    content = json.dumps({"keys": [SIGNERS[0].jwk(**changes), other]}).encode()
    assert refusal(SIGNERS[0].token(claims()), content) == UNKNOWN_KEY


@pytest.mark.parametrize(
    "changes",
    [{"alg": "RS256"}, {"use": None}, {"key_ops": ["verify"]}, {"d": "AQAB"}, {"x5c": ["?"]}],
)
def test_keys_for_signatures_are_used(changes: dict[str, Any]) -> None:
    entry = {name: value for name, value in SIGNERS[0].jwk(**changes).items() if value is not None}
    content = json.dumps({"keys": [{"kty": "unknown"}, "nonsense", entry]}).encode()
    assert verifier_of(content).verify(SIGNERS[0].token(claims())) == claims()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "is not a JSON object"),
        (b"[]", "is not a JSON object"),
        (b"{}", 'is not a JWKS: it has no list "keys"'),
        (b'{"keys":{}}', 'is not a JWKS: it has no list "keys"'),
        (b'{"keys":[]}', "has no public key for signatures of RS256, PS256, ES256, EdDSA"),
    ],
)
def test_a_file_without_keys_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(content)
    with pytest.raises(NotKeys) as refused:
        KeysOfFile.read(file)
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "AAAA", "kid": "RS256"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": 1, "e": "AQAB"},
        {"kty": "RSA"},
        {"kty": ["RSA"]},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": "AA"},
        SIGNERS[2].jwk(kid=7),
    ],
)
def test_an_entry_that_is_no_usable_key_is_left_out(entry: dict[str, Any]) -> None:
    with pytest.raises(NotKeys):
        KeySet.parse(json.dumps({"keys": [entry]}).encode())


def test_a_short_rsa_key_is_left_out() -> None:
    key = generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(NotKeys):
        KeySet.parse(jwks(Signer(algorithm="RS256", key_id="short", key=key)))
