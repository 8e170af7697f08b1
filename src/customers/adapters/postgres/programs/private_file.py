"""Files that a command writes: readable by their owner only, and in place when complete."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotWriteFile(Exception):
    """The file cannot be written; the message says why."""


def check_target(file: Path, *, force: bool) -> None:
    """Raises CannotWriteFile if the folder is missing, or if the path is taken, unless by a file
    that `force` replaces.
    """
    name = json.dumps(str(file))
    if not file.parent.is_dir():
        raise CannotWriteFile(f"{name} is not a path in an existing folder")
    if file.exists() and not file.is_file():
        raise CannotWriteFile(f"{name} is not a file")
    if file.exists() and not force:
        raise CannotWriteFile(_exists(file))


@contextmanager
def partial_file(file: Path) -> Iterator[Path]:
    """A new file beside `file`, readable by its owner only; it is removed unless it was moved.

    Raises CannotWriteFile.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".partial", dir=file.parent)
    except OSError as error:
        folder = json.dumps(str(file.parent))
        raise CannotWriteFile(f"no file can be created in {folder}: {error.strerror}") from None
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def move(partial: Path, file: Path, *, force: bool) -> None:
    """Gives the complete file, which its writer has synced, its name. Raises CannotWriteFile if the
    name is taken, unless `force` replaces the other file.
    """
    if force:
        partial.replace(file)
    else:
        try:
            file.hardlink_to(partial)  # unlike a rename, it never replaces a file
        except FileExistsError:
            raise CannotWriteFile(_exists(file)) from None
        except OSError:  # the file system has no hard links
            partial.rename(file)
    _sync(file.parent)


def _sync(folder: Path) -> None:
    """Makes the names of the folder's files survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exists(file: Path) -> str:
    return (
        f"{json.dumps(str(file))} already exists: choose another name, or replace it with --force"
    )
