"""Checks before data is created or used: its owner, its PostgreSQL version, and free disk space.

Each check raises EmbeddedPostgresFailed, and changes nothing.
"""

import shutil
from pathlib import Path

from customers.devtools.failure import EmbeddedPostgresFailed, disk_full

_VERSION = "PG_VERSION"
# New data is 40 MB, and grows a little when it is migrated.
_NEEDED_MEGABYTES = 64


def check_owner(folder: Path) -> None:
    """Fails if the folder or its parent is a data directory, or if `cluster/data` in the folder is
    one that this service did not create.
    """
    cluster = folder / "cluster"
    places = [
        folder.parent,
        folder,
        *([] if (cluster / "password").exists() else [cluster / "data"]),
    ]
    for place in places:
        if (place / _VERSION).exists():
            major = _major(place)
            raise EmbeddedPostgresFailed(
                f"{place} has the data of a PostgreSQL {major} server that this service has not "
                "created, and does not touch: set DATA_DIR to an empty folder, "
                f"or DATABASE_URL to the PostgreSQL {major} server of that data."
            )


def check_version(data: Path, *, installed: str) -> None:
    """Fails if the existing data was created by a major version other than `installed`."""
    if (major := _major(data)) != installed:
        raise EmbeddedPostgresFailed(
            f"The data in {data} was created by PostgreSQL {major}, and the embedded PostgreSQL "
            f"has version {installed}, which cannot read it: set DATA_DIR to an empty folder, "
            f"or DATABASE_URL to a PostgreSQL {major} server that runs on that data."
        )


def check_free_space(folder: Path) -> None:
    """Fails if the disk of the folder has no room for new data. The folder must exist."""
    free = shutil.disk_usage(folder).free >> 20
    if free < _NEEDED_MEGABYTES:
        needed = f"it needs {_NEEDED_MEGABYTES} MB and {free} MB are free"
        raise disk_full(folder, f"cannot create its data, because {needed}")


def _major(data: Path) -> str:
    return (data / _VERSION).read_text(encoding="ascii").strip()
