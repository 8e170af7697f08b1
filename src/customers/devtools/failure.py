"""The error raised when the embedded PostgreSQL does not start or stop, and its messages.

A message names the folder, the reason and the way out.
"""

import errno
import os
import pwd
import shutil
from collections.abc import Iterable
from pathlib import Path

LOG = "server.log"
"""The file in the server's folder to which the programs write their log."""

OWN_SERVER = "set DATABASE_URL to a PostgreSQL of your own"

_LAST_LINES = 15
_FULL_BYTES = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class EmbeddedPostgresFailed(Exception):
    """The embedded PostgreSQL did not start or stop.

    The message is one sentence; `details` are the last lines of the log, if there are any.
    """

    def __init__(self, sentence: str, *, details: Iterable[str] = ()) -> None:
        super().__init__(sentence)
        self.details = tuple(details)
        self.add_note("\n".join(self.details))  # for a traceback


def programs_failed(folder: Path, reason: str) -> EmbeddedPostgresFailed:
    """The error for a failed program. `reason` continues the sentence "The embedded PostgreSQL …",
    as in "did not stop".
    """
    lines = _last_lines(folder / LOG)
    if _is_full(folder, lines):
        return disk_full(folder, f"{reason}, because its disk is full", details=lines)
    sentence = f"The embedded PostgreSQL in {folder} {reason}: fix that, or {OWN_SERVER}."
    return EmbeddedPostgresFailed(sentence, details=lines)


def folder_failed(folder: Path, problem: OSError) -> EmbeddedPostgresFailed:
    """The error for a folder whose disk is full, or in which the system refused an operation."""
    if problem.errno in _FULL:
        return disk_full(folder, "could not be started, because its disk is full")
    cause = (problem.strerror or str(problem)).lower()
    where = f" ({problem.filename})" if problem.filename else ""
    return EmbeddedPostgresFailed(
        f"The embedded PostgreSQL cannot store its data in {folder}, {cause}{where}: "
        f"set DATA_DIR to a folder to which the user {_user_name()} can write, or {OWN_SERVER}."
    )


def disk_full(folder: Path, reason: str, *, details: Iterable[str] = ()) -> EmbeddedPostgresFailed:
    """The error for a full disk. `reason` continues the sentence "The embedded PostgreSQL …"."""
    return EmbeddedPostgresFailed(
        f"The embedded PostgreSQL in {folder} {reason}: free some space, "
        f"set DATA_DIR to a folder on another disk, or {OWN_SERVER}.",
        details=details,
    )


def _last_lines(log: Path) -> list[str]:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []  # the start failed before any program ran
    return [f"The last lines of {log}:", *lines[-_LAST_LINES:]]


def _is_full(folder: Path, lines: Iterable[str]) -> bool:
    # On a full disk the log may be empty.
    texts = tuple(map(os.strerror, _FULL))
    return any(text in line for line in lines for text in texts) or (
        folder.exists() and shutil.disk_usage(folder).free < _FULL_BYTES
    )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user need not have a name
        return str(os.geteuid())
