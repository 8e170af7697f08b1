"""There are fewer connections than files may be open; these tests replace the limit of files."""

import resource

import pytest
from attrs import define

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.process.file_limit import max_connections


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 4_096))
    return 1_024


def test_connections_leave_files_to_everything_else(files: int) -> None:
    assert max_connections(10_000, other_files=10) == files - 128 - 10
    assert max_connections(500, other_files=10) == 500


def test_there_is_one_connection_however_few_files_there_are(files: int) -> None:
    assert max_connections(10_000, other_files=5_000) == 1


def test_without_a_limit_of_files_there_are_as_many_connections_as_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert max_connections(10_000, other_files=10) == 10_000


@define(eq=False)
class Busy:
    """A connection at work; the test fails if it has to give way."""

    peer: str
    awaits_head: bool = False
    awaits_body: bool = False

    def give_way(self) -> None:
        raise AssertionError


async def test_one_peer_leaves_a_fifth_of_the_connections_to_others(files: int) -> None:
    container = Container(
        settings=Settings(storage="memory", pool_size=8, analytic_pool_size=4), dsn=""
    )
    connections = container.connections()
    assert sum(connections.open(Busy("gateway")) for _ in range(1_000)) == 884 * 4 // 5
    assert sum(connections.open(Busy(f"caller {number}")) for number in range(1_000)) == 177
