"""What is raised when the newcomer's PostgreSQL does not start or end; nothing else is raised."""

from pathlib import Path

LOG = "server.log"
"""Where the programs write, below the folder."""

_LAST_LINES = 15


class EmbeddedPostgresFailed(Exception):
    """The sentence names the folder, what failed and the way out; the log's last lines follow."""

    def __init__(self, *, folder: Path, reason: str) -> None:
        sentence = (
            f"The embedded PostgreSQL in {folder} {reason}: "
            "mend that, or set DATABASE_URL to a PostgreSQL of your own."
        )
        super().__init__("\n".join([sentence, *_end_of(folder / LOG)]))


def _end_of(log: Path) -> list[str]:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []  # it failed before any program ran: the reason says it all
    return [f"The end of {log}:", *lines[-_LAST_LINES:]]
