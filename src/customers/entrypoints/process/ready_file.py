"""Announces the addresses of a process: in the log, and in the ready file while it serves."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.process.sockets import is_loopback, reachable_host, url_host

OPEN_PORTS = (
    "callers are not authenticated: whoever reaches these ports can read and change "
    "the customers of every tenant, so let only your gateway reach them"
)


def remove_ready_file(ready_file: Path | None) -> None:
    """Deletes the ready file if it exists, such as one that a killed process left behind."""
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


@contextmanager
def announce(settings: Settings, http_port: int, rpc_port: int) -> Iterator[None]:
    """Logs the addresses, with a warning if other machines can call them, and keeps the ready file
    in place while the block runs.
    """
    host = url_host(reachable_host(settings.host))
    addresses = {
        "http": f"http://{host}:{http_port}",
        "grpc": f"{host}:{rpc_port}",
        "pid": os.getpid(),
        "storage": settings.storage,
    }
    if settings.ready_file is not None:
        # Written aside and moved into place, so that nobody reads half of it.
        draft = settings.ready_file.with_name(f".{settings.ready_file.name}.{os.getpid()}")
        draft.write_text(json.dumps(addresses) + "\n", encoding="utf-8")
        draft.replace(settings.ready_file)
    docs = f"{addresses['http']}/docs"
    logger().info("serving", **addresses, environment=settings.environment, docs=docs)
    if not is_loopback(settings.host):
        is_production = settings.environment == "production"
        advice = "" if is_production else "; for production, set ENVIRONMENT=production"
        logger().warning(OPEN_PORTS + advice)
    try:
        yield
    finally:
        logger().info("stopping")
        remove_ready_file(settings.ready_file)
