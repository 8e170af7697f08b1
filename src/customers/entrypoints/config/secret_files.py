"""Reads secrets from files: Docker and Kubernetes pass them to a container as files."""

import json
from pathlib import Path

from customers.entrypoints.config.quoting import may_be_secret

_MAX_BYTES = 65_536


def read_secret(path: str) -> str:
    """The content of the file, without white space around it.

    Raises a ValueError whose message completes a sentence that starts with the setting. The message
    never shows the content, nor a path that looks like a URL or the content of a file, which may be
    the secret itself.
    """
    if "://" in path:
        raise ValueError("the value is a URL: it must be the path of a file that contains the URL")
    if may_be_secret(path):
        raise ValueError("the value is not a path: it must be the path of a file with the secret")
    content = _content(path)
    if problem := _problem(content):
        raise ValueError(f"the file {json.dumps(path)} {problem}")
    return content.decode().strip()


def _content(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        reason = getattr(error, "strerror", None) or "invalid path"
        raise ValueError(f"the file {json.dumps(path)} cannot be read: {reason}") from None


def _problem(content: bytes) -> str | None:
    if not content.strip():
        return "is empty"
    if len(content) > _MAX_BYTES:
        return f"is larger than {_MAX_BYTES:,} bytes"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "is not text in UTF-8"
    return None
