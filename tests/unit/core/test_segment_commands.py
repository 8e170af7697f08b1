"""After any commands, every answer about members agrees with a brute-force evaluation."""

from hypothesis import given, settings
from hypothesis import strategies as st

from customers.adapters.memory.storage import MemoryStorage
from tests.support.brute_force import BruteForceCheck
from tests.support.builders import USD, a_tenant
from tests.support.oracle import SegmentOracle, small_steps
from tests.support.segment_commands import Command, commands

EXAMPLES, COMMANDS = 40, 40


@given(st.lists(commands(), min_size=COMMANDS, max_size=COMMANDS), st.sampled_from((None, 1, 2)))
@settings(max_examples=EXAMPLES)
async def test_members_are_right_after_every_command(
    command_list: list[Command], limit: int | None
) -> None:
    oracle = SegmentOracle(MemoryStorage(currency=USD), a_tenant())
    checker = BruteForceCheck(oracle)
    with small_steps(limit):
        for command in command_list:
            await oracle.execute(command)
            await checker.check()
        await checker.check_feeds()
