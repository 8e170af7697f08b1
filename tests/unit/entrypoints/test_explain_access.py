"""`customers access explain`: what a caller with a token would be, or why a token is refused."""

import json
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from customers.entrypoints.cli import main
from customers.entrypoints.config.access_values import AuthModes, RolesFile
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.explain_access import NoTokens, explain_token
from tests.support.tokens import a_signer, claims, fake_provider, jwks_file

SIGNER = a_signer()
NOT_EXPIRED = {"exp": 10**12}
TEXT, JSON = Output(as_json=False), Output(as_json=True)


def token(**changes: Any) -> str:
    return SIGNER.token(claims(**{"iat": None, **NOT_EXPIRED, **changes}))


async def explain(
    folder: Path, text: str, output: Output = TEXT, **settings: Any
) -> int | str | None:
    """Runs the command on the token; returns the exit code, 0 if it does not exit."""
    (folder / "token").write_text(f"{text}\n")
    defaults: dict[str, Any] = {
        "auth": AuthModes(("jwt",)),
        "jwt_jwks_file": jwks_file(folder, SIGNER),
    }
    try:
        await explain_token(Settings(**defaults | settings), folder / "token", output)
    except SystemExit as stopped:
        return stopped.code
    return 0


async def test_it_prints_what_the_caller_would_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = token(
        realm_access={"roles": ["viewer", "chef"]},
        permissions="customers:lock soup:cook",
        email="a@x.test",
        email_verified=True,
    )
    assert await explain(tmp_path, text) == 0
    assert capsys.readouterr().out.splitlines() == [
        "kind                 staff",
        "subject              staff-1",
        "tenants              shop-1",
        "permissions          customers:lock, customers:view, orders:view, segments:view",
        "unknown roles        chef",
        "unknown permissions  soup:cook",
        "verified e-mail      yes",
    ]


async def test_a_shopper_has_no_permissions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await explain(tmp_path, token(permissions=None), JSON) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["kind"], line["permissions"], line["tenants"]) == ("shopper", "none", "shop-1")


async def test_the_file_of_roles_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roles = tmp_path / "roles.yaml"
    roles.write_text('subjects: {staff-1: {roles: [viewer], tenants: ["*"]}}')
    assert await explain(tmp_path, token(), roles_file=RolesFile.parse(str(roles))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["kind", "service"]
    assert lines[2].endswith("every tenant")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (token(exp=1), "the token has expired"),
        (a_signer("ES256", "stranger").token(claims()), "the key of the token is unknown"),
        ("x" * 50_000, "the token is longer than 16 KiB"),
        ("", "the token is malformed"),
    ],
    ids=["expired", "unknown", "long", "empty"],
)
async def test_it_says_why_a_token_is_refused(
    text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await explain(tmp_path, text) == 1
    assert capsys.readouterr().err == f"{reason}: a caller with it is refused with 401\n"


async def test_the_token_may_come_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(token().encode())))
    settings = Settings(auth=AuthModes(("jwt",)), jwt_jwks_file=jwks_file(tmp_path, SIGNER))
    await explain_token(settings, Path("-"), TEXT)
    assert "staff-1" in capsys.readouterr().out


async def test_the_keys_may_come_from_the_issuer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with fake_provider(SIGNER) as provider:
        issuer: dict[str, Any] = {"jwt_jwks_file": None, "jwt_issuer": provider.issuer}
        assert await explain(tmp_path, token(iss=provider.issuer), **issuer) == 0
        assert await explain(tmp_path, token(), **issuer) == 1
    assert "the token is from another issuer" in capsys.readouterr().err


async def test_without_jwt_no_token_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NoTokens, match="AUTH has no jwt"):
        await explain(tmp_path, token(), auth=AuthModes())


async def test_an_api_key_is_not_a_token(tmp_path: Path) -> None:
    with pytest.raises(NoTokens, match="this is an API key, not a token: explain it with --key ID"):
        await explain(tmp_path, "csk_1_secret")


def test_the_command_asks_for_a_caller() -> None:
    result = CliRunner().invoke(main, ["access", "explain"])
    assert result.exit_code == 2
    assert "Give the caller to explain: --token FILE, or --key ID." in result.stderr
