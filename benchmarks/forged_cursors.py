"""Sends forged cursors to five lists, and counts the statuses: each of them must be 400.

    python -m benchmarks.forged_cursors

The lists are those of customers, members, orders, notes and communications.

Forged cursors are made without the key (changed, cut or mixed cursors, those of another list,
tenant, deployment or earlier release, and texts that are no cursors), or with the key from odd
content.
"""

import asyncio
import base64
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import cycle, islice
from random import Random
from string import ascii_letters, digits
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import click
from attrs import frozen
from yarl import URL

from benchmarks.processes import service
from customers.entrypoints.http.cursors import scope_of
from customers.entrypoints.http.seal import Seal

KEY, OTHER_KEY = "kJ8zW2vQ5rT7yN4mX1cB6hL9pD3sF0gA", "gA0sF3pD9hL6cB1mX4yN7rT5vQ2zW8kJ"
ENVIRONMENT = {"STORAGE": "memory", "DATABASE_URL": "", "SECRETS_KEY": KEY}
BASE, LIST = "/api/v1", "/api/v1/customers"

_ALPHABET = ascii_letters + digits + "-_"
# Texts that were never cursors; a request line is limited to about 8,000 bytes.
_ODD_TEXTS = (
    *("A", "AA==", "====", "null", "0", "-1", "' OR 1=1 --", "../../etc/passwd", "%", "\0"),
    *("é", "\U0001f600", "\ud7ff", "\u0661", "\u202e", "a\0b", "{}", "[]", '["2026-01-15",1]'),
    *("A" * size for size in (15, 16, 17, 88, 1_000, 2_047, 2_048, 2_049, 7_000)),
)
# Contents that the service could seal by mistake.
_ODD_CONTENTS = (
    *(b"", b"null", b"{}", b"[]", b"[1,2]", b'["x","y"]', b"[" * 900, b"\xff\xfe"),
    b'["2026-01-15T09:00:00","019b0000-0000-7000-8000-000000000001"]',
    b'["2026-01-15T09:00:00Z","no-uuid"]',
    b'["9999-12-31T23:59:59-14:00","019b0000-0000-7000-8000-000000000001"]',
)


def forged_cursors(genuine: Sequence[str], foreign: Sequence[str], random: Random) -> Iterator[str]:
    """Endless forgeries, percent-encoded: texts that are not cursors, unchanged `foreign` cursors,
    cursors of earlier releases, then changed, cut, extended, rearranged and made-up cursors.
    """
    yield from map(quote, (*_ODD_TEXTS, *foreign, *map(_of_earlier_release, (*genuine, "x"))))
    while True:
        cursor = random.choice([*genuine, *foreign])
        yield quote(random.choice(_CHANGES)(cursor, random))


def _of_earlier_release(text: str) -> str:
    """A cursor in the form of earlier releases: a digest and JSON, in base64, not sealed."""
    return _base64(bytes(12) + json.dumps([text, "no-uuid"]).encode())


def _flipped(cursor: str, random: Random) -> str:
    """The cursor with one bit of its sealed bytes changed."""
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
    return _base64(bytes(raw))


def _replaced(cursor: str, random: Random) -> str:
    at = random.randrange(len(cursor))
    others = [letter for letter in _ALPHABET if letter != cursor[at]]
    return cursor[:at] + random.choice(others) + cursor[at + 1 :]


def _cut(cursor: str, random: Random) -> str:
    return cursor[: random.randrange(1, len(cursor))]


def _extended(cursor: str, random: Random) -> str:
    return cursor + "".join(random.choices(_ALPHABET, k=random.randrange(1, 300)))


def _spliced(cursor: str, random: Random) -> str:
    at = random.randrange(1, len(cursor))
    return cursor[at:] + cursor[:at] + "A"


def _made_up(_: str, random: Random) -> str:
    return "".join(random.choices(_ALPHABET, k=random.randrange(1, 400)))


def _odd_letter(cursor: str, random: Random) -> str:
    at = random.randrange(len(cursor))
    return cursor[:at] + random.choice("é\0 +/=.~\U0001f600\n") + cursor[at:]


_CHANGES = (_flipped, _replaced, _cut, _extended, _spliced, _made_up, _odd_letter)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@frozen
class Tenant:
    """A tenant with some rows in each of the five lists."""

    _session: aiohttp.ClientSession
    _http: str
    _id: str

    async def fill(self) -> Sequence[str]:
        """Creates the rows; returns the paths of the lists, below the base path."""
        people = [{"email": f"{n}@example.test", "firstName": "A", "lastName": "B"} for n in "abc"]
        ids = [(await self._post("/customers", person))["id"] for person in people]
        of_first = f"/customers/{ids[0]}"
        for number in range(3):
            order = {"orderId": f"o-{number}", "totalAmount": 1}
            await self._post(f"{of_first}/record-order", order)
            await self._post(f"{of_first}/notes", {"note": f"Note {number}"})
            message = {"communicationType": "email", "direction": "outbound"}
            await self._post(f"{of_first}/communications", message)
        segment = (await self._post("/customers/segments", {"name": "Some"}))["id"]
        members = f"/customers/segments/{segment}/customers"
        await self._post(members, {"customerIds": ids})
        owned = [f"{of_first}/{noun}" for noun in ("orders", "notes", "communications")]
        return ["/customers", members, *owned]

    async def status(self, path: str, cursor: str) -> int:
        async with self._get(path, cursor) as answer:
            return answer.status

    async def second_page(self, path: str) -> str:
        """The cursor of the second page."""
        async with self._get(path, "") as answer:
            if "nextCursor" in (body := await answer.json()):
                return str(body["nextCursor"])
            return URL(str(answer.links["next"]["url"])).query["cursor"]

    def genuine(self, content: bytes) -> str:
        """The content, sealed with the key of the service for the list of customers."""
        sort = [("by", "created_at"), ("order", "desc")]
        return Seal([KEY.encode()]).seal(content, scope_of(self._id, LIST, [], sort))

    def _get(self, path: str, cursor: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        url = f"{self._http}{BASE}{path}?limit=1&cursor={cursor}"
        return self._session.get(URL(url, encoded=True), headers={"X-Tenant-ID": self._id})

    async def _post(self, path: str, body: object) -> dict[str, str]:
        headers = {"X-Tenant-ID": self._id}
        async with self._session.post(
            self._http + BASE + path, json=body, headers=headers
        ) as answer:
            return dict(await answer.json())


async def statuses(count: int, seed: int) -> Counter[int]:
    """How often the lists of a service answered forged cursors with each status."""
    counts: Counter[int] = Counter()
    async with service(ENVIRONMENT) as server, aiohttp.ClientSession() as session:
        shop, other = (Tenant(session, server.http, f"tenant-{uuid4()}") for _ in range(2))
        paths, others = await shop.fill(), await other.fill()
        genuine = {path: await shop.second_page(path) for path in paths}
        assert {await shop.status(*pair) for pair in genuine.items()} == {200}
        odd = [shop.genuine(content) for content in _ODD_CONTENTS]
        foreign = [await other.second_page(path) for path in others]
        foreign.append(Seal([OTHER_KEY.encode()]).seal(b'["x","y"]', b"a scope"))
        forgeries = {
            path: forged_cursors(
                [cursor], [*odd, *foreign, *(set(genuine.values()) - {cursor})], Random(seed)
            )
            for path, cursor in genuine.items()
        }
        for path in islice(cycle(paths), count):
            counts[await shop.status(path, next(forgeries[path]))] += 1
    return counts


@click.command()
@click.option("--count", default=2_000, help="How many forged cursors to send.")
@click.option("--seed", default=1, help="Another number gives other forgeries.")
def main(count: int, seed: int) -> None:
    """Sends forged cursors to the lists of a service in memory, and prints the statuses."""
    counts = asyncio.run(statuses(count, seed))
    for status, number in sorted(counts.items()):
        click.echo(f"{status}: {number}")
    sys.exit(0 if set(counts) == {400} else 1)


if __name__ == "__main__":
    main()
