"""Plays all scenarios: sends every request, and passes the answer to its scenario."""

from tests.support.api_client import Answer, Api
from tests.support.scenarios.all_scenarios import all_scenarios
from tests.support.scenarios.requests import Request


async def answers_of(api: Api, *, lacks_operations: bool = False) -> list[tuple[Request, Answer]]:
    """Plays all scenarios; returns every request with its answer.

    With `lacks_operations`, a scenario ends, without an error, when an answer lacks a key that the
    scenario reads.
    """
    exchanges = []
    for scenario in all_scenarios():
        request = next(scenario, None)
        while request is not None:
            answer = await _send(api, request)
            exchanges.append((request, answer))
            try:
                request = scenario.send(answer)
            except StopIteration:
                request = None
            except KeyError:
                if not lacks_operations:
                    raise
                request = None
    return exchanges


async def _send(api: Api, request: Request) -> Answer:
    return await api.send(
        request.method, request.path, request.body, headers=request.headers, base=request.base
    )
