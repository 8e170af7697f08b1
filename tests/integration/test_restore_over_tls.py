"""A restore over TLS, which the client programs of the embedded server cannot use: the psql on the
PATH connects, and any pg_restore that knows the format of the file reads it.
"""

import asyncio
from pathlib import Path

import pytest

from tests.support.backups import Shop
from tests.support.databases import an_empty_database, rows
from tests.support.fake_postgres import CERTIFICATE
from tests.support.patience import PATIENCE_SECONDS
from tests.support.postgres_servers import NEEDS_15, local_programs, start_local_for_tls

pytestmark = [pytest.mark.asyncio(loop_scope="session"), NEEDS_15]


async def a_server_with_tls() -> str:
    """The URL of a server that accepts connections with and without TLS."""
    programs = local_programs()
    assert programs is not None
    url = await asyncio.to_thread(start_local_for_tls, programs, CERTIFICATE)
    for name in ("ssl_cert_file", "ssl_key_file"):
        await rows(url, f"ALTER SYSTEM SET {name} = 'server.pem'")
    await rows(url, "ALTER SYSTEM SET ssl = on")
    await rows(url, "SELECT pg_reload_conf()")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await accepts_tls(url):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.05)
    return url


async def accepts_tls(url: str) -> bool:
    try:
        await rows(f"{url}?sslmode=require", "SELECT 1")
    except ConnectionError:
        return False
    return True


async def test_a_backup_of_a_newer_pg_dump_is_restored_by_an_older_psql(tmp_path: Path) -> None:
    async with an_empty_database(await a_server_with_tls()) as url:
        shop = Shop(url=f"{url}?sslmode=disable", file=tmp_path / "shop.backup")
        await shop.migrate()
        await shop.back_up()  # with the newest programs
        await shop.lose_everything()
        encrypted = Shop(url=f"{url}?sslmode=require", file=shop.file)
        assert (await encrypted.restore()).customers == 0
