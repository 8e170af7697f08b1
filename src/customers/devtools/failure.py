"""The error raised when the embedded PostgreSQL does not start or stop."""

from pathlib import Path

LOG = "server.log"
"""The name of the programs' log in the folder."""

_LAST_LINES = 15


class EmbeddedPostgresFailed(Exception):
    """Names the folder, the reason and the way out; the last lines of the log follow."""

    def __init__(self, *, folder: Path, reason: str) -> None:
        sentence = (
            f"The embedded PostgreSQL in {folder} {reason}: "
            "fix that, or set DATABASE_URL to a PostgreSQL of your own."
        )
        super().__init__("\n".join([sentence, *_last_lines(folder / LOG)]))


def _last_lines(log: Path) -> list[str]:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []  # it failed before any program ran
    return [f"The last lines of {log}:", *lines[-_LAST_LINES:]]
