"""Memory and PostgreSQL answer the same commands with the same bytes.

Both services have clocks that move alike and ids that are counted alike, so nothing is masked.
"""

from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from customers.adapters.memory.storage import MemoryStorage
from customers.adapters.postgres.storage import PostgresStorage
from tests.support.api_client import NOTHING, Answer, Api, serving
from tests.support.builders import USD, SequentialIds, a_tenant
from tests.support.random_commands import Command, KnownResources, commands

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLES, COMMANDS = 40, 50
# Making a failing list of commands smaller takes minutes; the command that differs says enough.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)


@given(st.lists(commands(), min_size=COMMANDS, max_size=COMMANDS))
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)
async def test_both_storages_answer_random_commands_alike(
    storage: PostgresStorage, given_commands: list[Command]
) -> None:
    known, tenant = KnownResources(), a_tenant()
    async with AsyncExitStack() as stack:
        memory, postgres = [
            await stack.enter_async_context(serving(storage_, tenant=tenant, ids=SequentialIds()))
            for storage_ in (MemoryStorage(currency=USD), storage)
        ]
        for command in given_commands:
            expected = await _tell(memory, known, command)
            seen = await _tell(postgres, known, command)
            assert (seen.status, seen.raw) == (expected.status, expected.raw), command
            assert seen.headers.get("Link") == expected.headers.get("Link"), command
            known.learn(command.path_of(known), expected.body)


async def _tell(api: Api, known: KnownResources, command: Command) -> Answer:
    api.clock.forward(seconds=command.seconds)
    return await api.send(
        command.method,
        command.path_of(known),
        command.body_of(known) or NOTHING,
        headers=command.headers,
    )
