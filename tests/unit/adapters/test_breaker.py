"""After failures in a row the breaker opens; a probe that reaches the server closes it."""

import asyncio

from customers.adapters.postgres.engine.breaker import MAX_FAILURES, Breaker
from customers.adapters.postgres.engine.faults import cancellation_fault, fault_of
from customers.core.errors.availability import StorageFault
from tests.support.patience import until

AWAY = fault_of(ConnectionRefusedError(111, "refused"))


class Server:
    """A server that the breaker probes."""

    def __init__(self) -> None:
        self.is_away = True
        self.probes = 0
        self.opened_by: list[StorageFault] = []
        self.breaker = Breaker(self.probe, self.on_open)

    async def probe(self, _: float) -> None:
        self.probes += 1
        if self.is_away:
            raise ConnectionRefusedError

    async def on_open(self, fault: StorageFault) -> None:
        self.opened_by.append(fault)

    def is_open(self) -> bool:
        return self.breaker.fault is not None

    def fail(self, times: int, fault: StorageFault = AWAY) -> None:
        for _ in range(times):
            self.breaker.failed(fault)


async def test_the_breaker_opens_after_failures_in_a_row() -> None:
    server = Server()
    server.fail(MAX_FAILURES - 1)
    server.breaker.succeeded()
    server.fail(MAX_FAILURES - 1)
    assert not server.is_open()
    server.fail(1)
    assert server.is_open()
    server.breaker.stop()


async def test_a_slow_statement_is_no_failure_to_reach_the_server() -> None:
    server = Server()
    server.fail(2 * MAX_FAILURES, cancellation_fault())
    assert not server.is_open()


async def test_one_probe_at_a_time_runs_until_the_server_is_reached() -> None:
    server = Server()
    server.fail(4 * MAX_FAILURES)
    await until(lambda: server.probes >= 2)
    assert server.opened_by == [AWAY]
    server.is_away = False
    await until(lambda: not server.is_open())
    probes = server.probes
    await asyncio.sleep(0)
    assert server.probes == probes


async def test_an_answer_over_an_old_connection_closes_the_breaker() -> None:
    server = Server()
    server.fail(MAX_FAILURES)
    server.breaker.succeeded()
    assert not server.is_open()
    server.breaker.stop()
