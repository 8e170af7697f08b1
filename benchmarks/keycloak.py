"""Runs Keycloak on this machine: Maven downloads it once, and it gets the realm of the drill."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from secrets import token_hex
from typing import Final, Self
from zipfile import ZipFile

from aiohttp import ClientError, ClientSession
from attrs import define, field

from tests.support.service_process import a_free_port

VERSION: Final = "26.5.6"
_NAME: Final = f"keycloak-quarkus-dist-{VERSION}.zip"
_ARTIFACT: Final = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_MIN_JAVA: Final = 17
_REALM: Final = Path(__file__).with_name("keycloak_realm.json")
_SECRET: Final = "a secret of a drill"
_ADMINISTRATOR: Final = "drill"
_MAX_START_SECONDS, _MAX_STOP_SECONDS = 300.0, 30.0
_FIRST_PRIORITY: Final = 100  # the priority of a realm's first key


class CannotInstall(OSError):
    """Keycloak cannot be installed; the message says why."""


@define
class Keycloak:
    """A Keycloak server that keeps its keys in `home`, and can be stopped and started again."""

    home: Path
    session: ClientSession
    port: int
    _administrator_secret: str = field(factory=token_hex, repr=False)
    _process: asyncio.subprocess.Process | None = None

    @classmethod
    def new(cls, home: Path, session: ClientSession) -> Self:
        """A server that imports the realm of the drill; deletes the data of an earlier server."""
        shutil.rmtree(home / "data", ignore_errors=True)
        imports = home / "data" / "import"
        imports.mkdir(parents=True)
        shutil.copy(_REALM, imports / "customers-realm.json")
        return cls(home, session, a_free_port())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/customers"

    async def start(self) -> None:
        """Starts the server, and waits until the realm answers. Raises ChildProcessError."""
        address = ("--http-host=127.0.0.1", f"--http-port={self.port}")
        environment = {
            "KC_BOOTSTRAP_ADMIN_CLIENT_ID": _ADMINISTRATOR,
            "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": self._administrator_secret,
        }
        with (self.home / "data" / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("sh", str(self.home / "bin" / "kc.sh"), "start-dev", "--import-realm", *address),
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self._wait_until_it_answers(self._process)

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(_MAX_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def token(self, client: str, host: str = "") -> str:
        """A new token of a client. Keycloak puts `host`, unless empty, into the token's issuer."""
        headers = {"Host": host} if host else {}
        return await self._token("customers", client, _SECRET, headers)

    async def add_key(self, number: int) -> None:
        """Adds a key, which signs from now on; the earlier keys stay in the JWKS."""
        secret = self._administrator_secret
        administrator = await self._token("master", _ADMINISTRATOR, secret, {})
        component = {
            "name": f"key-{number}",
            "providerType": "org.keycloak.keys.KeyProvider",
            "providerId": "rsa-generated",
            "config": {"priority": [str(_FIRST_PRIORITY + number)], "algorithm": ["RS256"]},
        }
        async with self.session.post(
            f"{self.url}/admin/realms/customers/components",
            json=component,
            headers={"Authorization": f"Bearer {administrator}"},
        ) as answer:
            answer.raise_for_status()

    async def _token(self, realm: str, client: str, secret: str, headers: dict[str, str]) -> str:
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
        url = f"{self.url}/realms/{realm}/protocol/openid-connect/token"
        async with self.session.post(url, data=form, headers=headers) as answer:
            answer.raise_for_status()
            return str((await answer.json())["access_token"])

    async def _wait_until_it_answers(self, process: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + _MAX_START_SECONDS
        while not await self._answers():
            if process.returncode is not None or time.monotonic() > deadline:
                raise ChildProcessError(f"Keycloak did not start: see {self.home / 'data' / 'log'}")
            await asyncio.sleep(0.2)

    async def _answers(self) -> bool:
        try:
            url = f"{self.issuer}/.well-known/openid-configuration"
            async with self.session.get(url) as answer:
                return answer.status == 200
        except ClientError:
            return False


async def installed(folder: Path) -> Path:
    """The folder of Keycloak, which is downloaded if it is missing. Raises CannotInstall."""
    await _expect_java()
    home = folder / f"keycloak-{VERSION}"
    if not home.exists():
        folder.mkdir(parents=True, exist_ok=True)
        await _download(folder)
        await asyncio.to_thread(_unpack, folder)
    return home


async def _expect_java() -> None:
    if shutil.which("java") is None:
        raise CannotInstall(f"needs Java {_MIN_JAVA} or newer")
    _, output = await _run("java", "-version")
    version = re.search(r'version "(\d+)', output)
    if version is None or int(version[1]) < _MIN_JAVA:
        raise CannotInstall(f"needs Java {_MIN_JAVA} or newer")


async def _download(folder: Path) -> None:
    """Downloads Keycloak by Maven, from its configured repository, and checks its digest."""
    if shutil.which("mvn") is None:
        raise CannotInstall("needs Maven to be downloaded")
    code, output = await _run(
        *("mvn", "--quiet", "--batch-mode", "--strict-checksums", "dependency:copy"),
        *(f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={folder}"),
    )
    if code:
        reason = next((line for line in output.splitlines() if "ERROR" in line), "no reason given")
        raise CannotInstall(f"Maven cannot download it: {reason}")


def _unpack(folder: Path) -> None:
    """Unpacks aside and then renames, so that an interruption leaves no partial installation."""
    scratch = folder / "unpacking"
    shutil.rmtree(scratch, ignore_errors=True)
    with ZipFile(folder / _NAME) as archive:
        archive.extractall(scratch)
    (scratch / f"keycloak-{VERSION}").rename(folder / f"keycloak-{VERSION}")
    scratch.rmdir()
    (folder / _NAME).unlink()


async def _run(*command: str) -> tuple[int, str]:
    """The exit code and the output of a command."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return await process.wait(), output.decode(errors="replace")
