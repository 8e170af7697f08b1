"""Canaries: values that are nowhere else, and the places of a server and a service to scan."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote
from uuid import UUID, uuid4

import asyncpg
from attrs import Factory, field, frozen

from tests.support.service_process import Service, connect

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
CUSTOMERS = "/api/v1/customers"
FOLDER_OF_DATABASE = """
SELECT 'base/' || oid AS folder FROM pg_database WHERE datname = current_database()
"""
# Every relation with a file, by the file's name; `of_table` is the table of a TOAST table, else
# the relation itself.
RELATIONS = """
SELECT pg_relation_filenode(c.oid) AS file, c.relname AS name, c.relkind AS kind,
  coalesce((SELECT relname FROM pg_class AS t WHERE t.reltoastrelid = c.oid), c.relname) AS of_table
FROM pg_class AS c WHERE pg_relation_filenode(c.oid) IS NOT NULL
"""


@frozen(kw_only=True)
class ScanResult:
    """How many places were scanned, and those that hold the canary."""

    scanned: int
    places: Sequence[str]


@frozen(kw_only=True)
class Canary:
    """Values to send and to scan for: a marker that case folding does not change, digits, an id."""

    marker: str
    digits: str
    id: UUID

    @classmethod
    def new(cls) -> "Canary":
        id = uuid4()
        return cls(marker=f"ca{uuid4().hex}", digits=f"7{id.int % 10**13:013}", id=id)

    def text(self, name: str) -> str:
        return f"{name}-{self.marker}"

    def is_in(self, content: bytes) -> bool:
        """Whether the content has the digits, the id, or the marker, plain or reversed."""
        texts = (self.marker, self.marker[::-1], self.digits, str(self.id))
        return any(value in content for value in (*map(str.encode, texts), self.id.bytes))

    def among(self, places: Mapping[str, bytes]) -> ScanResult:
        names = [name for name, content in places.items() if self.is_in(content)]
        return ScanResult(scanned=len(places), places=sorted(names))


async def tables_of(connection: Connection) -> Mapping[str, bytes]:
    """The rows of every table as text."""
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0]: await _text(connection, f'public."{row[0]}"') for row in names}


async def statistics_of(connection: Connection) -> Mapping[str, bytes]:
    names = ("pg_stats", "pg_statistic", "pg_statistic_ext_data")
    return {name: await _text(connection, name) for name in names}


async def files_of(connection: Connection, data: Path) -> Mapping[str, bytes]:
    """Each file of the database, by `table, relation, file`, or by `file` if it has no relation."""
    await connection.execute("CHECKPOINT")
    folder = data / await connection.fetchval(FOLDER_OF_DATABASE)
    names = {str(row["file"]): row for row in await connection.fetch(RELATIONS)}

    def name(file: Path) -> str:
        row = names.get(file.name.split(".")[0].split("_")[0])
        return f"{row['of_table']}, {row['name']}, {file.name}" if row else file.name

    return {name(file): file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()}


def metrics_of(service: Service) -> bytes:
    with closing(connect(service)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read()


async def _text(connection: Connection, table: str) -> bytes:
    rows = await connection.fetch(f"SELECT one::text AS row FROM {table} AS one")
    return "\n".join(row["row"] for row in rows).encode()


@frozen(kw_only=True)
class Caller:
    """Sends the canary in valid and invalid requests about a customer."""

    connection: HTTPConnection
    canary: Canary
    order: UUID = field(factory=uuid4)
    headers: Mapping[str, str] = Factory(dict)
    refusals: list[bytes] = Factory(list)
    """The bodies of all error responses."""

    def create(self) -> str:
        """The id of a new customer, with the canary in their texts and in what belongs to them."""
        text = self.canary.text
        body = {**self._customer("first"), "userId": str(self.canary.id)}
        customer = str(self.send("POST", "", body, 201)["id"])
        address = "addressLine1 addressLine2 city company firstName lastName label state".split()
        with_address = {name: text(name) for name in address}
        with_address |= {"postalCode": "12345", "country": "US", "phone": f"+{self.canary.digits}"}
        self.send("POST", f"/{customer}/addresses", with_address, 201)
        self.send("POST", f"/{customer}/payment-methods", self._token(), 201)
        note = str(self.send("POST", f"/{customer}/notes", {"note": text("note")}, 201)["id"])
        self.send("POST", f"/{customer}/notes", {"note": text("long ") * 150}, 201)
        self.send("DELETE", f"/{customer}/notes/{note}", None, 200)
        self.send("POST", f"/{customer}/communications", self._communication(), 201)
        self.send("POST", f"/{customer}/record-order", self._order(12.5), 200)
        self.send("POST", f"/{customer}/lock", {"reason": text("a reason")}, 200)
        self.send("POST", f"/{customer}/unlock", {"reason": text("another reason")}, 200)
        self.send("PUT", f"/{customer}", self._customer("second"), 200)
        return customer

    def fail(self, customer: str) -> None:
        """Sends conflicting and bad requests, and a search, with the canary."""
        text = self.canary.text
        other = str(self.send("POST", "", self._of_nobody(), 201)["id"])
        taken = {"email": self._customer("second")["email"]}
        self.send("PUT", f"/{other}", taken, 409)
        self.send("POST", f"/{other}/payment-methods", self._token(), 409)
        self.send("POST", f"/{customer}/record-order", self._order(99.5), 409)
        self.send("POST", "", {"email": text("no address"), text("key"): 1}, 400)
        self.send("PATCH", f"/{customer}", {"countryCode": text("code")}, 400)
        self.send("GET", f"/{text('id')}", None, 400)
        self.send("GET", f"?{quote(text('parameter'))}=1", None, 400)
        self.send("GET", f"?search={quote(text(''))}", None, 200)
        self.send("GET", f"/{text('path')}/nowhere", None, 404)

    def erase(self, customer: str) -> None:
        self.send("DELETE", f"/{customer}?mode=erase", None, 200)
        self.send("GET", f"/{customer}", None, 404)

    def send(self, method: str, path: str, body: object, status: int) -> Any:
        headers = {"X-Tenant-ID": "tenant", "Content-Type": "application/json"}
        headers |= self.headers
        content = None if body is None else json.dumps(body)
        self.connection.request(method, f"{CUSTOMERS}{path}", content, headers)
        response = self.connection.getresponse()
        received = json.loads(text := response.read())
        if status >= 400:
            self.refusals.append(text)
        assert response.status == status, (method, path, received)
        return received

    def _customer(self, name: str) -> dict[str, Any]:
        text = self.canary.text
        return {
            "email": f"{text(name)}@example.test",
            "firstName": text(name),
            "lastName": text("last name"),
            "phone": f"+{self.canary.digits}",
            "dateOfBirth": "1977-04-30",
            "country": text("country"),
            "countryCode": "XK",
            "avatarUrl": f"https://example.test/{text('avatar')}",
            "tags": [text("tag")],
            "notes": text("notes"),
        }

    def _of_nobody(self) -> dict[str, str]:
        return {"email": f"nobody-{uuid4()}@example.test", "firstName": "No", "lastName": "Body"}

    def _token(self) -> dict[str, str]:
        gateway, token = self.canary.text("gateway"), self.canary.text("token")
        names = {"paymentGateway": gateway, "gatewayPaymentMethodId": token, "paymentType": "card"}
        return {**names, "cardBrand": "brand", "lastFour": "1234"}

    def _communication(self) -> dict[str, str]:
        kinds = {"communicationType": "email", "direction": "inbound"}
        texts = {name: self.canary.text(name) for name in ("subject", "content", "externalId")}
        return {**kinds, **texts}

    def _order(self, amount: float) -> dict[str, object]:
        return {
            "orderId": f"order-{self.order}",
            "orderNumber": self.canary.text("order"),
            "totalAmount": amount,
        }


def relations(findings: ScanResult) -> Iterator[str]:
    """The names of the relations of the files found."""
    return (place.split(", ")[1] for place in findings.places)
