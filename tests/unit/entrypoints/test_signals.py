"""When a process that is asked to end does so."""

import asyncio
import os
import signal

import pytest

from customers.entrypoints.process.signals import Stop, until_stopped


async def test_a_start_is_broken_off() -> None:
    reached = []
    async with until_stopped() as stop:
        stop.ask()
        reached.append("asked")
        await asyncio.sleep(0)
        reached.append("started")
    assert (reached, stop.is_asked) == (["asked"], True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_has_started_is_told_by_a_signal_and_ends_as_it_likes(
    number: signal.Signals,
) -> None:
    ended = False
    async with until_stopped() as stop:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        await stop.wait()
        await asyncio.sleep(0)
        ended = True
    assert ended


async def test_asking_again_does_not_disturb_the_end() -> None:
    tidied = False
    async with until_stopped() as stop:
        stop.ask()
        try:
            await asyncio.sleep(60)
        finally:
            stop.ask()
            await asyncio.sleep(0)
            tidied = True
    assert tidied


async def test_a_cancellation_that_nobody_asked_for_is_passed_on() -> None:
    async def start() -> None:
        async with until_stopped():
            await asyncio.sleep(60)

    starting = asyncio.create_task(start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_who_has_not_started_when_it_is_asked_does_not_wait() -> None:
    stop = Stop()
    waiting = asyncio.create_task(stop.wait())
    await asyncio.sleep(0)
    stop.ask()
    await waiting
