"""Repeating transactions that the storage rolled back because of another transaction."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from customers.core.errors.availability import WriteConflict

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

TRIES = 3


def retries_conflict(
    function: Callable[Parameters, Coroutine[Any, Any, Result]],
) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
    """Calls the function again after a WriteConflict, but at most TRIES times in all.

    Use it for functions that can be called again: what they do before the transaction that fails
    writes nothing, or does no harm when it is repeated.
    """

    @wraps(function)
    async def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        for _ in range(TRIES - 1):
            with suppress(WriteConflict):
                return await function(*args, **kwargs)
        return await function(*args, **kwargs)

    return call
