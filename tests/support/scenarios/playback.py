"""Playing the session: every request is sent, and its scenario is sent the answer."""

from tests.support.api_client import Answer, Api
from tests.support.scenarios.asking import Request
from tests.support.scenarios.whole import session


async def answers_of(api: Api) -> list[tuple[Request, Answer]]:
    """Every request of the session with its answer."""
    found = []
    for scenario in session():
        request = next(scenario, None)
        while request is not None:
            answer = await _sent(api, request)
            found.append((request, answer))
            try:
                request = scenario.send(answer)
            except StopIteration:
                request = None
    return found


async def _sent(api: Api, request: Request) -> Answer:
    return await api.send(
        request.method, request.path, request.body, headers=request.headers, base=request.base
    )
