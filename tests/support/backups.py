"""A database that tests back up, lose and restore."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
from attrs import frozen

from customers.adapters.postgres.engine.migrate import migrate
from customers.adapters.postgres.programs.client_programs import Installation
from customers.adapters.postgres.programs.dump import Backup, back_up
from customers.adapters.postgres.programs.restore import Restored, restore
from customers.adapters.postgres.storage import PostgresStorage
from customers.devtools.programs import installed
from customers.entrypoints.config.settings import process_environment
from tests.support.builders import USD
from tests.support.databases import PATIENT, rows


def an_installation() -> Installation:
    return Installation(wheel=installed(), environ=process_environment())


@frozen(kw_only=True)
class Shop:
    """A database, and the file that it is backed up to."""

    url: str
    file: Path

    async def migrate(self) -> None:
        await migrate(self.url)

    async def back_up(self, *, force: bool = False) -> Backup:
        return await back_up(self.url, self.file, an_installation(), force=force)

    async def restore(self, *, force: bool = False) -> Restored:
        return await restore(self.url, self.file, an_installation(), force=force)

    async def run(self, sql: str) -> Sequence[asyncpg.Record]:
        return await rows(self.url, sql)

    async def lose_everything(self) -> None:
        """Drops every table and extension."""
        await self.run("DROP SCHEMA public CASCADE")

    @asynccontextmanager
    async def storage(self) -> AsyncIterator[PostgresStorage]:
        storage = PostgresStorage(self.url, currency=USD, pool=PATIENT)
        await storage.open()
        try:
            yield storage
        finally:
            await storage.close()

    @asynccontextmanager
    async def as_role_without_rights(self, *, but: str = "") -> AsyncIterator["Shop"]:
        """The shop as a role that may not create extensions, and owns every table and view except
        `but`.
        """
        role = f"role_{uuid4().hex}"
        await self.run(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        await self.run(f"GRANT ALL ON SCHEMA public TO {role}")
        names = "SELECT {0}name AS tablename FROM pg_{0}s WHERE schemaname = 'public'"
        for table in await self.run(f"{names.format('table')} UNION {names.format('view')}"):
            if table["tablename"] != but:
                await self.run(f"ALTER TABLE {table['tablename']} OWNER TO {role}")
        try:
            host = self.url.rpartition("@")[2]
            yield Shop(url=f"postgresql://{role}:secret@{host}", file=self.file)
        finally:
            await self.run(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
            await self.run(f"DROP OWNED BY {role}")
            await self.run(f"DROP ROLE {role}")

    def files(self) -> list[str]:
        """The names of all files in the folder of the backup, sorted."""
        return sorted(path.name for path in self.file.parent.iterdir())
