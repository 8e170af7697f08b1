"""Memory and PostgreSQL answer the same commands with the same bytes.

Both services have the same clock and the same ids, so nothing is masked.
"""

from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from customers.adapters.memory.storage import MemoryStorage
from customers.adapters.postgres.storage import PostgresStorage
from tests.support.api_client import NOTHING, Answer, Api, serving
from tests.support.builders import A_SECRETS_KEY, USD, SequentialIds, a_tenant
from tests.support.random_commands import Command, KnownResources, commands

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLES, COMMANDS = settings().max_examples // 2, 50
# Shrinking a failing list of commands takes minutes; the command that differs says enough.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)


@given(st.lists(commands(), min_size=COMMANDS, max_size=COMMANDS))
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)
async def test_both_storages_answer_random_commands_alike(
    storage: PostgresStorage, random_commands: list[Command]
) -> None:
    resources, tenant = KnownResources(), a_tenant()
    async with AsyncExitStack() as stack:
        memory, postgres = [
            await stack.enter_async_context(
                serving(backend, tenant=tenant, ids=SequentialIds(), secrets_key=A_SECRETS_KEY)
            )
            for backend in (MemoryStorage(currency=USD), storage)
        ]
        for command in random_commands:
            expected = await _send(memory, resources, command)
            answer = await _send(postgres, resources, command)
            assert (answer.status, answer.raw) == (expected.status, expected.raw), command
            assert answer.headers.get("Link") == expected.headers.get("Link"), command
            resources.learn(command.path_of(resources), expected.body)


async def _send(api: Api, resources: KnownResources, command: Command) -> Answer:
    api.clock.forward(seconds=command.seconds)
    return await api.send(
        command.method,
        command.path_of(resources),
        command.body_of(resources) or NOTHING,
        headers=command.headers,
    )
