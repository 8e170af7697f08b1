"""Sends requests at a fixed rate, half with valid tokens, half with tokens to be refused.

A request starts on time even if earlier ones are not answered yet.
"""

import asyncio
import statistics
import time
from collections import Counter, deque
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Self

import jwt
from aiohttp import ClientError, ClientSession
from attrs import define, field, frozen

from benchmarks.operations import CUSTOMERS
from customers.adapters.jwt.fetched_keys import FetchTimes
from customers.adapters.jwt.verifier import LEEWAY_SECONDS, UNKNOWN_KEY

REQUESTS_PER_SECOND: Final = 200
FORGED, EXPIRED = "forged signature", "expired"
TOKENS: Final = 100
"""How many valid tokens callers use at a time; they use the newest."""
MAX_SECONDS_TO_KNOW: Final = FetchTimes().between_misses + FetchTimes().timeout
"""How many seconds a provider's new key may be unknown while the provider answers."""


@frozen(kw_only=True)
class Token:
    """A token, the id of its key, and when it expires in seconds since 1970."""

    text: str
    key_id: str
    expires_at: float

    @classmethod
    def parse(cls, text: str) -> Self:
        claims = jwt.decode(text, options={"verify_signature": False})
        header = jwt.get_unverified_header(text)
        return cls(text=text, key_id=header["kid"], expires_at=claims["exp"])

    @property
    def is_past_leeway(self) -> bool:
        return time.time() > self.expires_at + LEEWAY_SECONDS + 1


@define
class KeyTimes:
    """When a token of each key was first issued and first accepted, by `time.monotonic`.

    `is_away` is set while the provider is stopped, when no key can be fetched.
    """

    issued_at: dict[str, float] = field(factory=dict)
    accepted_at: dict[str, float] = field(factory=dict)
    is_away: bool = False

    def issue(self, key_id: str) -> None:
        self.issued_at.setdefault(key_id, time.monotonic())

    def accept(self, key_id: str) -> None:
        self.accepted_at.setdefault(key_id, time.monotonic())

    def come_back(self) -> None:
        """Ends `is_away`; the time in which unknown keys must be fetched starts again."""
        self.is_away = False
        unknown = self.issued_at.keys() - self.accepted_at.keys()
        self.issued_at.update(dict.fromkeys(unknown, time.monotonic()))

    def may_be_unknown(self, key_id: str, began: float) -> bool:
        """Whether the service may still not know the key of a request that began at `began`."""
        is_early = began < self.accepted_at.get(key_id, float("inf"))
        is_in_time = began - self.issued_at[key_id] <= MAX_SECONDS_TO_KNOW
        return is_early and (is_in_time or self.is_away)

    @property
    def longest(self) -> float:
        """The longest time from a key's first token until one was accepted, in seconds."""
        waits = (self.accepted_at[key] - self.issued_at[key] for key in self.accepted_at)
        return max(waits, default=0.0)


@define
class Load:
    """The callers, and counts of their answers by kind of token, status and message.

    `waits` are the seconds from when each request was due until its answer. `not_yet_known` counts
    valid tokens that were refused because the service had not yet fetched their key.
    """

    session: ClientSession
    refused_tokens: dict[str, Token] = field(factory=dict)
    valid_tokens: deque[Token] = field(factory=lambda: deque(maxlen=TOKENS))
    keys: KeyTimes = field(factory=KeyTimes)
    waits: list[float] = field(factory=list)
    refusals: dict[str, Counter[str]] = field(factory=dict)
    granted: int = 0
    not_yet_known: int = 0
    false_refusals: Counter[str] = field(factory=Counter)
    false_grants: Counter[str] = field(factory=Counter)
    seconds: float = 0.0

    def add_valid(self, text: str) -> None:
        token = Token.parse(text)
        self.keys.issue(token.key_id)
        self.valid_tokens.append(token)

    def add_refused(self, texts: Mapping[str, str]) -> None:
        """Adds tokens by what is wrong with them; they replace earlier tokens of the same kind."""
        self.refused_tokens |= {kind: Token.parse(text) for kind, text in texts.items()}

    async def run(self, seconds: float, events: "asyncio.Task[None]") -> None:
        """Sends requests for `seconds`, and until the events are over if they take longer."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            number = 0
            while number < seconds * REQUESTS_PER_SECOND or not events.done():
                due = began + number / REQUESTS_PER_SECOND
                await asyncio.sleep(due - time.monotonic())
                group.create_task(self.send(number, due))
                number += 1
            self.seconds = time.monotonic() - began

    def send(self, number: int, due: float) -> Coroutine[Any, Any, None]:
        """A coroutine that sends request `number`, due at `due`; odd numbers must be refused."""
        turn, is_refused = divmod(number, 2)
        if not is_refused:
            return self._send_valid(self.valid_tokens[turn % len(self.valid_tokens)], due)
        kinds = [
            kind
            for kind, token in self.refused_tokens.items()
            if kind != EXPIRED or token.is_past_leeway
        ]
        return self._send_refused(kinds[turn % len(kinds)], due)

    async def _send_valid(self, token: Token, due: float) -> None:
        began = time.monotonic()
        status, message = await self._get(token, due)
        if status == 200:
            self.granted += 1
            self.keys.accept(token.key_id)
        elif message == UNKNOWN_KEY and self.keys.may_be_unknown(token.key_id, began):
            self.not_yet_known += 1
        else:
            self.false_refusals[f"{status} {message}"] += 1

    async def _send_refused(self, kind: str, due: float) -> None:
        status, message = await self._get(self.refused_tokens[kind], due)
        if status == 401:
            self.refusals.setdefault(kind, Counter())[message] += 1
        else:
            self.false_grants[f"{kind}: {status} {message}"] += 1

    async def _get(self, token: Token, due: float) -> tuple[int, str]:
        """The status, and the message of an error; 0 without an answer."""
        headers = {"Authorization": f"Bearer {token.text}"}
        try:
            async with self.session.get(CUSTOMERS, headers=headers) as answer:
                body = await answer.json()
                return answer.status, body.get("message", "")
        except (ClientError, TimeoutError) as error:
            return 0, type(error).__name__
        finally:
            self.waits.append(time.monotonic() - due)

    @property
    def is_faultless(self) -> bool:
        return not (self.false_refusals or self.false_grants)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.waits, n=100, method="inclusive")[98]
