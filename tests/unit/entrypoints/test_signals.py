"""How a process stops on request: a start is cancelled, a running block may finish."""

import asyncio
import os
import signal

import pytest

from customers.entrypoints.process.signals import StopSignal, stop_on_signals


async def test_a_request_cancels_the_start() -> None:
    reached = []
    async with stop_on_signals() as stop:
        stop.request()
        reached.append("requested")
        await asyncio.sleep(0)
        reached.append("started")
    assert (reached, stop.is_requested) == (["requested"], True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_after_the_start_lets_the_block_finish(number: signal.Signals) -> None:
    is_finished = False
    async with stop_on_signals() as stop:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        await stop.wait()
        await asyncio.sleep(0)
        is_finished = True
    assert is_finished


async def test_a_second_request_does_not_interrupt_the_clean_up() -> None:
    is_cleaned_up = False
    async with stop_on_signals() as stop:
        stop.request()
        try:
            await asyncio.sleep(60)
        finally:
            stop.request()
            await asyncio.sleep(0)
            is_cleaned_up = True
    assert is_cleaned_up


async def test_a_cancellation_without_a_request_is_passed_on() -> None:
    async def start() -> None:
        async with stop_on_signals():
            await asyncio.sleep(60)

    starting = asyncio.create_task(start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_a_request_ends_the_wait_of_another_task() -> None:
    stop = StopSignal()
    waiting = asyncio.create_task(stop.wait())
    await asyncio.sleep(0)
    stop.request()
    await waiting
