"""Announces the addresses of a process: in the log, and in the ready file while it serves."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.process.sockets import is_loopback, reachable_host, url_host

_NO_MAIL: Final = (
    "no verification mail can be sent, and requests for one are answered with 503: set "
    "NOTIFICATION_URL or SMTP_URL"
)
_OPEN: Final = (
    "callers are not authenticated: {} can read and change the customers of every tenant; "
    "set AUTH to change that"
)
_ON_THIS_MACHINE: Final = "whatever runs on this machine"
_ANYWHERE: Final = "whoever reaches these ports"


_PLAIN_KEYS: Final = (
    "the keys of the identity provider come over plain HTTP: whoever is on the way can replace "
    "them and sign tokens; name an https URL in JWT_ISSUER or JWT_JWKS_URL"
)


class CannotWriteReadyFile(Exception):
    """The ready file, or its folder, cannot be written."""

    def __init__(self, ready_file: Path, error: OSError) -> None:
        cause = (error.strerror or str(error)).lower()
        super().__init__(
            f"--ready-file: {ready_file} cannot be written ({cause}): "
            "name a file in a folder that the service may write"
        )


def prepare_ready_file(ready_file: Path | None) -> None:
    """Deletes the ready file if it exists, such as one that a killed process left behind, and
    checks that another one can be written. Raises CannotWriteReadyFile.
    """
    if ready_file is not None:
        _remove(ready_file)
        with _draft(ready_file) as draft:
            draft.touch()


@contextmanager
def announce(
    settings: Settings, http_port: int, rpc_port: int, metrics_port: int | None = None
) -> Iterator[None]:
    """Logs the addresses, with warnings if callers are not authenticated, mail cannot be sent or
    keys come over plain HTTP, and keeps the ready file in place while the block runs. Raises
    CannotWriteReadyFile.
    """
    host, scheme = url_host(reachable_host(settings.host)), settings.scheme
    addresses = {
        "http": f"{scheme}://{host}:{http_port}",
        "grpc": f"{host}:{rpc_port}",
        "pid": os.getpid(),
        "storage": settings.storage,
    }
    if metrics_port is not None:
        addresses["metrics"] = f"http://{host}:{metrics_port}"
    with _ready_file(settings.ready_file, json.dumps(addresses) + "\n"):
        docs = f"{addresses['http']}/docs"
        logger().info("serving", **addresses, environment=settings.environment, docs=docs)
        if not settings.authentication:
            who = _ON_THIS_MACHINE if is_loopback(settings.host) else _ANYWHERE
            logger().warning(_OPEN.format(who))
        if not settings.sends_mail:
            logger().warning(_NO_MAIL)
        if _is_plain(settings.identity_provider):
            logger().warning(_PLAIN_KEYS)
        try:
            yield
        finally:
            logger().info("stopping")


def _is_plain(url: str) -> bool:
    """Whether it is an HTTP URL of another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


@contextmanager
def _ready_file(ready_file: Path | None, text: str) -> Iterator[None]:
    """Keeps the ready file in place while the block runs. Raises CannotWriteReadyFile."""
    if ready_file is None:
        yield
        return
    with _draft(ready_file) as draft:
        draft.write_text(text, encoding="utf-8")
        draft.replace(ready_file)
    try:
        yield
    finally:
        _remove(ready_file)


@contextmanager
def _draft(ready_file: Path) -> Iterator[Path]:
    """The path of a draft beside the ready file, to write and then move into place, so that nobody
    reads half a file. The draft is deleted after the block. Raises CannotWriteReadyFile.
    """
    draft = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
    try:
        yield draft
    except OSError as error:
        raise CannotWriteReadyFile(ready_file, error) from None
    finally:
        with suppress(OSError):
            draft.unlink()


def _remove(ready_file: Path) -> None:
    try:
        ready_file.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWriteReadyFile(ready_file, error) from None
