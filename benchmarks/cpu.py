"""Processor time as the operating system accounts it: of the service, and of its database."""

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


NOTHING = Cpu(service=0, database=0)


def used(service: int, postmaster: int) -> Cpu:
    """What the two have used until now, with all of their children, those that ended included."""
    return Cpu(service=_family(service), database=_family(postmaster))


def parent(pid: int) -> int:
    """The process that has started another one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _family(pid: int) -> float:
    return sum(_of_process(process) for process in [pid, *_children(pid)])


def _of_process(pid: int) -> float:
    """User and system time, and that of the children it has waited for."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0.0
    return sum(map(int, told.rpartition(")")[2].split()[11:15])) / _TICK


def _children(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
