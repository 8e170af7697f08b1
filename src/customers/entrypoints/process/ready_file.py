"""Telling where a process serves: in the log, and in the ready file for as long as it does."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.process.sockets import bracketed, reachable


def withdraw(ready_file: Path | None) -> None:
    """Takes back what a process that did not end in good order may have left."""
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


@contextmanager
def announced(settings: Settings, http_port: int, rpc_port: int) -> Iterator[None]:
    """The ready file is there, whole, while the block runs."""
    host = bracketed(reachable(settings.host))
    served = {
        "http": f"http://{host}:{http_port}",
        "grpc": f"{host}:{rpc_port}",
        "pid": os.getpid(),
        "storage": settings.storage,
    }
    if settings.ready_file is not None:
        draft = settings.ready_file.with_name(f".{settings.ready_file.name}.{os.getpid()}")
        draft.write_text(json.dumps(served) + "\n", encoding="utf-8")
        draft.replace(settings.ready_file)
    logger().info("serving", **served, environment=settings.environment)
    try:
        yield
    finally:
        logger().info("stopping")
        withdraw(settings.ready_file)
