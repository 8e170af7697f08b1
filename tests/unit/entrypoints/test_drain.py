"""How requests in flight end when the process does."""

import asyncio

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from customers.entrypoints.http.drain import BodyTimeout, Drain

SOON = 0.01


def a_request() -> web.Request:
    """A request whose body arrives when the test feeds it."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    content = StreamReader(protocol, 2**16, loop=loop)
    return make_mocked_request("POST", "/", payload=content)


async def received(drain: Drain, request: web.Request) -> bytes:
    with drain:
        async with drain.body(request):
            return await request.read()


async def test_draining_ends_at_once_without_requests() -> None:
    drain = Drain()
    with drain, drain:
        pass
    await drain.finish(SOON)


async def test_draining_ends_with_the_last_request() -> None:
    drain, answered = Drain(), asyncio.Event()
    with drain:
        finishing = asyncio.create_task(drain.finish(SOON))
        with drain:
            await asyncio.sleep(2 * SOON)
        await asyncio.sleep(0)
        assert not finishing.done()
        answered.set()
    await finishing
    assert answered.is_set()


async def test_a_body_that_arrives_in_time_is_read() -> None:
    drain, request = Drain(), a_request()
    receiving = asyncio.create_task(received(drain, request))
    await asyncio.sleep(0)
    finishing = asyncio.create_task(drain.finish(60))
    await asyncio.sleep(0)
    request.content.feed_data(b"late")
    request.content.feed_eof()
    assert await receiving == b"late"
    await finishing


async def test_a_body_that_does_not_arrive_times_out() -> None:
    drain = Drain()
    receiving = asyncio.create_task(received(drain, a_request()))
    await asyncio.sleep(0)
    await drain.finish(SOON)
    with pytest.raises(BodyTimeout):
        await receiving


async def test_after_the_timeout_new_bodies_are_refused() -> None:
    drain = Drain()
    with drain:
        finishing = asyncio.create_task(drain.finish(SOON))
        await asyncio.sleep(2 * SOON)
        with pytest.raises(BodyTimeout):
            await received(drain, a_request())
    await finishing


async def test_a_handler_that_has_its_body_runs_to_its_end() -> None:
    drain, request, may_continue = Drain(), a_request(), asyncio.Event()

    async def handle() -> str:
        with drain:
            async with drain.body(request):
                await request.read()
            await may_continue.wait()
            return "answered"

    request.content.feed_eof()
    handling = asyncio.create_task(handle())
    finishing = asyncio.create_task(drain.finish(SOON))
    await asyncio.sleep(2 * SOON)
    may_continue.set()
    assert await handling == "answered"
    await finishing
