"""On PostgreSQL the members of every segment are right after every command."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.ports.storage import Storage
from tests.support.brute_force import BruteForceCheck
from tests.support.builders import a_tenant
from tests.support.oracle import SegmentOracle, small_steps
from tests.support.segment_commands import Command, commands

EXAMPLES, COMMANDS = settings().max_examples // 5, 40


@given(st.lists(commands(), min_size=COMMANDS, max_size=COMMANDS), st.sampled_from((None, 1, 2)))
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@pytest.mark.asyncio(loop_scope="session")
async def test_members_are_right_after_every_command(
    storage: Storage, given_commands: list[Command], limit: int | None
) -> None:
    oracle = SegmentOracle(storage, a_tenant())
    checker = BruteForceCheck(oracle)
    with small_steps(limit):
        for command in given_commands:
            await oracle.execute(command)
            await checker.check()
        await checker.check_feeds()
