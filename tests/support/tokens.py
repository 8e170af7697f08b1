"""Tokens of an identity provider, its keys, and a provider that answers on this machine."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import jwt
from aiohttp import web
from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.builders import NOW

ISSUER: Final = "https://id.example.test"
AUDIENCE: Final = "customers"
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")


@frozen(kw_only=True)
class Signer:
    """A key of a provider, which signs with one algorithm."""

    algorithm: str
    key_id: str | None
    key: Any = field(repr=False)

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """The public key as an entry of a JWKS."""
        kind = jwt.get_algorithm_by_name(self.algorithm)
        entry = json.loads(kind.to_jwk(self.key.public_key()))
        entry.pop("key_ops", None)
        if self.key_id is not None:
            entry["kid"] = self.key_id
        return {**entry, "use": "sig", **changes}

    def pem(self) -> bytes:
        pem: bytes = self.key.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        return pem

    def sign(self, message: bytes) -> bytes:
        return jwt.get_algorithm_by_name(self.algorithm).sign(message, self.key)

    def token(self, claims: object, **header: Any) -> str:
        """A token with these claims. A field of the header that is None is left out."""
        fields = {"alg": self.algorithm, "kid": self.key_id, **header}
        fields = {name: value for name, value in fields.items() if value is not None}
        return self.of_bytes(json.dumps(fields).encode(), json.dumps(claims).encode())

    def of_bytes(self, header: bytes, payload: bytes) -> str:
        message = f"{segment(header)}.{segment(payload)}"
        return f"{message}.{segment(self.sign(message.encode()))}"


def segment(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@cache
def a_signer(algorithm: str = "ES256", key_id: str | None = "first") -> Signer:
    """A signer, the same one for the same arguments."""
    return Signer(algorithm=algorithm, key_id=key_id, key=_key(algorithm))


def _key(algorithm: str) -> Any:
    if algorithm == "ES256":
        return generate_private_key(SECP256R1())
    if algorithm == "EdDSA":
        return Ed25519PrivateKey.generate()
    return rsa_key(public_exponent=65537, key_size=2048)


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that are valid at NOW; one that is None is left out."""
    now = int(NOW.timestamp())
    values = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "staff-1",
        "iat": now,
        "exp": now + 300,
        "tenant_id": "shop-1",
        "permissions": ["customers:view"],
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def forged(token: str) -> str:
    """The token with one character of its signature replaced."""
    message, _, signature = token.rpartition(".")
    return f"{message}.{signature[:9]}{'A' if signature[9] != 'A' else 'B'}{signature[10:]}"


def jwks(*signers: Signer) -> bytes:
    return json.dumps({"keys": [signer.jwk() for signer in signers]}).encode()


def jwks_file(folder: Path, *signers: Signer) -> Path:
    file = folder / "jwks.json"
    file.write_bytes(jwks(*signers))
    return file


class FakeProvider:
    """Serves its keys at /jwks, and its configuration where OpenID discovery looks.

    `answer` answers requests for the keys, and tests replace it; `requests` counts these requests.
    """

    def __init__(self, *signers: Signer) -> None:
        self.signers = signers
        self.requests = 0
        self.url = ""
        self.issuer = ""
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self.keys
        self.configuration: dict[str, Any] = {}

    async def keys(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=jwks(*self.signers), content_type="application/json")

    async def answer_keys(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        return await self.answer(request)

    async def answer_configuration(self, _: web.Request) -> web.Response:
        values = {"issuer": self.issuer, "jwks_uri": f"{self.url}/jwks", **self.configuration}
        return web.json_response(values)


@asynccontextmanager
async def fake_provider(*signers: Signer) -> AsyncIterator[FakeProvider]:
    provider = FakeProvider(*signers)
    app = web.Application()
    app.router.add_get("/jwks", provider.answer_keys)
    app.router.add_get("/.well-known/openid-configuration", provider.answer_configuration)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    provider.url = provider.issuer = f"http://{host}:{port}"
    try:
        yield provider
    finally:
        await runner.cleanup()


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError
