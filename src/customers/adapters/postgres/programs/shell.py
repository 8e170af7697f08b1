"""Opens psql, PostgreSQL's own shell, on a database."""

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import Sequence

from customers.adapters.postgres.programs.client_programs import Installation, choose, find_programs
from customers.adapters.postgres.programs.database_facts import uses_tls
from customers.adapters.postgres.programs.libpq_url import LibpqUrl


async def open_psql(dsn: str, arguments: Sequence[str], installation: Installation) -> int:
    """Runs psql on this process's terminal until it ends; returns its exit status.

    Connects once before that, so that a database that cannot be reached raises Unavailable with its
    fault. Ctrl-C is left to psql, which cancels a statement. Raises ProgramsMissing, Unavailable.
    """
    url, needs_tls = LibpqUrl.of(dsn), await uses_tls(dsn)
    programs = choose(await find_programs(installation), needs_tls=needs_tls)
    path, env = programs.path("psql"), {**installation.environ, **url.variables}
    psql = await asyncio.create_subprocess_exec(path, f"--dbname={url.url}", *arguments, env=env)
    status = await _wait(psql)
    return status if status >= 0 else 128 - status


async def _wait(psql: Process) -> int:
    """The return code of psql. SIGTERM ends psql, and SIGINT is left to it."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, psql.terminate)
    try:
        return await psql.wait()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
        if psql.returncode is None:
            psql.kill()
            await psql.wait()
