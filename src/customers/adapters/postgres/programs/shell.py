"""Opens psql, PostgreSQL's own shell, on a database."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from customers.adapters.postgres.programs.client_programs import choose, find_programs
from customers.adapters.postgres.programs.libpq_url import LibpqUrl


async def open_psql(
    dsn: str, arguments: Sequence[str], *, wheel: Path | None, environ: Mapping[str, str]
) -> int:
    """Runs psql on this process's terminal until it ends; returns its exit status.

    Ctrl-C is left to psql, which cancels a statement with it. Raises ProgramsMissing.
    """
    url = LibpqUrl.of(dsn)
    found = await find_programs(wheel, environ)
    programs = choose(found, needs_tls=url.requires_tls, prefers_tls=not _is_local(dsn))
    psql = await asyncio.create_subprocess_exec(
        programs.path("psql"),
        f"--dbname={url.url}",
        *arguments,
        env={**environ, **url.variables},
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, psql.terminate)
    try:
        status = await psql.wait()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
        if psql.returncode is None:
            psql.kill()
            await psql.wait()
    return status if status >= 0 else 128 - status


def _is_local(dsn: str) -> bool:
    """Whether the server is the embedded one, or another on this machine, which needs no TLS."""
    return "@127.0.0.1:" in dsn or "@localhost" in dsn
