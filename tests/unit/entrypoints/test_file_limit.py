"""There are fewer connections than files may be open; these tests replace the limit of files."""

import resource

import pytest
from attrs import astuple, define

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.process.file_limit import open_connections


@pytest.mark.parametrize(
    ("limit", "max_http", "other_files", "opened"),
    [
        (1_024, 10_000, 10, (665, 221)),
        (1_024, 500, 10, (500, 221)),
        (1_000_000, 10_000, 10, (10_000, 1_000)),
        (1_024, 10_000, 5_000, (1, 1)),
        (resource.RLIM_INFINITY, 10_000, 10, (10_000, 1_000)),
    ],
)
def test_connections_leave_files_to_everything_else(
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    max_http: int,
    other_files: int,
    opened: tuple[int, int],
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert astuple(open_connections(max_http, other_files=other_files)) == opened


@define(eq=False)
class Busy:
    """A connection at work; the test fails if it has to give way."""

    peer: str
    awaits_head: bool = False
    awaits_body: bool = False

    def give_way(self) -> None:
        raise AssertionError


async def test_one_peer_leaves_a_fifth_of_the_connections_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 4_096))
    container = Container(
        settings=Settings(storage="memory", pool_size=8, analytic_pool_size=4), dsn=""
    )
    connections = container.connections()
    assert sum(connections.open(Busy("gateway")) for _ in range(1_000)) == 663 * 4 // 5
    assert sum(connections.open(Busy(f"caller {number}")) for number in range(1_000)) == 133
