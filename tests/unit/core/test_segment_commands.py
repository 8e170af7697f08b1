"""Whatever is done, whenever it is asked: members are those whom their segment says, in memory."""

from hypothesis import given, settings
from hypothesis import strategies as st

from customers.adapters.memory.storage import MemoryStorage
from tests.support.brute_force import Witness
from tests.support.builders import USD, a_tenant
from tests.support.oracle import World, steps_of
from tests.support.segment_commands import Command, commands

EXAMPLES, COMMANDS = 40, 40


@given(
    st.lists(commands(), min_size=COMMANDS, max_size=COMMANDS),
    st.sampled_from((None, 1, 2)),
)
@settings(max_examples=EXAMPLES)
async def test_members_are_right_after_every_command(
    given_commands: list[Command], so_many: int | None
) -> None:
    world = World(MemoryStorage(currency=USD), a_tenant())
    witness = Witness(world)
    with steps_of(so_many):
        for command in given_commands:
            await world.do(command)
            await witness.look()
        await witness.check_feeds()
