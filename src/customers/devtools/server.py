"""The newcomer's PostgreSQL, from outside: start, URL, end.

Processes that start it on one folder share one server; the last one that ends it in good order
ends the server. A process that is killed gives its share up, and leaves the server to the next one
that starts. (Locks: `turn.lock` while starting or ending, `users.lock` shared by all who use it.)
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import frozen

from customers.devtools import locks
from customers.devtools.cluster import Cluster
from customers.devtools.failure import EmbeddedPostgresFailed
from customers.devtools.programs import Programs, bundled, server_user


@frozen(kw_only=True)
class Server:
    """A running server and this process's share in it."""

    dsn: str
    """`postgresql://…@127.0.0.1:…/…` with the superuser's password, for asyncpg, libpq and psql."""
    _cluster: Cluster
    _share: int

    def stop(self) -> None:
        """Give the share up, once; the last one ends the server. Blocks, 10 s at most.

        Raises EmbeddedPostgresFailed when the server does not end in time; it still will.
        """
        folder = self._cluster.folder
        try:
            with locks.turn(folder / "turn.lock"):
                locks.release(self._share)
                if not locks.is_held(folder / "users.lock"):
                    self._cluster.end()
        except OSError as problem:
            reason = f"could not be ended ({problem})"
            raise EmbeddedPostgresFailed(folder=folder, reason=reason) from problem


@asynccontextmanager
async def running(folder: Path, *, durable: bool = True) -> AsyncIterator[str]:
    """The URL of a server on `folder`, there within the block; see `start`.

    Nothing here keeps the event loop waiting. Cancelled while it starts, it ends what it started.
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
    """Start a server on `folder` or share the one that runs there; blocks until it answers.

    The folder and its data are made when they are absent. Without `durable` a power cut may spoil
    the data: for tests. `programs` is a folder with PostgreSQL's programs, 15 or later; without it
    they come from the wheel. Not to be called where an event loop runs: take `running` there.
    Raises EmbeddedPostgresFailed.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        user = server_user(folder / "cluster" / "data")
        chosen = Programs(folder=programs or bundled(user), user=user)
        with locks.turn(folder / "turn.lock"):
            return _joined(Cluster(folder=folder, programs=chosen, durable=durable))
    except OSError as problem:
        reason = f"could not be started ({problem})"
        raise EmbeddedPostgresFailed(folder=folder, reason=reason) from problem


def _joined(cluster: Cluster) -> Server:
    share = locks.share(cluster.folder / "users.lock")
    try:
        cluster.make()
        return Server(dsn=cluster.run(), cluster=cluster, share=share)
    except BaseException:
        locks.release(share)
        raise
