"""Fake programs of PostgreSQL, newer than any real ones, for tests of how they are run."""

from pathlib import Path

VERSION = "99"


def fake_programs(folder: Path, *, psql: str = "exit 0", pg_dump: str = "exit 0") -> Path:
    """A folder with psql, pg_dump and pg_restore: shell scripts that seem to support TLS."""
    folder.mkdir()
    for name, script in {"psql": psql, "pg_dump": pg_dump, "pg_restore": "exit 0"}.items():
        version = f'[ "$1" = --version ] && echo "{name} (PostgreSQL) {VERSION}" && exit 0'
        tls = 'case "$*" in *host=/nonexistent*) exit 2;; esac'
        (folder / name).write_text(f"#!/bin/sh\n{version}\n{tls}\n{script}\n")
        (folder / name).chmod(0o755)
    return folder
