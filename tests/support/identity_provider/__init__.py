"""A real identity provider, the npm package oidc-provider, as a process of a test."""

import asyncio
import json
import re
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientSession, encode_basic_auth
from attrs import frozen

from tests.support.documents import ROOT
from tests.support.patience import PATIENCE_SECONDS

_SOURCE: Final = Path(__file__).parent
# Installed once for each checkout; git ignores it, and `make clean` keeps it.
_INSTALLED: Final = ROOT / ".venv" / "identity-provider"
_FILES: Final = ("package.json", "package-lock.json", "provider.mjs")
_CLIENT: Final = encode_basic_auth("orders-service", "a%20secret%20of%20a%20test")


@frozen(kw_only=True)
class IdentityProvider:
    """A running provider. Its tokens are valid for five minutes."""

    issuer: str
    _process: Process

    async def token(self, session: ClientSession, audience: str = "urn:customers") -> str:
        """A new token of the client orders-service, for shop-1, with the scope customers:view."""
        form = {
            "grant_type": "client_credentials",
            "resource": audience,
            "scope": "customers:view",
        }
        headers = {"Authorization": _CLIENT}
        async with session.post(f"{self.issuer}/token", data=form, headers=headers) as response:
            assert response.status == 200, await response.text()
            return str((await response.json())["access_token"])

    async def rotate(self, number: int) -> None:
        """Makes the provider sign with a new key; the old ones stay in the JWKS."""
        await self._order(f"rotate {number}")

    async def skew(self, seconds: int) -> None:
        """Sets the provider's clock this many seconds ahead of this machine's."""
        await self._order(f"skew {seconds}")

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _order(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        answer = await _answer(self._process)
        assert answer == {"done": line}


@asynccontextmanager
async def identity_provider(state: Path | None = None) -> AsyncIterator[IdentityProvider]:
    """A provider while the block runs; the test is skipped on a machine that cannot run it.

    It keeps its port and its keys in the file `state`, if any; the next provider can reuse them.
    """
    node, folder = _node(), _installed()
    process = await asyncio.create_subprocess_exec(
        *(node, "provider.mjs", *([str(state)] if state else [])),
        cwd=folder,
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    provider = None
    try:
        answer = await _answer(process)
        provider = IdentityProvider(issuer=answer["issuer"], process=process)
        yield provider
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _answer(process: Process) -> dict[str, str]:
    """The next line of the provider that is JSON; its library writes others."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := await process.stdout.readline():
            with suppress(ValueError):
                answer: dict[str, str] = json.loads(line)
                return answer
    raise AssertionError("the identity provider has exited")


def _node() -> str:
    """The path of Node.js. Skips the test if Node.js is missing or too old, or npm is missing."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("the identity provider needs Node.js 20 or newer with npm")
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True)
    major = re.match(r"v(\d+)", version.stdout)
    if major is None or int(major[1]) < 20:
        pytest.skip("the identity provider needs Node.js 20 or newer with npm")
    return node


def _installed() -> Path:
    """The folder with the provider. Skips the test if npm cannot install it."""
    _INSTALLED.mkdir(parents=True, exist_ok=True)
    lock = _INSTALLED / "node_modules" / ".customers-lock.json"
    for name in _FILES:
        shutil.copy(_SOURCE / name, _INSTALLED / name)
    locked = (_SOURCE / "package-lock.json").read_bytes()
    if not lock.exists() or lock.read_bytes() != locked:
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        result = subprocess.run(
            command, cwd=_INSTALLED, check=False, capture_output=True, text=True
        )
        if result.returncode:
            pytest.skip(f"npm cannot install the identity provider: {_first_error(result.stderr)}")
        lock.write_bytes(locked)
    return _INSTALLED


def _first_error(text: str) -> str:
    return next(iter(text.splitlines()), "no reason given")
