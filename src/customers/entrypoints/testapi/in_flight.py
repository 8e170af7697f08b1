"""How many calls are under way, and waiting until none is."""

import asyncio
from types import TracebackType

from attrs import define, field


@define
class InFlight:
    """A call is under way while it is inside the block."""

    _number: int = field(default=0, init=False)
    _none: asyncio.Event = field(factory=asyncio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._none.set()

    def __enter__(self) -> None:
        self._number += 1
        self._none.clear()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._number -= 1
        if not self._number:
            self._none.set()

    async def none(self) -> None:
        """Returns when no call is under way."""
        await self._none.wait()
