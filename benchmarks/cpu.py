"""Processor time of the service and of its database, as accounted by the operating system."""

import os
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

_TICK = os.sysconf("SC_CLK_TCK")


@frozen(kw_only=True)
class Cpu:
    """Seconds of processor time."""

    service: float
    database: float

    @property
    def total(self) -> float:
        return self.service + self.database

    def __add__(self, other: "Cpu") -> "Cpu":
        return Cpu(service=self.service + other.service, database=self.database + other.database)

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(service=self.service - before.service, database=self.database - before.database)


NO_TIME = Cpu(service=0, database=0)


def cpu_time(service: int, postmaster: int) -> Cpu:
    """The processor time of both so far, with their child processes, ended ones included."""
    return Cpu(service=_seconds_with_children(service), database=_seconds_with_children(postmaster))


def parent(pid: int) -> int:
    """The id of the parent process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _seconds_with_children(pid: int) -> float:
    return sum(_seconds(process) for process in [pid, *_children(pid)])


def _seconds(pid: int) -> float:
    """User and system time of a process and of the ended children it waited for."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0.0
    return sum(map(int, stat.rpartition(")")[2].split()[11:15])) / _TICK


def _children(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
