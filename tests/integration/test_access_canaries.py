"""No credential is found where operators and others look: in the log, the metrics, the bodies of
errors, the rows, the call log of the test API and the list of processes; nor is a personal value
of a request, except in rows and the call log.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from uuid import uuid4

import asyncpg
import grpc
import pytest
from aiohttp import ClientSession
from attrs import evolve, frozen

from customers.adapters.postgres.engine.migrate import migrate
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from tests.support.attempts import ADMITTED, SIGNER, TENANT, Attempt, Credentials, a_token
from tests.support.canaries import Caller, Canary, tables_of
from tests.support.databases import an_empty_database
from tests.support.forked_program import start_service
from tests.support.grpc_service import an_order
from tests.support.patience import until
from tests.support.postgres_servers import log_of_test_server, start_test_server
from tests.support.service_process import FREE_PORTS, MEMORY, Service, connect
from tests.support.service_roles import service_url
from tests.support.smtp_stub import SmtpStub, smtp_stub
from tests.support.tokens import AUDIENCE, jwks_file

CUSTOMERS = "/api/v1/customers"
# With these settings the log and the metrics show the most that they can, in production too.
SHOWN = {"PUBLIC_METRICS": "on", "LOG_LEVEL": "debug", "JWT_AUDIENCE": AUDIENCE}


def leaks(secrets: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """Each secret and the place that has it."""
    return [
        f"{name} in {place}"
        for place, text in places.items()
        for name, secret in secrets.items()
        if secret in text
    ]


def processes() -> str:
    """The command lines of all processes."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_text(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    return "\n".join(lines)


@frozen
class Attempts:
    """Sends attempts over both interfaces, and keeps the texts of all errors."""

    service: Service
    session: ClientSession
    refusals: list[str]

    async def send(self, attempt: Attempt) -> None:
        await self._over_http(attempt)
        if not attempt.query:
            await self._over_grpc(attempt)

    async def _over_http(self, attempt: Attempt) -> None:
        url = f"{self.service.http}{CUSTOMERS}?{attempt.query}"
        async with self.session.get(url, headers=attempt.headers) as answer:
            text = await answer.text()
            assert answer.status == attempt.status, (attempt.name, text)
            if attempt.status != ADMITTED:
                self.refusals.append(text + str(answer.headers))

    async def _over_grpc(self, attempt: Attempt) -> None:
        async with grpc.aio.insecure_channel(self.service.grpc) as channel:
            order = an_order(str(uuid4()), tenant_id=TENANT)
            call = CustomersServiceStub(channel).RecordOrder(order, metadata=attempt.headers)
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await call
        is_admitted = failed.value.code() is grpc.StatusCode.NOT_FOUND
        assert is_admitted == (attempt.status == ADMITTED), (attempt.name, failed.value)
        assert is_admitted or failed.value.code() is grpc.StatusCode.UNAUTHENTICATED, attempt.name
        trailing = failed.value.trailing_metadata() or ()
        self.refusals.append(f"{failed.value.details()} {[*trailing]}")

    async def post(self, path: str, body: object, token: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.service.http + path
        async with self.session.post(url, json=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                self.refusals.append(text)
            return answer.status, text

    async def get(self, path: str) -> str:
        async with self.session.get(self.service.http + path) as answer:
            assert answer.status == 200
            return await answer.text()

    async def two_keys(self) -> tuple[str, str]:
        """Creates two keys and revokes the second; returns both."""
        keys = []
        for name in ("good", "revoked"):
            body = {"name": name, "permissions": ["*"]}
            status, text = await self.post("/api/v1/keys", body, a_token())
            assert status == 201, text
            keys.append(json.loads(text))
        url = f"{self.service.http}/api/v1/keys/{keys[1]['id']}"
        headers = {"Authorization": f"Bearer {a_token()}"}
        async with self.session.delete(url, headers=headers) as answer:
            assert answer.status == 200
        return keys[0]["key"], keys[1]["key"]

    async def verify(self, mail_token: str) -> dict[str, str]:
        """Tries a mail's token twice, and bad ones; returns all tokens that were tried, by name."""
        bad = {"bad mail token": uuid4().hex * 2, "text as mail token": f"x-{uuid4().hex}"}
        for value in bad.values():
            body = {"token": value}
            assert (await self.post(f"{CUSTOMERS}/verify-email", body))[0] == 400
        for status in (200, 400):
            body = {"token": mail_token}
            assert (await self.post(f"{CUSTOMERS}/verify-email", body))[0] == status
        path = f"{CUSTOMERS}/verify-email?token={mail_token}"
        assert (await self.post(path, {"token": ""}))[0] == 400
        return {"mail token": mail_token, **bad}


@asynccontextmanager
async def serving(
    folder: Path, *options: str, environ: Mapping[str, str]
) -> AsyncIterator[Attempts]:
    jwks = {"JWT_JWKS_FILE": str(jwks_file(folder, SIGNER))}
    with start_service(folder, *options, environ={**SHOWN, **jwks, **environ}) as service:
        async with ClientSession() as session:
            yield Attempts(service, session, [])


@pytest.fixture
async def database() -> AsyncIterator[str]:
    server = await asyncio.to_thread(start_test_server)
    async with an_empty_database(server) as url:
        await migrate(url)
        yield url


async def token_of_mail(mails: SmtpStub) -> str:
    await until(lambda: bool(mails.messages))
    text = "".join(
        part.get_content()
        for part in mails.messages[-1].walk()
        if part.get_content_maintype() == "text"
    )
    match = re.search(r"verify-email\?token=([\w-]{20,})", text)
    assert match, text
    return match[1]


async def rows_of(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        tables = await tables_of(connection)
    finally:
        await connection.close()
    return "\n".join(text.decode() for text in tables.values())


async def test_credentials_and_personal_values_are_nowhere(database: str, tmp_path: Path) -> None:
    credentials = Credentials(key="", revoked_key="")
    canary = Canary.new()
    async with smtp_stub() as mails:
        environ = {
            "DATABASE_URL": await service_url(database),
            "ENVIRONMENT": "production",
            "AUTH": "gateway,jwt",
            "GATEWAY_PEERS": "127.0.0.1/32,::1/128",
            "GATEWAY_SECRET": credentials.gateway_secret,
            "SMTP_URL": f"smtp://127.0.0.1:{mails.port}",
            "STOREFRONT_URL": "https://shop.example.test",
        }
        async with serving(tmp_path, *FREE_PORTS, environ=environ) as attempts:
            key, revoked = await attempts.two_keys()
            credentials = evolve(credentials, key=key, revoked_key=revoked)
            for attempt in credentials.attempts(has_gateway=True):
                await attempts.send(attempt)
            customer = await asyncio.to_thread(people, attempts, canary, credentials.token)
            path = f"{CUSTOMERS}/{customer}/send-verification"
            assert (await attempts.post(path, {}, credentials.token))[0] == 200
            tried = await attempts.verify(await token_of_mail(mails))
            service = attempts.service
            places = {
                "metrics": await attempts.get("/metrics"),
                # Errors name an unknown parameter; its name is no personal value.
                "errors": "\n".join(attempts.refusals).replace(canary.text("parameter"), ""),
                "processes": processes(),
            }
            rows = await rows_of(database)
            assert await asyncio.to_thread(service.stop) == 0
    places |= {
        "output": service.output,
        "error output": service.errors,
        "log of the server": log_of_test_server(),
    }
    assert leaks({**credentials.secrets(), **tried}, {**places, "rows": rows}) == []
    assert [place for place, text in places.items() if canary.is_in(text.encode())] == []
    # The places are not empty, and contain what they may contain.
    assert service.output.count("access refused") > 30
    assert len(attempts.refusals) > 60
    assert canary.is_in(rows.encode())
    assert hashlib.sha256(key.rpartition("_")[2].encode()).hexdigest() in rows
    assert "customers_access_refused_total" in places["metrics"]


def people(attempts: Attempts, canary: Canary, token: str) -> str:
    """Creates a customer with the canary in their texts, sends bad requests; returns the id."""
    with closing(connect(attempts.service)) as connection:
        headers = {"Authorization": f"Bearer {token}"}
        caller = Caller(connection=connection, canary=canary, headers=headers)
        customer = caller.create()
        caller.fail(customer)
    attempts.refusals.extend(body.decode() for body in caller.refusals)
    return customer


async def test_credentials_are_not_in_the_journal(tmp_path: Path) -> None:
    environ = {"AUTH": "jwt"}
    async with serving(tmp_path, *MEMORY, "--test-api", environ=environ) as attempts:
        key, revoked = await attempts.two_keys()
        credentials = Credentials(key=key, revoked_key=revoked)
        for attempt in credentials.attempts(has_gateway=False):
            await attempts.send(attempt)
        body = {"email": "ada@example.test", "firstName": "Ada", "lastName": "Smith"}
        _, created = await attempts.post(CUSTOMERS, body, credentials.token)
        customer = json.loads(created)["id"]
        path = f"{CUSTOMERS}/{customer}/send-verification"
        assert (await attempts.post(path, {}, credentials.token))[0] == 200
        mail = await attempts.get("/__test/mails")
        match = re.search(r"token=([\w-]{20,})", mail)
        assert match, mail
        tried = await attempts.verify(match[1])
        places = {
            "journal": await attempts.get("/__test/requests"),
            "metrics": await attempts.get("/metrics"),
            "errors": "\n".join(attempts.refusals),
            "output": attempts.service.output,
            "error output": attempts.service.errors,
            "processes": processes(),
        }
    assert leaks({**credentials.secrets(), **tried}, places) == []
    assert places["journal"].count('"operation"') > 60
